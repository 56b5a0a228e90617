import assert from "node:assert/strict";
import { peerTest, postgresServer } from "../../../tests/fixtures/peers.ts";
import { sharedPostgres } from "../../../tests/fixtures/postgres_server.ts";
import type { SqlValue } from "../store.ts";
import { maybeBinaryArray } from "./binary_array.ts";
import { parseDatabaseUrl } from "./database_url.ts";
import { createClient } from "./postgres_pool.ts";

const ofType: Record<string, SqlValue[]> = {
  text: [
    "",
    "a",
    null,
    "NULL",
    '{"b",\\c}',
    "ü€😀",
    "\u{10ffff}",
    "\ud800",
    "é".repeat(300),
    "x",
    "Ж".repeat(70_000),
    "\n",
  ],
  bigint: [0, 1, -1, null, 255, -256, 2 ** 31, -(2 ** 31), 2 ** 32, -(2 ** 32) - 1, 2 ** 53 - 1, -(2 ** 53) + 1]
    .concat([Date.UTC(2026, 10, 29), -Date.UTC(2026, 10, 29)]),
  "double precision": [0, -0, 1.5, null, -1e-300, 1.7976931348623157e308, 5e-324, 64299, 2 ** 53],
  bytea: [new Uint8Array(), null, Uint8Array.from({ length: 256 }, (_, i) => i), new Uint8Array(70_000).fill(0xff)],
};

peerTest("arrays in binary form mean the same as in text form", [postgresServer], async () => {
  await using database = await (await sharedPostgres()).database();
  const client = createClient(parseDatabaseUrl(database.url));
  await client.connect();
  const read = async (type: string, array: unknown) => {
    const sql = `SELECT each::text FROM unnest($1::${type}[]) WITH ORDINALITY AS of(each, at) ORDER BY at`;
    return (await client.query(sql, [array])).rows.map(({ each }) => each);
  };
  try {
    for (const [type, values] of Object.entries(ofType)) {
      const lists = [values, values.toReversed(), values.filter((value) => value !== null), [null], []];
      for (const list of lists) {
        assert.deepEqual(await read(type, maybeBinaryArray(type, list)), await read(type, list));
      }
      assert.notDeepEqual(await read(type, values), await read(type, values.slice(1)));
    }
    const large = [2n ** 63n - 1n, -(2n ** 63n)];
    assert.deepEqual(await read("bigint", maybeBinaryArray("bigint", large)), large.map(String));
  } finally {
    await client.end();
  }
});

Deno.test("an array is not made of values that its type does not have", () => {
  assert.equal(maybeBinaryArray("boolean", [1]), undefined);
  const wrong: [string, SqlValue | undefined][] = [
    ["bigint", 1.5],
    ["bigint", 2 ** 53],
    ["bigint", NaN],
    ["bigint", "1"],
    ["text", 1],
    ["text", undefined],
    ["bytea", "a"],
    ["double precision", "1"],
  ];
  for (const [type, value] of wrong) {
    assert.throws(() => maybeBinaryArray(type, [value as SqlValue]), /^TypeError: Cannot send/);
  }
});
