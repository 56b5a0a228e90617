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
  return `${key}[${parameters.map(keyParameter).join(",")}]`;
}

/* What a control character would break is a space. */
const plain = (text: string) => text.replace(/\p{Cc}+/gu, " ").slice(0, 200);

type Row = Record<`{#${string}}`, string>;

/** Rows of each rule; small, so that those of all printers of a customer fit into the memory. */
export interface Discovery {
  printers: Row[];
  meters: Row[];
  supplies: Row[];
}

export function discovered(device: FedDevice): Discovery {
  const discovery: Discovery = { printers: [], meters: [], supplies: [] };
  const named = {
    "{#DEVICE}": device.deviceId,
    "{#TITLE}": plain(titleOf(device)),
    "{#SERIAL}": plain(device.serial ?? ""),
  };
  discovery.printers.push({
    ...named,
    "{#ADDRESS}": plain(device.address ?? ""),
    "{#SITE}": plain(device.site),
  });
  for (const meter of device.meters) {
    discovery.meters.push({
      ...named,
      "{#METER}": meter.name,
      "{#UNIT}": isOfPages(meter) ? "pages" : plain(meter.unit),
    });
  }
  for (const { index, name, level } of device.supplies) {
    if (level !== "some") {
      discovery.supplies.push({ ...named, "{#SUPPLY}": index, "{#SUPPLYNAME}": plain(name) });
    }
  }
  return discovery;
}

export function discoveryValues(discovery: Discovery, host: string, now: number): ZabbixValue[] {
  return (["printers", "meters", "supplies"] as const).map((name) =>
    valueOf(host, zabbixRules[name].key, JSON.stringify(discovery[name]), now)
  );
}

/** Values of counters and supplies have the time when they were read. */
export function deviceValues(device: FedDevice, host: string, now: number): ZabbixValue[] {
  const { deviceId: id, state, firmware, meters, metersAt = now, supplies, suppliesAt = now } = device;
  return [
    valueOf(host, keyOf("opendca.online", id), device.isOnline ? "1" : "0", now),
    ...(state === undefined ? [] : [valueOf(host, keyOf("opendca.state", id), state, now)]),
    ...(firmware === undefined ? [] : [valueOf(host, keyOf("opendca.firmware", id), plain(firmware), now)]),
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
