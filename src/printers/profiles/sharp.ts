import type { MeterRule, Profile } from "../profile.ts";

/** Counters by function, group and code: value .3, name .4; librenms printer.inc.php, recording sharp-mx-3570n. */
const counts = "1.3.6.1.4.1.2385.1.1.19.2.1";

/** Function 1 print, 4 copy, 5 all, 7 scan; code 61 black, 63 full colour, 64 two, 80 one, 75 duplex, 60 and 50 all. */
function count(meter: string, path: string): MeterRule {
  return { kind: "scalar", meter, oid: `${counts}.3.${path}`, rule: `sharp.count.${path}` };
}

/** Full colour, two colours and single colour are all colour. */
function colour(meter: string, path: string): MeterRule {
  const oids = [63, 64, 80].map((code) => `${counts}.3.${path}.${code}`);
  return { kind: "sum", meter, oids, rule: `sharp.count.${path}.colour`, needs: "any" };
}

export const sharp: Profile = {
  id: "sharp",
  maker: "Sharp",
  recognise: {
    objectIds: ["1.3.6.1.4.1.2385.3.1", "1.3.6.1.4.1.2385.1"],
    printerIds: ["1.3.6.1.4.1.2385.3.1"],
    // Sharp's displays answer "SHARP PN-…".
    descriptions: [/^SHARP (?:MX|AR|BP|DX|AL|AM|FO|MFP|DM|JX)-?[A-Z]*\d/i],
    devices: [/^SHARP\b/i],
    deviceIds: [/^SHARP\b/i],
    never: [/^SHARP (?:PN|LC|LL|PG|XG)-/i],
  },
  model: [
    // librenms sharp.yaml
    { oid: "1.3.6.1.4.1.2385.2.1.3.2.1.4.13501.1302.1", rule: "sharp.model" },
    { oid: "1.3.6.1.2.1.1.1.0", rule: "sharp.description", take: /^SHARP (\S+)/i },
  ],
  firmware: [
    // librenms sharp.yaml
    { oid: "1.3.6.1.4.1.2385.2.1.1.2.1.2.1", rule: "sharp.version" },
  ],
  meters: [
    count("mono", "5.4.61"),
    colour("color", "5.4"),
    count("print.total", "1.4.60"),
    count("print.mono", "1.4.61"),
    colour("print.color", "1.4"),
    count("copy.total", "4.4.60"),
    count("copy.mono", "4.4.61"),
    colour("copy.color", "4.4"),
    count("duplex", "1.4.75"),
    count("scan.total", "7.4.50"),
    count("scan.mono", "7.4.51"),
    count("scan.color", "7.4.53"),
  ],
  // Capacity −2 beside a level of 0 to 100; librenms, recording sharp-mx-3570n
  standardSupplies: { percentWithoutCapacity: true },
};
