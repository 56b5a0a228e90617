/**
 * Every real recording, read as the agent would read the device, and held against what its source states
 * (tests/scan/accuracy). Differences that are not the reading's are listed with the reason in accuracy/explanations.ts; any
 * other fails.
 */
import assert from "node:assert/strict";
import { identifyColumns } from "../../src/printers/read_plan.ts";
import { accuracyDocument } from "./accuracy/accuracy_document.ts";
import { explanations } from "./accuracy/explanations.ts";
import { type Survey, type Surveyed, surveyRecordings } from "./accuracy/survey.ts";
import { surveyCases } from "./accuracy/cases.ts";
import { maybeCases, recordingsTest } from "../fixtures/peers.ts";

let surveyed: Survey | undefined;

/** One survey for all tests: it reads 80 recordings. */
function survey(root: string): Survey {
  return surveyed ??= surveyRecordings(root);
}

recordingsTest("interpretReading() says of every recorded printer what its source states", (root) => {
  const { devices } = survey(root);
  const judgements = devices.flatMap((device) => device.judgements);
  assert.ok(
    judgements.length > 350,
    `Cannot compare recordings as their sources state only ${judgements.length} facts`,
  );
  const wrong = judgements.filter(({ verdict }) => verdict === "wrong")
    .map(({ device, fact, stated, read, reason }) => `${device}: ${fact.field}: ${stated}, read ${read} ${reason}`);
  assert.deepEqual(wrong, []);
  for (const device of devices) checkInvariants(device);
});

recordingsTest("every explained difference is one", (root) => {
  const differences = survey(root).devices.flatMap((device) => device.judgements)
    .filter(({ verdict }) => verdict !== "right").map(({ device, fact }) => `${device}: ${fact.field}`);
  assert.deepEqual([...explanations.keys()].filter((key) => !differences.includes(key)), []);
});

recordingsTest("recognise() takes every recording with a sysDescr.0 for a printer", (root) => {
  const system = survey(root).devices.filter((device) => device.system);
  assert.ok(system.length > 40, `Cannot compare recordings as only ${system.length} have a system group`);
  assert.deepEqual(system.filter(({ recognised }) => !recognised).map(({ name }) => name), []);
});

recordingsTest("recognise() takes no other device for a printer", (root) => {
  const mistaken = survey(root).negatives.filter((negative) => negative.mistaken.length > 0);
  assert.deepEqual(mistaken, []);
});

recordingsTest("readPlan() keeps a typical printer within twelve requests of 45 varbinds", (root) => {
  for (const { name, asked, folder } of survey(root).devices) {
    if (folder !== "recordings") continue;
    assert.ok(asked + identifyColumns.length + 2 <= 12 * 45, `${name} takes ${asked} varbinds`);
  }
});

recordingsTest("docs/accuracy.md is what `deno task accuracy` makes", (root) => {
  const written = Deno.readTextFileSync(new URL("../../docs/accuracy.md", import.meta.url));
  assert.ok(
    written === accuracyDocument(survey(root), surveyCases(maybeCases()!)),
    "docs/accuracy.md is out of date: run `deno task accuracy`",
  );
});

recordingsTest("accuracyDocument() shows no text of a recording", (root) => {
  const given = survey(root);
  const document = accuracyDocument(given, []).toLowerCase();
  for (const { name, reading, model } of given.devices) {
    const { serial, hostname, mac, location, contact, description, status: { panel } } = reading;
    const parts = reading.supplies.flatMap((supply) => [supply.serial, supply.partNumber]);
    for (const text of [serial, hostname, mac, location, contact, description, panel, ...parts]) {
      // A device whose description is its model gives nothing away, nor does a panel that says "Ready".
      if (text === null || text.length < 6 || model.toLowerCase().includes(text.toLowerCase())) continue;
      if (`${reading.manufacturer} ${reading.model}`.toLowerCase() === text.toLowerCase()) continue;
      assert.ok(!document.includes(text.toLowerCase()), `docs/accuracy.md shows "${text}" of ${name}`);
    }
  }
});

/** What must hold of any reading, stated or not. */
function checkInvariants({ name, reading, trace }: Surveyed): void {
  for (const { field, candidates } of trace) {
    const winners = candidates.filter(({ verdict }) => verdict === "won");
    assert.ok(winners.length <= 1, `${name}: ${field} has ${winners.length} winners`);
  }
  for (const { level: { kind, percent }, index } of [...reading.supplies, ...reading.trays]) {
    assert.equal(percent !== null, kind === "exact" || kind === "empty", `${name} ${index}`);
    assert.ok(percent === null || (percent >= 0 && percent <= 100), `${name} ${index}`);
  }
  for (const { value } of reading.meters) assert.ok(Number.isSafeInteger(value) && value >= 0, name);
  // deno-lint-ignore no-control-regex -- nothing that a terminal interprets may be left
  assert.ok(!/[\u0000-\u001f\u007f-\u009f]/.test(JSON.stringify(reading)), name);
}
