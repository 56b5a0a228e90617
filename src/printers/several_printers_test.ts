import assert from "node:assert/strict";
import { interpretReadings, type ReadingContext } from "./interpret_reading.ts";
import { oids } from "./printer_mib.ts";
import { answeringPrinters } from "./several_printers.ts";
import { storeOf, type TestValue } from "./store_of.ts";

const context: ReadingContext = {
  observedAt: new Date("2026-01-01T00:00:00Z"),
  address: "192.0.2.1",
  port: 161,
  targetName: null,
  snmp: { version: "3", engineId: "80000009030010e0" },
  problems: [],
};

const printer = { oid: oids.hrDevicePrinter };

/** A print server's own objects: its maker's name, its identifier and its address are no printer's. */
const server: Record<string, TestValue> = {
  [oids.sysDescr]: "Acme Netbox 5000, a network print server",
  [oids.sysObjectID]: { oid: "1.3.6.1.4.1.11.2.3.9.1" },
  [oids.sysName]: "netbox",
  [`${oids.ifPhysAddress} 1`]: Uint8Array.fromHex("001ba9000001"),
};

/** hrDeviceTable and hrPrinterTable rows of a printer. */
function row(device: number, name: string): Record<string, TestValue> {
  return {
    [`${oids.hrDeviceType} ${device}`]: printer,
    [`${oids.hrDeviceDescr} ${device}`]: name,
    [`${oids.hrPrinterStatus} ${device}`]: 3,
  };
}

function readingsOf(objects: Record<string, TestValue>) {
  return interpretReadings(storeOf({ ...server, ...objects }), context).map(({ reading }) => reading);
}

function toner(device: number, level: number): Record<string, TestValue> {
  return {
    [`${oids.prtMarkerSuppliesType} ${device}.1`]: 3,
    [`${oids.prtMarkerSuppliesDescription} ${device}.1`]: "Black Toner",
    [`${oids.prtMarkerSuppliesMaxCapacity} ${device}.1`]: 100,
    [`${oids.prtMarkerSuppliesLevel} ${device}.1`]: level,
  };
}

Deno.test("interpretReadings() gives each printer behind one address what its rows say and nothing else", () => {
  const readings = readingsOf({
    ...row(1, "HP LaserJet 9000"),
    ...row(4, "Brother HL-0000"),
    [`${oids.prtGeneralSerialNumber} 4`]: "BR00077001",
    [`${oids.prtMarkerCounterUnit} 1.1`]: 7,
    [`${oids.prtMarkerLifeCount} 1.1`]: 1000,
    [`${oids.prtMarkerLifeCount} 4.1`]: 2000,
    [`${oids.prtAlertDescription} 4.1`]: "Paper is low",
    [`${oids.prtConsoleDisplayBufferText} 1.1`]: "Ready",
    ...toner(1, 50),
    ...toner(4, 7),
    // Outside of any table nobody knows whose it is.
    "1.3.6.1.4.1.11.2.3.9.1.1.7.0": "MFG:Hewlett-Packard;MDL:HP LaserJet 9000;SN:USQX000001;CLS:PRINTER;",
    "1.3.6.1.4.1.11.2.3.9.4.2.1.1.3.3.0": "USQX000001",
    "1.3.6.1.4.1.11.2.3.9.4.2.1.4.1.2.6.0": 777,
  });
  const told = readings.map((reading) => [
    reading.deviceIndex,
    reading.manufacturer,
    reading.model,
    reading.serial,
    reading.meters.map(({ name, value }) => [name, value]),
    reading.supplies.map(({ level }) => level.percent),
    reading.alerts.map(({ description }) => description),
    reading.status.panel,
    reading.problems,
  ]);
  assert.deepEqual(told, [
    [1, "HP", "LaserJet 9000", null, [["total", 1000]], [50], [], "Ready", []],
    [4, "Brother", "HL-0000", "BR00077001", [["total", 2000]], [7], ["Paper is low"], null, []],
  ]);
  for (const { mac, snmp, hostname } of readings) {
    assert.deepEqual([mac, snmp.engineId, hostname], [null, null, "netbox"], "the print server tells no printer");
  }
});

Deno.test("interpretReadings() names the printers of which nothing is answered", () => {
  const readings = readingsOf({
    ...row(1, "HP LaserJet 9000"),
    ...row(2, "Genicom LP-2000"),
    ...row(3, "NULL"),
    [`${oids.prtGeneralSerialNumber} 2`]: "LP00000001",
    [`${oids.prtMarkerLifeCount} 2.1`]: 5,
  });
  assert.equal(readings.length, 1);
  const [{ model, serial, meters, deviceIndex, problems }] = readings as [typeof readings[number]];
  assert.deepEqual([model, serial, meters[0]?.value, deviceIndex], ["LP-2000", "LP00000001", 5, undefined]);
  assert.deepEqual(problems, [{
    code: "several-printers",
    message:
      '3 printers are behind this address and only 1 is read: no answer for "HP LaserJet 9000" (device 1), device 3',
  }]);
});

Deno.test("interpretReadings() takes the names of printers where the print server has no hrDeviceTable", () => {
  const readings = readingsOf({
    [`${oids.prtGeneralPrinterName} 1`]: "HP LaserJet 9000",
    [`${oids.prtGeneralPrinterName} 2`]: "Brother HL-0000N",
    [`${oids.prtMarkerLifeCount} 1.1`]: 5,
    [`${oids.prtMarkerLifeCount} 2.1`]: 6,
  });
  assert.deepEqual(readings.map(({ manufacturer, model, meters }) => [manufacturer, model, meters[0]?.value]), [
    ["HP", "LaserJet 9000", 5],
    ["Brother", "HL-0000N", 6],
  ]);
});

Deno.test("interpretReadings() makes no more than sixteen printers of one address", () => {
  const objects: Record<string, TestValue> = {};
  for (let device = 1; device <= 40; device++) objects[`${oids.prtMarkerLifeCount} ${device}.1`] = device;
  const readings = readingsOf(objects);
  assert.deepEqual(readings.map(({ deviceIndex }) => deviceIndex), Array.from({ length: 16 }, (_, i) => i + 1));
  assert.equal(
    readings[0]!.problems[0]!.message,
    "40 printers are behind this address and only 16 are read: at most 16 are read per address",
  );
});

const single: { name: string; objects: Record<string, TestValue> }[] = [
  { name: "a table that is numbered from 0", objects: { [`${oids.prtMarkerLifeCount} 0.1`]: 5 } },
  { name: "tables that are numbered differently", objects: { [`${oids.prtMarkerLifeCount} 2.1`]: 5 } },
  {
    name: "several markers",
    objects: { [`${oids.prtMarkerLifeCount} 1.1`]: 5, [`${oids.prtMarkerLifeCount} 1.2`]: 6 },
  },
  {
    name: "supplies whose arcs are swapped",
    objects: { [`${oids.prtMarkerSuppliesLevel} 1.1`]: 5, [`${oids.prtMarkerSuppliesLevel} 2.1`]: 6 },
  },
  {
    name: "other devices in hrDeviceTable",
    objects: {
      [`${oids.hrDeviceType} 2`]: { oid: "1.3.6.1.2.1.25.3.1.3" },
      [`${oids.hrDeviceDescr} 2`]: "ARM CPU",
    },
  },
];
for (const { name, objects } of single) {
  Deno.test(`answeringPrinters() knows one printer by ${name}`, () => {
    const store = storeOf({
      ...row(1, "Acme LP-2000"),
      [`${oids.prtGeneralSerialNumber} 1`]: "LP00000001",
      ...objects,
    });
    assert.deepEqual(answeringPrinters(store), { devices: ["1"], silent: [] });
  });
}
