import assert from "node:assert/strict";
import { documentOf, exactly, readingOf, sampleDocument, supplyOf } from "../../tests/golden/sample_document.ts";
import { counted, fleetOf, grouped, hasProblem, nameOf, totalInWords } from "./fleet.ts";

Deno.test("fleetOf() lists low supplies lowest first and counts troubled printers", () => {
  const fleet = fleetOf(sampleDocument);
  const percents = fleet.lowSupplies.map(({ supply }) => supply.level.percent);
  assert.deepEqual(percents, [0, 0, 0.3, 3.4, 5, 9, 12, 18, 20]);
  assert.deepEqual(fleet.stopped.map((reading) => reading.address), ["10.1.0.101"]);
  assert.deepEqual(fleet.troubled.map((reading) => reading.address), ["10.1.0.23", "10.1.0.101"]);
  assert.deepEqual(fleet.partlyRead.map((reading) => reading.address), ["10.1.1.99"]);
});

Deno.test("fleetOf() says the same in whatever order printers answered", () => {
  const reversed = { ...sampleDocument, printers: sampleDocument.printers.toReversed() };
  assert.deepEqual(fleetOf(reversed), fleetOf(sampleDocument));
});

Deno.test("fleetOf() does not change the order of the document", () => {
  const document = documentOf([readingOf("10.0.0.2"), readingOf("10.0.0.1")]);
  fleetOf(document);
  assert.deepEqual(document.printers.map((reading) => reading.address), ["10.0.0.2", "10.0.0.1"]);
});

const troubles = [
  { name: "nothing", changes: {}, want: false },
  {
    name: "low toner and paper",
    changes: { status: { state: "idle", errors: ["lowToner", "lowPaper"], panel: null } },
    want: false,
  },
  { name: "a jam", changes: { status: { state: "idle", errors: ["lowToner", "jammed"], panel: null } }, want: true },
  { name: "no toner", changes: { status: { state: "idle", errors: ["noToner"], panel: null } }, want: true },
  { name: "being stopped", changes: { status: { state: "stopped", errors: [], panel: null } }, want: true },
  {
    name: "a state that is not known",
    changes: { status: { state: "unknown", errors: [], panel: null } },
    want: false,
  },
  { name: "a low supply", changes: { supplies: [supplyOf(1, "toner black", exactly(2))] }, want: false },
] as const;
for (const { name, changes, want } of troubles) {
  Deno.test(`hasProblem() for ${name} is ${want}`, () => {
    assert.equal(hasProblem(readingOf("10.0.0.1", structuredClone(changes) as Parameters<typeof readingOf>[1])), want);
  });
}

const names = [
  { manufacturer: "HP", model: "LaserJet", want: "HP LaserJet" },
  { manufacturer: "HP", model: "HP LaserJet", want: "HP LaserJet" },
  { manufacturer: null, model: "LaserJet", want: "LaserJet" },
  { manufacturer: "HP", model: null, want: "HP" },
  { manufacturer: null, model: null, want: "unknown printer" },
];
for (const { manufacturer, model, want } of names) {
  Deno.test(`nameOf() ${manufacturer} and ${model}`, () => {
    assert.equal(nameOf(readingOf("10.0.0.1", { manufacturer, model })), want);
  });
}

Deno.test("grouped() and counted() group digits and know one from many", () => {
  assert.equal(grouped(1234567), "1,234,567");
  assert.equal(counted(1, "address"), "1 address");
  assert.equal(counted(1024, "address"), "1,024 addresses");
  assert.equal(counted(0, "printer"), "0 printers");
});

for (
  const [unit, want] of [["impressions", "1,200 pages"], ["sheets", "1,200 pages"], ["metres", "1,200 metres"]] as const
) {
  Deno.test(`totalInWords() in ${unit}`, () => {
    const source = { oid: "1.3", rule: "test", raw: 1200 };
    const reading = readingOf("10.0.0.1", { meters: [{ name: "total", value: 1200, unit, source }] });
    assert.equal(totalInWords(reading), want);
  });
}
