import type { MeterRule, Profile } from "../profile.ts";

/** zabbix community-templates template_panasonic_kx-mb2540_snmp */
const counts = "1.3.6.1.4.1.258.402.1.4.2.1.7";

function count(meter: string, number: number): MeterRule {
  return { kind: "scalar", meter, oid: `${counts}.${number}`, rule: `panasonic.count.${number}` };
}

export const panasonic: Profile = {
  id: "panasonic",
  maker: "Panasonic",
  recognise: {
    objectIds: ["1.3.6.1.4.1.258.402", "1.3.6.1.4.1.258.405", "1.3.6.1.4.1.258.1"],
    // Panasonic's cameras and telephone systems answer under the same name.
    descriptions: [/^Panasonic (?:KX-(?:M[BC]|P|CL|FL|FP)|DP-|UF-|WORKiO)/i, /^KX-M[BC]\d/i],
    devices: [/^Panasonic\b|^KX-M[BC]\d/i],
    deviceIds: [/^Panasonic\b/i],
    never: [/camera|projector|KX-(?:NS|NCP|TDE|HTS)/i],
  },
  serial: [
    // zabbix community-templates template_panasonic_kx-mb2540_snmp
    { oid: "1.3.6.1.4.1.258.405.1.1.1.5.0", rule: "panasonic.serial" },
  ],
  meters: [
    count("print.total", 1),
    { kind: "sum", meter: "scan.total", oids: [`${counts}.3`, `${counts}.4`], rule: "panasonic.count.3+4" },
    count("copy.total", 5),
    count("fax.total", 9),
  ],
  supplies: [
    {
      // zabbix community-templates template_panasonic_kx-mc6020_snmp
      kind: "table",
      rule: "panasonic.cartridge",
      levels: "1.3.6.1.4.1.258.1.2.2.3.1.1.4",
      names: "1.3.6.1.4.1.258.1.2.2.3.1.1.3",
      read: "percent",
      maxRows: 12,
    },
  ],
};
