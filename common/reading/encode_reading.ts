/** The reading as the message of proto/opendca/v1/reading.proto; `decode_reading.ts` is its inverse. */
import * as proto from "../../proto/gen/opendca/v1/reading.ts";
import type {
  Alert,
  Level,
  LevelKind,
  OtherSource,
  PrinterState,
  RawValue,
  Reading,
  Source,
  WhyNotTaken,
} from "./reading.ts";

const versions = {
  "1": proto.SnmpVersion.SNMP_VERSION_1,
  "2c": proto.SnmpVersion.SNMP_VERSION_2C,
  "3": proto.SnmpVersion.SNMP_VERSION_3,
} as const satisfies Record<Reading["snmp"]["version"], proto.SnmpVersion>;

const states = {
  idle: proto.PrinterState.IDLE,
  printing: proto.PrinterState.PRINTING,
  warmup: proto.PrinterState.WARMUP,
  sleeping: proto.PrinterState.SLEEPING,
  stopped: proto.PrinterState.STOPPED,
  unknown: proto.PrinterState.UNKNOWN,
} as const satisfies Record<PrinterState, proto.PrinterState>;

const kinds = {
  exact: proto.LevelKind.EXACT,
  some: proto.LevelKind.SOME,
  unknown: proto.LevelKind.UNKNOWN,
  empty: proto.LevelKind.EMPTY,
  unlimited: proto.LevelKind.UNLIMITED,
} as const satisfies Record<LevelKind, proto.LevelKind>;

const severities = {
  critical: proto.AlertSeverity.CRITICAL,
  warning: proto.AlertSeverity.WARNING,
  other: proto.AlertSeverity.OTHER,
} as const satisfies Record<Alert["severity"], proto.AlertSeverity>;

const whys = {
  unknown: proto.WhyNotTaken.UNSPECIFIED,
  lowerPriority: proto.WhyNotTaken.LOWER_PRIORITY,
  zero: proto.WhyNotTaken.ZERO,
  idleColours: proto.WhyNotTaken.IDLE_COLOURS,
  incomplete: proto.WhyNotTaken.INCOMPLETE,
  totalNotRead: proto.WhyNotTaken.TOTAL_NOT_READ,
  implausible: proto.WhyNotTaken.IMPLAUSIBLE,
  notACount: proto.WhyNotTaken.NOT_A_COUNT,
  levelSome: proto.WhyNotTaken.LEVEL_SOME,
  levelUnknown: proto.WhyNotTaken.LEVEL_UNKNOWN,
  levelUnlimited: proto.WhyNotTaken.LEVEL_UNLIMITED,
} as const satisfies Record<WhyNotTaken, proto.WhyNotTaken>;

/** Names of enum members by number, for decoding. */
export const readingEnums = {
  versions: swapped(versions),
  states: swapped(states),
  kinds: swapped(kinds),
  severities: swapped(severities),
  whys: swapped(whys),
};

/** `null` becomes an unset field; nothing else changes. */
export function readingToMessage(reading: Reading): proto.Reading {
  return {
    observedAt: new Date(reading.observedAt),
    address: reading.address,
    port: reading.port,
    deviceIndex: reading.deviceIndex,
    hostname: reading.hostname ?? undefined,
    snmp: { version: versions[reading.snmp.version], engineId: reading.snmp.engineId ?? undefined },
    manufacturer: reading.manufacturer ?? undefined,
    model: reading.model ?? undefined,
    serial: reading.serial ?? undefined,
    mac: reading.mac ?? undefined,
    firmware: reading.firmware ?? undefined,
    location: reading.location ?? undefined,
    contact: reading.contact ?? undefined,
    description: reading.description ?? undefined,
    objectId: reading.objectId ?? undefined,
    status: {
      state: states[reading.status.state],
      errors: reading.status.errors,
      panel: reading.status.panel ?? undefined,
    },
    meters: reading.meters.map(({ name, value, unit, source, others }) => ({
      name,
      value,
      unit,
      source: sourceToMessage(source),
      others: othersToMessage(others),
    })),
    supplies: reading.supplies.map((supply) => ({
      index: supply.index,
      kind: supply.kind,
      colorant: supply.colorant,
      description: supply.description,
      partNumber: supply.partNumber ?? undefined,
      serial: supply.serial ?? undefined,
      level: levelToMessage(supply.level),
      source: sourceToMessage(supply.source),
      others: othersToMessage(supply.others),
    })),
    trays: reading.trays.map(({ index, name, media, level }) => ({
      index,
      name,
      media: media ?? undefined,
      level: levelToMessage(level),
    })),
    alerts: reading.alerts.map(({ severity, code, group, description, since }) => ({
      severity: severities[severity],
      code: code ?? undefined,
      group,
      description,
      since: since === null ? undefined : new Date(since),
    })),
    problems: reading.problems.map(({ code, message, address, oid }) => ({ code, message, address, oid })),
  };
}

function levelToMessage({ kind, percent, level, capacity, unit }: Level): proto.Level {
  return {
    kind: kinds[kind],
    percent: percent ?? undefined,
    level: level ?? undefined,
    capacity: capacity ?? undefined,
    unit: unit ?? undefined,
  };
}

function sourceToMessage({ oid, rule, raw }: Source): proto.Source {
  return { oid, rule, raw: rawToMessage(raw) };
}

function othersToMessage(others: readonly OtherSource[] = []): proto.OtherSource[] {
  return others.map(({ oid, rule, value, unit, raw, why }) => ({
    oid,
    rule,
    value: value ?? undefined,
    unit,
    raw: rawToMessage(raw ?? null),
    why: whys[why],
  }));
}

function rawToMessage(raw: RawValue): proto.RawValue | undefined {
  if (raw === null) return undefined;
  if (typeof raw !== "object") return { value: scalar(raw) };
  const columns = Object.entries(raw).map(([name, value]) => ({
    name,
    value: value === null ? undefined : scalar(value),
  }));
  return { value: { $case: "columns", value: { columns } } };
}

function scalar(value: number | string): { $case: "number"; value: number } | { $case: "text"; value: string } {
  return typeof value === "number" ? { $case: "number", value } : { $case: "text", value };
}

function swapped<K extends string>(table: Record<K, number>): Map<number, K> {
  return new Map((Object.entries(table) as [K, number][]).map(([name, number]) => [number, name]));
}
