import type { MeterRule, Profile } from "../profile.ts";
import { lexmarkMeters } from "./lexmark.ts";

/** e-STUDIO; the small ones are made by Lexmark and answer its private objects. */
/** Pages by category and colour (1 full, 2 two colours, 3 black, 4 all); fusioninventory and other public agents. */
const pages = "1.3.6.1.4.1.1129.2.3.50.1.3.21.6.1";

function count(meter: string, categories: number[], colours: number[]): MeterRule {
  const oids = categories.flatMap((category) => colours.map((colour) => `${pages}.${category}.1.${colour}`));
  return { kind: "sum", meter, oids, rule: `toshiba.pages.${categories.join("+")}`, needs: "any" };
}

const all = [4], black = [3], colours = [1, 2];

/** Pages of one category in all colours, as the device counts them, else as they add up. */
function total(meter: string, categories: number[]): MeterRule[] {
  return [count(meter, categories, all), count(meter, categories, [...colours, ...black])];
}

/** 2 all functions, 3 print, 4 copy, 7 fax, 207 large paper; scans: 8 to the network, 9 for copies, 10 for faxes. */
const scans = [8, 9, 10];

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
  meters: [
    // Scans: script ids 22327299272 and 53277607705
    ...total("total", [2]),
    count("mono", [2], black),
    count("color", [2], colours),
    ...total("print.total", [3]),
    count("print.mono", [3], black),
    count("print.color", [3], colours),
    ...total("copy.total", [4]),
    count("copy.mono", [4], black),
    count("copy.color", [4], colours),
    count("fax.mono", [7], black),
    count("large.mono", [207], black),
    count("large.color", [207], colours),
    ...total("scan.total", scans),
    count("scan.mono", scans, black),
    count("scan.color", scans, colours),
    ...lexmarkMeters,
  ],
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
