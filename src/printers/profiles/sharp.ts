import type { MeterRule, Profile } from "../profile.ts";

/** Counters by function, group and code: value .3, name .4; librenms printer.inc.php, recording sharp-mx-3570n. */
const counts = "1.3.6.1.4.1.2385.1.1.19.2.1";

const mono = "(?:Black ?(?:&|and) ?White|B ?[&/] ?W|Monochrome)";
/** Full colour, two colours and single colour are all colour. */
const colour = "(?:(?:Full|Two|Single|2|1)[- ]?)?Colou?r";

/** By the names of the table, and where it has none by function (1 print, 4 copy, 5 all, 7 and 8 scan) and code. */
function count(names: [what: string, meter: string][], indexes: Record<string, string[]>): MeterRule {
  return {
    kind: "labelled",
    rule: "sharp.count",
    values: `${counts}.3`,
    labels: `${counts}.4`,
    names: names.map(([what, meter]) => [new RegExp(`^${what}$`, "i"), meter]),
    indexes: Object.entries(indexes).flatMap(([meter, paths]) => paths.map((path): [string, string] => [path, meter])),
  };
}

/** Pages of one function by colour: 61 black, 63 full, 64 two, 80 single. */
function codes(path: string): { mono: string[]; color: string[] } {
  return { mono: [`${path}.61`], color: [63, 64, 80].map((code) => `${path}.${code}`) };
}

const all = codes("5.4"), prints = codes("1.4"), copies = codes("4.4");

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
    count([[".+ Total(?: Print)? Count", "total"]], { total: [...all.mono, ...all.color] }),
    count([
      [`${mono} Total(?: Print)? Count`, "mono"],
      [`${colour} Total(?: Print)? Count`, "color"],
      ["Prints", "print.total"],
      [`${mono} Print Count`, "print.mono"],
      [`${colour} Print Count`, "print.color"],
      ["Copies", "copy.total"],
      [`${mono} Copy Count`, "copy.mono"],
      [`${colour} Copy Count`, "copy.color"],
      // Received faxes are printed: with the other functions they add up to the total (script id 28378298197).
      ["(?:I-?)?Fax Receive(?: Line ?\\d)?(?: Count)?", "fax.total"],
      ["Duplex", "duplex"],
      // What is kept on the disk is filing, and counted apart (recording sharp-mx-3570n).
      ["Scan to (?!HDD).*(?<!Count)", "scan.total"],
      [`${mono} Scanner Count`, "scan.mono"],
      [`${colour} Scanner Count`, "scan.color"],
    ], {
      mono: all.mono,
      color: all.color,
      "print.total": ["1.4.60"],
      "print.mono": prints.mono,
      "print.color": prints.color,
      "copy.total": ["4.4.60"],
      "copy.mono": copies.mono,
      "copy.color": copies.color,
      duplex: ["1.4.75"],
      "scan.total": ["7.4.50"],
      "scan.mono": ["7.4.51"],
      "scan.color": ["7.4.53"],
    }),
    count([[`(?:${mono}|${colour}) Scanner Count`, "scan.total"]], { "scan.total": ["7.4.51", "7.4.53"] }),
    // Machines that scan to the disk only
    count([
      ["Scan to HDD", "scan.total"],
      [`${mono} Scan to HDD Count`, "scan.mono"],
      [`${colour} Scan to HDD Count`, "scan.color"],
    ], { "scan.total": ["8.4.50"], "scan.mono": ["8.4.51"], "scan.color": ["8.4.53", "8.4.54"] }),
  ],
  // Capacity −2 beside a level of 0 to 100; librenms, recording sharp-mx-3570n
  standardSupplies: { percentWithoutCapacity: true },
};
