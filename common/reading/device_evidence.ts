/**
 * Evidence for recognising a device, in canonical form, for agent and platform. The address is not part of it, as it is
 * only the device's place. device_identity.ts compares evidence.
 */

import { isLost } from "./lost_codes.ts";

export type EvidenceKind = "serial" | "engineId" | "mac";

export interface EvidenceValue {
  kind: EvidenceKind;
  value: string;
}

export interface DeviceEvidence {
  serial: string | null;
  /** snmpEngineID (RFC 3411) in lower-case hexadecimal. */
  engineId: string | null;
  /** Lower case with colons. */
  macs: string[];
  maker: string | null;
  model: string | null;
}

/** The relevant part of a reading; values that were not read are null, absent or empty. */
export interface Shown {
  serial: string | null | undefined;
  engineId: string | null | undefined;
  macs: readonly (string | null | undefined)[];
  maker: string | null | undefined;
  model: string | null | undefined;
}

export function evidenceOf({ serial, engineId, macs, maker, model }: Shown): DeviceEvidence {
  const usable = macs.flatMap((mac) => maybeDeviceMac(mac) ?? []);
  return {
    serial: maybeDeviceSerial(serial),
    engineId: maybeEngineId(engineId),
    macs: [...new Set(usable)].sort(),
    maker: maker || null,
    model: model || null,
  };
}

export function evidenceValues({ serial, engineId, macs }: DeviceEvidence): EvidenceValue[] {
  return [
    ...(serial === null ? [] : [{ kind: "serial" as const, value: serial }]),
    ...(engineId === null ? [] : [{ kind: "engineId" as const, value: engineId }]),
    ...macs.map((value) => ({ kind: "mac" as const, value })),
  ];
}

/**
 * Whether all identifying objects were asked for and answered. A value that is missing in such a reading is not
 * available from the device; in other readings missing values mean nothing, and a value may be a substitute for a
 * better one that was lost.
 */
export function isWhole(reading: { scope: "full" | "status"; problems: readonly { code: string }[] }): boolean {
  return reading.scope === "full" && !reading.problems.some(({ code }) => isLost(code));
}

/** Technicians enter serials such as "1234"; a few characters do not identify a device in a fleet. */
const minSerialLength = 5;
const maxSerialLength = 64;

const serialPlaceholder =
  /^(?:UNKNOWN|NONE|NULL|BLANK|(?:NO)?SERIAL(?:NUMBER|NO|NUM)?|DEFAULT|NOTSET|NOTSPECIFIED|UNDEFINED|UNASSIGNED|INVALID|EMPTY|NOTAVAILABLE|NOTAPPLICABLE|NOTSUPPORTED|TOBEFILLED(?:BYOEM)?|PRINTER|PRIVATE|REMOVED|REDACTED|NOSUCH(?:OBJECT|INSTANCE)|(?:TEST|DEMO)\p{N}*)$/u;

/**
 * A serial number in upper case with letters and digits only, as firmware versions differ in the rest; null for
 * placeholders, one repeated character, consecutive digits, and texts that are too short to identify a device.
 */
export function maybeDeviceSerial(text: string | null | undefined): string | null {
  const serial = (text ?? "").normalize("NFKC").toUpperCase().replace(/[^\p{L}\p{N}]/gu, "");
  if (serial.length < minSerialLength || serial.length > maxSerialLength || /^(.)\1*$/u.test(serial)) return null;
  if ("01234567890".includes(serial) || "9876543210".includes(serial) || serialPlaceholder.test(serial)) return null;
  return serial;
}

/** Addresses of examples, and of boards without an assigned address. */
const madeUpMacs = new Set(["001122334455", "123456789abc"]);

/**
 * A burned-in address; null for (nearly) zeros, group and locally administered addresses (IEEE 802 bits 01, 02), which
 * identify nothing.
 */
export function maybeDeviceMac(text: string | null | undefined): string | null {
  const digits = text?.toLowerCase().replace(/[\s:.-]/g, "") ?? "";
  if (!/^[0-9a-f]{12}$/.test(digits) || /^0{10}/.test(digits) || madeUpMacs.has(digits)) return null;
  if ((parseInt(digits.slice(0, 2), 16) & 0x03) !== 0) return null;
  return digits.match(/../g)!.join(":");
}

/** SnmpEngineID (RFC 3411): 5 to 32 octets, and neither all 00 nor all ff. */
export function maybeEngineId(text: string | null | undefined): string | null {
  const digits = text?.toLowerCase().replace(/^0x|[:\s]/g, "") ?? "";
  if (!/^(?:[0-9a-f]{2}){5,32}$/.test(digits) || /^(?:0+|f+)$/.test(digits)) return null;
  return digits;
}

/**
 * Whether two descriptions can belong to one device. Firmware writes a model in different ways ("LaserJet M402dn", "HP
 * LaserJet Pro M402"), so one model number must agree; if a model is unknown, the makers must.
 */
export function canBeSameModel(
  a: Pick<DeviceEvidence, "maker" | "model">,
  b: Pick<DeviceEvidence, "maker" | "model">,
): boolean {
  if (a.model !== null && b.model !== null) {
    const left = plain(a.model), right = plain(b.model);
    if (left.includes(right) || right.includes(left)) return true;
    const numbers = numbersOf(a.model);
    return numbersOf(b.model).some((number) => numbers.includes(number));
  }
  return canBeSameMaker(a.maker, b.maker);
}

export function canBeSameMaker(a: string | null, b: string | null): boolean {
  if (a === null || b === null) return true;
  return plain(a).includes(plain(b)) || plain(b).includes(plain(a));
}

function plain(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}

/** Model numbers such as "m402" of "M402dn": without the letters for the equipment. */
function numbersOf(model: string): string[] {
  return model.toLowerCase().match(/[a-z]*-?\d{2,}/g)?.map(plain) ?? [];
}
