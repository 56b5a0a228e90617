/** Pages of a list against the whole list: any keys and directions, equal values, none at all, text of any language. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { allPages } from "../../tests/fixtures/all_pages.ts";
import { eachDatabase, isPostgres, openTestStore } from "../../tests/fixtures/each_database.ts";
import { type ListQuery, nullsLast, pageOf, type Place, type SortKey } from "./page.ts";

interface Row {
  id: string;
  text: string | null;
  number: number | null;
}

const words = ["", "a", "B", "ab", "ä", "Ω", "\u{1f5a8}", "\uffee"];
const row = fc.record({
  text: fc.constantFrom(null, ...words),
  number: fc.constantFrom(null, -1, 0, 7, 2 ** 40),
});
const keys = fc.record({ text: fc.boolean(), number: fc.boolean(), isNumberFirst: fc.boolean(), id: fc.boolean() });

/* Rows of a statement, so that no table is needed. */
function listOf(rows: readonly Row[], keys: readonly SortKey[]): ListQuery {
  const values = rows.map(({ id, text, number }) =>
    `('${id}', CAST(${text === null ? "NULL" : `'${text}'`} AS TEXT), CAST(${number ?? "NULL"} AS BIGINT))`
  );
  return {
    with: `list (id, text, number) AS (VALUES ${values.join(", ")})`,
    columns: "id",
    from: "list",
    where: "1 = 1",
    keys,
  };
}

const compared = <T extends string | number>(a: T | null, b: T | null, isDescending: boolean) => {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  const [x, y] = typeof a === "string" ? [new TextEncoder().encode(a), new TextEncoder().encode(b as string)] : [a, b];
  const sign = typeof x === "number" ? x - (y as number) : bytesCompared(x as Uint8Array, y as Uint8Array);
  return isDescending ? -sign : sign;
};

function bytesCompared(a: Uint8Array, b: Uint8Array): number {
  const differs = a.findIndex((byte, i) => byte !== b[i]);
  return differs < 0 ? a.length - b.length : (a[differs]! - (b[differs] ?? -1));
}

eachDatabase("pageOf() forwards and backwards is the whole list, in any order", async () => {
  await using store = await openTestStore();
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { minLength: 1, maxLength: 12 }),
      keys,
      fc.integer({ min: 1, max: 5 }),
      fc.boolean(),
      async (made, by, limit, isBackwards) => {
        const rows = made.map((row, i): Row => ({ ...row, id: `id-${(i * 7) % 13}` }));
        const collated = `text COLLATE ${store.engine === "sqlite" ? "BINARY" : '"C"'}`;
        const ofText = nullsLast(collated, by.text), ofNumber = nullsLast("number", by.number);
        const sorted = by.isNumberFirst ? [...ofNumber, ...ofText] : [...ofText, ...ofNumber];
        const query = listOf(rows, [...sorted, { sql: "id", isDescending: by.id }]);
        const expected = rows.toSorted((a, b) => {
          const text = compared(a.text, b.text, by.text), number = compared(a.number, b.number, by.number);
          return (by.isNumberFirst ? number || text : text || number) || compared(a.id, b.id, by.id);
        });
        const found = await store.transaction(
          (tx) => allPages((wish) => pageOf<{ id: string }>(tx, query, wish), { limit, isBackwards }),
          { readOnly: true },
        );
        assert.deepEqual(found.map((row) => ({ ...row })), expected.map(({ id }) => ({ id })));
      },
    ),
    { numRuns: isPostgres() ? 100 : 300 },
  );
});

eachDatabase("pageOf() leaves out and repeats no row when others come and go", async () => {
  await using store = await openTestStore();
  const page = async (ids: readonly number[], place: Place) => {
    const made = ids.map((id): Row => ({ id: `id-${id}`, text: null, number: id >> 1 }));
    const query = listOf(made, [{ sql: "number", isDescending: true }, { sql: "id" }]);
    const { rows, ...further } = await store.transaction(
      (tx) => pageOf<{ id: string }>(tx, query, { place, limit: 2 }),
      { readOnly: true },
    );
    return { ids: rows.map(({ id }) => id), ...further };
  };
  const first = await page([1, 2, 3, 4, 5], undefined);
  assert.deepEqual(first, { ids: ["id-4", "id-5"], next: [2, "id-5"], previous: undefined });
  // The last row that was shown is gone, others have come before and behind it.
  const second = await page([1, 2, 3, 4, 8, 9], { after: first.next! });
  assert.deepEqual(second.ids, ["id-2", "id-3"]);
  assert.deepEqual((await page([1, 2, 3, 4, 8, 9], { before: second.previous! })).ids, ["id-9", "id-4"]);
  assert.deepEqual(await page([4, 5], { after: first.next! }), { ids: [], next: undefined, previous: undefined });
});
