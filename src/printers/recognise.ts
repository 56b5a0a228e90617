import { isUnder } from "../snmp/oid.ts";
import { type DeviceId, maybeDeviceId } from "./device_id.ts";
import { maybeText, printerDevice } from "./inquiry.ts";
import type { ObjectStore } from "./object_store.ts";
import { oids } from "./printer_mib.ts";
import type { Profile } from "./profile.ts";
import { allProfiles, genericProfile } from "./profiles/all.ts";

/** The verdict on a device. `evidence` says in words why, strongest kind first for a printer. */
export interface Recognised {
  printer: boolean;
  profile: Profile;
  evidence: string[];
}

/** What a device says of itself, decoded once. */
interface Testimony {
  description: string;
  objectId: string;
  device: string;
  deviceIds: DeviceId[];
  enterprises: Set<string>;
}

/** Weights of evidence: what a person wrote for people outweighs numbers that OEMs and network cards share. */
const weights = { deviceId: 6, description: 5, device: 4, objectId: 2, enterprise: 1 };

/**
 * Decides whether a device is a printer, and whose. Printer-MIB rows prove a printer; without them a printer's
 * sysDescr.0 or an IEEE-1284 device id of a known maker does. hrDevicePrinter proves nothing: hosts list their print
 * queues with it.
 */
export function recognise(store: ObjectStore): Recognised {
  const testimony = hear(store);
  const evidence: string[] = [];
  const rows = [oids.prtGeneralEntry, oids.prtMarkerEntry, oids.prtMarkerSuppliesEntry].filter((entry) =>
    store.has(entry)
  );
  if (rows.length > 0) evidence.push(`Printer-MIB rows at ${rows.join(", ")}`);
  let best = { profile: genericProfile, score: 0, telling: false, evidence: [] as string[] };
  for (const profile of allProfiles) {
    const judged = judge(profile, testimony);
    if (judged.score > best.score) best = { profile, ...judged };
  }
  // Numbers alone do not outweigh a maker's own name, even one that is not known here: many answer HP's objects.
  if (best.score < weights.device && testimony.deviceIds.some(({ maker }) => maker !== null)) {
    best = { profile: genericProfile, score: 0, telling: false, evidence: [] };
  }
  evidence.push(...best.evidence);
  const unknownPrinter = testimony.deviceIds.find(({ deviceClass }) => isPrinterClass(deviceClass));
  if (unknownPrinter !== undefined && !best.telling) evidence.push("IEEE-1284 device id of class PRINTER");
  const telling = best.telling || unknownPrinter !== undefined;
  const ruledOut = generallyNever.some((pattern) => pattern.test(testimony.description));
  return { printer: rows.length > 0 || (telling && !ruledOut), profile: best.profile, evidence };
}

/** Devices of printer makers that are no printers; matters only when there are no Printer-MIB rows. */
const generallyNever = [
  /\b(?:projector|camera|scan(?:ner)? server|switch|router|firewall|ups|access point|display|video wall)\b/i,
  /\b(?:onboard administrator|integrated lights-out|virtual connect|idrac)\b/i,
];

function judge(profile: Profile, testimony: Testimony): { score: number; telling: boolean; evidence: string[] } {
  const { descriptions, devices, deviceIds, objectIds, never } = profile.recognise;
  const evidence: string[] = [];
  let score = 0;
  let telling = false;
  const excluded = never?.some((pattern) =>
    [testimony.description, testimony.device, testimony.objectId].some((text) => pattern.test(text))
  );
  if (excluded) return { score, telling, evidence };
  const id = testimony.deviceIds.find(({ maker }) => maker !== null && deviceIds?.some((it) => it.test(maker)));
  if (id !== undefined) {
    score += weights.deviceId;
    telling = id.deviceClass === null || isPrinterClass(id.deviceClass);
    evidence.push(`IEEE-1284 device id names ${id.maker}`);
  }
  if (descriptions?.some((pattern) => pattern.test(testimony.description))) {
    score += weights.description;
    telling = true;
    evidence.push(`sysDescr.0 is that of a ${profile.maker} printer`);
  }
  if (devices?.some((pattern) => pattern.test(testimony.device))) {
    score += weights.device;
    evidence.push(`hrDeviceDescr names ${profile.maker}`);
  }
  if (objectIds?.some((base) => isUnder(testimony.objectId, base))) {
    score += weights.objectId;
    evidence.push(`sysObjectID is under ${profile.maker}`);
  }
  if (score === 0 && objectIds?.some((base) => testimony.enterprises.has(enterpriseOf(base) ?? ""))) {
    score += weights.enterprise;
    evidence.push(`private objects of ${profile.maker} were answered`);
  }
  return { score, telling, evidence };
}

function isPrinterClass(deviceClass: string | null): boolean {
  return deviceClass !== null && /PRINT|MFP/.test(deviceClass);
}

function hear(store: ObjectStore): Testimony {
  const description = maybeText(store.get(oids.sysDescr)) ?? "";
  const objectId = store.get(oids.sysObjectID)?.value;
  const deviceIds: DeviceId[] = [];
  const enterprises = new Set<string>();
  const ownDeviceId = maybeDeviceId(description);
  if (ownDeviceId !== undefined) deviceIds.push(ownDeviceId);
  for (const { id } of deviceIdObjects(store)) deviceIds.push(id);
  for (const [oid] of store) {
    const enterprise = enterpriseOf(oid);
    if (enterprise !== undefined) enterprises.add(enterprise);
  }
  return {
    description,
    objectId: typeof objectId === "string" ? objectId : "",
    device: maybeText(store.get(`${oids.hrDeviceDescr}.${printerDevice(store)}`)) ?? "",
    deviceIds,
    enterprises,
  };
}

/** IEEE-1284 device ids among the answers. */
export function deviceIdObjects(store: ObjectStore): { oid: string; id: DeviceId }[] {
  const found: { oid: string; id: DeviceId }[] = [];
  for (const base of deviceIdColumns) {
    const under: [string, ReturnType<ObjectStore["get"]>][] = store.column(base)
      .map(([index, value]) => [`${base}.${index}`, value]);
    for (const [oid, value] of under) {
      const id = maybeDeviceId(maybeText(value) ?? "");
      if (id !== undefined) found.push({ oid, id });
    }
  }
  return found;
}

/**
 * Objects that hold an IEEE-1284 device id, without instance: HP gdStatusId (also answered by many others' network
 * cards), Brother brieee1284id, Samsung, Lexmark and Dell prtgenPrinterDescription (librenms DellLaser.php), Xerox
 * XCM (librenms Xerox.php), and the PWG's vendor-neutral one.
 */
export const deviceIdColumns: readonly string[] = [
  oids.ppmPrinterIEEE1284DeviceId,
  "1.3.6.1.4.1.2435.2.3.9.1.1.7",
  "1.3.6.1.4.1.236.11.5.1.1.1.26",
  "1.3.6.1.4.1.641.2.1.2.1.3",
  "1.3.6.1.4.1.674.10898.100.2.1.2.1.3",
  "1.3.6.1.4.1.253.8.51.1.2.1.20",
  "1.3.6.1.4.1.11.2.3.9.1.1.7",
];

function enterpriseOf(oid: string): string | undefined {
  return /^1\.3\.6\.1\.4\.1\.\d+(?=\.|$)/.exec(oid)?.[0];
}
