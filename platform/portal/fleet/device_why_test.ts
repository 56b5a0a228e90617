import assert from "node:assert/strict";
import { Supply } from "../../../proto/gen/opendca/v1/reading.ts";
import { translator } from "../words/words.ts";
import { levelNote } from "./device_why.tsx";

const cases = [
  { level: -1, capacity: 100, note: "-1: no restriction" },
  { level: -2, capacity: 100, note: "-2: the printer does not know it" },
  { level: -3, capacity: 100, note: "-3: some is left" },
  { level: -4, capacity: 100, note: "not a valid level" },
  { level: 0, capacity: 100, note: "" },
  { level: 5, capacity: -2, note: "the printer does not tell the capacity" },
];
for (const { level, capacity, note } of cases) {
  Deno.test(`levelNote() of level ${level} of ${capacity} is "${note}"`, () => {
    const columns = Object.entries({ level, capacity }).map(([name, value]) => ({
      name,
      value: { $case: "number" as const, value },
    }));
    const supply = Supply.fromPartial({ source: { raw: { value: { $case: "columns", value: { columns } } } } });
    assert.equal(levelNote(supply, translator("en")), note);
  });
}

Deno.test("levelNote() of an answer without columns, or without any, is empty", () => {
  const texts = [{ $case: "text" as const, value: "-2" }, undefined].map((value) =>
    levelNote(Supply.fromPartial({ source: { raw: { value } } }), translator("en"))
  );
  assert.deepEqual(texts, ["", ""]);
});
