import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "yaml";
import { colorPrinter, hostileDevice } from "../../tests/fixtures/fed_devices.ts";
import { maybeZabbixText, parseProcessed, zabbixFrame } from "./zabbix_frames.ts";
import { zabbixTemplate } from "./zabbix_template.ts";
import {
  addDiscovered,
  deviceValues,
  type Discovery,
  discoveryValues,
  keyParameter,
  wordsOf,
  zabbixRules,
} from "./zabbix_values.ts";

const numRuns = 300;

Deno.test("a message has Zabbix's header, and is read in whatever parts it comes", () => {
  assert.deepEqual([...zabbixFrame("ä")].slice(0, 13), [0x5a, 0x42, 0x58, 0x44, 1, 2, 0, 0, 0, 0, 0, 0, 0]);
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), fc.nat(80), (text, cut) => {
      const frame = zabbixFrame(text);
      assert.equal(maybeZabbixText(frame, 1000), text);
      if (cut < frame.length) assert.equal(maybeZabbixText(frame.subarray(0, cut), 1000), undefined);
    }),
    { numRuns },
  );
});

Deno.test("what is no answer of Zabbix, is too long, or says that it failed, is named", () => {
  const of = (text: string) => new TextEncoder().encode(text);
  assert.throws(() => maybeZabbixText(of("HTTP/1.1 400"), 10), /not one of Zabbix/);
  assert.throws(() => maybeZabbixText(of("H"), 10), /not one of Zabbix/);
  assert.throws(() => maybeZabbixText(zabbixFrame("x".repeat(11)), 10), /has 11 bytes/);
  const compressed = zabbixFrame("{}");
  compressed[4] = 3;
  assert.throws(() => maybeZabbixText(compressed, 10), /compressed/);
  const info = "processed: 3; failed: 2; total: 5; seconds spent: 0.000101";
  assert.deepEqual(parseProcessed(JSON.stringify({ response: "success", info })), { processed: 3, failed: 2 });
  for (const text of ["", "null", "[]", '"x"', "{}", '{"response":"failed","info":"no"}', '{"response":"success"}']) {
    assert.throws(() => parseProcessed(text), Error, text);
  }
});

Deno.test("values of a printer have the time when they were read; what is not known is not sent", () => {
  const values = deviceValues(colorPrinter, "opendca-cus-1", 1_700_000_100_500);
  assert.deepEqual(values.map(({ key, value, clock, ns }) => [key, value, clock, ns]), [
    ["opendca.online[dev-1]", "1", 1_700_000_100, 500_000_000],
    ["opendca.state[dev-1]", "idle", 1_700_000_100, 500_000_000],
    ["opendca.firmware[dev-1]", "1.2", 1_700_000_100, 500_000_000],
    ["opendca.meter[dev-1,total]", "1000", 1_700_000_000, 123_000_000],
    ["opendca.meter[dev-1,print.color]", "500", 1_700_000_000, 123_000_000],
    ["opendca.meter[dev-1,length]", "12.5", 1_700_000_000, 123_000_000],
    ["opendca.supply[dev-1,1.1]", "62.4", 1_700_000_001, 0],
    ["opendca.supply[dev-1,1.3]", "0", 1_700_000_001, 0],
  ]);
});

Deno.test("a parameter of a key is quoted where Zabbix would take it apart", () => {
  const texts = ["total", "1.1", "", " a", "a,b", "a]", 'a"b', "a\\", "[a"];
  assert.deepEqual(texts.map(keyParameter), [
    "total",
    "1.1",
    '""',
    '" a"',
    '"a,b"',
    '"a]"',
    '"a\\"b"',
    '"a\\\\"',
    '"[a"',
  ]);
});

const endless = (long: string): typeof colorPrinter => ({
  ...colorPrinter,
  manufacturer: long,
  serial: long,
  firmware: long,
  meters: [{ name: "total", value: 1, unit: long }],
  supplies: colorPrinter.supplies.map((supply) => ({ ...supply, name: long })),
});

Deno.test("each value has a row of discovery that its item is made of, whatever the texts", () => {
  fc.assert(
    fc.property(hostileDevice, (device) => {
      const discovery: Discovery = { printers: [], meters: [], supplies: [] };
      assert(addDiscovered(discovery, device.deviceId, wordsOf(device)));
      const told = discoveryValues(discovery, "h", 0),
        [printers, meters, supplies] = told.map(({ value }) => JSON.parse(value));
      // Zabbix refuses a whole message with half a character, and items with longer names or texts.
      for (const { value } of told) assert.doesNotMatch(value, /\\ud[89a-f]/);
      for (
        const [{ items }, rows] of [[zabbixRules.supplies, supplies], [zabbixRules.printers, printers], [
          zabbixRules.meters,
          meters,
        ]] as const
      ) {
        for (const row of rows) {
          for (const { name } of items) {
            const made = name.replace(/\{#\w+\}/g, (macro) => row[macro]);
            assert([...made].length <= 255, made);
          }
        }
      }
      const made = new Set([
        ...["online", "state", "firmware"].map((name) => `opendca.${name}[${keyParameter(printers[0]["{#DEVICE}"])}]`),
        ...meters.map((row: Record<string, string>) => `opendca.meter[dev-1,${keyParameter(row["{#METER}"]!)}]`),
        ...supplies.map((row: Record<string, string>) => `opendca.supply[dev-1,${keyParameter(row["{#SUPPLY}"]!)}]`),
      ]);
      for (const { key, value } of deviceValues(device, "h", 0)) {
        assert(value.isWellFormed() && value.length <= 255);
        // JSON has no lone surrogates.
        assert(made.has(key.toWellFormed()) || !key.isWellFormed(), key);
      }
    }),
    { numRuns, examples: [[endless("x".repeat(300))], [endless("\u{1f5a8}x".repeat(200))]] },
  );
});

Deno.test("the template is that of install/zabbix, and has an item for each key", async () => {
  const text = zabbixTemplate(), path = new URL("../../install/zabbix/opendca_printers.yaml", import.meta.url);
  if (Deno.env.get("UPDATE_GOLDEN") === "1") await Deno.writeTextFile(path, text);
  assert.equal(await Deno.readTextFile(path), text, "UPDATE_GOLDEN=1 writes it");
  const { zabbix_export: { version, templates: [template] } } = parse(text);
  assert.equal(version, "6.0");
  const rules = template.discovery_rules as {
    key: string;
    uuid: string;
    item_prototypes: { key: string; uuid: string }[];
  }[];
  assert.deepEqual(rules.map(({ key }) => key), ["opendca.printers", "opendca.meters", "opendca.supplies"]);
  const keys = rules.flatMap(({ item_prototypes }) => item_prototypes.map(({ key }) => key));
  const sent = deviceValues(colorPrinter, "h", 0).map(({ key }) => key.split("[")[0]);
  assert.deepEqual([...new Set(sent)], keys.map((key) => key.split("[")[0]));
  const uuids = [template, ...rules, ...rules.flatMap(({ item_prototypes }) => item_prototypes)].map(({ uuid }) =>
    uuid
  );
  assert.equal(new Set(uuids).size, uuids.length);
  for (const uuid of uuids) assert.match(uuid, /^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
});
