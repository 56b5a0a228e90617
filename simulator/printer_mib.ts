/** A described printer as objects of Printer-MIB (RFC 3805) and hrPrinterTable (RFC 2790), with hrDeviceIndex 1. */
import iconv from "iconv-lite";
import { Tag, type Varbind } from "../src/snmp/value.ts";
import type { DeviceDescription } from "./description.ts";
import { charsets, errorStates, printerStatuses } from "./mib_numbers.ts";
import { integer, octets, text } from "./system_mib.ts";

const printerMib = "1.3.6.1.2.1.43";

/** The printer's own objects, beside those of system_mib.ts. */
export function printerObjects(device: DeviceDescription): Varbind[] {
  return [
    integer("1.3.6.1.2.1.25.3.5.1.1.1", printerStatuses[device.status]),
    octets("1.3.6.1.2.1.25.3.5.1.2.1", errorOctets(device)),
    ...generalObjects(device),
    ...device.trays.flatMap((tray) =>
      row(`${printerMib}.8.2.1`, `1.${tray.index}`, {
        2: tray.type,
        // Tenths of millimetres are not in PrtMediaUnitTC: micrometers(4), A4.
        3: 4,
        4: 297000,
        5: 210000,
        8: tray.unit,
        9: tray.capacity,
        10: tray.level,
        11: tray.status,
        12: tray.media,
        13: tray.name,
        18: tray.description,
      })
    ),
    ...device.outputs.flatMap((output, i) =>
      row(`${printerMib}.9.2.1`, `1.${i + 1}`, {
        2: 3,
        3: 8,
        4: output.capacity,
        5: output.remaining,
        6: 0,
        7: output.name,
        12: output.name,
      })
    ),
    ...device.markers.flatMap((marker, i) => [
      ...row(`${printerMib}.10.2.1`, `1.${i + 1}`, {
        2: marker.technology,
        3: marker.unit,
        6: marker.colorants,
        7: 0,
        8: 3,
        9: 600,
        10: 600,
        15: 0,
      }),
      counter(`${printerMib}.10.2.1.4.1.${i + 1}`, marker.total),
      counter(`${printerMib}.10.2.1.5.1.${i + 1}`, marker.powerOn),
    ]),
    ...supplyObjects(device),
    ...device.panel.map((line, i) => octets(`${printerMib}.16.5.1.2.1.${i + 1}`, panelText(line, device))),
    ...device.alerts.flatMap((alert, i) => [
      ...row(`${printerMib}.18.1.1`, `1.${i + 1}`, {
        2: alert.severity,
        3: alert.training,
        4: alert.group,
        5: alert.groupIndex,
        6: alert.location,
        7: alert.code,
        8: alert.description,
      }),
      { oid: `${printerMib}.18.1.1.9.1.${i + 1}`, tag: Tag.timeTicks, value: alert.time },
    ]),
  ];
}

function generalObjects(device: DeviceDescription): Varbind[] {
  const criticalEvents = device.alerts.filter((alert) => alert.severity === 3).length;
  return [
    counter(`${printerMib}.5.1.1.1.1`, 1),
    ...row(`${printerMib}.5.1.1`, "1", {
      2: 1,
      3: 3,
      4: "",
      5: "",
      6: 1,
      7: 1,
      8: 1,
      9: 1,
      10: 1,
      11: Math.max(device.panel.length, 1),
      12: Math.max(16, ...device.panel.map((line) => line.length)),
      13: 3,
      16: device.printerName,
      17: device.serial,
    }),
    counter(`${printerMib}.5.1.1.18.1`, criticalEvents),
    counter(`${printerMib}.5.1.1.19.1`, device.alerts.length),
    ...row(`${printerMib}.7.1.1`, "1.1", { 2: device.language, 3: device.country, 4: charsets[device.charset].number }),
  ];
}

function supplyObjects({ supplies }: DeviceDescription): Varbind[] {
  const colorants = [...new Set(supplies.map((supply) => supply.colorant))].filter((colorant) => colorant !== "none");
  return [
    ...supplies.flatMap((supply) =>
      row(`${printerMib}.11.1.1`, `1.${supply.index}`, {
        2: supply.marker,
        3: supply.colorantIndex ?? colorants.indexOf(supply.colorant) + 1,
        4: supply.class,
        5: supply.type,
        6: supply.description,
        7: supply.unit,
        8: supply.capacity,
        9: supply.level,
      })
    ),
    ...colorants.flatMap((colorant, i) =>
      row(`${printerMib}.12.1.1`, `1.${i + 1}`, { 2: 1, 3: 3, 4: colorant, 5: 256 })
    ),
  ];
}

/** hrPrinterDetectedErrorState: as many octets as its bits need, at least one. */
function errorOctets({ errors, errorOctets }: DeviceDescription): Uint8Array {
  const bits = errors.map((error) => errorStates.indexOf(error));
  const needed = Math.max(1, ...bits.map((bit) => (bit >> 3) + 1));
  const result = new Uint8Array(errorOctets ?? needed);
  for (const bit of bits) {
    if (bit >> 3 < result.length) result[bit >> 3]! |= 0x80 >> (bit & 7);
  }
  return result;
}

function panelText(line: string, { charset }: DeviceDescription): Uint8Array {
  return Uint8Array.from(iconv.encode(line, charsets[charset].codec));
}

function row(entry: string, index: string, columns: Record<number, number | string>): Varbind[] {
  return Object.entries(columns).map(([column, value]) => {
    const oid = `${entry}.${column}.${index}`;
    return typeof value === "number" ? integer(oid, value) : text(oid, value);
  });
}

function counter(oid: string, value: number): Varbind {
  return { oid, tag: Tag.counter32, value };
}
