import type { Profile } from "../profile.ts";
import { kyoceraFirmware, kyoceraHostname, kyoceraMeters, kyoceraModel, kyoceraSerial } from "./kyocera.ts";

/** Machines by Kyocera under its subsidiaries' names; their sysObjectID is Kyocera's (recording utax-p-4532dn). */
function badge(id: string, maker: string, pattern: RegExp): Profile {
  return {
    id,
    maker,
    recognise: { objectIds: ["1.3.6.1.4.1.1347"], descriptions: [pattern], devices: [pattern], deviceIds: [pattern] },
    model: kyoceraModel,
    serial: kyoceraSerial,
    firmware: kyoceraFirmware,
    hostname: kyoceraHostname,
    meters: kyoceraMeters,
  };
}

export const utax = badge("utax", "UTAX", /\bUTAX\b|^TA[_ /]?UTAX/i);
export const triumphAdler = badge("triumph_adler", "Triumph-Adler", /^(?:TRIUMPH|TA)[-_ /]?(?:TRIUMPH[- ])?ADLER\b/i);
export const copystar = badge("copystar", "Copystar", /^Copystar\b/i);
