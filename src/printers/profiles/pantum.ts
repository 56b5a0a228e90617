import type { FieldRule, MeterRule, Profile } from "../profile.ts";

/** glpi-agent Pantum.pm. Some models answer with an instance of 0, some without. */
const pantumRoot = "1.3.6.1.4.1.40093";

function field(path: string, rule: string): FieldRule[] {
  return [{ oid: `${pantumRoot}.${path}`, rule }, { oid: `${pantumRoot}.${path}.0`, rule }];
}

function count(meter: string, path: string, rule: string): MeterRule[] {
  return field(path, rule).map(({ oid }) => ({ kind: "scalar", meter, oid, rule }));
}

export const pantum: Profile = {
  id: "pantum",
  maker: "Pantum",
  recognise: {
    objectIds: [pantumRoot],
    descriptions: [/^Pantum\b/i],
    devices: [/^Pantum\b/i],
    deviceIds: [/^Pantum\b/i],
  },
  model: [
    // sysDescr.0 is an IEEE-1284 device id (recording pantum-bm5100adw)
    { oid: "1.3.6.1.2.1.1.1.0", rule: "pantum.description", take: "deviceId" },
  ],
  serial: [
    ...field("1.1.1.5", "pantum.serial1"),
    ...field("6.1.2", "pantum.serial2"),
    ...field("10.1.1.4", "pantum.serial3"),
  ],
  firmware: field("1.1.1.1", "pantum.firmware"),
  meters: [
    ...count("duplex", "1.1.3.1", "pantum.duplex"),
    ...count("copy.total", "1.1.3.9", "pantum.copy"),
    ...count("print.total", "1.1.3.12", "pantum.print"),
  ],
};
