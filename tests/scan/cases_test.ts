/** Every case of ../shared/cases, read as the agent would read the device, and held against what it states. */
import assert from "node:assert/strict";
import { type Case, type Expectation, judgeCase, surveyCases } from "./accuracy/cases.ts";
import { exactly, supplyOf } from "../golden/sample_document.ts";
import { casesTest } from "../fixtures/peers.ts";
import type { Reading } from "../../common/reading/reading.ts";

/** Cases that are not right yet; a name that is right now fails the test, so that the list only gets shorter. */
const notYet: readonly string[] = [];

casesTest("interpretReading() says of every case what its report states", (root) => {
  const wrong = surveyCases(root).filter((it) => it.wrong.length > 0);
  const unknown = wrong.filter(({ name }) => !notYet.includes(name));
  assert.deepEqual(unknown.map(({ name, wrong }: Case) => `${name}: ${wrong.join("; ")}`), []);
  assert.deepEqual(notYet.filter((name) => !wrong.some((it) => it.name === name)), [], "right now, so remove it");
});

const reading = {
  manufacturer: "HP",
  model: "LaserJet 4050",
  serial: null,
  status: { state: "idle", errors: ["lowToner"], panel: null },
  meters: [{ name: "total", value: 10 }],
  supplies: [
    supplyOf(1, "toner black", exactly(30)),
    supplyOf(2, "toner cyan", exactly(30)),
    supplyOf(3, "wasteToner", { kind: "some", percent: null, level: null, capacity: null }),
  ],
  problems: [{ code: "several-printers", message: "There are 2 printers at this address" }],
} as unknown as Reading;

const verdicts: { name: string; expected: Expectation; wrong: number }[] = [
  { name: "a meter that is right", expected: { meters: { total: 10 } }, wrong: 0 },
  { name: "a meter that is not read", expected: { meters: { mono: 10 } }, wrong: 1 },
  { name: "a model that must not be", expected: { notModel: "LaserJet 4050", model: "LaserJet 4050" }, wrong: 1 },
  { name: "errors either way", expected: { errors: ["lowToner", "jammed"], noErrors: ["lowToner"] }, wrong: 2 },
  { name: "several printers that are said", expected: { severalPrinters: true }, wrong: 0 },
  { name: "a printer that is none", expected: { printer: false }, wrong: 1 },
  {
    name: "rows of which each is its own",
    expected: {
      supplies: [
        { kind: "toner", colorant: null, level: 30 },
        { kind: "toner", colorant: "black", level: 30 },
        { kind: "toner", colorant: null, level: 30 },
        { kind: "wasteToner", colorant: null, level: "some" },
      ],
    },
    wrong: 1,
  },
];
for (const { name, expected, wrong } of verdicts) {
  Deno.test(`judgeCase() judges ${name}`, () => {
    assert.equal(judgeCase({ printer: true, readings: [reading] }, expected).wrong.length, wrong);
  });
}

Deno.test("judgeCase() refuses a word that it does not know", () => {
  const unknown = { colour: 3 } as unknown as Expectation;
  assert.throws(() => judgeCase({ printer: true, readings: [reading] }, unknown), /word "colour" is not known/);
});
