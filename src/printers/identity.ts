import type { SnmpValue } from "../snmp/value.ts";
import { type DeviceId, maybeDeviceId } from "./device_id.ts";
import { type Inquiry, isPartOfHost, maybeText } from "./inquiry.ts";
import { cleanModel } from "./clean_model.ts";
import { knownText } from "./known_text.ts";
import { makerByFirstWord, makerByName } from "./maker_names.ts";
import { oids } from "./printer_mib.ts";
import type { FieldRule } from "./profile.ts";
import { maybeInteger, maybeOctets } from "./raw_value.ts";
import { deviceIdObjects, emulation, isPrintServer } from "./recognise.ts";
import { decodeText } from "./text.ts";
import { firstValid, type Offer } from "./trace.ts";

export interface Identity {
  manufacturer: string | null;
  model: string | null;
  serial: string | null;
  firmware: string | null;
  mac: string | null;
}

interface Identifying extends Inquiry {
  /** Whether a text belongs to a printer that this one emulates. */
  isEmulated: (text: string) => boolean;
}

/** The identity of a printer. The model is read last, because serial and firmware are removed from it. */
export function readIdentity(of: Inquiry): Identity {
  const inquiry = { ...of, isEmulated: emulation(of.store, of.isOneOfSeveral ? of.device : undefined) };
  const serial = readSerial(inquiry);
  const firmware = readFirmware(inquiry);
  const manufacturer = readManufacturer(inquiry);
  return {
    manufacturer,
    model: readModel(inquiry, { manufacturer, serial, firmware }),
    serial,
    firmware,
    mac: readMac(inquiry),
  };
}

function readManufacturer(inquiry: Identifying): string | null {
  const { profile, store, trace, hostRow, charset, isEmulated } = inquiry;
  const offers: Offer<string>[] = [];
  if (profile.maker !== "") {
    offers.push({
      oid: oids.sysObjectID,
      rule: `profile.${profile.id}`,
      answered: store.get(oids.sysObjectID),
      value: profile.maker,
    });
  }
  for (const { oid, id } of ownDeviceIds(inquiry)) {
    const maker = knownText(id.maker ?? undefined);
    const value = maker === undefined ? undefined : makerByName(maker) ?? maker;
    offers.push({ oid, rule: "ieee1284.maker", answered: store.get(oid), value });
  }
  // Texts that begin with a maker's name: first known names, then words that can only be a maker's name.
  for (const [rule, read] of [["words.maker", makerByName], ["words.firstWord", makerByFirstWord]] as const) {
    for (const oid of [`${oids.hrDeviceDescr}.${hostRow}`, oids.sysDescr]) {
      if (oid === oids.sysDescr && inquiry.isOneOfSeveral) continue;
      const answered = store.get(oid);
      const text = oid !== oids.sysDescr && isPartOfHost(store, hostRow) ? undefined : maybeText(answered, charset);
      const isServer = oid === oids.sysDescr && text !== undefined && isPrintServer(text);
      const value = text === undefined || isEmulated(text) || isServer ? undefined : read(text);
      offers.push({ oid, rule, answered, value, ...answered === undefined ? {} : { reason: "names no maker" } });
    }
  }
  return firstValid(trace, "manufacturer", offers)?.value ?? null;
}

function readModel(
  inquiry: Identifying,
  known: { manufacturer: string | null; serial: string | null; firmware: string | null },
): string | null {
  const { profile, store, trace, hostRow } = inquiry;
  const offers = (profile.model ?? []).map((rule) => fieldOffer(inquiry, rule, (text) => cleanModel(text, known)));
  const deviceDescr = `${oids.hrDeviceDescr}.${hostRow}`;
  const own = fieldOffer(
    inquiry,
    { oid: deviceDescr, rule: "hostResources.device" },
    (text) => cleanModel(text, known),
  );
  const named = maybeText(own.answered, inquiry.charset);
  if (isPartOfHost(store, hostRow)) offers.push({ ...own, value: undefined, reason: "the row is another device's" });
  else if (named !== undefined && inquiry.isEmulated(named)) {
    offers.push({ ...own, value: undefined, reason: "the name of a printer that it emulates" });
  } else offers.push(own);
  for (const { oid, id } of ownDeviceIds(inquiry)) {
    const value = id.model === null ? undefined : cleanModel(id.model, known);
    offers.push({ oid, rule: "ieee1284.model", answered: store.get(oid), value });
  }
  for (const rule of profile.modelFallback ?? []) {
    offers.push(fieldOffer(inquiry, rule, (text) => cleanModel(text, known)));
  }
  offers.push(nameOffer(inquiry, known));
  const described = descriptionOffer(inquiry, known);
  if (described !== undefined) offers.push(described);
  return firstValid(trace, "model", offers)?.value ?? null;
}

/** prtGeneralPrinterName, which users may change: only used if it begins with the maker's name and has a digit. */
function nameOffer(inquiry: Inquiry, known: Parameters<typeof cleanModel>[1]): Offer<string> {
  const own = { oid: `${oids.prtGeneralPrinterName}.${inquiry.device}`, rule: "rfc3805.printerName" };
  const begins = (text: string) => {
    const { maker, recognise: { devices = [] } } = inquiry.profile;
    return maker === "" ? makerByName(text) === known.manufacturer : devices.some((pattern) => pattern.test(text));
  };
  const offer = fieldOffer(inquiry, own, (text) => {
    const model = known.manufacturer !== null && begins(text) ? cleanModel(text, known) : undefined;
    return model !== undefined && /\d/.test(model) ? model : undefined;
  });
  return offer.answered !== undefined && offer.value === undefined ? { ...offer, reason: "names no model" } : offer;
}

/** Words in the descriptions of network cards and controllers, including digits. */
const cardWords =
  /print ?server|\bnet(?:work)?\b|ethernet|lan\b|\bnc-\d|\binterface\b|print i\/f|jetdirect|firmware|wireless|\bcard\b|\bcontroller\b|\bsystem\b|\bnic\b/i;

/**
 * The last resort: sysDescr.0 up to a comma, if it belongs to a printer, names no network card, and has a digit like
 * most models. For a maker without a profile it must begin with the maker's name.
 */
function descriptionOffer(inquiry: Inquiry, known: Parameters<typeof cleanModel>[1]): Offer<string> | undefined {
  const { profile: { recognise, maker }, store, charset } = inquiry;
  const answered = store.get(oids.sysDescr);
  const text = maybeText(answered, charset);
  if (text === undefined || known.manufacturer === null || inquiry.isOneOfSeveral) return undefined;
  const { descriptions = [], devices = [] } = recognise;
  const named = maker === ""
    ? makerByName(text) === known.manufacturer || text.toLowerCase().startsWith(`${known.manufacturer.toLowerCase()} `)
    : [...descriptions, ...devices].some((pattern) => pattern.test(text));
  const name = text.replace(/[,;:(|].*$/, "").replace(/ version .*$/i, "").replace(/(\d\S*) v?\d+(?:\.\d+)+$/i, "$1");
  const model = named && !cardWords.test(name) ? cleanModel(name, known) : undefined;
  const value = model !== undefined && /\d/.test(model) ? model : undefined;
  return { oid: oids.sysDescr, rule: "system.description", answered, value, reason: "names no model" };
}

/** IEEE-1284 device ids that are the printer's own. */
function ownDeviceIds(inquiry: Identifying): { oid: string; id: DeviceId }[] {
  const { store, device, isOneOfSeveral, isEmulated } = inquiry;
  return deviceIdObjects(store, isOneOfSeveral ? device : undefined)
    .filter(({ id: { maker } }) => maker === null || !isEmulated(maker));
}

function readSerial(inquiry: Identifying): string | null {
  const { profile, store, trace, device } = inquiry;
  const standard = { oid: `${oids.prtGeneralSerialNumber}.${device}`, rule: "rfc3805.serial" };
  const offers = [standard, ...profile.serial ?? []].map((rule) => fieldOffer(inquiry, rule, maybeSerial));
  for (const { oid, id } of ownDeviceIds(inquiry)) {
    if (id.serial === null) continue;
    offers.push({ oid, rule: "ieee1284.serial", answered: store.get(oid), value: maybeSerial(id.serial) });
  }
  return firstValid(trace, "serial", offers)?.value ?? null;
}

function readFirmware(inquiry: Inquiry): string | null {
  const offers = (inquiry.profile.firmware ?? []).map((rule) => fieldOffer(inquiry, rule, knownText));
  return firstValid(inquiry.trace, "firmware", offers)?.value ?? null;
}

/** A text field by the profile's rules; null if none of their objects is answered. */
export function readField(inquiry: Inquiry, field: string, rules: FieldRule[] | undefined): string | null {
  const offers = (rules ?? []).map((rule) => fieldOffer(inquiry, rule, knownText));
  return firstValid(inquiry.trace, field, offers)?.value ?? null;
}

/** The offer of one rule from its object. */
export function fieldOffer(
  inquiry: Inquiry,
  rule: FieldRule,
  accept: (text: string) => string | undefined,
): Offer<string> {
  const answered = inquiry.store.get(rule.oid);
  const text = taken(answered, rule.take ?? "text", inquiry.charset);
  const value = text === undefined ? undefined : accept(text);
  const offer: Offer<string> = { oid: rule.oid, rule: rule.rule, answered, value };
  return answered !== undefined && value === undefined ? { ...offer, reason: "empty or a placeholder" } : offer;
}

function taken(answered: SnmpValue | undefined, take: NonNullable<FieldRule["take"]>, charset?: number) {
  if (take === "pml") {
    // PML strings start with a symbol set of two octets, the first of which is 0 or 1; no text starts with these.
    const octets = maybeOctets(answered);
    if (octets === undefined) return undefined;
    return decodeText(octets.length > 2 && octets[0]! < 2 ? octets.subarray(2) : octets, charset) || undefined;
  }
  const text = maybeText(answered, charset);
  if (text === undefined || take === "text") return text;
  if (take === "deviceId") return maybeDeviceId(text)?.model ?? undefined;
  return take.exec(text)?.[1];
}

/** A serial number, or undefined for padding, zeros, ones repeated and placeholder words. */
export function maybeSerial(text: string): string | undefined {
  const known = knownText(text)?.replace(/^(?:S\/?N|serial(?: ?(?:no|number))?)\s*[:.#]\s*/i, "").trim();
  if (known === undefined || known.length < 3 || known.length > 64) return undefined;
  // Published recordings have "<private>", "[removed]" or "***" here.
  if (!/^[\p{L}\d][\p{L}\d .:_/+-]*$/u.test(known)) return undefined;
  const core = known.replace(/[\s:._/-]/g, "");
  // "0000000000", "FFFFFFFF", "XXXXXXXXXX", "1111111": an unset field often has one repeated character.
  if (core === "" || /^(.)\1*$/.test(core)) return undefined;
  // Without a digit it is a word, unless it consists of capitals that are not a word.
  if (!/\d/.test(core) && (!/^[A-Z]{8,}$/.test(core) || words.test(core))) return undefined;
  // A product line's letters before zeros, and the alphabet, are not serial numbers either.
  if (/^[A-Z]{1,4}0{4,}$|^ABCDEFG?H?I?/i.test(core)) return undefined;
  if (/^(?:0?1234(?:5(?:6(?:7(?:8(?:90?)?)?)?)?)?|no\.?\d|serial.?(?:no|number)?\d*)$/i.test(core)) return undefined;
  return known;
}

const words =
  /serial|number|default|printer|unknown|assign|available|provid|configur|undefined|specified|support|private|remov|redact|anonym|test|demo|none|null|empty/i;

function readMac(inquiry: Inquiry): string | null {
  const { store, trace, isOneOfSeveral } = inquiry;
  const offers: Offer<string>[] = store.column(oids.ifPhysAddress).map(([index, answered]) => {
    const oid = `${oids.ifPhysAddress}.${index}`;
    const rule = "ifMib.physAddress";
    if (maybeInteger(store.get(`${oids.ifType}.${index}`)) === softwareLoopback) {
      return { oid, rule, answered, value: undefined, reason: "loopback interface" };
    }
    if (isOneOfSeveral) return { oid, rule, answered, value: undefined, reason: "the print server's" };
    return { oid, rule, answered, value: maybeMac(answered) };
  });
  return firstValid(trace, "mac", offers)?.value ?? null;
}

/** IANAifType softwareLoopback(24). */
const softwareLoopback = 24;

/** A MAC address as six lower-case pairs, or undefined for zeros, group addresses and other lengths. */
export function maybeMac(value: SnmpValue): string | undefined {
  let octets = maybeOctets(value);
  if (octets !== undefined && octets.length !== 6) {
    const digits = new TextDecoder("latin1").decode(octets).trim().replace(/[:-]/g, "");
    if (!/^[0-9a-f]{12}$/i.test(digits)) return undefined;
    octets = Uint8Array.fromHex(digits);
  }
  if (octets === undefined || octets.every((octet) => octet === 0) || (octets[0]! & 1) === 1) return undefined;
  return [...octets].map((octet) => octet.toString(16).padStart(2, "0")).join(":");
}
