import { readAlerts } from "./alerts.ts";
import { knownText, readField, readIdentity } from "./identity.ts";
import { maybeText, openInquiry } from "./inquiry.ts";
import { checkMeters } from "./meter_checks.ts";
import { readMeters } from "./meters.ts";
import type { ObjectStore } from "./object_store.ts";
import { oids } from "./printer_mib.ts";
import type { Profile } from "./profile.ts";
import type { Problem, Reading } from "./reading.ts";
import { recognise } from "./recognise.ts";
import { readStatus } from "./status.ts";
import { readSupplies } from "./supplies.ts";
import type { Trace } from "./trace.ts";
import { readTrays } from "./trays.ts";

/** What the network knows of a device and its answers do not say. */
export interface ReadingContext {
  observedAt: Date;
  address: string;
  port: number;
  /** The host name by which the device was targeted, null when it was found by address. */
  targetName: string | null;
  snmp: Reading["snmp"];
  /** What could not be read. */
  problems: Problem[];
  /** The profile that the plan was made with; recognised again when left out. */
  profile?: Profile;
}

/** The meaning of what one device answered. Never throws: what cannot be read is null, an empty list or a problem. */
export function interpretReading(
  store: ObjectStore,
  context: ReadingContext,
): { reading: Reading; trace: Trace } {
  const profile = context.profile ?? recognise(store).profile;
  const inquiry = openInquiry(store, profile, context.problems.map((problem) => ({ ...problem })));
  const text = (oid: string) => maybeText(store.get(oid), inquiry.charset) ?? null;
  const identity = readIdentity(inquiry);
  inquiry.model = identity.model;
  const status = readStatus(inquiry);
  const meters = readMeters(inquiry);
  const supplies = readSupplies(inquiry);
  const trays = readTrays(inquiry);
  const alerts = readAlerts(inquiry, context.observedAt);
  const hostname = context.targetName ?? readField(inquiry, "hostname", hostnameRules(profile));
  const objectId = store.get(oids.sysObjectID)?.value;
  inquiry.problems.push(...checkMeters(meters));
  const reading: Reading = {
    observedAt: context.observedAt.toISOString(),
    address: context.address,
    port: context.port,
    hostname,
    snmp: context.snmp,
    manufacturer: identity.manufacturer,
    model: identity.model,
    serial: identity.serial,
    mac: identity.mac,
    firmware: identity.firmware,
    location: knownText(text(oids.sysLocation) ?? undefined) ?? null,
    contact: knownText(text(oids.sysContact) ?? undefined) ?? null,
    description: text(oids.sysDescr),
    objectId: typeof objectId === "string" ? objectId : null,
    status,
    meters,
    supplies,
    trays,
    alerts,
    problems: inquiry.problems,
  };
  return { reading, trace: inquiry.trace };
}

function hostnameRules(profile: Profile) {
  return [{ oid: oids.sysName, rule: "system.name" }, ...profile.hostname ?? []];
}
