import type { Profile } from "../profile.ts";
import { lexmarkMeters } from "./lexmark.ts";

/** e-STUDIO; the small ones are made by Lexmark and answer its private objects. */
export const toshiba: Profile = {
  id: "toshiba",
  maker: "Toshiba",
  recognise: {
    objectIds: ["1.3.6.1.4.1.1129.2.3"],
    descriptions: [/^TOSHIBA (?!TEC\b).*(?:e-?STUDIO|STUDIO)/i, /^e-STUDIO/i],
    devices: [/^TOSHIBA (?!TEC\b)/i],
    deviceIds: [/^TOSHIBA\b/i],
  },
  model: [
    { oid: "1.3.6.1.2.1.1.1.0", rule: "toshiba.description", take: /^TOSHIBA (e-?STUDIO ?\S+)/i },
  ],
  firmware: [
    { oid: "1.3.6.1.2.1.1.1.0", rule: "toshiba.description", take: / version (\S+)/i },
  ],
  meters: lexmarkMeters,
};

/** TEC-LABEL-PRINTER objects; glpi-agent Toshiba.pm and issue 1044 */
const label = "1.3.6.1.4.1.1129.1.2.1.1.1";

export const toshibaTec: Profile = {
  id: "toshiba_tec",
  maker: "Toshiba TEC",
  recognise: {
    objectIds: ["1.3.6.1.4.1.1129.1.2"],
    descriptions: [/^TOSHIBA TEC\b|^TEC B-/i],
    devices: [/^TOSHIBA TEC\b/i],
    deviceIds: [/^(?:TOSHIBA )?TEC\b/i],
  },
  model: [
    { oid: `${label}.2.1.0`, rule: "tec.deviceModel" },
    { oid: `${label}.1.1.0`, rule: "tec.productNumber" },
    { oid: "1.3.6.1.2.1.1.1.0", rule: "tec.description", take: /^TOSHIBA TEC (\S+)/i },
  ],
  firmware: [
    { oid: `${label}.1.2.0`, rule: "tec.productVersion" },
    { oid: `${label}.2.5.0`, rule: "tec.bootVersion" },
  ],
};
