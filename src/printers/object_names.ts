import { isUnder } from "../snmp/oid.ts";
import { oids } from "./printer_mib.ts";
import type { MeterRule, Profile, SupplyRule } from "./profile.ts";

/** What the standard MIBs or a profile's rule call an object, with its instance ("prtMarkerLifeCount.1.1"); else undefined. */
export function maybeObjectName(oid: string, profile: Profile): string | undefined {
  for (const [name, base] of Object.entries(oids)) {
    if (name.endsWith("Entry") || !isUnder(oid, base)) continue;
    return `${name}${oid.slice(base.length)}`.replace(/^(sys\w+)$/, "$1.0");
  }
  const rules = new Set<string>();
  for (const field of [profile.model, profile.serial, profile.firmware, profile.hostname, profile.panel]) {
    for (const rule of field ?? []) if (rule.oid === oid) rules.add(rule.rule);
  }
  for (const rule of [...profile.meters ?? [], ...profile.supplies ?? []]) {
    if (objectsOf(rule).some((base) => isUnder(oid, base))) rules.add(rule.rule);
  }
  return rules.size === 0 ? undefined : [...rules].join(", ");
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
      return [rule.labels, rule.values];
    case "typed":
      return [rule.types, rule.values, ...rule.where === undefined ? [] : [rule.where.column]];
    case "table":
      return [rule.names, rule.levels];
    case "detail":
      return [rule.column];
  }
}
