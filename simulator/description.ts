/** What a fleet file says of one device, apart from where and how it answers. */
import type { Varbind } from "../src/snmp/value.ts";
import {
  alertGroups,
  alertSeverities,
  alertTrainings,
  charsets,
  deviceTypes,
  errorStates,
  inputTypes,
  printerStatuses,
  supplyClasses,
  supplyTypes,
  technologies,
  units,
} from "./mib_numbers.ts";
import {
  maybeBoolean,
  maybeChoice,
  maybeHex,
  maybeNumber,
  maybeNumberOfName,
  maybeOid,
  maybeText,
  type Place,
  readAnyMapping,
  readList,
  readMapping,
  wrongValue,
} from "./fleet_fields.ts";
import { parseObject } from "./object_value.ts";

export const deviceKinds = ["printer", "host", "switch"] as const;

/** Keys of a device in a fleet file that `parseDescription` reads. */
export const descriptionKeys = [
  "kind",
  "maker",
  "model",
  "serial",
  "firmware",
  "description",
  "objectId",
  "contact",
  "hostname",
  "location",
  "mac",
  "interfaces",
  "devices",
  "systemOnly",
  "printerName",
  "panel",
  "charset",
  "language",
  "country",
  "status",
  "errors",
  "errorOctets",
  "meters",
  "markers",
  "supplies",
  "trays",
  "outputs",
  "alerts",
  "objects",
  "omit",
] as const;

export interface SupplyDescription {
  /** Arc of the row; default: the row's place in the list. Real tables have gaps. */
  index: number;
  marker: number;
  class: number;
  type: number;
  description: string;
  colorant: string;
  /** Points to no row, or another, where a device does; otherwise found by the name. */
  colorantIndex: number | undefined;
  unit: number;
  capacity: number;
  level: number;
}

export interface TrayDescription {
  index: number;
  type: number;
  unit: number;
  capacity: number;
  level: number;
  status: number;
  media: string;
  name: string;
  description: string;
}

export interface MarkerDescription {
  technology: number;
  unit: number;
  total: number;
  powerOn: number;
  colorants: number;
}

export interface AlertDescription {
  severity: number;
  training: number;
  group: number;
  groupIndex: number;
  location: number;
  code: number;
  description: string;
  /** Hundredths of a second of sysUpTime. */
  time: number;
}

export interface DeviceDescription {
  kind: typeof deviceKinds[number];
  maker: string;
  model: string;
  serial: string;
  firmware: string;
  description: string;
  objectId: string;
  contact: string;
  hostname: string;
  location: string;
  mac: Uint8Array | undefined;
  /** Names of network interfaces; the MAC address counts up from one to the next. */
  interfaces: string[];
  /** Rows of hrDeviceTable. */
  devices: { type: number; description: string }[];
  /** Nothing but the system group. */
  systemOnly: boolean;
  printerName: string;
  panel: string[];
  charset: keyof typeof charsets;
  language: string;
  country: string;
  status: keyof typeof printerStatuses;
  errors: (typeof errorStates[number])[];
  /** Octets of hrPrinterDetectedErrorState; default: as many as its bits need. */
  errorOctets: number | undefined;
  markers: MarkerDescription[];
  supplies: SupplyDescription[];
  trays: TrayDescription[];
  outputs: { name: string; capacity: number; remaining: number }[];
  alerts: AlertDescription[];
  /** Objects beyond the described ones, or in their place. */
  objects: Varbind[];
  /** Subtrees that this device does not have. */
  omit: string[];
}

/** Reads one device of a fleet file; throws `ConfigError` with the place of a mistake. */
export function parseDescription(fields: Record<typeof descriptionKeys[number], Place>): DeviceDescription {
  const kind = maybeChoice(fields.kind, deviceKinds) ?? "printer";
  const maker = maybeText(fields.maker) ?? "";
  const model = maybeText(fields.model) ?? "";
  const product = [maker, model].filter((part) => part !== "").join(" ");
  const serial = maybeText(fields.serial) ?? "";
  const firmware = maybeText(fields.firmware) ?? "";
  const hostname = maybeText(fields.hostname) ?? "";
  const named = { maker, model, serial, firmware, hostname };
  const description = withNames(maybeText(fields.description) ?? product, named);
  const mac = maybeHex(fields.mac);
  if (mac !== undefined && mac.length !== 6) throw wrongValue(fields.mac, "a MAC address", "such as 02:00:5e:10:00:01");
  const devices = readList(fields.devices).map((place) => parseHostDevice(place));
  if (kind === "printer" && devices.length === 0) devices.push({ type: deviceTypes.printer, description: product });
  return {
    kind,
    maker,
    model,
    serial,
    firmware,
    description,
    objectId: maybeOid(fields.objectId) ?? "0.0",
    contact: maybeText(fields.contact) ?? "",
    hostname,
    location: maybeText(fields.location) ?? "",
    mac,
    interfaces: readList(fields.interfaces).map((place) => maybeText(place) ?? ""),
    devices,
    systemOnly: maybeBoolean(fields.systemOnly) ?? false,
    printerName: maybeText(fields.printerName) ?? hostname,
    panel: readList(fields.panel).map((place) => maybeText(place) ?? ""),
    charset: maybeChoice(fields.charset, Object.keys(charsets) as (keyof typeof charsets)[]) ?? "utf-8",
    language: maybeText(fields.language) ?? "en",
    country: maybeText(fields.country) ?? "US",
    status: maybeChoice(fields.status, Object.keys(printerStatuses) as (keyof typeof printerStatuses)[]) ?? "idle",
    errors: readList(fields.errors).map((place) => maybeChoice(place, errorStates)!),
    errorOctets: maybeNumber(fields.errorOctets, { low: 0, high: 4 }),
    markers: parseMarkers(fields),
    supplies: readList(fields.supplies).map(parseSupply),
    trays: readList(fields.trays).map(parseTray),
    outputs: readList(fields.outputs).map(parseOutput),
    alerts: readList(fields.alerts).map(parseAlert),
    objects: [...readAnyMapping(fields.objects)].map(([oid, place]) =>
      parseObject(oid, place, (text) => withNames(text, named))
    ),
    omit: readList(fields.omit).map((place) => maybeOid(place)!),
  };
}

/** `{serial}` and the like in a text, so that replicas stay consistent and the file says a serial once. */
function withNames(text: string, names: Record<string, string>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name) => names[name] ?? whole);
}

function parseHostDevice(place: Place): { type: number; description: string } {
  const fields = readMapping(place, ["type", "description"]);
  return {
    type: maybeNumberOfName(fields.type, deviceTypes) ?? deviceTypes.other,
    description: maybeText(fields.description) ?? "",
  };
}

/** `meters` is the short form for a device with one marker. */
function parseMarkers(fields: { meters: Place; markers: Place }): MarkerDescription[] {
  const list = readList(fields.markers);
  return (list.length > 0 ? list : [fields.meters]).map((place) => {
    const marker = readMapping(place, ["technology", "unit", "total", "powerOn", "colorants"]);
    return {
      technology: maybeNumberOfName(marker.technology, technologies) ?? technologies.electrophotographicLaser,
      unit: maybeNumberOfName(marker.unit, units) ?? units.impressions,
      total: maybeNumber(marker.total, { low: 0 }) ?? 0,
      powerOn: maybeNumber(marker.powerOn, { low: 0 }) ?? 0,
      colorants: maybeNumber(marker.colorants, { low: 0 }) ?? 1,
    };
  });
}

function parseSupply(place: Place, i: number): SupplyDescription {
  const fields = readMapping(place, [
    "index",
    "marker",
    "class",
    "type",
    "description",
    "colorant",
    "colorantIndex",
    "unit",
    "capacity",
    "level",
  ]);
  const type = maybeNumberOfName(fields.type, supplyTypes) ?? supplyTypes.toner;
  const isWaste = ([supplyTypes.wasteToner, supplyTypes.wasteInk, supplyTypes.wasteWax] as number[]).includes(type);
  return {
    index: maybeNumber(fields.index, { low: 1 }) ?? i + 1,
    marker: maybeNumber(fields.marker, { low: 0 }) ?? 1,
    class: maybeNumberOfName(fields.class, supplyClasses) ??
      (isWaste ? supplyClasses.receptacle : supplyClasses.consumed),
    type,
    description: maybeText(fields.description) ?? "",
    colorant: maybeText(fields.colorant) ?? "none",
    colorantIndex: maybeNumber(fields.colorantIndex, { low: 0 }),
    unit: maybeNumberOfName(fields.unit, units) ?? units.percent,
    capacity: maybeNumber(fields.capacity) ?? 100,
    level: maybeNumber(fields.level) ?? 100,
  };
}

function parseTray(place: Place, i: number): TrayDescription {
  const fields = readMapping(place, [
    "index",
    "type",
    "unit",
    "capacity",
    "level",
    "status",
    "media",
    "name",
    "description",
  ]);
  const name = maybeText(fields.name) ?? `Tray ${i + 1}`;
  return {
    index: maybeNumber(fields.index, { low: 1 }) ?? i + 1,
    type: maybeNumberOfName(fields.type, inputTypes) ?? inputTypes.sheetFeedAutoRemovableTray,
    unit: maybeNumberOfName(fields.unit, units) ?? units.sheets,
    capacity: maybeNumber(fields.capacity) ?? 250,
    level: maybeNumber(fields.level) ?? -3,
    status: maybeNumber(fields.status) ?? 0,
    media: maybeText(fields.media) ?? "iso-a4-white",
    name,
    description: maybeText(fields.description) ?? name,
  };
}

function parseOutput(place: Place, i: number) {
  const fields = readMapping(place, ["name", "capacity", "remaining"]);
  return {
    name: maybeText(fields.name) ?? `Output ${i + 1}`,
    capacity: maybeNumber(fields.capacity) ?? 250,
    remaining: maybeNumber(fields.remaining) ?? -3,
  };
}

function parseAlert(place: Place): AlertDescription {
  const fields = readMapping(place, [
    "severity",
    "training",
    "group",
    "groupIndex",
    "location",
    "code",
    "description",
    "time",
  ]);
  return {
    severity: maybeNumberOfName(fields.severity, alertSeverities) ?? alertSeverities.warning,
    training: maybeNumberOfName(fields.training, alertTrainings) ?? alertTrainings.untrained,
    group: maybeNumberOfName(fields.group, alertGroups) ?? alertGroups.generalPrinter,
    groupIndex: maybeNumber(fields.groupIndex) ?? 1,
    location: maybeNumber(fields.location) ?? -2,
    code: maybeNumber(fields.code) ?? 1,
    description: maybeText(fields.description) ?? "",
    time: maybeNumber(fields.time, { low: 0 }) ?? 0,
  };
}
