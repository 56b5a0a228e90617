import type { Profile } from "../profile.ts";
import { canonCodes } from "./canon.ts";

/**
 * Océ, which Canon took over. Its controller PRISMAsync stands before Canon's presses as well, and counts by Canon's codes
 * in a subtree of Océ's own: code .2, count .4.
 */
export const oce: Profile = {
  id: "oce",
  maker: "Océ",
  recognise: {
    objectIds: ["1.3.6.1.4.1.1552"],
    printerIds: ["1.3.6.1.4.1.1552"],
    cards: [/\bPRISMAsync\b/i],
    descriptions: [/^Oc[ée] /i, /\b(?:VarioPrint|ColorWave|PlotWave)\b/i],
    devices: [/^Oc[ée] /i],
    deviceIds: [/^Oc[ée]/i],
  },
  meters: canonCodes("1.3.6.1.4.1.1552.21.4.1.3.1.4", "prismasync"),
};
