/** Printers made of objects that tests change between two reads. */
import assert from "node:assert/strict";
import { oids } from "../../src/printers/printer_mib.ts";
import type { Reading } from "../../common/reading/reading.ts";
import { BerReader } from "../../src/snmp/ber.ts";
import { decodeValue } from "../../src/snmp/message.ts";
import { compareOids, isUnder } from "../../src/snmp/oid.ts";
import { type SnmpValue, Tag, type Varbind } from "../../src/snmp/value.ts";
import type { ObjectTable } from "../../simulator/object_table.ts";
import { parseFleet } from "../../simulator/fleet_file.ts";
import { type ReplayedRead, replayedRead } from "./replayed_read.ts";

/** Objects of a device, to be changed. */
export type Objects = Map<string, SnmpValue>;

export const listOf = (objects: Objects): Varbind[] =>
  [...objects].map(([oid, value]) => ({ oid, ...value })).sort((a, b) => compareOids(a.oid, b.oid));

export const text = (value: string): SnmpValue => ({ tag: Tag.octetString, value: new TextEncoder().encode(value) });
export const integer = (value: number): SnmpValue => ({ tag: Tag.integer, value });

const common = `
    mac: 02:00:5e:10:00:05
    uptime: 86400
    panel: ["Ready", "Tray 2 empty"]
    alerts:
      - { severity: warning, group: markerSupplies, code: 1104, description: Toner low }
      - { severity: critical, group: input, code: 808, description: Tray 2 empty }
    trays:
      - { name: Tray 1, capacity: 250, level: 125, media: A4 }
      - { name: Tray 2, capacity: 500, level: 0, media: A3 }`;
const colours = ["Black", "Cyan", "Magenta", "Yellow"].map((colour, i) =>
  `      - { type: toner, description: ${colour} Toner, colorant: ${colour.toLowerCase()}, unit: impressions, capacity: ${
    5000 + i
  }, level: ${1000 * (i + 1)} }`
).join("\n");

/** Printers of three makers; of one the maker's own objects tell levels as well, of one nothing tells the toners apart. */
export const fleet = parseFleet(`
printers:
  - name: plain
    maker: Example
    model: Laser 9000
    serial: ZZ12345678
    description: Example Laser 9000
    hostname: prn-1
    meters: { total: 64299 }${common}
    supplies:
${colours}
      - { type: wasteToner, description: Waste Toner Box, class: receptacle, unit: impressions, capacity: -2, level: -3 }
  - name: brother
    maker: Brother
    model: HL-L9999
    serial: U64999A0N000101
    description: Brother HL-L9999
    objectId: 1.3.6.1.4.1.2435.2.3.9.1
    meters: { total: 4711 }${common}
    supplies: [{ type: toner, description: Black Toner, colorant: black, unit: percent, capacity: 100, level: 62 }]
  - name: nameless
    maker: Kyocera
    model: ECOSYS M9999
    serial: VCF1234567
    description: KYOCERA Document Solutions Printing System
    objectId: 1.3.6.1.4.1.1347.41
    meters: { total: 815 }${common}
    supplies:
${colours.replaceAll(/description: \w+ Toner/g, "description: Toner")}
`);

export function objectsOf(name: string): Objects {
  const table = fleet.find((one) => one.name === name)!.objects as ObjectTable;
  const objects: Objects = new Map();
  for (let at = 0; at < table.size; at++) {
    const varbind = new BerReader(table.varbind(at)).inner(Tag.sequence);
    objects.set(varbind.readOid(), decodeValue(varbind));
  }
  objects.set(oids.sysUpTime, { tag: Tag.timeTicks, value: 8_640_000 });
  return objects;
}

export const only = ({ outcome }: ReplayedRead): Reading => {
  assert.equal(outcome.readings.length, 1);
  return outcome.readings[0]!;
};

export const octetsOf = ({ answers }: ReplayedRead) => answers.reduce((sum, octets) => sum + octets, 0);

export async function learn(objects: Objects): Promise<ReplayedRead> {
  const read = await replayedRead(listOf(objects), "full");
  assert(read.outcome.access?.known !== undefined, "nothing was learnt");
  return read;
}

/** A status read of the device as it is now, by what is known of it, and one by nothing. */
export async function readBoth(
  before: ReplayedRead,
  now: Objects,
): Promise<{ known: ReplayedRead; unknown: ReplayedRead }> {
  const list = listOf(now);
  return {
    known: await replayedRead(list, "status", { known: before.outcome.access!.known! }),
    unknown: await replayedRead(list, "status"),
  };
}

export const tables = {
  supplies: "1.3.6.1.2.1.43.11.1.1",
  inputs: "1.3.6.1.2.1.43.8.2.1",
  alerts: "1.3.6.1.2.1.43.18.1.1",
  console: "1.3.6.1.2.1.43.16.5.1",
};

/** Indexes of a table's rows. */
export function rowsOf(objects: Objects, entry: string): string[] {
  const rows = [...objects.keys()].filter((oid) => isUnder(oid, entry))
    .map((oid) => oid.slice(entry.length + 1).split(".").slice(1).join("."));
  return [...new Set(rows)].sort(compareOids);
}

export function cellsOf(objects: Objects, entry: string, row: string): [column: string, value: SnmpValue][] {
  return [...objects].flatMap(([oid, value]) => {
    const [column, ...index] = isUnder(oid, entry) ? oid.slice(entry.length + 1).split(".") : [];
    return column !== undefined && index.join(".") === row ? [[column, value]] : [];
  });
}

export function removeRow(objects: Objects, entry: string, row: string): void {
  for (const [column] of cellsOf(objects, entry, row)) objects.delete(`${entry}.${column}.${row}`);
}

export function setRow(objects: Objects, entry: string, row: string, cells: [string, SnmpValue][]): void {
  for (const [column, value] of cells) objects.set(`${entry}.${column}.${row}`, value);
}

/** As when a cartridge of another place is there. */
export function swapRows(objects: Objects, entry: string, [one, other]: [string, string]): void {
  const [first, second] = [cellsOf(objects, entry, one), cellsOf(objects, entry, other)];
  for (const row of [one, other]) removeRow(objects, entry, row);
  setRow(objects, entry, one, second);
  setRow(objects, entry, other, first);
}
