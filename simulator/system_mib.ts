/** The objects that every device has: SNMPv2-MIB system, IF-MIB ifTable, HOST-RESOURCES-MIB hrDeviceTable. */
import { Tag, type Varbind } from "../src/snmp/value.ts";
import type { DeviceDescription } from "./description.ts";

/** The system group, and unless `systemOnly` the interfaces and host devices. */
export function systemObjects(device: DeviceDescription): Varbind[] {
  const system: Varbind[] = [
    text("1.3.6.1.2.1.1.1.0", device.description),
    { oid: "1.3.6.1.2.1.1.2.0", tag: Tag.oid, value: device.objectId },
    { oid: "1.3.6.1.2.1.1.3.0", tag: Tag.timeTicks, value: 0 },
    text("1.3.6.1.2.1.1.4.0", device.contact),
    text("1.3.6.1.2.1.1.5.0", device.hostname),
    text("1.3.6.1.2.1.1.6.0", device.location),
    // sysServices: 2 for a switch (datalink), 72 for a host (end-to-end and application).
    integer("1.3.6.1.2.1.1.7.0", device.kind === "switch" ? 2 : 72),
  ];
  return device.systemOnly ? system : [...system, ...interfaceObjects(device), ...hostDeviceObjects(device)];
}

function interfaceObjects({ interfaces, mac }: DeviceDescription): Varbind[] {
  const names = interfaces.length > 0 ? interfaces : ["Ethernet"];
  const rows = names.flatMap((name, i) => [
    integer(`1.3.6.1.2.1.2.2.1.1.${i + 1}`, i + 1),
    text(`1.3.6.1.2.1.2.2.1.2.${i + 1}`, name),
    // ethernetCsmacd(6), softwareLoopback(24).
    integer(`1.3.6.1.2.1.2.2.1.3.${i + 1}`, name.startsWith("lo") ? 24 : 6),
    integer(`1.3.6.1.2.1.2.2.1.4.${i + 1}`, 1500),
    { oid: `1.3.6.1.2.1.2.2.1.5.${i + 1}`, tag: Tag.gauge32, value: 1_000_000_000 },
    octets(`1.3.6.1.2.1.2.2.1.6.${i + 1}`, name.startsWith("lo") || !mac ? new Uint8Array() : nextMac(mac, i)),
    integer(`1.3.6.1.2.1.2.2.1.7.${i + 1}`, 1),
    integer(`1.3.6.1.2.1.2.2.1.8.${i + 1}`, 1),
  ]);
  return [integer("1.3.6.1.2.1.2.1.0", names.length), ...rows];
}

/** Errors that keep a printer from printing, and so hrDeviceStatus down(5) (RFC 3805 section 2.2.13.2). */
const stoppingErrors = new Set([
  "noPaper",
  "noToner",
  "doorOpen",
  "jammed",
  "offline",
  "outputFull",
  "markerSupplyMissing",
]);

function hostDeviceObjects({ devices, status, errors }: DeviceDescription): Varbind[] {
  return devices.flatMap(({ type, description }, i) => {
    const isDown = type === 5 && (status === "stopped" || errors.some((error) => stoppingErrors.has(error)));
    const state = isDown ? 5 : type === 5 && errors.length > 0 ? 3 : 2;
    return [
      integer(`1.3.6.1.2.1.25.3.2.1.1.${i + 1}`, i + 1),
      { oid: `1.3.6.1.2.1.25.3.2.1.2.${i + 1}`, tag: Tag.oid, value: `1.3.6.1.2.1.25.3.1.${type}` },
      text(`1.3.6.1.2.1.25.3.2.1.3.${i + 1}`, description),
      { oid: `1.3.6.1.2.1.25.3.2.1.4.${i + 1}`, tag: Tag.oid, value: "0.0" },
      integer(`1.3.6.1.2.1.25.3.2.1.5.${i + 1}`, state),
      { oid: `1.3.6.1.2.1.25.3.2.1.6.${i + 1}`, tag: Tag.counter32, value: 0 },
    ];
  });
}

/** A MAC address so many further on; counts in the last three octets, which are the maker's own. */
export function nextMac(mac: Uint8Array, steps: number): Uint8Array {
  const last = ((mac[3]! << 16) | (mac[4]! << 8) | mac[5]!) + steps;
  return Uint8Array.of(mac[0]!, mac[1]!, mac[2]!, (last >> 16) & 0xff, (last >> 8) & 0xff, last & 0xff);
}

export function integer(oid: string, value: number): Varbind {
  return { oid, tag: Tag.integer, value };
}

export function text(oid: string, value: string): Varbind {
  return octets(oid, new TextEncoder().encode(value));
}

export function octets(oid: string, value: Uint8Array): Varbind {
  return { oid, tag: Tag.octetString, value };
}
