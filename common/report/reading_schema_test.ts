import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import * as sample from "../../tests/golden/sample_document.ts";
import { renderJson } from "./json.ts";

const { documentOf, emptyDocument, exactly, hostileReading, readingOf, sampleDocument, someLevel, supplyOf } = sample;

const schemaFile = new URL("../../docs/reading.schema.json", import.meta.url);
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, strictTypes: false, formats: { "date-time": true } });
const validate = ajv.compile(JSON.parse(Deno.readTextFileSync(schemaFile)));

for (const [name, document] of Object.entries({ sampleDocument, emptyDocument })) {
  Deno.test(`reading.schema.json accepts ${name}`, () => {
    assert.ok(validate(JSON.parse(renderJson(document))), JSON.stringify(validate.errors));
  });
}

Deno.test("reading.schema.json accepts a reading in which nothing is known", () => {
  const level = { kind: "unknown" as const, percent: null, level: null, capacity: null };
  const trays = [{ index: "1.1", name: "", media: null, level }];
  assert.ok(validate(documentOf([readingOf("10.0.0.1", { trays })])), JSON.stringify(validate.errors));
});

type Json = Record<string, unknown>;

const base = () =>
  JSON.parse(renderJson(documentOf([
    readingOf("10.0.0.1", {
      supplies: [supplyOf(1, "toner black", exactly(30)), supplyOf(2, "toner cyan", someLevel)],
      meters: [{
        name: "total",
        value: 1,
        unit: "impressions",
        source: { oid: "1.3", rule: "x", raw: 1 },
        others: [
          { why: "lowerPriority", value: 2, rule: "y", oid: "1.4", unit: "sheets" },
          { why: "notACount", value: null, raw: "n/a", rule: "z", oid: "1.5" },
        ],
      }],
      alerts: [{ severity: "warning", code: 1, group: "x", description: "", since: null }],
    }),
  ])));

const broken: { name: string; change: (document: { printers: Json[] } & Json) => void; path: RegExp }[] = [
  { name: "another format", change: (document) => document.schema = "opendca.scan/2", path: /^\/schema/ },
  {
    name: "a key left out",
    change: (document) => delete document.printers[0]!.serial,
    path: /^\/printers\/0 required/,
  },
  { name: "a key that nobody knows", change: (document) => document.printers[0]!.colour = 1, path: /additional/ },
  { name: "a local time", change: (document) => document.startedAt = "2026-11-23 06:30", path: /^\/startedAt/ },
  { name: "a state of its own", change: (document) => status(document).state = "jammed", path: /state enum/ },
  { name: "a level over 100", change: (document) => level(document, 0).percent = 101, path: /percent maximum/ },
  { name: "a level below 0", change: (document) => level(document, 0).percent = -3, path: /percent minimum/ },
  { name: "a level code as a level", change: (document) => level(document, 0).level = -2, path: /level minimum/ },
  {
    name: "an exact level without percent",
    change: (document) => level(document, 0).percent = null,
    path: /percent type/,
  },
  { name: "an invented percent", change: (document) => level(document, 1).percent = 50, path: /percent type/ },
  { name: "a meter as text", change: (document) => first(document, "meters").value = "64299", path: /value type/ },
  { name: "a meter without source", change: (document) => delete first(document, "meters").source, path: /required/ },
  {
    name: "an empty list of other sources",
    change: (document) => first(document, "meters").others = [],
    path: /others minItems/,
  },
  {
    name: "five other sources",
    change: (document) => others(document).push(...Array(3).fill(others(document)[0])),
    path: /others maxItems/,
  },
  { name: "a reason that nobody knows", change: (document) => others(document)[0]!.why = "so", path: /why enum/ },
  { name: "an other source without a reason", change: (document) => delete others(document)[0]!.why, path: /required/ },
  {
    name: "a long answer of an other source",
    change: (document) => others(document)[1]!.raw = "x".repeat(65),
    path: /raw maxLength/,
  },
  { name: "an alert without severity", change: (document) => first(document, "alerts").severity = null, path: /enum/ },
];

function others(document: { printers: Json[] }): Json[] {
  return first(document, "meters").others as Json[];
}

function status(document: { printers: Json[] }): Json {
  return document.printers[0]!.status as Json;
}

function first(document: { printers: Json[] }, list: string): Json {
  return (document.printers[0]![list] as Json[])[0]!;
}

function level(document: { printers: Json[] }, index: number): Json {
  return (document.printers[0]!.supplies as Json[])[index]!.level as Json;
}

for (const { name, change, path } of broken) {
  Deno.test(`reading.schema.json refuses ${name}`, () => {
    const document = base();
    const valid: boolean = validate(document);
    assert.ok(valid, JSON.stringify(validate.errors));
    change(document);
    assert.equal(validate(document) as boolean, false);
    const errors = validate.errors!.map((error) => `${error.instancePath} ${error.keyword}`);
    assert.ok(errors.some((error) => path.test(error)), errors.join("; "));
  });
}

Deno.test("reading.schema.json accepts any text that a device can say", () => {
  const reading = { ...hostileReading("\u202e<x>"), mac: null, objectId: null };
  reading.meters[0]!.name = "total";
  assert.ok(validate(JSON.parse(renderJson(documentOf([reading])))), JSON.stringify(validate.errors));
});
