import { isUnder } from "../snmp/oid.ts";
import { type DeviceId, maybeDeviceId } from "./device_id.ts";
import { hostRowOf, isPartOfHost, maybeText, printerDevice } from "./inquiry.ts";
import { makerByName } from "./maker_names.ts";
import type { ObjectStore } from "./object_store.ts";
import { oids } from "./printer_mib.ts";
import type { Profile } from "./profile.ts";
import { allProfiles, genericProfile } from "./profiles/all.ts";
import { remembered } from "./remembered.ts";

/** The verdict on a device. `evidence` says in words why, strongest kind first for a printer. */
export interface Recognised {
  printer: boolean;
  profile: Profile;
  evidence: string[];
  /** Its texts describe another kind of device; Printer-MIB rows may still prove a printer. */
  ruledOut: boolean;
}

/** The texts and ids of a device, decoded once. */
interface Testimony {
  description: string;
  objectId: string;
  device: string;
  deviceIds: DeviceId[];
  /** The most reliable ids, in order of weight: in sysDescr.0 and in objects of the maker's own. */
  ownIds: DeviceId[];
}

/**
 * The makers with a pattern of one kind that matches a text; remembered, as the devices of a fleet have the same texts.
 */
function makersBy(kind: "never" | "cards" | "descriptions" | "devices" | "deviceIds"): (text: string) => Set<Profile> {
  return remembered((text) =>
    new Set(allProfiles.filter(({ recognise }) => recognise[kind]?.some((pattern) => pattern.test(text))))
  );
}

const by = {
  never: makersBy("never"),
  cards: makersBy("cards"),
  descriptions: makersBy("descriptions"),
  devices: makersBy("devices"),
  deviceIds: makersBy("deviceIds"),
};

/** The makers whose prefixes match a sysObjectID. */
const byObjectId = remembered((objectId) => {
  const under = (bases: readonly string[] | undefined) => bases?.some((base) => isUnder(objectId, base)) ?? false;
  return {
    makers: new Set(allProfiles.filter(({ recognise }) => under(recognise.objectIds))),
    printers: new Set(allProfiles.filter(({ recognise }) => under(recognise.printerIds))),
  };
});

/** Weights of evidence: texts written for people outweigh numbers, which OEM devices and network cards share. */
const weights = { deviceId: 6, description: 5, device: 4, named: 3, objectId: 2, card: 1, enterprise: 1 };

/**
 * Decides whether a device is a printer, and which maker's. Rows of markers or supplies prove a printer; rows of
 * prtGeneralTable do unless the texts describe another device, as scanners have them too. Without rows, a printer's
 * sysDescr.0 or an IEEE-1284 device id of a known maker is sufficient. hrDevicePrinter proves nothing: hosts list their
 * print queues with it. `oneOfSeveral`: hrDeviceIndex of one printer behind a print server, for which only its own rows
 * count.
 */
export function recognise(store: ObjectStore, oneOfSeveral?: string): Recognised {
  const stated = collectTestimony(store, oneOfSeveral);
  const testimony = withoutEmulation(stated);
  const evidence: string[] = [];
  const rows = [oids.prtGeneralEntry, oids.prtMarkerEntry, oids.prtMarkerSuppliesEntry].filter((entry) =>
    store.has(entry)
  );
  if (rows.length > 0) evidence.push(`Printer-MIB rows at ${rows.join(", ")}`);
  const matches = matchesOf(testimony);
  let best = bestOf(matches);
  // Private objects are weak evidence, used only if there is nothing stronger.
  if (best.score <= weights.enterprise && oneOfSeveral === undefined) best = bestOf(matches, enterprisesOf(store));
  // Numbers and network cards do not outweigh a maker's name, even an unknown one: many devices answer HP's objects,
  // and HP's print servers are used with printers of all makers.
  const { telling: byCard } = best;
  const otherwise = testimony.deviceIds.some(({ maker }) => maker !== null) ||
    makerByName(testimony.device) !== undefined ||
    (isPrintServer(testimony.description) && /\d/.test(testimony.device));
  if (best.score < weights.device && otherwise) {
    best = { profile: genericProfile, score: 0, telling: byCard, evidence: [] };
  }
  evidence.push(...best.evidence);
  const unknownPrinter = stated.deviceIds.find(({ deviceClass }) => isPrinterClass(deviceClass));
  if (unknownPrinter !== undefined && !best.telling) evidence.push("IEEE-1284 device id of class PRINTER");
  const telling = best.telling || unknownPrinter !== undefined || emulatesPrinter(stated, testimony);
  const ruledOut = isNoPrinter(testimony.description) ||
    testimony.deviceIds.some(({ deviceClass }) => otherClasses.test(deviceClass ?? ""));
  const proven = rows.some((entry) => entry !== oids.prtGeneralEntry);
  const printer = proven || ((telling || rows.length > 0) && !ruledOut);
  return { printer, profile: withRules.get(best.profile)!(testimony.objectId), evidence, ruledOut };
}

interface Judged {
  score: number;
  telling: boolean;
  evidence: string[];
}

/** The maker with the highest score; the first of equal ones. */
function bestOf(matches: Matches, enterprises: ReadonlySet<string> = none): Judged & { profile: Profile } {
  const { deviceIds, cards, descriptions, named, devices, objectIds } = matches;
  const said = [...deviceIds.map(({ makers }) => makers), cards, descriptions, named, devices, objectIds.makers];
  let best: Judged & { profile: Profile } = { profile: genericProfile, score: 0, telling: false, evidence: [] };
  for (const profile of allProfiles) {
    if (enterprises.size === 0 && !said.some((makers) => makers.has(profile))) continue;
    const judged = judge(profile, matches, enterprises);
    if (judged.score > best.score) best = { profile, ...judged };
  }
  return best;
}

const none: ReadonlySet<string> = new Set();

/** Makers whose printers others emulate: page description languages, and with them device ids, names and numbers. */
const emulated = allProfiles.filter(({ id }) => ["hp", "epson", "ibm"].includes(id));

/** The maker that the device names in its texts, unless it is HP, which all others emulate. */
function ownMaker({ description, device, ownIds }: Testimony): string | undefined {
  const names = (text: string, kind: "descriptions" | "devices" | "deviceIds") =>
    [...by[kind](text)].find((profile) => profile.id !== "hp" && !by.never(text).has(profile))?.maker;
  const isCard = isPrintServer(description);
  const said = isCard ? undefined : names(description, "descriptions") ?? names(description, "devices") ??
    maybeNamed(description);
  const own = said ?? ownIds.map(({ maker }) => names(maker ?? "", "deviceIds")).find((maker) => maker !== undefined);
  if (own !== undefined) return own;
  // A network card names its own maker; but a printer's own description is not emulated.
  const isOwn = !isCard && by.descriptions(description).size > 0;
  return isOwn ? undefined : names(device, "devices") ?? maybeNamed(device);
}

/** Makers of print servers for printers of all makers. */
const anyonesServer =
  /^(?:AXIS|SEH|Intel|D-Link|TRENDnet|Netgear|Linksys|Lantronix|Castelle|Extended Systems|SILEX|Digi|Hawking|TP-LINK|Edimax|Level ?One|Planet|IOGEAR|StarTech|Allied Telesis|MiLAN|Troy XCD|XCD|Emulex)\b/i;

/** Whether sysDescr.0 describes a print server whose maker has no printers. */
export function isGenericPrintServer(description: string): boolean {
  return anyonesServer.test(description);
}

/** Whether sysDescr.0 describes a print server or network card for printers of all makers. */
export function isPrintServer(description: string): boolean {
  return isGenericPrintServer(description) || by.cards(description).size > 0;
}

/** A maker without a profile. TROY is left out: it sells HP's printers, which emulate no other maker. */
function maybeNamed(text: string): string | undefined {
  const maker = makerByName(text);
  return maker === "TROY" ? undefined : maker;
}

/** The texts and ids without emulated ones: a Brother that answers as HP's LaserJet 4 is a Brother. */
function withoutEmulation(testimony: Testimony): Testimony {
  const own = ownMaker(testimony);
  if (own === undefined) return testimony;
  const { device, deviceIds, objectId } = testimony;
  return {
    ...testimony,
    device: isEmulated(device, own) ? "" : device,
    deviceIds: deviceIds.filter(({ maker }) => maker === null || !isEmulated(maker, own)),
    objectId: emulated.some((profile) => byObjectId(objectId).makers.has(profile)) ? "" : objectId,
  };
}

function isEmulated(text: string, own: string): boolean {
  return emulated.some((profile) =>
    profile.maker !== own && (by.devices(text).has(profile) || by.deviceIds(text).has(profile))
  );
}

/** Whether an id that only printers have was removed as emulated. */
function emulatesPrinter(stated: Testimony, testimony: Testimony): boolean {
  return stated.objectId !== testimony.objectId &&
    emulated.some((profile) => byObjectId(stated.objectId).printers.has(profile));
}

/** Returns a function that tells whether a text belongs to an emulated printer, and so does not describe the device. */
export function emulation(store: ObjectStore, oneOfSeveral?: string): (text: string) => boolean {
  const own = ownMaker(collectTestimony(store, oneOfSeveral));
  return (text) => own !== undefined && isEmulated(text, own);
}

/**
 * A rebranded machine whose brand has no rules uses the rules of the maker whose sysObjectID it answers: it is the same
 * machine. A brand with rules uses that maker's counters in addition to its own: Canon's presses behind Océ's
 * controller, OKI's machines by Toshiba. So does a machine of a maker without a profile. HP's id is ignored, because
 * too many devices answer it.
 */
function withRulesOf(profile: Profile, objectId: string): Profile {
  const numbered = byObjectId(objectId).makers;
  const machine = allProfiles.find((maker) => maker.meters !== undefined && numbered.has(maker));
  if (machine === undefined) return profile;
  const { id, maker, recognise, meters, supplies } = profile;
  const isBadge = profile !== genericProfile && meters === undefined && supplies === undefined;
  if (isBadge) return { ...machine, ...profile, id, maker, recognise };
  const others = (machine.meters ?? []).filter((rule) => !meters?.includes(rule));
  if (others.length === 0 || machine.id === id || shared.has(enterpriseOf(objectId) ?? "")) return profile;
  return { ...profile, meters: [...meters ?? [], ...others] };
}

/**
 * Merged profiles by profile and sysObjectID: one object for all devices of a kind, as read plans are cached by
 * profile.
 */
const withRules = new Map(
  [...allProfiles, genericProfile].map((profile) =>
    [profile, remembered((objectId) => withRulesOf(profile, objectId))] as const
  ),
);

/** Devices of printer makers that are not printers; used only if there are no Printer-MIB rows. */
const generallyNever: readonly RegExp[] = [
  // Hosts, whose name, kernel or print queues may contain any words
  /^(?:Linux|Darwin|FreeBSD|OpenBSD|NetBSD|SunOS|AIX|HP-UX|Hardware:|Microsoft|Windows|VMware|Cisco|JUNOS)\b/i,
  /^(?!.*\b(?:print|mfp|copier|multifunction)).*\bscan(?:ner)?\b/i,
  /\b(?:projector|camera|scan(?:ner)? server|switch|router|firewall|ups|access point|display|video wall)\b/i,
  /\b(?:onboard administrator|integrated lights-out|virtual connect|idrac)\b/i,
];

const isNoPrinter = remembered((text): boolean => generallyNever.some((pattern) => pattern.test(text)));

/** Matches the texts and ids with the patterns of all makers. */
function matchesOf({ description, device, objectId, deviceIds }: Testimony) {
  return {
    excluded: [description, device, objectId].map(by.never),
    deviceIds: deviceIds.flatMap((id) => id.maker === null ? [] : { id, makers: by.deviceIds(id.maker) }),
    cards: by.cards(description),
    descriptions: by.descriptions(description),
    named: by.devices(description),
    devices: by.devices(device),
    objectIds: byObjectId(objectId),
  };
}

type Matches = ReturnType<typeof matchesOf>;

function judge(profile: Profile, matches: Matches, enterprises: ReadonlySet<string>): Judged {
  const evidence: string[] = [];
  let score = 0;
  let telling = false;
  if (matches.excluded.some((makers) => makers.has(profile))) return { score, telling, evidence };
  const id = matches.deviceIds.find(({ makers }) => makers.has(profile))?.id;
  if (id !== undefined) {
    score += weights.deviceId;
    telling = id.deviceClass === null || isPrinterClass(id.deviceClass);
    evidence.push(`IEEE-1284 device id names ${id.maker}`);
  }
  const card = matches.cards.has(profile);
  if (card) {
    score += weights.card;
    telling = true;
    evidence.push(`sysDescr.0 is that of a network card by ${profile.maker}`);
  }
  if (matches.descriptions.has(profile)) {
    score += weights.description;
    telling = true;
    evidence.push(`sysDescr.0 is that of a ${profile.maker} printer`);
  } else if (!card && matches.named.has(profile)) {
    score += weights.named;
    evidence.push(`sysDescr.0 names ${profile.maker}`);
  }
  if (matches.devices.has(profile)) {
    score += weights.device;
    evidence.push(`hrDeviceDescr names ${profile.maker}`);
  }
  if (matches.objectIds.printers.has(profile)) telling = true;
  if (matches.objectIds.makers.has(profile)) {
    score += weights.objectId;
    evidence.push(`sysObjectID is under ${profile.maker}`);
  }
  const { objectIds } = profile.recognise;
  if (score === 0 && objectIds?.some((base) => enterprises.has(enterpriseOf(base) ?? ""))) {
    score += weights.enterprise;
    evidence.push(`private objects of ${profile.maker} were answered`);
  }
  return { score, telling, evidence };
}

/** The classes of IEEE 1284 that are not printers. */
const otherClasses = /^(?:SCANNER|DIGCAM|MODEM|NET|HDC|FDC|MEDIA|PORTS)$/;

function isPrinterClass(deviceClass: string | null): boolean {
  return deviceClass !== null && /PRINT|MFP/.test(deviceClass);
}

/** Object subtrees that printers and network cards of many makers answer: HP's and the PWG's. */
const shared = new Set(["1.3.6.1.4.1.11", "1.3.6.1.4.1.2699"]);

function collectTestimony(store: ObjectStore, oneOfSeveral?: string): Testimony {
  const isAlone = oneOfSeveral === undefined;
  const description = isAlone ? maybeText(store.get(oids.sysDescr)) ?? "" : "";
  const objectId = isAlone ? store.get(oids.sysObjectID)?.value : undefined;
  const device = oneOfSeveral ?? hostRowOf(store, printerDevice(store));
  const deviceIds: DeviceId[] = [];
  const ownDeviceId = maybeDeviceId(description);
  // Switches have descriptions like "Manufacturer: …; Model: …" as well.
  if (ownDeviceId !== undefined && (ownDeviceId.prints || isPrinterClass(ownDeviceId.deviceClass))) {
    deviceIds.push(ownDeviceId);
  }
  const ownIds = [...deviceIds];
  for (const { oid, id } of deviceIdObjects(store, oneOfSeveral)) {
    deviceIds.push(id);
    if (!shared.has(enterpriseOf(oid) ?? "")) ownIds.push(id);
  }
  return {
    description,
    objectId: typeof objectId === "string" ? objectId : "",
    device: isPartOfHost(store, device)
      ? ""
      : maybeText(store.get(`${oids.hrDeviceDescr}.${device}`)) ?? (isAlone ? "" : nameOf(store, device)),
    deviceIds,
    ownIds,
  };
}

/** Makers whose private objects were answered. */
function enterprisesOf(store: ObjectStore): Set<string> {
  const enterprises = new Set<string>();
  for (const oid of store.oids()) {
    const base = enterpriseOf(oid);
    if (base !== undefined && !shared.has(base)) enterprises.add(base);
  }
  return enterprises;
}

/** The name that a print server without hrDeviceTable gives the printer. */
function nameOf(store: ObjectStore, device: string): string {
  return maybeText(store.get(`${oids.prtGeneralPrinterName}.${device}`)) ?? "";
}

/**
 * IEEE-1284 device ids among the answers; for one of several printers, those whose index begins with its hrDeviceIndex.
 */
export function deviceIdObjects(store: ObjectStore, oneOfSeveral?: string): { oid: string; id: DeviceId }[] {
  const found: { oid: string; id: DeviceId }[] = [];
  for (const base of deviceIdColumns) {
    for (const [index, value] of store.column(base)) {
      if (oneOfSeveral !== undefined && index.split(".")[0] !== oneOfSeveral) continue;
      const id = maybeDeviceId(maybeText(value) ?? "");
      if (id !== undefined) found.push({ oid: `${base}.${index}`, id });
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
