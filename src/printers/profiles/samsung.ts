import type { Profile } from "../profile.ts";

/** scmGenPrinter of SAMSUNG-PRINTER-EXT-MIB; zabbix community-templates Printers/Samsung, recordings samsung-*. */
const general = "1.3.6.1.4.1.236.11.5.1.1.1";
const pages = "1.3.6.1.4.1.236.11.5.11.53.11.1";
/** Cartridges by prtMarkerSuppliesIndex; recordings samsung-* (AsaavedraTecno/printsnmp). */
const cartridge = "1.3.6.1.4.1.236.11.5.11.53.61.5.2.1";

export const samsung: Profile = {
  id: "samsung",
  maker: "Samsung",
  recognise: {
    objectIds: ["1.3.6.1.4.1.236.11.5"],
    printerIds: ["1.3.6.1.4.1.236.11.5"],
    descriptions: [
      /^Samsung\b.*(?:;|\bOS\b)\s*(?:V?\d|Engine|OS)/i,
      /^Samsung (?:ML|CLP|CLX|SCX|SF|SL|MFP|Xpress|ProXpress|MultiXpress)[- ]?/i,
      /^Samsung [CKMX]\d{3,4}/i,
    ],
    devices: [/^Samsung (?!.*(?:Card|Scanner|Service|Feeder))/i],
    deviceIds: [/^Samsung\b/i],
  },
  model: [
    // "Samsung MODEL; FIRMWARE;Engine …": the exact model, where other objects name the series.
    { oid: "1.3.6.1.2.1.1.1.0", rule: "samsung.description", take: /^Samsung (.+?)(?:;| OS |$)/i },
    { oid: `${general}.1.0`, rule: "samsung.model" },
  ],
  serial: [
    { oid: `${general}.4.0`, rule: "samsung.serial" },
    { oid: "1.3.6.1.2.1.1.1.0", rule: "samsung.description", take: /;\s*S\/N\s*([A-Z0-9]+)/i },
  ],
  firmware: [
    { oid: `${general}.2.0`, rule: "samsung.firmware" },
    { oid: "1.3.6.1.2.1.1.1.0", rule: "samsung.description", take: /^[^;]*?(?:; *| OS )(V?\d[^;]*)/i },
  ],
  meters: [
    // Public counter scripts (ids 46041501261, 69510293606 and 53481030295)
    { kind: "scalar", meter: "mono", oid: `${pages}.2.0`, rule: "samsung.mono" },
    { kind: "scalar", meter: "color", oid: `${pages}.1.0`, rule: "samsung.colour" },
  ],
  supplies: [
    { kind: "detail", rule: "samsung.cartridgeSerial", field: "serial", column: `${cartridge}.8` },
    { kind: "detail", rule: "samsung.cartridgeModel", field: "partNumber", column: `${cartridge}.19` },
    {
      kind: "scalar",
      rule: "samsung.blackToner",
      oid: "1.3.6.1.4.1.236.11.5.1.1.3.22.0",
      supply: { kind: "toner", colorant: "black", description: "Black Toner" },
      read: "percent",
    },
  ],
};
