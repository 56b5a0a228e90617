import assert from "node:assert/strict";
import { numberParameters } from "./named_parameters.ts";

const cases: { name: string; sql: string; text: string; names: string[] }[] = [
  { name: "no parameter", sql: "SELECT 1", text: "SELECT 1", names: [] },
  {
    name: "a name that is used twice",
    sql: "SELECT * FROM a WHERE x = :x AND (:y IS NULL OR y = :y) AND z > :x",
    text: "SELECT * FROM a WHERE x = $1 AND ($2 IS NULL OR y = $2) AND z > $1",
    names: ["x", "y"],
  },
  { name: "a cast", sql: "SELECT :a::text, b::bigint", text: "SELECT $1::text, b::bigint", names: ["a"] },
  { name: "a name that begins as another", sql: ":a, :ab, :a_b", text: "$1, $2, $3", names: ["a", "ab", "a_b"] },
  { name: "string literals", sql: "':a' || 'it''s :b' || :c", text: "':a' || 'it''s :b' || $1", names: ["c"] },
  { name: "quoted names", sql: '":a" = :b AND "c"":d" = 1', text: '":a" = $1 AND "c"":d" = 1', names: ["b"] },
  { name: "comments", sql: "-- it's :a\n/* :b ' */ :c", text: "-- it's :a\n/* :b ' */ $1", names: ["c"] },
  {
    name: "a hint to SQLite",
    sql: "SELECT 1 FROM batches INDEXED BY batches_rejected\nWHERE a = :a",
    text: "SELECT 1 FROM batches\nWHERE a = $1",
    names: ["a"],
  },
];
for (const { name, sql, text, names } of cases) {
  Deno.test(`numberParameters() takes ${name}`, () => assert.deepEqual(numberParameters(sql), { text, names }));
}

Deno.test("numberParameters() of SQLite keeps its hint", () => {
  const sql = "SELECT ':a' FROM batches INDEXED BY batches_rejected WHERE a = :a AND b = :b AND c = :a";
  const text = "SELECT ':a' FROM batches INDEXED BY batches_rejected WHERE a = ?1 AND b = ?2 AND c = ?1";
  assert.deepEqual(numberParameters(sql, "?"), { text, names: ["a", "b"] });
});
