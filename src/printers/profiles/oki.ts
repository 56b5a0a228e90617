import type { Profile, SupplyRule } from "../profile.ts";

const general = "1.3.6.1.4.1.2001.1.1.1.1.11.1.10";
/** zabbix community-templates Printers/OKI template_oki_color_laser: current .3, largest .4 */
const life = "1.3.6.1.4.1.2001.1.1.1.1.100";

const toners = (["black", "cyan", "magenta", "yellow"] as const).map((colorant, i): SupplyRule => ({
  kind: "scalar",
  rule: "oki.toner",
  oid: `${life}.3.1.1.3.${i + 1}`,
  supply: { kind: "toner", colorant, description: `${colorant[0]!.toUpperCase()}${colorant.slice(1)} Toner` },
  read: "percent",
}));

export const oki: Profile = {
  id: "oki",
  maker: "OKI",
  recognise: {
    objectIds: ["1.3.6.1.4.1.2001.1"],
    descriptions: [/^OKI (?:DATA|OkiLAN|B\d|C\d|MB\d|MC\d|ES\d|ML\d|Pro\d)|OkiLAN|^OKIDATA/i],
    devices: [/^OKI(?:DATA)?\b/i],
    deviceIds: [/^OKI(?:DATA)?\b/i],
  },
  model: [
    // glpi-agent Oki.pm
    { oid: `${general}.25.0`, rule: "oki.model" },
    // "OKI OkiLAN … Rev.… PrintServer: Attached to MODEL Rev.…": the first revision is that of the network card.
    { oid: "1.3.6.1.2.1.1.1.0", rule: "oki.attached", take: /\bAttached to (\S.*?)\s*(?:\bRev\b|[,;:(]|$)/i },
  ],
  firmware: [
    { oid: "1.3.6.1.2.1.1.1.0", rule: "oki.attached", take: /\bAttached to \S.*?\bRev\.?[ :]*(\S*[^\s:;,])/i },
  ],
  serial: [
    // glpi-agent Oki.pm
    { oid: `${general}.45.0`, rule: "oki.serial" },
  ],
  meters: [
    // Public counter scripts (ids 10666471517 and 22584827451)
    { kind: "scalar", meter: "mono", oid: `${general}.170.1.7.1`, rule: "oki.mono" },
    { kind: "scalar", meter: "color", oid: `${general}.170.1.6.1`, rule: "oki.colour" },
    { kind: "scalar", meter: "total", oid: `${life}.1.1.1.3.1`, rule: "oki.total", fallback: true },
  ],
  supplies: toners,
};
