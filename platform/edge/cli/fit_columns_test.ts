import assert from "node:assert/strict";
import fc from "fast-check";
import { fitColumns, type WantedColumn } from "./fit_columns.ts";

const cases: [name: string, columns: Partial<WantedColumn>[], width: number, want: string][] = [
  ["leaves alone what fits", [{ width: 10 }, { width: 8 }], 20, "0:10 1:8 | |"],
  [
    "puts a note below before it leaves anything out",
    [{ width: 10 }, { width: 8, optional: true }, {
      width: 30,
      note: true,
    }],
    40,
    "0:10 1:8 | 2 |",
  ],
  [
    "leaves out the last optional column first",
    [{ width: 10 }, { width: 8, optional: true }, { width: 9, optional: true }],
    20,
    "0:10 1:8 | | 2",
  ],
  ["cuts the widest", [{ width: 10 }, { width: 30, shrink: 5 }, { width: 20, shrink: 5 }], 40, "0:10 1:13 2:13 | |"],
  ["cuts nothing to less than it may", [{ width: 10 }, { width: 30, shrink: 25 }, { width: 9 }], 40, "0:10 1:28 | 2 |"],
  ["keeps the first column, whatever its width", [{ width: 50 }, { width: 5 }], 20, "0:50 | 1 |"],
  ["shows no column that is gone", [{ width: 5 }, { width: 5, gone: true }], 80, "0:5 | |"],
];
for (const [name, columns, width, want] of cases) {
  Deno.test(`fitColumns() ${name}`, () => {
    const fit = fitColumns(columns.map((column) => ({ width: 0, gone: false, ...column })), width);
    const line = fit.onLine.map((each) => `${each.at}:${each.width}`).join(" ");
    assert.equal(`${line} | ${fit.below.join(" ")} | ${fit.leftOut.join(" ")}`.replace(/ {2,}/g, " ").trimEnd(), want);
  });
}

Deno.test("fitColumns() never gives more than the width, but for a first column that is wider, and loses no column", () => {
  const column = fc.record({
    width: fc.nat(60),
    gone: fc.constant(false),
    shrink: fc.option(fc.nat(30), { nil: undefined }),
    optional: fc.constantFrom(true as const, undefined),
    note: fc.constantFrom(true as const, undefined),
  });
  fc.assert(
    fc.property(
      fc.array(column, { minLength: 1, maxLength: 9 }),
      fc.integer({ min: 1, max: 200 }),
      (columns, width) => {
        const fit = fitColumns(columns, width);
        const total = fit.onLine.reduce((sum, each) => sum + each.width, 0) + 2 * (fit.onLine.length - 1);
        assert.ok(total <= width || fit.onLine.length === 1);
        const all = [...fit.onLine.map(({ at }) => at), ...fit.below, ...fit.leftOut].sort((a, b) => a - b);
        assert.deepEqual(all, columns.map((_, at) => at));
      },
    ),
  );
});
