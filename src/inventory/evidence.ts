/** What a device is recognised by, in one spelling each. Its address is not part of it: that is where a device is. */
import { maybeSerial } from "../printers/identity.ts";
import type { Reading } from "../printers/reading.ts";

export interface DeviceEvidence {
  serial: string | null;
  /** snmpEngineID (RFC 3411) in lower-case hexadecimal. */
  engineId: string | null;
  /** Lower case with colons. */
  macs: string[];
  maker: string | null;
  model: string | null;
}

/** The usable evidence of a reading; `macs` are those of further interfaces. */
export function evidenceOf(reading: Reading, macs: readonly string[] = []): DeviceEvidence {
  const usable = [reading.mac, ...macs].flatMap((mac) => maybeDeviceMac(mac) ?? []);
  return {
    serial: maybeDeviceSerial(reading.serial),
    engineId: maybeEngineId(reading.snmp.engineId),
    macs: [...new Set(usable)].sort(),
    maker: reading.manufacturer,
    model: reading.model,
  };
}

const minSerialLength = 5;

/** A serial number without the spaces and the case in which firmware versions differ; null for placeholders. */
export function maybeDeviceSerial(text: string | null): string | null {
  const serial = text === null ? undefined : maybeSerial(text);
  const normalised = serial?.replace(/\s+/g, "").toUpperCase();
  // "1234" is what technicians type in; a handful of characters is no proof of one device in a fleet.
  return normalised !== undefined && normalised.length >= minSerialLength ? normalised : null;
}

/** A burned-in address, or null: zeros, group addresses and locally administered ones (IEEE 802 bit 02) prove nothing. */
export function maybeDeviceMac(text: string | null): string | null {
  const digits = text?.toLowerCase().replace(/[:.-]/g, "") ?? "";
  if (!/^[0-9a-f]{12}$/.test(digits) || /^0+$/.test(digits)) return null;
  if ((parseInt(digits.slice(0, 2), 16) & 0x03) !== 0) return null;
  return digits.match(/../g)!.join(":");
}

/** SnmpEngineID (RFC 3411): 5 to 32 octets, and neither all 00 nor all ff. */
export function maybeEngineId(text: string | null): string | null {
  const digits = text?.toLowerCase().replace(/^0x|[:\s]/g, "") ?? "";
  if (!/^(?:[0-9a-f]{2}){5,32}$/.test(digits) || /^(?:0+|f+)$/.test(digits)) return null;
  return digits;
}

/**
 * Whether two descriptions can be of one device. Firmware writes a model in many ways ("LaserJet M402dn", "HP LaserJet
 * Pro M402"), so that what must agree is a number of it; where a model is not known, the makers must.
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
  if (a.maker === null || b.maker === null) return true;
  return plain(a.maker).includes(plain(b.maker)) || plain(b.maker).includes(plain(a.maker));
}

function plain(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/** "m402" of "M402dn": a family's letters and digits without the letters of its equipment. */
function numbersOf(model: string): string[] {
  return model.toLowerCase().match(/[a-z]*-?\d{2,}/g)?.map(plain) ?? [];
}
