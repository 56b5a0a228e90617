/** Removes fields that the policy masks from a reading, before it is stored for upload. */
import type { MaskableField } from "./maskable_fields.ts";
import type { OtherSource, RawValue, Reading, Source } from "./reading.ts";

/** Replaces a masked value inside another text. */
const mark = "[masked]";

/** Shorter values occur in other texts by chance. */
const minRepeatedLength = 4;

/**
 * The reading without the masked fields: `null`, or empty for the address. If a masked value occurs in a text of the
 * device or the reader, such as a serial number inside sysDescr, it is replaced there as well.
 */
export function maskReading(reading: Reading, maskedFields: readonly MaskableField[]): Reading {
  const masks = new Set(maskedFields);
  if (masks.size === 0) return reading;
  const keep = <T>(field: MaskableField, value: T): T | null => masks.has(field) ? null : value;
  const values = maskedValues(reading, masks);
  const clean = (text: string) => values.reduce((rest, value) => rest.replaceAll(value, mark), text);
  const cleaned = (text: string | null) => text === null ? null : clean(text);
  const cleanSource = ({ oid, rule, raw }: Source): Source => ({ oid, rule, raw: cleanRaw(raw, clean) });
  const cleanOthers = ({ others }: { others?: OtherSource[] }): { others?: OtherSource[] } =>
    others === undefined ? {} : {
      others: others.map((other) => typeof other.raw === "string" ? { ...other, raw: clean(other.raw) } : other),
    };
  return {
    ...reading,
    address: masks.has("address") ? "" : reading.address,
    hostname: cleaned(keep("hostname", reading.hostname)),
    snmp: { ...reading.snmp, engineId: keep("engineId", reading.snmp.engineId) },
    serial: keep("serial", reading.serial),
    mac: keep("mac", reading.mac),
    firmware: cleaned(keep("firmware", reading.firmware)),
    location: cleaned(keep("location", reading.location)),
    contact: cleaned(keep("contact", reading.contact)),
    model: cleaned(reading.model),
    description: cleaned(keep("description", reading.description)),
    status: { ...reading.status, panel: cleaned(keep("panel", reading.status.panel)) },
    meters: reading.meters.map((meter) => ({
      ...meter,
      source: cleanSource(meter.source),
      ...cleanOthers(meter),
    })),
    supplies: reading.supplies.map((supply) => ({
      ...supply,
      serial: keep("serial", supply.serial),
      description: clean(supply.description),
      source: cleanSource(supply.source),
      ...cleanOthers(supply),
    })),
    trays: reading.trays.map((tray) => ({ ...tray, name: clean(tray.name), media: cleaned(tray.media) })),
    alerts: reading.alerts.map((alert) => ({ ...alert, description: clean(alert.description) })),
    problems: reading.problems.map(({ address, ...problem }) => ({
      ...problem,
      message: clean(problem.message),
      ...(address === undefined || masks.has("address") ? {} : { address }),
    })),
  };
}

/** Longest first, so that replacing a value inside a longer one does not leave the rest of that one. */
function maskedValues(reading: Reading, masks: ReadonlySet<MaskableField>): string[] {
  const fields: Record<MaskableField, (string | null)[]> = {
    address: [reading.address],
    hostname: [reading.hostname],
    mac: macSpellings(reading.mac),
    serial: [reading.serial, ...reading.supplies.map((supply) => supply.serial)],
    engineId: [reading.snmp.engineId],
    firmware: [reading.firmware],
    location: [reading.location],
    contact: [reading.contact],
    description: [reading.description],
    panel: [reading.status.panel],
  };
  return [...masks].flatMap((field) => fields[field])
    .filter((value) => value !== null && value.length >= minRepeatedLength)
    .sort((a, b) => b!.length - a!.length) as string[];
}

/** All spellings of a MAC address; raw octets are hexadecimal without colons. */
function macSpellings(mac: string | null): (string | null)[] {
  if (mac === null) return [];
  const bare = mac.replaceAll(":", "");
  return [
    mac,
    mac.toUpperCase(),
    bare,
    bare.toUpperCase(),
    mac.replaceAll(":", "-"),
    mac.replaceAll(":", "-").toUpperCase(),
  ];
}

function cleanRaw(raw: RawValue, clean: (text: string) => string): RawValue {
  if (typeof raw === "string") return clean(raw);
  if (typeof raw !== "object" || raw === null) return raw;
  return Object.fromEntries(
    Object.entries(raw).map(([column, value]) => [column, typeof value === "string" ? clean(value) : value]),
  );
}
