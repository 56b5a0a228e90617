/**
 * A printer as GLPI 10 and 11 take it: their inventory format (glpi-project/inventory_format, since 1.1.13), as the
 * network inventory of GLPI-Agent sends it. GLPI refuses properties that the format does not have. Pure.
 */
import { tryParseIp } from "../../common/core/ip.ts";
import { type FedDevice, type FedSupply, isOfPages } from "./fed_device.ts";

/** Ours, and theirs. */
const counters = {
  total: "total",
  mono: "black",
  color: "color",
  duplex: "rectoverso",
  "scan.total": "scanned",
  "print.total": "printtotal",
  "print.mono": "printblack",
  "print.color": "printcolor",
  "copy.total": "copytotal",
  "copy.mono": "copyblack",
  "copy.color": "copycolor",
  "fax.total": "faxtotal",
} as const;

/** By prtMarkerSuppliesType; those with a color have one key for each. */
const supplyKinds: Readonly<Record<string, { key: string; isColored: boolean }>> = {
  toner: { key: "toner", isColored: true },
  tonerCartridge: { key: "toner", isColored: true },
  drum: { key: "drum", isColored: true },
  ink: { key: "cartridge", isColored: true },
  inkCartridge: { key: "cartridge", isColored: true },
  inkRibbon: { key: "cartridge", isColored: true },
  solidWax: { key: "cartridge", isColored: true },
  ribbonWax: { key: "cartridge", isColored: true },
  wasteToner: { key: "wastetoner", isColored: false },
  wasteInk: { key: "wastetoner", isColored: false },
  developer: { key: "developer", isColored: false },
  fuser: { key: "fuserkit", isColored: false },
  transferUnit: { key: "transferkit", isColored: false },
  cleanerUnit: { key: "cleaningkit", isColored: false },
  staples: { key: "staples", isColored: false },
};
const colors: Readonly<Record<string, string>> = {
  black: "black",
  cyan: "cyan",
  magenta: "magenta",
  yellow: "yellow",
  lightCyan: "cyanlight",
  lightMagenta: "magentalight",
  gray: "grey",
  darkGray: "darkgrey",
  photoBlack: "blackphoto",
  matteBlack: "blackmatte",
};

export interface GlpiInventory {
  action: "netinventory";
  deviceid: string;
  itemtype: "Printer";
  content: {
    versionclient: string;
    network_device: Record<string, string | string[]>;
    pagecounters?: Record<string, number>;
    cartridges?: [Record<string, string>];
    firmwares?: Record<string, string>[];
    network_ports?: Record<string, string | number | string[]>[];
  };
}

/** `version`: of this program. */
export function glpiInventory(device: FedDevice, version: string): GlpiInventory {
  const { address, mac, manufacturer, model, serial, firmware, hostname, location, contact, description } = device;
  const ips = address !== undefined && tryParseIp(address) !== undefined && !address.includes("%") ? [address] : [];
  const pagecounters = countersOf(device), cartridges = cartridgesOf(device.supplies);
  const name = hostname || model || serial || device.deviceId;
  return {
    action: "netinventory",
    deviceid: `opendca-${device.deviceId}`,
    itemtype: "Printer",
    content: {
      versionclient: `OpenDCA_v${version}`,
      network_device: {
        type: "Printer",
        name,
        ...given({ manufacturer, model, serial, firmware, mac, location, contact, description }),
        ...(ips.length === 0 ? {} : { ips }),
      },
      ...(Object.keys(pagecounters).length === 0 ? {} : { pagecounters }),
      ...(Object.keys(cartridges).length === 0 ? {} : { cartridges: [cartridges] }),
      ...(firmware === undefined
        ? {}
        : { firmwares: [{ name: model ?? name, type: "device", version: firmware, ...given({ manufacturer }) }] }),
      // ethernetCsmacd of IANAifType-MIB.
      ...(mac === undefined
        ? {}
        : { network_ports: [{ ifnumber: 1, iftype: 6, mac, ...(ips.length === 0 ? {} : { ips }) }] }),
    },
  };
}

function given(texts: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== undefined)) as Record<string, string>;
}

/* Whole numbers of pages; no length of paper. */
function countersOf({ meters }: FedDevice): Record<string, number> {
  const found: Record<string, number> = {};
  for (const meter of meters) {
    if (!Object.hasOwn(counters, meter.name) || !isOfPages(meter) || !Number.isSafeInteger(Math.round(meter.value))) {
      continue;
    }
    found[counters[meter.name as keyof typeof counters]] = Math.round(meter.value);
  }
  return found;
}

/* Of several that GLPI cannot tell apart, the one that must be replaced first. */
function cartridgesOf(supplies: readonly FedSupply[]): Record<string, string> {
  const found: Record<string, string> = {}, lowest = new Map<string, number>();
  for (const { kind, colorant, level } of supplies) {
    const known = Object.hasOwn(supplyKinds, kind) ? supplyKinds[kind]! : undefined;
    const color = Object.hasOwn(colors, colorant) ? colors[colorant]! : undefined;
    if (known === undefined || (known.isColored && color === undefined)) continue;
    // Only ink is of these.
    if (/^black./.test(color ?? "") && known.key !== "cartridge") continue;
    const key = known.isColored ? `${known.key}${color}` : known.key;
    // As GLPI-Agent writes that some is left.
    const rank = level === "some" ? 101 : level.percent;
    if (rank >= (lowest.get(key) ?? Infinity)) continue;
    lowest.set(key, rank);
    found[key] = level === "some" ? "OK" : String(Math.round(level.percent));
  }
  return found;
}
