import assert from "node:assert/strict";
import fc from "fast-check";
import { Reading as ReadingMessage } from "../../proto/gen/opendca/v1/reading.ts";
import { maskableFields } from "./maskable_fields.ts";
import type { Level, OtherSource, RawValue, Reading, Source } from "./reading.ts";
import { readingFromMessage } from "./decode_reading.ts";
import { readingEnums, readingToMessage } from "./encode_reading.ts";
import { maskReading } from "./mask_reading.ts";

// Lone surrogates are no text in protobuf; what a device sends is decoded to well-formed strings before it gets here.
const text = fc.string({ unit: "grapheme" });
const maybeText = fc.option(text, { nil: null });
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const maybeNumber = fc.option(number, { nil: null });
const time = fc.date({ min: new Date("1970-01-01"), max: new Date("2200-01-01"), noInvalidDate: true })
  .map((date) => date.toISOString());
const raw: fc.Arbitrary<RawValue> = fc.oneof(
  maybeNumber,
  text,
  fc.dictionary(text.filter((name) => name !== "__proto__"), fc.oneof(maybeNumber, text)).map((row) => ({ ...row })),
);
const source: fc.Arbitrary<Source> = fc.record({ oid: text, rule: text, raw });
const others: fc.Arbitrary<OtherSource[]> = fc.array(
  fc.record({
    oid: text,
    rule: text,
    value: maybeNumber,
    unit: text,
    raw: fc.oneof(number, text),
    why: fc.constantFrom(...readingEnums.whys.values()),
  }, { requiredKeys: ["oid", "rule", "value", "why"] }),
  { minLength: 1, maxLength: 3 },
);
const level: fc.Arbitrary<Level> = fc.record({
  kind: fc.constantFrom("exact", "some", "unknown", "empty", "unlimited"),
  percent: maybeNumber,
  level: maybeNumber,
  capacity: maybeNumber,
  unit: text,
}, { requiredKeys: ["kind", "percent", "level", "capacity"] });
const someReading: fc.Arbitrary<Reading> = fc.record({
  observedAt: time,
  address: text,
  port: fc.nat(65535),
  hostname: maybeText,
  snmp: fc.record({ version: fc.constantFrom("1", "2c", "3"), engineId: maybeText }),
  manufacturer: maybeText,
  model: maybeText,
  serial: maybeText,
  mac: maybeText,
  firmware: maybeText,
  location: maybeText,
  contact: maybeText,
  description: maybeText,
  objectId: maybeText,
  status: fc.record({
    state: fc.constantFrom("idle", "printing", "warmup", "sleeping", "stopped", "unknown"),
    errors: fc.array(text),
    panel: maybeText,
  }),
  meters: fc.array(
    fc.record({ name: text, value: number, unit: text, source, others }, {
      requiredKeys: ["name", "value", "unit", "source"],
    }),
    { maxLength: 3 },
  ),
  supplies: fc.array(
    fc.record({
      index: text,
      kind: text,
      colorant: text,
      description: text,
      partNumber: maybeText,
      serial: maybeText,
      level,
      source,
      others,
    }, { requiredKeys: ["index", "kind", "colorant", "description", "partNumber", "serial", "level", "source"] }),
    { maxLength: 3 },
  ),
  trays: fc.array(fc.record({ index: text, name: text, media: maybeText, level }), { maxLength: 2 }),
  alerts: fc.array(
    fc.record({
      severity: fc.constantFrom("critical", "warning", "other"),
      code: fc.option(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { nil: null }),
      group: text,
      description: text,
      since: fc.option(time, { nil: null }),
    }),
    { maxLength: 2 },
  ),
  problems: fc.array(
    fc.record({ code: text, message: text, address: text, oid: text }, { requiredKeys: ["code", "message"] }),
    { maxLength: 2 },
  ),
});

Deno.test("readingFromMessage() gives back what readingToMessage() encoded, over the wire", () => {
  fc.assert(fc.property(someReading, (reading) => {
    const bytes = ReadingMessage.encode(readingToMessage(reading)).finish();
    // fast-check's records have no prototype.
    assert.deepEqual(readingFromMessage(ReadingMessage.decode(bytes)), structuredClone(reading));
  }));
});

Deno.test("readingFromMessage() reads numbers of a later schema as unknown", () => {
  const message = ReadingMessage.fromPartial({
    status: { state: 99 as never },
    alerts: [{ severity: 99 as never }],
    meters: [{ others: [{ oid: "1.3", why: 99 as never }] }],
  });
  const reading = readingFromMessage(message);
  const why = reading.meters[0]!.others![0]!.why;
  assert.deepEqual([reading.status.state, reading.alerts[0]!.severity, why], ["unknown", "other", "unknown"]);
});

Deno.test("readingFromMessage() reads a meter and a supply of an agent that tells no other sources", () => {
  // `meters` { name "total", value 1000, unit "sheets", source { oid "1.3", rule "x", raw 1000 } }, `supplies` { index "1.1" }
  const before = "82012d0a05746f74616c110000000000408f401a0673686565747322130a03312e331201781a09090000000000408f40" +
    "8a01050a03312e31";
  const { meters: [meter], supplies: [supply] } = readingFromMessage(ReadingMessage.decode(Uint8Array.fromHex(before)));
  assert.deepEqual(meter, {
    name: "total",
    value: 1000,
    unit: "sheets",
    source: { oid: "1.3", rule: "x", raw: 1000 },
  });
  assert.equal(supply!.index, "1.1");
  assert(!("others" in supply!));
});

const printer: Reading = {
  observedAt: "2026-01-01T00:00:00.000Z",
  address: "10.1.0.7",
  port: 161,
  hostname: "prn-07.example",
  snmp: { version: "3", engineId: "80001f8803aabbccddee" },
  manufacturer: "Acme",
  model: "P1",
  serial: "ZZ12345",
  mac: "02:00:5e:10:20:30",
  firmware: "4.2.1",
  location: "Room 4711",
  contact: "Ada Example",
  description: "Acme P1; SN ZZ12345; prn-07.example; 4.2.1",
  objectId: "1.3.6.1.4.1.99999.1",
  status: { state: "idle", errors: [], panel: "Ready in Room 4711" },
  meters: [{
    name: "total",
    value: 1,
    unit: "impressions",
    source: { oid: "1.3", rule: "x", raw: "of ZZ12345" },
    others: [{ oid: "1.4", rule: "y", value: null, raw: "2 of ZZ12345 on prn-07.example", why: "notACount" }],
  }],
  supplies: [{
    index: "1.1",
    kind: "toner",
    colorant: "black",
    description: "Toner, serial SUP-9988",
    partNumber: "T1",
    serial: "SUP-9988",
    level: { kind: "unknown", percent: null, level: null, capacity: null, unit: null },
    source: { oid: "1.3", rule: "rfc3805", raw: { serial: "SUP-9988", level: 3 } },
    others: [{ oid: "1.4", rule: "y", value: null, raw: "SUP-9988", why: "levelUnknown" }],
  }],
  trays: [],
  alerts: [{ severity: "other", code: null, group: "x", description: "call Ada Example at 10.1.0.7", since: null }],
  problems: [{
    code: "timeout",
    message: "10.1.0.7 did not answer (0200005e102030 02005E102030)",
    address: "10.1.0.7",
  }],
};
const secrets: Record<string, string[]> = {
  address: ["10.1.0.7"],
  hostname: ["prn-07.example"],
  mac: ["02:00:5e:10:20:30", "02005E102030"],
  serial: ["ZZ12345", "SUP-9988"],
  engineId: ["80001f8803aabbccddee"],
  firmware: ["4.2.1"],
  location: ["Room 4711"],
  contact: ["Ada Example"],
  description: ["Acme P1; SN"],
  panel: ["Ready in"],
};
for (const field of maskableFields) {
  Deno.test(`maskReading() leaves no ${field} anywhere in a reading`, () => {
    const shown = JSON.stringify(printer), masked = JSON.stringify(maskReading(printer, [field]));
    for (const secret of secrets[field]!) {
      assert.ok(shown.includes(secret), secret);
      assert.ok(!masked.includes(secret), masked);
    }
  });
}

Deno.test("maskReading() changes nothing without masked fields, and no number, unit or OID with them", () => {
  assert.equal(maskReading(printer, []), printer);
  const masked = maskReading(printer, maskableFields);
  assert.deepEqual(masked.meters[0]!.others, [{
    oid: "1.4",
    rule: "y",
    value: null,
    raw: "2 of [masked] on [masked]",
    why: "notACount",
  }]);
  assert.deepEqual(masked.meters.map(({ value, unit, source }) => [value, unit, source.oid]), [[
    1,
    "impressions",
    "1.3",
  ]]);
  assert.equal(masked.objectId, printer.objectId);
});
