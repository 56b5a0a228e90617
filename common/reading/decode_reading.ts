import type * as proto from "../../proto/gen/opendca/v1/reading.ts";
import type { Level, OtherSource, RawValue, Reading, Source } from "./reading.ts";
import { readingEnums } from "./encode_reading.ts";

/** The reading in a message; an unset field becomes `null`, an unknown enum number `unknown`. */
export function readingFromMessage(message: proto.Reading): Reading {
  const { versions, states, severities } = readingEnums;
  return {
    observedAt: (message.observedAt ?? new Date(0)).toISOString(),
    address: message.address,
    port: message.port,
    ...(message.deviceIndex === undefined ? {} : { deviceIndex: message.deviceIndex }),
    hostname: message.hostname ?? null,
    snmp: { version: versions.get(message.snmp?.version ?? 0) ?? "1", engineId: message.snmp?.engineId ?? null },
    manufacturer: message.manufacturer ?? null,
    model: message.model ?? null,
    serial: message.serial ?? null,
    mac: message.mac ?? null,
    firmware: message.firmware ?? null,
    location: message.location ?? null,
    contact: message.contact ?? null,
    description: message.description ?? null,
    objectId: message.objectId ?? null,
    status: {
      state: states.get(message.status?.state ?? 0) ?? "unknown",
      errors: message.status?.errors ?? [],
      panel: message.status?.panel ?? null,
    },
    meters: message.meters.map(({ name, value, unit, source, others }) => ({
      name,
      value,
      unit,
      source: sourceFrom(source),
      ...maybeOthers(others),
    })),
    supplies: message.supplies.map((supply) => ({
      index: supply.index,
      kind: supply.kind,
      colorant: supply.colorant,
      description: supply.description,
      partNumber: supply.partNumber ?? null,
      serial: supply.serial ?? null,
      level: levelFrom(supply.level),
      source: sourceFrom(supply.source),
      ...maybeOthers(supply.others),
    })),
    trays: message.trays.map(({ index, name, media, level }) => ({
      index,
      name,
      media: media ?? null,
      level: levelFrom(level),
    })),
    alerts: message.alerts.map(({ severity, code, group, description, since }) => ({
      severity: severities.get(severity) ?? "other",
      code: code ?? null,
      group,
      description,
      since: since?.toISOString() ?? null,
    })),
    problems: message.problems.map(({ code, message: text, address, oid }) => ({
      code,
      message: text,
      ...(address === undefined ? {} : { address }),
      ...(oid === undefined ? {} : { oid }),
    })),
  };
}

function levelFrom(level: proto.Level | undefined): Level {
  return {
    kind: readingEnums.kinds.get(level?.kind ?? 0) ?? "unknown",
    percent: level?.percent ?? null,
    level: level?.level ?? null,
    capacity: level?.capacity ?? null,
    ...(level?.unit === undefined ? {} : { unit: level.unit }),
  };
}

function sourceFrom(source: proto.Source | undefined): Source {
  return { oid: source?.oid ?? "", rule: source?.rule ?? "", raw: rawFrom(source?.raw) };
}

function maybeOthers(others: readonly proto.OtherSource[]): { others?: OtherSource[] } {
  return others.length === 0 ? {} : { others: othersFrom(others) };
}

/** A reason of a later version becomes `unknown`, and what is no number null. */
export function othersFrom(others: readonly proto.OtherSource[]): OtherSource[] {
  return others.map(({ oid, rule, value, unit, raw, why }) => {
    const answer = rawFrom(raw);
    return {
      oid,
      rule,
      value: value !== undefined && Number.isFinite(value) ? value : null,
      ...(unit === undefined ? {} : { unit }),
      ...(answer === null || typeof answer === "object" ? {} : { raw: answer }),
      why: readingEnums.whys.get(why) ?? "unknown",
    };
  });
}

function rawFrom(raw: proto.RawValue | undefined): RawValue {
  const value = raw?.value;
  if (value === undefined) return null;
  if (value.$case !== "columns") return value.value;
  // Names come from a device's table; a name such as __proto__ must stay an ordinary member.
  return Object.fromEntries(value.value.columns.map((column) => [column.name, column.value?.value ?? null]));
}
