import type { Profile } from "../profile.ts";

/** ZEBRA-MIB (enterprise 10642), and ESI-MIB of the print servers in older ones. */
const zebraRoot = "1.3.6.1.4.1.10642";
const esi = "1.3.6.1.4.1.683";

/** glpi-agent Zebra.pm, librenms zebra.yaml */
export const zebra: Profile = {
  id: "zebra",
  maker: "Zebra",
  recognise: {
    objectIds: [zebraRoot, `${esi}.6`],
    descriptions: [/^Zebra\b|ZebraNet|^ZTC\b/i],
    devices: [/^Zebra\b|^ZTC\b/i],
    deviceIds: [/^Zebra\b|^ZTC\b/i],
    never: [/\b(?:RFID|reader|WiNG|access point)\b|\bFX\d/i],
  },
  model: [
    { oid: `${zebraRoot}.200.19.7.0`, rule: "zebra.productName" },
    { oid: `${zebraRoot}.1.1.0`, rule: "zebra.model" },
    { oid: `${esi}.6.2.3.2.1.15.1`, rule: "zebra.esiModel", take: "deviceId" },
  ],
  serial: [
    { oid: `${zebraRoot}.200.19.5.0`, rule: "zebra.serial" },
    { oid: `${zebraRoot}.1.9.0`, rule: "zebra.uniqueId" },
    { oid: `${esi}.1.5.0`, rule: "zebra.esiSerial" },
  ],
  firmware: [
    { oid: `${zebraRoot}.1.2.0`, rule: "zebra.firmware" },
    { oid: `${esi}.1.9.0`, rule: "zebra.esiVersion" },
  ],
  hostname: [{ oid: `${zebraRoot}.1.4.0`, rule: "zebra.name" }],
  meters: [
    // Odometer: a text such as "1920 INCHES, 4876 CENTIMETERS"
    {
      kind: "scalar",
      meter: "total",
      oid: `${zebraRoot}.200.17.3.0`,
      rule: "zebra.odometer",
      unit: "inches",
      read: "text",
      // Labels come before the length of their tape.
      fallback: true,
    },
  ],
};

/** "MODEL Version: FIRMWARE"; enterprise 51966 (recording tsc) */
export const tsc: Profile = {
  id: "tsc",
  maker: "TSC",
  recognise: {
    objectIds: ["1.3.6.1.4.1.51966"],
    descriptions: [/^TSC\b|^(?:T[A-Z]{1,2}|M[A-Z]|DA)-?\d{3}\w* Version:/i],
    devices: [/^TSC\b/i],
    deviceIds: [/^TSC\b/i],
  },
  model: [
    { oid: "1.3.6.1.2.1.1.1.0", rule: "tsc.description", take: /^(?:TSC )?(\S+)\s+Version/i },
  ],
  firmware: [
    { oid: "1.3.6.1.2.1.1.1.0", rule: "tsc.description", take: /Version:?\s*(\S+)/i },
  ],
};
