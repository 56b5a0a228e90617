/**
 * What Zabbix is sent: low-level discovery of printers, counters and supplies of a customer, and a value of each. One
 * table of keys, which the template is made of as well. Pure.
 */
import { type FedDevice, isOfPages, titleOf } from "./fed_device.ts";

export interface ZabbixValue {
  host: string;
  key: string;
  value: string;
  clock: number;
  ns: number;
}

interface ItemPrototype {
  /** Without its parameters. */
  key: string;
  name: string;
  type: "UNSIGNED" | "FLOAT" | "CHAR";
  units?: string;
}

interface Rule {
  key: string;
  name: string;
  /** Macros that are parameters of the items' keys. */
  parameters: readonly string[];
  items: readonly ItemPrototype[];
}

const title = "{#TITLE} {#SERIAL}";
export const zabbixRules = {
  printers: {
    key: "opendca.printers",
    name: "Printers",
    parameters: ["{#DEVICE}"],
    items: [
      { key: "opendca.online", name: `${title}: answers`, type: "UNSIGNED" },
      { key: "opendca.state", name: `${title}: state`, type: "CHAR" },
      { key: "opendca.firmware", name: `${title}: firmware`, type: "CHAR" },
    ],
  },
  meters: {
    key: "opendca.meters",
    name: "Counters",
    parameters: ["{#DEVICE}", "{#METER}"],
    items: [{ key: "opendca.meter", name: `${title}: {#METER} ({#UNIT})`, type: "FLOAT" }],
  },
  supplies: {
    key: "opendca.supplies",
    name: "Supplies",
    parameters: ["{#DEVICE}", "{#SUPPLY}"],
    items: [{ key: "opendca.supply", name: `${title}: {#SUPPLYNAME}`, type: "FLOAT", units: "%" }],
  },
} as const satisfies Record<string, Rule>;

type ItemKey = (typeof zabbixRules)[keyof typeof zabbixRules]["items"][number]["key"];

/** As a parameter of a key is written. */
export function keyParameter(text: string): string {
  return /^[\w.-]+$/.test(text) ? text : `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

function keyOf(key: ItemKey, ...parameters: string[]): string {
  return `${key}[${parameters.map((text) => keyParameter(text.toWellFormed())).join(",")}]`;
}

/* What a control character would break is a space; half a character would break the message. */
const plain = (text: string, most: number) => text.replace(/\p{Cc}+/gu, " ").slice(0, most).toWellFormed();
/** Together, with the name of a counter, no longer than the 255 characters that Zabbix takes as the name of an item. */
const mostOf = { title: 90, serial: 50, unit: 20, supply: 80 } as const;
/** Of a value that is a text. */
const mostOfValue = 255;

type Row = Record<`{#${string}}`, string>;

/** Rows of each rule; small, so that those of all printers of a customer fit into the memory. */
export interface Discovery {
  printers: Row[];
  meters: Row[];
  supplies: Row[];
}

/** What discovery says of a printer, without its id: title, serial number, address, site, counters and supplies. */
export function wordsOf(device: FedDevice): string[] {
  const meters = device.meters.map((meter) => [
    meter.name.toWellFormed(),
    isOfPages(meter) ? "pages" : plain(meter.unit, mostOf.unit),
  ]);
  const supplies = device.supplies.flatMap(({ index, name, level }) =>
    level === "some" ? [] : [[index.toWellFormed(), plain(name, mostOf.supply)]]
  );
  return [
    plain(titleOf(device), mostOf.title),
    plain(device.serial ?? "", mostOf.serial),
    plain(device.address ?? "", mostOfValue),
    plain(device.site, mostOfValue),
    JSON.stringify(meters),
    JSON.stringify(supplies),
  ];
}

/** Adds the rows of a printer by these words; false if they are none, such as those that an earlier version kept. */
export function addDiscovered(discovery: Discovery, deviceId: string, words: readonly string[]): boolean {
  if (words.length !== 6) return false;
  const [title, serial, address, site] = words as [string, string, string, string];
  const [meters, supplies] = words.slice(4).map((text): [string, string][] => JSON.parse(text));
  const named = { "{#DEVICE}": deviceId, "{#TITLE}": title, "{#SERIAL}": serial };
  discovery.printers.push({ ...named, "{#ADDRESS}": address, "{#SITE}": site });
  for (const [name, unit] of meters!) discovery.meters.push({ ...named, "{#METER}": name, "{#UNIT}": unit });
  for (const [index, name] of supplies!) {
    discovery.supplies.push({ ...named, "{#SUPPLY}": index, "{#SUPPLYNAME}": name });
  }
  return true;
}

export function discoveryValues(discovery: Discovery, host: string, now: number): ZabbixValue[] {
  return (["printers", "meters", "supplies"] as const).map((name) =>
    valueOf(host, zabbixRules[name].key, JSON.stringify(discovery[name].toSorted(byDevice)), now)
  );
}

/* The same text whatever the order in which printers were added. */
function byDevice(a: Row, b: Row): number {
  const [one, other] = [a["{#DEVICE}"]!, b["{#DEVICE}"]!];
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Values of counters and supplies have the time when they were read. */
export function deviceValues(device: FedDevice, host: string, now: number): ZabbixValue[] {
  const { deviceId: id, state, firmware, meters, metersAt = now, supplies, suppliesAt = now } = device;
  return [
    valueOf(host, keyOf("opendca.online", id), device.isOnline ? "1" : "0", now),
    ...(state === undefined ? [] : [valueOf(host, keyOf("opendca.state", id), state, now)]),
    ...(firmware === undefined
      ? []
      : [valueOf(host, keyOf("opendca.firmware", id), plain(firmware, mostOfValue), now)]),
    ...meters.map(({ name, value }) => valueOf(host, keyOf("opendca.meter", id, name), String(value), metersAt)),
    ...supplies.flatMap(({ index, level }) =>
      level === "some"
        ? []
        : [valueOf(host, keyOf("opendca.supply", id, index), String(Math.round(level.percent * 10) / 10), suppliesAt)]
    ),
  ];
}

function valueOf(host: string, key: string, value: string, at: number): ZabbixValue {
  return { host, key, value, clock: Math.floor(at / 1000), ns: (at % 1000) * 1_000_000 };
}
