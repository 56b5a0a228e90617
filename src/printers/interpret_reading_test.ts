import assert from "node:assert/strict";
import fc from "fast-check";
import { type SnmpValue, Tag } from "../snmp/value.ts";
import { anyCharacter } from "../../tests/fixtures/any_character.ts";
import { interpretReading, interpretReadings, type ReadingContext, readOther } from "./interpret_reading.ts";
import { ObjectStore } from "./object_store.ts";
import { oids } from "./printer_mib.ts";
import type { Profile } from "./profile.ts";
import { allProfiles, genericProfile } from "./profiles/all.ts";
import { identifyColumns, readPlan } from "./read_plan.ts";
import { recognise } from "./recognise.ts";
import { storeOf } from "./store_of.ts";

const context: ReadingContext = {
  observedAt: new Date("2026-01-01T00:00:00Z"),
  address: "192.0.2.1",
  port: 161,
  targetName: null,
  snmp: { version: "2c", engineId: null },
  problems: [],
};

Deno.test("interpretReading() says null and nothing of a device that answers nothing", () => {
  const { reading } = interpretReading(new ObjectStore(), context);
  assert.deepEqual(reading, {
    observedAt: "2026-01-01T00:00:00.000Z",
    address: "192.0.2.1",
    port: 161,
    hostname: null,
    snmp: { version: "2c", engineId: null },
    manufacturer: null,
    model: null,
    serial: null,
    mac: null,
    firmware: null,
    location: null,
    contact: null,
    description: null,
    objectId: null,
    status: { state: "unknown", errors: [], panel: null },
    meters: [],
    supplies: [],
    trays: [],
    alerts: [],
    problems: [],
  });
});

Deno.test("interpretReading() prefers the targeted name, then sysName.0", () => {
  const store = storeOf({
    [oids.sysName]: "prn-1",
    [oids.sysLocation]: "unknown",
    [oids.sysDescr]: "(null)",
    [oids.sysObjectID]: { oid: "0.0" },
    [oids.sysContact]: "it@example.com",
  });
  const { reading } = interpretReading(store, context);
  assert.deepEqual([reading.hostname, reading.location, reading.contact], ["prn-1", null, "it@example.com"]);
  assert.deepEqual([reading.description, reading.objectId], [null, null]);
  assert.equal(interpretReading(store, { ...context, targetName: "a.example" }).reading.hostname, "a.example");
  assert.deepEqual(readOther(store, genericProfile), { description: null, objectId: null });
});

Deno.test("interpretReading() keeps the caller's problems and does not change them", () => {
  const problems = [{ code: "timeout", message: "No answer" }];
  const store = storeOf({ [`${oids.prtMarkerLifeCount} 1.1`]: 400, [`${oids.prtMarkerLifeCount} 1.2`]: 5 });
  const { reading } = interpretReading(store, { ...context, problems });
  assert.deepEqual(reading.problems.map(({ code }) => code), ["timeout", "severalMarkers"]);
  assert.equal(problems.length, 1);
});

Deno.test("interpretReading() names the maker of an unknown maker's printer by its device id", () => {
  const store = storeOf({ "1.3.6.1.4.1.11.2.3.9.1.1.7.0": "MFG:Acme;MDL:Acme Z9 series;CLS:PRINTER;SN:AB12345;" });
  const { reading } = interpretReading(store, context);
  assert.deepEqual([reading.manufacturer, reading.model, reading.serial], ["Acme", "Z9", "AB12345"]);
});

const anyValue: fc.Arbitrary<SnmpValue> = fc.oneof(
  fc.integer().map((value) => ({ tag: Tag.integer, value })),
  fc.constantFrom(-3, -2, -1, 0, 1, 4, 19, 100).map((value) => ({ tag: Tag.integer, value })),
  fc.nat(2 ** 32 - 1).map((value) => ({ tag: Tag.counter32, value })),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => ({ tag: Tag.counter64, value })),
  fc.uint8Array({ maxLength: 60 }).map((value) => ({ tag: Tag.octetString, value })),
  fc.string({ unit: anyCharacter, maxLength: 30 }).map((text) => ({
    tag: Tag.octetString,
    value: new TextEncoder().encode(text),
  })),
  fc.constantFrom("MFG:HP;MDL:X;CLS:PRINTER", "Black Toner, PN 1;SN2", "").map((text) => ({
    tag: Tag.octetString,
    value: new TextEncoder().encode(text),
  })),
  fc.constant({ tag: Tag.oid, value: "1.3.6.1.2.1.25.3.1.5" }),
  fc.constant({ tag: Tag.null, value: null }),
  fc.constant({ tag: Tag.ipAddress, value: Uint8Array.of(192, 0, 2, 1) }),
);

/** Every object that is read of a maker's printer, with the instances that a device may answer. */
function objectsOf(profile: Profile): string[] {
  const { gets, groups } = readPlan(new ObjectStore(), profile);
  const rows = ["1.1", "1.2", "1.39", "2.1", "1", "7"];
  return [
    oids.sysDescr,
    oids.sysObjectID,
    ...gets,
    ...[...identifyColumns, ...groups.flatMap(({ columns }) => columns)]
      .flatMap((column) => rows.concat("0").map((row) => `${column}.${row}`)),
  ];
}

Deno.test("interpretReading() never throws and always gives clean JSON, whatever is answered", () => {
  const profiles = [...allProfiles, genericProfile].map((profile) => ({ profile, objects: objectsOf(profile) }));
  const store = fc.constantFrom(...profiles).chain(({ profile, objects }) =>
    fc.record({
      profile: fc.constant(profile),
      answers: fc.array(fc.tuple(fc.constantFrom(...objects), anyValue), { maxLength: 120 }),
    })
  );
  fc.assert(
    fc.property(store, ({ profile, answers }) => {
      const answered = new ObjectStore();
      for (const [oid, value] of answers) answered.add({ oid, ...value });
      recognise(answered);
      readPlan(answered, profile);
      const read = [{ ...context, profile }, context].flatMap((given) => interpretReadings(answered, given));
      assert.ok(read.length >= 2);
      const unexplained = interpretReadings(answered, { ...context, profile, traces: false });
      assert.deepEqual(
        unexplained.map(({ reading }) => reading),
        read.slice(0, unexplained.length).map((it) => it.reading),
      );
      assert.ok(unexplained.every(({ trace }) => trace.length === 0));
      const { description, objectId } = interpretReading(answered, { ...context, profile }).reading;
      assert.deepEqual(readOther(answered, profile), { description, objectId });
      for (const { reading, trace } of [interpretReading(answered, { ...context, profile }), ...read]) {
        assert.deepEqual(JSON.parse(JSON.stringify(reading)), reading, "JSON keeps every key and value");
        assert.ok(!/[\u202a-\u202e\u2066-\u2069]/.test(JSON.stringify(reading)));
        for (const { level } of [...reading.supplies, ...reading.trays]) {
          assert.equal(level.percent !== null, level.kind === "exact" || level.kind === "empty");
          assert.ok(level.percent === null || (level.percent >= 0 && level.percent <= 100));
        }
        for (const { value } of reading.meters) assert.ok(Number.isSafeInteger(value) && value >= 0);
        for (const { candidates } of trace) assert.ok(candidates.length > 0);
      }
    }),
    { numRuns: 300 },
  );
});
