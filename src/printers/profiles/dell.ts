import type { Profile } from "../profile.ts";
import { lexmarkMeters, lexmarkOldMeters } from "./lexmark.ts";
import { xeroxMeters } from "./xerox.ts";

/** As Lexmark's 641. */
const lexmarkTree = "1.3.6.1.4.1.674.10898.100";

/** Dell sold lasers made by Lexmark (private tree 674.10898.100, as Lexmark's 641) and by Fuji Xerox. */
export const dell: Profile = {
  id: "dell",
  maker: "Dell",
  recognise: {
    objectIds: ["1.3.6.1.4.1.674.10898.2", "1.3.6.1.4.1.674.10898.10", "1.3.6.1.4.1.674.10898.100"],
    descriptions: [
      /^Dell .+ version \S+ kernel /i,
      /^Dell [^;]+;.*\b(?:Controller|ESS|IOT|Engine|Net)\b/i,
      /^Dell .*\b(?:Laser|Printer|MFP)\b/i,
    ],
    devices: [/^Dell\b/i],
    deviceIds: [/^Dell\b/i],
    never: [/PowerConnect|iDRAC|Networking|PowerEdge|EqualLogic|Force10/i],
  },
  model: [
    { oid: "1.3.6.1.2.1.1.1.0", rule: "dell.description", take: /^Dell (.+?)(?: version |;)/i },
    // 1284 string; librenms DellLaser.php
    { oid: `${lexmarkTree}.2.1.2.1.3.1`, rule: "dell.model", take: "deviceId" },
    { oid: "1.3.6.1.4.1.253.8.51.10.2.1.7.2.28110202", rule: "dell.xeroxModel", take: "deviceId" },
  ],
  serial: [
    // As prtgenSerialNo of Lexmark
    { oid: `${lexmarkTree}.2.1.2.1.6.1`, rule: "dell.serial" },
  ],
  firmware: [
    // librenms dell-laser.yaml
    { oid: `${lexmarkTree}.1.1.1.0`, rule: "dell.firmware" },
    { oid: "1.3.6.1.2.1.1.1.0", rule: "dell.description", take: / version (\S+)/i },
    { oid: "1.3.6.1.2.1.1.1.0", rule: "dell.controller", take: /\b(?:Controller|ESS) ?([\d.]+)/i },
  ],
  meters: [
    ...xeroxMeters.filter((rule) => ["total", "mono", "color"].includes("meter" in rule ? rule.meter : "")),
    ...lexmarkMeters,
    ...lexmarkOldMeters(lexmarkTree),
  ],
};
