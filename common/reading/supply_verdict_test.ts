import assert from "node:assert/strict";
import {
  emptyLevel,
  exactly,
  someLevel,
  supplyOf,
  unknownLevel,
  unlimitedLevel,
} from "../../tests/golden/sample_document.ts";
import { inShownOrder, isLow, isReceptacle, longName, shortName, shownPercent, verdictOf } from "./supply_verdict.ts";

const verdicts = [
  { name: "21 %", level: exactly(21), verdict: "ok", low: false },
  { name: "20.4 %", level: exactly(20.4), verdict: "ok", low: false },
  { name: "20 %", level: exactly(20), verdict: "low", low: true },
  { name: "6 %", level: exactly(6), verdict: "low", low: true },
  { name: "5 %", level: exactly(5), verdict: "veryLow", low: true },
  { name: "0.2 %", level: exactly(0.2), verdict: "veryLow", low: true },
  { name: "0 %", level: exactly(0), verdict: "empty", low: true },
  { name: "empty", level: emptyLevel, verdict: "empty", low: true },
  { name: "empty without a percentage", level: { ...emptyLevel, percent: null }, verdict: "empty", low: true },
  { name: "some", level: someLevel, verdict: "some", low: false },
  { name: "unknown", level: unknownLevel, verdict: "unknown", low: false },
  { name: "unlimited", level: unlimitedLevel, verdict: "unlimited", low: false },
  { name: "exact without a percentage", level: { ...exactly(1), percent: null }, verdict: "unknown", low: false },
];
for (const { name, level, verdict, low } of verdicts) {
  Deno.test(`verdictOf() ${name} is ${verdict}`, () => {
    assert.equal(verdictOf(level), verdict);
    assert.equal(isLow(level), low);
  });
}

for (const [percent, want] of [[0, 0], [0.2, 1], [1.5, 2], [99.4, 99], [99.7, 99], [100, 100]] as const) {
  Deno.test(`shownPercent() ${percent} is ${want}`, () => assert.equal(shownPercent(percent), want));
}

const names = [
  { supply: supplyOf(1, "toner black", someLevel), short: "K", long: "black toner" },
  { supply: supplyOf(1, "inkCartridge yellow", someLevel), short: "Y", long: "yellow ink cartridge" },
  { supply: supplyOf(1, "ink photoBlack", someLevel), short: "photo black", long: "photo black ink" },
  { supply: supplyOf(1, "drum cyan", someLevel), short: "drum C", long: "cyan drum" },
  { supply: supplyOf(1, "wasteToner none", someLevel), short: "waste", long: "waste toner" },
  { supply: supplyOf(1, "toner none", someLevel), short: "toner", long: "toner" },
  {
    supply: supplyOf(1, "other none", someLevel, { description: "Tray 1 Roller" }),
    short: "Tray 1 Roller",
    long: "Tray 1 Roller",
  },
  { supply: supplyOf(1, "unknown black", someLevel, { description: "" }), short: "unknown K", long: "black unknown" },
];
for (const { supply, short, long } of names) {
  Deno.test(`shortName() and longName() of ${supply.kind} ${supply.colorant}`, () => {
    assert.equal(shortName(supply), short);
    assert.equal(longName(supply), long);
  });
}

Deno.test("isReceptacle() holds for waste toner containers only", () => {
  assert.equal(isReceptacle(supplyOf(1, "wasteInk none", someLevel)), true);
  assert.equal(isReceptacle(supplyOf(1, "toner black", someLevel)), false);
});

Deno.test("inShownOrder() is K, C, M, Y, other inks, parts as listed", () => {
  const listed = [
    "fuser none",
    "toner yellow",
    "toner gray",
    "toner magenta",
    "drum black",
    "toner cyan",
    "toner black",
  ];
  const supplies = listed.map((name, index) => supplyOf(index, name, someLevel));
  assert.deepEqual(inShownOrder(supplies).map(shortName), ["K", "C", "M", "Y", "gray", "fuser", "drum K"]);
});
