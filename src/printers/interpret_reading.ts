import { readAlerts } from "./alerts.ts";
import { readField, readIdentity } from "./identity.ts";
import { knownText } from "./known_text.ts";
import { type Inquiry, maybeText, openInquiry } from "./inquiry.ts";
import { checkMeters } from "./meter_checks.ts";
import { readMeters } from "./meters.ts";
import type { ObjectStore } from "./object_store.ts";
import { oids } from "./printer_mib.ts";
import type { Profile } from "./profile.ts";
import type { Problem, Reading } from "../../common/reading/reading.ts";
import { recognise } from "./recognise.ts";
import { answeringPrinters } from "./several_printers.ts";
import { readStatus } from "./status.ts";
import { readSupplies } from "./supplies.ts";
import { firstValid, type Trace } from "./trace.ts";
import { readTrays } from "./trays.ts";

export interface Asked {
  meters: boolean;
  /** Levels of supplies and trays. */
  levels: boolean;
}

/** Facts about a device that are not in its answers. */
export interface ReadingContext {
  observedAt: Date;
  address: string;
  port: number;
  /** The host name by which the device was targeted, null when it was found by address. */
  targetName: string | null;
  snmp: Reading["snmp"];
  /** What could not be read. */
  problems: Problem[];
  /** Default: all. Parts that were not asked for stay empty, even if some of their objects were answered. */
  asked?: Asked;
  /** The profile that the plan was made with; recognised again when left out. */
  profile?: Profile;
  /** Whether to record the trace; default: true. */
  traces?: boolean;
  /** hrDeviceIndex of the printer to interpret, if several answer at the address; default: the first. */
  oneOfSeveral?: string;
}

export interface Interpreted {
  reading: Reading;
  trace: Trace;
}

/** The readings of all printers that answer at one address: usually one, several behind a print server. */
export function interpretReadings(store: ObjectStore, context: ReadingContext): Interpreted[] {
  const answering = answeringPrinters(store);
  const devices = answering.devices.slice(0, mostPrinters);
  const problems = [...context.problems, ...severalProblems(store, answering)];
  if (devices.length < 2) return [interpretReading(store, { ...context, problems })];
  return devices.map((oneOfSeveral) => {
    const { profile } = recognise(store, oneOfSeveral);
    // Private objects are not indexed by hrDeviceTable: it is unknown to which printer they belong.
    const { id, maker, recognise: by, standardSupplies } = profile;
    const standard = { id, maker, recognise: by, ...standardSupplies && { standardSupplies } };
    return interpretReading(store, { ...context, problems, profile: standard, oneOfSeveral });
  });
}

/** Limit of printers at one address: the largest print servers have eight ports; more would be a defective agent. */
const mostPrinters = 16;

/** Problems with the number of printers, if not all of them are read. */
function severalProblems(store: ObjectStore, { devices, silent }: ReturnType<typeof answeringPrinters>): Problem[] {
  const read = Math.min(devices.length, mostPrinters);
  const all = devices.length + silent.length;
  if (read === all) return [];
  const names = silent.slice(0, mostPrinters).map((device) => nameOfDevice(store, device)).join(", ");
  const why = silent.length === 0 ? `at most ${mostPrinters} are read per address` : `no answer for ${names}`;
  const message = `${all} printers are behind this address and only ${
    read === 1 ? "1 is" : `${read} are`
  } read: ${why}`;
  return [{ code: "several-printers", message }];
}

function nameOfDevice(store: ObjectStore, device: string): string {
  const name = knownText(maybeText(store.get(`${oids.hrDeviceDescr}.${device}`)));
  return name === undefined ? `device ${device}` : `"${name}" (device ${device})`;
}

/** Interprets the answers of one device. Never throws: an unreadable part is null, an empty list or a problem. */
export function interpretReading(store: ObjectStore, context: ReadingContext): Interpreted {
  const { oneOfSeveral } = context;
  const profile = context.profile ?? recognise(store, oneOfSeveral).profile;
  const trace = context.traces ?? true ? [] : null;
  const problems = context.problems.map((problem) => ({ ...problem }));
  const inquiry = openInquiry(store, profile, problems, { oneOfSeveral, trace });
  if (oneOfSeveral !== undefined) {
    const oid = `${oids.hrDeviceType}.${oneOfSeveral}`;
    const value = Number(oneOfSeveral);
    firstValid(inquiry.trace, "deviceIndex", [{ oid, rule: "hostResources.index", answered: store.get(oid), value }]);
  }
  const identity = readIdentity(inquiry);
  inquiry.model = identity.model;
  const status = readStatus(inquiry);
  const asked = context.asked ?? { meters: true, levels: true };
  const meters = asked.meters ? readMeters(inquiry) : [];
  const supplies = asked.levels ? readSupplies(inquiry) : [];
  const trays = asked.levels ? readTrays(inquiry) : [];
  const alerts = readAlerts(inquiry, context.observedAt);
  const hostname = readHostname(inquiry, context.targetName);
  const system = readSystem(inquiry);
  inquiry.problems.push(...checkMeters(meters));
  const reading: Reading = {
    observedAt: context.observedAt.toISOString(),
    address: context.address,
    port: context.port,
    ...oneOfSeveral === undefined ? {} : { deviceIndex: Number(oneOfSeveral) },
    hostname,
    snmp: oneOfSeveral === undefined ? context.snmp : { ...context.snmp, engineId: null },
    manufacturer: identity.manufacturer,
    model: identity.model,
    serial: identity.serial,
    mac: identity.mac,
    firmware: identity.firmware,
    ...system,
    status,
    meters,
    supplies,
    trays,
    alerts,
    problems: inquiry.problems,
  };
  return { reading, trace: trace ?? [] };
}

/** Description and object id of a device that is not a printer. */
export function readOther(store: ObjectStore, profile: Profile): Pick<Reading, "description" | "objectId"> {
  const { description, objectId } = readSystem(openInquiry(store, profile, []));
  return { description, objectId };
}

/** The name by which the device was targeted comes first, as it is the one that its operators use. */
function readHostname(inquiry: Inquiry, targetName: string | null): string | null {
  if (targetName === null) {
    return readField(inquiry, "hostname", [
      { oid: oids.sysName, rule: "system.name" },
      ...inquiry.profile.hostname ?? [],
    ]);
  }
  const offer = { oid: "", rule: "target.name", answered: undefined, value: targetName, raw: targetName };
  return firstValid(inquiry.trace, "hostname", [offer])?.value ?? null;
}

/** Fields from the system group. */
function readSystem(inquiry: Inquiry): Pick<Reading, "location" | "contact" | "description" | "objectId"> {
  const { store, trace, charset } = inquiry;
  const read = (field: string, from: { oid: string; rule: string; value: string | undefined }) => {
    const answered = store.get(from.oid);
    const reason = answered === undefined ? "not answered" : "empty or a placeholder";
    return firstValid(trace, field, [{ ...from, answered, reason }])?.value ?? null;
  };
  const text = (oid: string) => maybeText(store.get(oid), charset);
  const objectId = store.get(oids.sysObjectID)?.value;
  // Agents without an object id of their own answer "0.0" (zeroDotZero of RFC 2578).
  const known = typeof objectId === "string" && objectId !== "0.0" ? objectId : undefined;
  return {
    location: read("location", {
      oid: oids.sysLocation,
      rule: "system.location",
      value: knownText(text(oids.sysLocation)),
    }),
    contact: read("contact", { oid: oids.sysContact, rule: "system.contact", value: knownText(text(oids.sysContact)) }),
    description: read("description", {
      oid: oids.sysDescr,
      rule: "system.description",
      value: knownText(text(oids.sysDescr)),
    }),
    objectId: read("objectId", { oid: oids.sysObjectID, rule: "system.objectId", value: known }),
  };
}
