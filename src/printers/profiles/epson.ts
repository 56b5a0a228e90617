import type { Profile } from "../profile.ts";

/** Printer table of EPSON-MIB. */
const printer = "1.3.6.1.4.1.1248.1.2.2.1.1.1";

/** Page counters; by function in .6.1: total .4, colour .5, row 1 print, 2 copy. */
const pages = "1.3.6.1.4.1.1248.1.2.2.27";

export const epson: Profile = {
  id: "epson",
  maker: "Epson",
  recognise: {
    // Projectors are at 1248.4, scan servers share 1248.1 and are ruled out by name.
    objectIds: ["1.3.6.1.4.1.1248.1"],
    descriptions: [
      /EPSON.*\bPrint Server\b/i,
      /^SEIKO EPSON (?:UB|TM)-/i,
      /^EPSON (?:WF|WorkForce|Stylus|AL-|AcuLaser|ET-|EcoTank|L\d|XP-|SC-|SureColor|SureLab|TM-|LX-|LQ-|FX-|PX-|LP-|EW-|BX|AM-C|LM-|M\d|WP-|B-\d|CX|NX\d|SX\d|TX\d|PM-|SL-D|R\d{3}|Expression|Artisan|PictureMate|CW-|ColorWorks|EPL-)/i,
    ],
    devices: [/^(?:SEIKO )?EPSON\b/i],
    deviceIds: [/^(?:SEIKO )?EPSON\b/i],
    never: [/scan server|scanner|projector|^EPSON (?:EB|DS|EMP|GT|ES)-/i],
  },
  model: [
    // glpi-agent Epson.pm
    { oid: `${printer}.2.1`, rule: "epson.model" },
    // The network card's sysDescr has no model; sysName as delivered does: "EpsonStylus…-" and six hexadecimal digits (recording epson-bx525wd)
    { oid: "1.3.6.1.2.1.1.5.0", rule: "epson.sysName", take: /^Epson(?=[A-Z])(\w*?\d\w*)-[0-9A-F]{6}$/i },
  ],
  serial: [
    // glpi-agent Epson.pm
    { oid: `${printer}.5.1`, rule: "epson.serial" },
  ],
  firmware: [
    // glpi-agent Epson.pm: versions by unit; the first is the main one
    { oid: "1.3.6.1.4.1.1248.1.2.2.2.1.1.2.1.1", rule: "epson.firmware" },
    { oid: "1.3.6.1.4.1.1248.1.2.2.2.1.1.2.1", rule: "epson.firmware" },
  ],
  meters: [
    // mstrhakr/printmaster docs/vendor (checked there against the printer's web page)
    { kind: "scalar", meter: "mono", oid: `${pages}.1.1.3.1.1`, rule: "epson.mono" },
    { kind: "scalar", meter: "color", oid: `${pages}.1.1.4.1.1`, rule: "epson.colour" },
    { kind: "scalar", meter: "print.total", oid: `${pages}.6.1.4.1.1.1`, rule: "epson.function" },
    { kind: "scalar", meter: "print.color", oid: `${pages}.6.1.5.1.1.1`, rule: "epson.function" },
    { kind: "scalar", meter: "copy.total", oid: `${pages}.6.1.4.1.1.2`, rule: "epson.function" },
    { kind: "scalar", meter: "copy.color", oid: `${pages}.6.1.5.1.1.2`, rule: "epson.function" },
  ],
};
