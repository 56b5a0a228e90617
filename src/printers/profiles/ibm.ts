import type { Profile } from "../profile.ts";
import { lexmarkMeters } from "./lexmark.ts";

/** Infoprint lasers were made by Lexmark, whose sysObjectID they answer (recording ibm-infoprint-1130). */
export const ibm: Profile = {
  id: "ibm",
  maker: "IBM",
  recognise: {
    objectIds: ["1.3.6.1.4.1.641.1", "1.3.6.1.4.1.2.6.75"],
    descriptions: [/^(?:IBM )?Infoprint\b|^IBM (?:Network Printer|.*\bprinter\b)|^InfoPrint Solutions/i],
    devices: [/^(?:IBM )?Infoprint\b/i],
    deviceIds: [/^(?:IBM|InfoPrint)\b/i],
  },
  model: [
    { oid: "1.3.6.1.2.1.1.1.0", rule: "ibm.description", take: /^(?:IBM )?(Infoprint .+?)(?: version |$)/i },
  ],
  firmware: [
    { oid: "1.3.6.1.2.1.1.1.0", rule: "ibm.description", take: / version (\S+)/i },
  ],
  meters: lexmarkMeters,
};
