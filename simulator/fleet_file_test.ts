import assert from "node:assert/strict";
import { ConfigError } from "../common/core/errors.ts";
import { BerReader } from "../src/snmp/ber.ts";
import { decodeValue } from "../src/snmp/message.ts";
import type { SnmpValue } from "../src/snmp/value.ts";
import { loadFleet } from "./command.ts";
import { deviceOf, type DeviceOptions } from "./device.ts";
import { parseFleet } from "./fleet_file.ts";

function maybeValue(options: DeviceOptions, oid: string, context = ""): SnmpValue | undefined {
  const table = deviceOf(options).contexts.get(context)!;
  const position = table.position(oid);
  if (position < 0) return undefined;
  const reader = new BerReader(table.varbind(position)).inner(0x30);
  reader.skip();
  return decodeValue(reader);
}

function text(options: DeviceOptions, oid: string): string {
  return new TextDecoder().decode(maybeValue(options, oid)?.value as Uint8Array);
}

function hex(options: DeviceOptions, oid: string): string {
  return (maybeValue(options, oid)?.value as Uint8Array).toHex();
}

function number(options: DeviceOptions, oid: string) {
  return maybeValue(options, oid)?.value;
}

const printerMib = "1.3.6.1.2.1.43";

Deno.test("parseFleet() makes the standard objects of a printer", () => {
  const [printer] = parseFleet(`
printers:
  - maker: Acme
    model: P1
    serial: A7
    hostname: prn
    mac: 02:00:00:00:00:01
    objectId: 1.3.6.1.4.1.32473.7
    panel: [Připraveno]
    charset: latin2
    status: printing
    errors: [lowPaper, jammed, markerSupplyMissing]
    meters: { total: 4000000000 }
    supplies:
      - { type: toner, description: Black, colorant: black, unit: tenthsOfGrams, capacity: 500, level: -3 }
      - { index: 7, type: wasteToner, description: Waste }
      - { type: toner, description: Cyan, colorant: cyan }
      - { type: toner, description: Magenta, colorant: magenta, colorantIndex: 0 }
    trays: [{ name: Upper, capacity: 500, level: 20 }]
    alerts: [{ severity: critical, group: mediaPath, code: 8, description: Jam, time: 77 }]
`) as [DeviceOptions];
  assert.deepEqual([printer.name, printer.address, printer.port], ["prn", "127.77.0.1", 1161]);
  assert.equal(printer.engineId?.toHex(), "80007ed903020000000001");
  assert.equal(text(printer, "1.3.6.1.2.1.1.1.0"), "Acme P1");
  assert.equal(number(printer, "1.3.6.1.2.1.1.2.0"), "1.3.6.1.4.1.32473.7");
  assert.equal(hex(printer, "1.3.6.1.2.1.2.2.1.6.1"), "020000000001");
  assert.equal(number(printer, "1.3.6.1.2.1.25.3.2.1.2.1"), "1.3.6.1.2.1.25.3.1.5");
  assert.equal(number(printer, "1.3.6.1.2.1.25.3.2.1.5.1"), 5);
  assert.equal(number(printer, "1.3.6.1.2.1.25.3.5.1.1.1"), 4);
  assert.equal(hex(printer, "1.3.6.1.2.1.25.3.5.1.2.1"), "8420");
  assert.equal(text(printer, `${printerMib}.5.1.1.17.1`), "A7");
  assert.deepEqual(maybeValue(printer, `${printerMib}.10.2.1.4.1.1`), { tag: 0x41, value: 4000000000 });
  assert.equal(number(printer, `${printerMib}.7.1.1.4.1.1`), 5);
  assert.equal(hex(printer, `${printerMib}.16.5.1.2.1.1`), "50f869707261" + "76656e6f");
  const supply = [2, 3, 4, 5, 7, 8, 9].map((column) => number(printer, `${printerMib}.11.1.1.${column}.1.1`));
  assert.deepEqual(supply, [1, 1, 3, 3, 13, 500, -3]);
  assert.deepEqual(number(printer, `${printerMib}.11.1.1.4.1.7`), 4);
  assert.deepEqual(number(printer, `${printerMib}.11.1.1.3.1.7`), 0);
  assert.deepEqual([3, 4].map((row) => number(printer, `${printerMib}.11.1.1.3.1.${row}`)), [2, 0]);
  assert.equal(text(printer, `${printerMib}.12.1.1.4.1.2`), "cyan");
  assert.equal(number(printer, `${printerMib}.8.2.1.10.1.1`), 20);
  assert.equal(number(printer, `${printerMib}.18.1.1.7.1.1`), 8);
  assert.deepEqual(maybeValue(printer, `${printerMib}.18.1.1.9.1.1`), { tag: 0x43, value: 77 });
});

Deno.test("parseFleet() makes no Printer-MIB for hosts, not even with a printer's row", () => {
  const [host] = parseFleet("hosts: [{ hostname: srv, devices: [{ type: printer, description: Queue }] }]") as [
    DeviceOptions,
  ];
  assert.equal(number(host, "1.3.6.1.2.1.25.3.2.1.2.1"), "1.3.6.1.2.1.25.3.1.5");
  assert.equal(deviceOf(host).contexts.get("")!.hasUnder(printerMib), false);
});

Deno.test("parseFleet() reads raw objects of every type, over and instead of the described ones", () => {
  const [printer] = parseFleet(`
printers:
  - serial: S9
    omit: [${printerMib}.5.1.1.16]
    objects:
      ${printerMib}.5.1.1.17.1: "{serial}\\0"
      1.3.6.1.9.1: 5
      1.3.6.1.9.2: { type: hex, value: "00:ff" }
      1.3.6.1.9.3: { type: counter32, value: 1 }
      1.3.6.1.9.4: { type: gauge32, value: 2 }
      1.3.6.1.9.5: { type: timeticks, value: 3 }
      1.3.6.1.9.6: { type: oid, value: 1.3.6.1 }
      1.3.6.1.9.7: { type: ip, value: 10.0.0.1 }
      1.3.6.1.9.8: { type: counter64, value: "18446744073709551615" }
      1.3.6.1.9.9: { type: integer, value: -1 }
      1.3.6.1.9.10: { type: records, fields: { "31": 1, "00": 64299, "6f": { value: 8, length: 1, type: 2 } } }
      1.3.6.1.9.11: { type: records, layout: id-length-value, fields: { "0a": -2 } }
    contexts:
      fax: { objects: { 1.3.6.1.9.1: 6 } }
`) as [DeviceOptions];
  assert.equal(text(printer, `${printerMib}.5.1.1.17.1`), "S9\0");
  assert.equal(maybeValue(printer, `${printerMib}.5.1.1.16.1`), undefined);
  const got = Array.from({ length: 9 }, (_, i) => maybeValue(printer, `1.3.6.1.9.${i + 1}`));
  assert.deepEqual(got, [
    { tag: 2, value: 5 },
    { tag: 4, value: Uint8Array.of(0, 255) },
    { tag: 0x41, value: 1 },
    { tag: 0x42, value: 2 },
    { tag: 0x43, value: 3 },
    { tag: 6, value: "1.3.6.1" },
    { tag: 0x40, value: Uint8Array.of(10, 0, 0, 1) },
    { tag: 0x46, value: 18446744073709551615n },
    { tag: 2, value: -1 },
  ]);
  assert.equal(hex(printer, "1.3.6.1.9.10"), "31010400000001" + "0001040000fb2b" + "6f020108" + "ff");
  assert.equal(hex(printer, "1.3.6.1.9.11"), "0a04fffffffeff");
  assert.equal(maybeValue(printer, "1.3.6.1.9.1", "fax")?.value, 6);
});

Deno.test("parseFleet() makes copies distinct wherever their identity stands", () => {
  const copies = parseFleet(`
listen: { network: 127.77.5.0/29, port: 2161 }
printers:
  - { serial: AB0099, hostname: prn, mac: "02:00:00:00:00:ff", description: "P1;S/N {serial}", count: 3,
      objects: { 1.3.6.1.9.1: { type: hex, value: 414230303939 } } }
  - { hostname: other, address: 127.77.5.2 }
`);
  assert.deepEqual(copies.map(({ address }) => address), ["127.77.5.1", "127.77.5.3", "127.77.5.4", "127.77.5.2"]);
  assert.ok(copies.every(({ port }) => port === 2161));
  const last = copies[2]!;
  assert.equal(text(last, `${printerMib}.5.1.1.17.1`), "AB0101");
  assert.equal(text(last, "1.3.6.1.2.1.1.1.0"), "P1;S/N AB0101");
  assert.equal(text(last, "1.3.6.1.9.1"), "AB0101");
  assert.equal(text(last, "1.3.6.1.2.1.1.5.0"), "prn-3");
  assert.equal(hex(last, "1.3.6.1.2.1.2.2.1.6.1"), "020000000101");
  assert.equal(text(copies[0]!, `${printerMib}.5.1.1.17.1`), "AB0099");
  assert.equal(new Set(copies.map(({ engineId }) => engineId?.toHex())).size, 4);
});

Deno.test("parseFleet() spreads copies evenly over a network, or by a stride", () => {
  const spread = parseFleet("hosts: [{ hostname: h, count: 4, spread: 127.78.0.0/16 }]");
  assert.deepEqual(spread.map(({ address }) => address), [
    "127.78.32.0",
    "127.78.96.0",
    "127.78.160.0",
    "127.78.224.0",
  ]);
  const strided = parseFleet("hosts: [{ hostname: h, count: 3, address: 127.78.0.1, stride: 256 }]");
  assert.deepEqual(strided.map(({ address }) => address), ["127.78.0.1", "127.78.1.1", "127.78.2.1"]);
});

Deno.test("parseFleet() reads how a device answers", () => {
  const [printer] = parseFleet(`
printers:
  - hostname: p
    versions: [1, "3"]
    communities: [secret]
    maxMessageSize: 484
    engineId: 80:00:00:09:01
    engineBoots: 9
    uptime: 60
    users: [{ name: u, level: authNoPriv, auth: SHA-512, authKey: password1, priv: AES-256-C, privKey: password2 }]
    faults: [{ kind: loss, probability: 0.5, under: .1.3.6, after: 1, times: 2, over: 3, ms: 4 }]
`) as [DeviceOptions];
  const { objects: _, name: __, address: ___, port: ____, ...rest } = printer;
  assert.deepEqual(rest, {
    versions: ["1", "3"],
    communities: ["secret"],
    maxMessageSize: 484,
    engineId: Uint8Array.of(0x80, 0, 0, 9, 1),
    engineBoots: 9,
    upTimeSeconds: 60,
    users: [{
      name: "u",
      level: "authNoPriv",
      auth: "sha512",
      authKey: "password1",
      priv: "aes256r",
      privKey: "password2",
    }],
    faults: [{ kind: "loss", probability: 0.5, under: "1.3.6", after: 1, times: 2, over: 3, ms: 4 }],
  });
});

Deno.test("parseFleet() replays a recording with its own up-time and changes", () => {
  const readText = () => "1.3.6.1.2.1.1.3.0|67|5\n1.3.6.1.9.1|2|1\n";
  const yaml = "printers: [{ recording: r.snmprec, objects: { 1.3.6.1.9.1: 2 } }]";
  const [printer] = parseFleet(yaml, { readText }) as [DeviceOptions];
  assert.equal(deviceOf(printer).contexts.get("")!.size, 2);
  assert.equal(number(printer, "1.3.6.1.9.1"), 2);
  assert.equal(printer.upTimeSeconds, undefined);
});

const mistakes: { yaml: string; message: RegExp }[] = [
  { yaml: "printers: [", message: /^Cannot read fleet\.yaml as YAML: / },
  { yaml: "- a", message: /^Cannot use the file of fleet\.yaml as a mapping: current value is a list$/ },
  { yaml: "printer: []", message: /^Cannot use printer of fleet\.yaml: it is not a known key$/ },
  { yaml: "printers: { a: 1 }", message: /^Cannot use printers of fleet\.yaml as a list: current value is a mapping$/ },
  {
    yaml: "printers: [{ colour: red }]",
    message: /^Cannot use printers\[0\]\.colour of fleet\.yaml: it is not a known/,
  },
  {
    yaml: "printers: [{}, { supplies: [{ unit: grams }] }]",
    message:
      /^Cannot use printers\[1\]\.supplies\[0\]\.unit of fleet\.yaml as one of its values: current value is "grams"$/,
  },
  { yaml: "printers: [{ errors: [burning] }]", message: /errors\[0\].* current value is "burning"$/ },
  { yaml: "printers: [{ mac: 00:11 }]", message: /printers\[0\]\.mac .* as a MAC address/ },
  {
    yaml: "printers: [{ port: 70000 }]",
    message: /\.port .* as a whole number from 1 to 65535: current value is 70000$/,
  },
  { yaml: "printers: [{ count: 1.5 }]", message: /\.count .* as a whole number/ },
  { yaml: "printers: [{ address: 10.0.0.1 }]", message: /\.address .* as an address of 127\.0\.0\.0\/8/ },
  { yaml: "listen: { network: 10.0.0.0/24 }", message: /listen\.network .* as a network of 127\.0\.0\.0\/8/ },
  { yaml: "listen: { network: 127.77.0.0 }", message: /listen\.network/ },
  {
    yaml: "printers: [{ address: 127.0.0.9 }, { address: 127.0.0.9 }]",
    message: /printers\[1\] .* its address is taken/,
  },
  {
    yaml: "{ listen: { network: 127.77.0.0/30 }, printers: [{ count: 3 }] }",
    message: /printers\[0\] .* the network has no address left/,
  },
  { yaml: "printers: [{ objects: { 1.a: 5 } }]", message: /printers\[0\]\.objects\.1\.a .* as an OID/ },
  { yaml: "printers: [{ objects: { 1.3.6: { type: float } } }]", message: /\.type .* current value is "float"$/ },
  { yaml: "printers: [{ objects: { 1.3.6: { value: 5 } } }]", message: /\.type .* as the type of an object/ },
  {
    yaml: "printers: [{ objects: { 1.3.6: { type: hex, value: abc } } }]",
    message: /\.value .* as hexadecimal octets/,
  },
  { yaml: "printers: [{ objects: { 1.3.6: { type: ip, value: 1.2.3 } } }]", message: /\.value .* as an IPv4 address/ },
  {
    yaml: "printers: [{ objects: { 1.3.6: { type: counter32 } } }]",
    message: /\.value .* current value is undefined$/,
  },
  { yaml: "printers: [{ objects: { 1.3.6: { type: records, fields: { 0: 1 } } } }]", message: /as the id of a record/ },
  { yaml: "printers: [{ faults: [{ kind: fire }] }]", message: /faults\[0\]\.kind .* current value is "fire"$/ },
  { yaml: "printers: [{ faults: [{ kind: loss, probability: 2 }] }]", message: /probability .* from 0 to 1/ },
  { yaml: "printers: [{ users: [{ name: u, auth: SHA-3, authKey: password }] }]", message: /\.auth .* as a protocol/ },
  {
    yaml: "printers: [{ users: [{ name: u, auth: SHA, authKey: short }] }]",
    message: /authKey .* 8 characters or more/,
  },
  {
    yaml: "printers: [{ users: [{ name: u, priv: AES, privKey: password }] }]",
    message: /\.auth .* which privacy needs/,
  },
  { yaml: "printers: [{ users: [{ auth: SHA, authKey: password }] }]", message: /\.name .* as the name of a user/ },
  { yaml: "printers: [{ engineId: 8000 }]", message: /\.engineId .* as an engine ID/ },
  { yaml: "printers: [{ recording: gone.snmprec }]", message: /\.recording .* there is no such file/ },
  { yaml: "printers: [{ recording: empty.snmprec }]", message: /\.recording .* it contains no object/ },
];
for (const { yaml, message } of mistakes) {
  Deno.test(`parseFleet() names the mistake in ${yaml}`, () => {
    function readText(name: string): string {
      if (name === "empty.snmprec") return "";
      throw new Deno.errors.NotFound(name);
    }
    assert.throws(() => parseFleet(yaml, { file: "fleet.yaml", readText }), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, message);
      return true;
    });
  });
}

const shipped = [{ file: "office.yaml", devices: 25 }, { file: "sweep.yaml", devices: 1000 }, {
  file: "read.yaml",
  devices: 1000,
}];
for (const { file, devices } of shipped) {
  Deno.test(`loadFleet() reads the shipped ${file} with distinct serials, names and engines`, () => {
    const path = new URL(`fleet/${file}`, import.meta.url).pathname;
    const fleet = loadFleet(path, { readText: Deno.readTextFileSync });
    assert.equal(fleet.length, devices);
    assert.equal(new Set(fleet.map(({ name }) => name)).size, devices);
    assert.equal(new Set(fleet.map(({ engineId }) => engineId?.toHex())).size, devices);
    const serials = fleet.map((device) => maybeValue(device, `${printerMib}.5.1.1.17.1`)?.value).filter((value) =>
      value
    );
    assert.equal(new Set(serials.map((value) => new TextDecoder().decode(value as Uint8Array))).size, serials.length);
  });
}
