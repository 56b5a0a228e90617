import assert from "node:assert/strict";
import fc from "fast-check";
import { interpretReading } from "../printers/interpret_reading.ts";
import type { Reading } from "../../common/reading/reading.ts";
import { Tag, type Varbind } from "../snmp/value.ts";
import { redactRecording } from "./redact_recording.ts";
import { simulateRead } from "./replay.ts";
import { octetsText } from "./secrets.ts";
import { formatSnmprec, parseSnmprec } from "./snmprec.ts";

/** A drawing that repeats from run to run. */
function repeatable(): (limit: number) => number {
  let state = 12345;
  return (limit) => (state = (state * 1103515245 + 12345) % 2 ** 31) % limit;
}

const utf8 = (text: string) => new TextEncoder().encode(text);
const utf16 = (text: string, bigEnd: boolean) =>
  Uint8Array.from([...text].flatMap((it) => bigEnd ? [0, it.charCodeAt(0)] : [it.charCodeAt(0), 0]));
const octets = (oid: string, value: Uint8Array | string): Varbind => ({
  oid,
  tag: Tag.octetString,
  value: typeof value === "string" ? utf8(value) : value,
});
const redact = (objects: Varbind[], known = {}) =>
  redactRecording(objects, {
    address: "10.20.30.7",
    hostname: null,
    credentials: [],
    texts: [],
    draw: repeatable(),
    ...known,
  });

/** Secrets that must never leave, as the device below holds them. */
const canary = {
  serial: "QX7ZK4410983",
  cut: "QX7ZK44109",
  name: "vault-printer-9",
  domain: "secretcorp.example",
  location: "Bunker Nine, door 3",
  contact: "Wilhelmina Canary",
  operator: "Ottokar Canary",
  service: "Sieglinde Canary",
  mail: "toner@mailcorp.example",
  mailDomain: "mailcorp.example",
  mac: "001ba9c0ffee",
  address: "10.20.30.7",
  server: "10.20.30.99",
  v6: "fd12:3456:789a::c0de",
  queue: "cellarqueue",
  host: "intranet7.secretcorp.example",
  part: "8817040000E0000505",
  community: "hush-community",
};

const enterprise = "1.3.6.1.4.1.32473.1";
const { serial, name, mac } = canary;
const fqdn = `${name}.${canary.domain}`;
const planted: Varbind[] = [
  octets("1.3.6.1.2.1.1.1.0", `Example Laser 9000; V1.2.3.4; S/N ${serial}`),
  { oid: "1.3.6.1.2.1.1.2.0", tag: Tag.oid, value: "1.3.6.1.4.1.32473.9" },
  octets("1.3.6.1.2.1.1.4.0", canary.contact),
  octets("1.3.6.1.2.1.1.5.0", fqdn),
  octets("1.3.6.1.2.1.1.6.0", canary.location),
  octets("1.3.6.1.2.1.2.2.1.6.1", Uint8Array.fromHex(mac)),
  { oid: "1.3.6.1.2.1.4.20.1.1.10.20.30.7", tag: Tag.ipAddress, value: Uint8Array.of(10, 20, 30, 7) },
  octets("1.3.6.1.2.1.25.3.2.1.3.1", `Example Laser 9000 ${canary.cut} 1.2.3.4`),
  { oid: "1.3.6.1.2.1.43.5.1.1.2.1", tag: Tag.integer, value: 1 },
  octets("1.3.6.1.2.1.43.5.1.1.4.1", canary.operator),
  octets("1.3.6.1.2.1.43.5.1.1.5.1", canary.service),
  octets("1.3.6.1.2.1.43.5.1.1.16.1", "Example Laser 9000"),
  octets("1.3.6.1.2.1.43.5.1.1.17.1", `${serial}\0\0`),
  { oid: "1.3.6.1.2.1.43.10.2.1.4.1.1", tag: Tag.counter32, value: 64299 },
  octets("1.3.6.1.2.1.43.11.1.1.6.1.1", `Black Toner, PN 006R00001;SN${canary.part}`),
  { oid: "1.3.6.1.2.1.43.11.1.1.9.1.1", tag: Tag.integer, value: 28 },
  octets("1.3.6.1.2.1.43.14.1.1.9.1.1", `Port=9100\nQueueName=${canary.queue}\nServer=${canary.server}`),
  octets("1.3.6.1.2.1.43.16.5.1.2.1.1", `Ready ${canary.address}`),
  octets("1.3.6.1.2.1.43.18.1.1.8.1.1", `Toner low, call ${canary.mail}`),
  octets(`${enterprise}.1.0`, `MFG:Example;MDL:Laser 9000;SN:${serial};`),
  octets(`${enterprise}.2.0`, Uint8Array.of(0, 64, ...utf8(`MFG:Example;SN:${serial};IP:${canary.address};`))),
  octets(`${enterprise}.3.0`, `http://${fqdn}:631/ipp, http://${canary.host}/x, http://${canary.address}/`),
  octets(`${enterprise}.4.0`, utf8(serial).toHex()),
  octets(`${enterprise}.5.0`, utf8(`x ${fqdn} y`).toHex().toUpperCase()),
  octets(`${enterprise}.6.0`, utf16(serial, false)),
  octets(`${enterprise}.7.0`, utf16(`at ${canary.location}, ${canary.address}`, true)),
  octets(`${enterprise}.8.0`, `EXA${mac.toUpperCase()} 00:1B:A9:C0:FF:EE 00-1b-a9-c0-ff-ee 001b.a9c0.ffee EXAc0ffee`),
  octets(`${enterprise}.9.0`, Uint8Array.of(128, 0, 126, 217, 3, ...Uint8Array.fromHex(mac))),
  octets(`${enterprise}.10.0`, Uint8Array.of(10, 20, 30, 99)),
  octets(`${enterprise}.11.0`, `v6 ${canary.v6}/64 gateway 10.20.30.99, mask 255.255.255.0`),
  octets(`${enterprise}.12.0`, `${name.toUpperCase()} in ${canary.location.toLowerCase()}`),
  octets(`${enterprise}.13.0`, `community=${canary.community}`),
  octets(`${enterprise}.14.0`, "010.020.030.007"),
  octets(`${enterprise}.15.0`, `suffix ${canary.mailDomain}, id ${serial.toLowerCase()}`),
  octets("1.3.6.1.4.1.2699.1.1.1.2.1.1.3.1", "payroll of December.pdf"),
];

Deno.test("redactRecording() leaves no planted secret in the file, in text, hexadecimal or UTF-16", () => {
  const { objects } = redact(planted, { credentials: [canary.community] });
  const file = formatSnmprec(objects);
  const left: string[] = [];
  for (const secret of [...Object.values(canary), "payroll", "c0ffee", "c0:ff:ee", "010.020.030"]) {
    for (const spelt of [utf8(secret), utf16(secret, true), utf16(secret, false)]) {
      const needles = [octetsText(spelt).toLowerCase(), spelt.toHex()];
      const places = [file, ...objects.map(({ value }) => value instanceof Uint8Array ? octetsText(value) : "")];
      if (places.some((place) => needles.some((needle) => place.toLowerCase().includes(needle)))) left.push(secret);
    }
  }
  for (const binary of [mac, "0a141e07", "0a141e63"]) if (file.includes(binary)) left.push(binary);
  assert.deepEqual([...new Set(left)], []);
});

const texts: { name: string; oid: string; want: RegExp }[] = [
  {
    name: "a version of four numbers stays",
    oid: "1.3.6.1.2.1.1.1.0",
    want: /^Example Laser 9000; V1\.2\.3\.4; S\/N \w{12}$/,
  },
  { name: "a contact is numbered", oid: "1.3.6.1.2.1.1.4.0", want: /^contact-000000001$/ },
  { name: "a host name keeps its dots", oid: "1.3.6.1.2.1.1.5.0", want: /^printer-0000001\.net-000002\.example$/ },
  { name: "a location is numbered", oid: "1.3.6.1.2.1.1.6.0", want: /^location-0000000001$/ },
  { name: "a product name is no secret", oid: "1.3.6.1.2.1.43.5.1.1.16.1", want: /^Example Laser 9000$/ },
  { name: "padding stays", oid: "1.3.6.1.2.1.43.5.1.1.17.1", want: /^[A-Z]{2}\d[A-Z]{2}\d{7}\0\0$/ },
  {
    name: "a supply keeps its part number",
    oid: "1.3.6.1.2.1.43.11.1.1.6.1.1",
    want: /^Black Toner, PN 006R00001;SN\d{10}[A-Z]\d{7}$/,
  },
  {
    name: "a channel keeps its port",
    oid: "1.3.6.1.2.1.43.14.1.1.9.1.1",
    want: /^Port=9100\nQueueName=printer-\d+\nServer=192\.0\.2\.\d$/,
  },
  {
    name: "an address may take another length in text",
    oid: "1.3.6.1.2.1.43.16.5.1.2.1.1",
    want: /^Ready 192\.0\.2\.\d$/,
  },
  { name: "an alert keeps its words", oid: "1.3.6.1.2.1.43.18.1.1.8.1.1", want: /^Toner low, call contact-\d+$/ },
  {
    name: "an octet of length fits what follows it",
    oid: `${enterprise}.2.0`,
    want: /^\0@MFG:Example;SN:[A-Z]{2}\d[A-Z]{2}\d{7};IP:192\.0\.2\.0\d;$/,
  },
  {
    name: "a URL stays a URL",
    oid: `${enterprise}.3.0`,
    want:
      /^http:\/\/printer-0000001\.net-\d+\.example:631\/ipp, http:\/\/printer-\d\.net-\d+\.example\/x, http:\/\/192\.0\.2\.1\/$/,
  },
  {
    name: "a MAC address keeps its separators",
    oid: `${enterprise}.8.0`,
    want: /^EXA02005E000001 02:00:5E:00:00:01 02-00-5e-00-00-01 0200\.5e00\.0001 EXA000001$/,
  },
  { name: "a mask is no address", oid: `${enterprise}.11.0`, want: /mask 255\.255\.255\.0$/ },
  { name: "an address of three digits each keeps them", oid: `${enterprise}.14.0`, want: /^192\.000\.002\.001$/ },
];
for (const { name, oid, want } of texts) {
  Deno.test(`redactRecording() ${name}`, () => {
    const { objects } = redact(planted, { credentials: [canary.community] });
    const value = objects.find((object) => object.oid === oid)?.value;
    assert(value instanceof Uint8Array);
    assert.match(octetsText(value), want);
  });
}

Deno.test("redactRecording() gives one secret one replacement wherever and however it is written", () => {
  const { objects } = redact(planted);
  const text = (oid: string) => octetsText(objects.find((object) => object.oid === oid)!.value as Uint8Array);
  const made = text("1.3.6.1.2.1.43.5.1.1.17.1").replaceAll("\0", "");
  assert(text("1.3.6.1.2.1.1.1.0").endsWith(made));
  assert(text("1.3.6.1.2.1.25.3.2.1.3.1").includes(` ${made.slice(0, canary.cut.length)} `));
  assert.equal(text(`${enterprise}.4.0`), utf8(made).toHex());
  assert(text(`${enterprise}.15.0`).endsWith(` id ${made.toLowerCase()}`));
  assert.equal(text(`${enterprise}.6.0`), octetsText(utf16(made, false)));
  const { reading } = read(objects);
  assert.equal(reading.model, read(planted).reading.model);
});

Deno.test("redactRecording() counts what it replaced and draws new values each time", () => {
  const { replaced } = redact(planted);
  assert.deepEqual(replaced.get("location"), { secrets: 1, places: 3 });
  assert.deepEqual(replaced.get("mac"), { secrets: 1, places: 7 });
  const random = () => Math.floor(Math.random() * 2 ** 30);
  const made = [1, 2].map(() => formatSnmprec(redact(planted, { draw: (limit: number) => random() % limit }).objects));
  assert.notEqual(made[0], made[1]);
});

Deno.test("redactRecording() replaces what it is told, and says when it knows no serial", () => {
  const objects = [octets("1.3.6.1.2.1.1.1.0", "Example Laser"), octets("1.3.6.1.4.1.32473.3.0", "id=ZZTOP1234/x")];
  const untold = redact(objects);
  assert.equal(untold.serialFound, false);
  assert.deepEqual(untold.objects, objects);
  const { objects: [, told], replaced } = redact(objects, { texts: ["zztop1234"] });
  assert.match(octetsText(told!.value as Uint8Array), /^id=[A-Z]{5}\d{4}\/x$/);
  assert.notEqual(octetsText(told!.value as Uint8Array), "id=ZZTOP1234/x");
  assert.deepEqual([...replaced], [["text", { secrets: 1, places: 1 }]]);
  assert.equal(redact(planted).serialFound, true);
});

Deno.test("redactRecording() renames rows that are named by an address, and no others", () => {
  const { objects } = redact([
    ...planted,
    { oid: "1.3.6.1.2.1.43.10.20.30.7.1", tag: Tag.integer, value: 1 },
  ]);
  const oids = objects.map(({ oid }) => oid);
  assert(oids.includes("1.3.6.1.2.1.4.20.1.1.192.0.2.1"));
  assert(oids.includes("1.3.6.1.2.1.43.10.20.30.7.1"));
});

Deno.test("redactRecording() does not take a word that names many things out of other texts", () => {
  const labels = "Color Copy, Black Toner";
  const { objects } = redact([
    ...planted,
    octets("1.3.6.1.4.1.32473.2.0", labels),
  ].map((object) => object.oid === "1.3.6.1.2.1.1.6.0" ? octets(object.oid, "Copy") : object));
  assert.equal(octetsText(objects.at(-1)!.value as Uint8Array), labels);
  assert.equal(octetsText(objects.find(({ oid }) => oid === "1.3.6.1.2.1.1.6.0")!.value as Uint8Array), "l001");
});

function read(objects: readonly Varbind[]): { reading: Reading } {
  const { store, profile } = simulateRead(objects);
  return interpretReading(store, {
    observedAt: new Date(0),
    address: "192.0.2.1",
    port: 161,
    targetName: null,
    snmp: { version: "2c", engineId: null },
    problems: [],
    profile,
  });
}

const word = fc.stringMatching(/^[ -~]{0,24}$/);
const someSerial = fc.stringMatching(/^[A-Z0-9-]{0,16}$/);
const records = fc.array(fc.tuple(fc.nat(254), fc.nat(0xffffffff)), { maxLength: 12 }).map((fields) =>
  Uint8Array.from([...fields.flatMap(([id, n]) => [id, 1, 4, n >>> 24, n >>> 16 & 255, n >>> 8 & 255, n & 255]), 255])
);
const brother = "1.3.6.1.4.1.2435.2.3.9.4.2.1.5.5";

Deno.test("redactRecording() never changes a number, a level, a counter, binary records or the structure", () => {
  const device = fc.record({
    name: word,
    location: word,
    contact: word,
    serial: someSerial,
    mac: fc.uint8Array({ minLength: 6, maxLength: 6 }),
    address: fc.ipV4(),
    total: fc.nat(),
    level: fc.integer({ min: -3, max: 120 }),
    textCounter: fc.nat().map(String),
    records,
    maintenance: records,
    text: word,
  });
  // A serial so short that one of its replacements would be a digit repeated, which stands for none.
  const shortSerial = {
    name: "!.00",
    location: "",
    contact: "",
    serial: "0-1",
    mac: new Uint8Array(6),
    address: "0.0.0.0",
    total: 0,
    level: 0,
    textCounter: "0",
    records: Uint8Array.of(255),
    maintenance: Uint8Array.of(255),
    text: "",
  };
  fc.assert(
    fc.property(device, (it) => {
      const objects: Varbind[] = [
        octets("1.3.6.1.2.1.1.1.0", `Brother NC-8999w, ${it.text}`),
        { oid: "1.3.6.1.2.1.1.2.0", tag: Tag.oid, value: "1.3.6.1.4.1.2435.2.3.9.1" },
        octets("1.3.6.1.2.1.1.4.0", it.contact),
        octets("1.3.6.1.2.1.1.5.0", it.name),
        octets("1.3.6.1.2.1.1.6.0", it.location),
        octets("1.3.6.1.2.1.2.2.1.6.1", it.mac),
        octets("1.3.6.1.2.1.25.3.2.1.3.1", "Brother HL-L5999DW"),
        octets("1.3.6.1.2.1.25.3.5.1.2.1", it.mac.subarray(0, 2)),
        octets("1.3.6.1.2.1.43.5.1.1.17.1", it.serial),
        { oid: "1.3.6.1.2.1.43.8.2.1.9.1.1", tag: Tag.integer, value: 250 },
        { oid: "1.3.6.1.2.1.43.8.2.1.10.1.1", tag: Tag.integer, value: it.level },
        { oid: "1.3.6.1.2.1.43.10.2.1.4.1.1", tag: Tag.counter32, value: it.total },
        octets("1.3.6.1.2.1.43.11.1.1.6.1.1", `Black Toner ${it.text}`),
        { oid: "1.3.6.1.2.1.43.11.1.1.8.1.1", tag: Tag.integer, value: 100 },
        { oid: "1.3.6.1.2.1.43.11.1.1.9.1.1", tag: Tag.integer, value: it.level },
        octets(`${brother}.8.0`, it.maintenance),
        octets(`${brother}.10.0`, it.records),
        octets("1.3.6.1.4.1.32473.1.0", it.textCounter),
        { oid: "1.3.6.1.4.1.32473.2.0", tag: Tag.counter64, value: 2n ** 60n },
      ];
      const redacted = redact(objects, { address: it.address }).objects;
      assert.deepEqual(redacted.map(({ oid, tag }) => [oid, tag]), objects.map(({ oid, tag }) => [oid, tag]));
      for (const [i, { oid, value }] of objects.entries()) {
        const isText = value instanceof Uint8Array && !oid.startsWith(brother) && oid !== "1.3.6.1.4.1.32473.1.0";
        if (!isText) assert.deepEqual(redacted[i]!.value, value, oid);
      }
      const before = read(objects).reading, after = read(parseSnmprec(formatSnmprec(redacted)).objects).reading;
      assert.deepEqual(after.meters, before.meters);
      assert.deepEqual(
        after.supplies.map(({ index, level }) => [index, level]),
        before.supplies.map(({ index, level }) => [index, level]),
      );
      assert.deepEqual(after.trays.map(({ level }) => level), before.trays.map(({ level }) => level));
      assert.deepEqual(after.status.errors, before.status.errors);
      assert.deepEqual(after.manufacturer, before.manufacturer);
      assert.equal(after.serial === null, before.serial === null);
    }),
    { numRuns: 300, examples: [[shortSerial]] },
  );
});
