import assert from "node:assert/strict";
import { openInquiry } from "../inquiry.ts";
import { readMeters } from "../meters.ts";
import { storeOf, type TestValue } from "../store_of.ts";
import { xerox } from "./xerox.ts";

const detail = "1.3.6.1.4.1.253.8.53.13.2.1.6";

const cases: [name: string, counts: Record<string, TestValue>, want: Record<string, number>][] = [
  ["services from 10 on", { "10.20.11": 3, "10.20.12": 4, "11.20.3": 5, "11.20.25": 6 }, {
    "scan.total": 7,
    "copy.mono": 5,
    "copy.color": 6,
  }],
  ["services that are numbered later", { "13.20.12": 4, "14.20.3": 5 }, { "scan.total": 4, "copy.mono": 5 }],
  ["services from 102 on", { "102.20.11": 3, "103.20.3": 5, "104.20.14": 2 }, {
    "scan.total": 3,
    "copy.mono": 5,
    "fax.total": 2,
  }],
  ["two-sided sheets of all functions before those printed", { "1.20.39": 9, "1.20.9": 5, "1.20.31": 1 }, {
    duplex: 9,
  }],
  ["two-sided sheets of a black-and-white printer", { "1.20.9": 5 }, { duplex: 5 }],
];
for (const [name, counts, want] of cases) {
  Deno.test(`xerox profile reads ${name}`, () => {
    const store = storeOf(
      Object.fromEntries(Object.entries(counts).map(([path, count]) => [`${detail}.${path}`, count])),
    );
    const meters = readMeters(openInquiry(store, xerox, []));
    assert.deepEqual(Object.fromEntries(meters.map(({ name, value }) => [name, value])), want);
  });
}
