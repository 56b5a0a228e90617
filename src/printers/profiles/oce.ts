import type { MeterRule, Profile } from "../profile.ts";
import { canonCodes } from "./canon.ts";

/** Counters of PRISMAsync: Canon's code .2, count .4. */
const table = "1.3.6.1.4.1.1552.21.4.1.3.1";

const meters = canonCodes.map(({ meter, codes, needs = "all", fallback }): MeterRule => ({
  kind: "typed",
  rule: `prismasync.counter.${codes.join("+")}`,
  values: `${table}.4`,
  types: `${table}.2`,
  indexIsType: true,
  names: codes.map((code) => [code, meter]),
  once: true,
  needs,
  maxRows: 512,
  ...fallback && { fallback },
}));

/** Océ, which Canon took over. Its controller PRISMAsync stands before Canon's presses as well. */
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
  meters,
};
