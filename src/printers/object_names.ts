import { isUnder } from "../snmp/oid.ts";
import { oids } from "./printer_mib.ts";
import type { MeterRule, Profile, SupplyRule } from "./profile.ts";
import { deviceIdColumns } from "./recognise.ts";

/**
 * Name of an object in the standard MIBs or a profile's rule, with its instance ("prtMarkerLifeCount.1.1"), if known.
 */
export function maybeObjectName(oid: string, profile: Profile): string | undefined {
  for (const [name, base] of Object.entries(oids)) {
    if (name.endsWith("Entry")) continue;
    // Objects of the system group are listed with their instance, but identification asks with GETNEXT without it.
    const column = base.replace(/\.0$/, "");
    if (isUnder(oid, column)) return `${name}${oid.slice(column.length)}`;
  }
  const rules = new Set<string>();
  for (
    const field of [
      profile.model,
      profile.modelFallback,
      profile.serial,
      profile.firmware,
      profile.hostname,
      profile.panel,
    ]
  ) {
    for (const rule of field ?? []) if (rule.oid === oid) rules.add(rule.rule);
  }
  for (const rule of [...profile.meters ?? [], ...profile.supplies ?? []]) {
    if (objectsOf(rule).some((base) => isUnder(oid, base))) rules.add(rule.rule);
  }
  if (rules.size > 0) return [...rules].join(", ");
  return deviceIdColumns.some((base) => isUnder(oid, base)) ? "ieee1284 device id" : undefined;
}

function objectsOf(rule: MeterRule | SupplyRule): string[] {
  switch (rule.kind) {
    case "sum":
      return rule.oids;
    case "records":
      return [rule.oid];
    case "scalar":
      return "capacityOid" in rule && rule.capacityOid !== undefined ? [rule.oid, rule.capacityOid] : [rule.oid];
    case "labelled":
      return [rule.labels, rule.values].flat();
    case "typed":
      return [rule.types, rule.values, ...rule.where === undefined ? [] : [rule.where.column]];
    case "table":
      return [rule.names, rule.levels];
    case "detail":
      return [rule.column];
  }
}
