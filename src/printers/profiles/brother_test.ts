import assert from "node:assert/strict";
import { openInquiry } from "../inquiry.ts";
import { oids } from "../printer_mib.ts";
import { storeOf, type TestValue } from "../store_of.ts";
import { readSupplies } from "../supplies.ts";
import { brother } from "./brother.ts";

const maintenance = "1.3.6.1.4.1.2435.2.3.9.4.2.1.5.5.8.0";

function supplies(model: string, objects: Record<string, TestValue>) {
  const inquiry = openInquiry(storeOf(objects), brother, []);
  inquiry.model = model;
  return readSupplies(inquiry).map(({ kind, colorant, level }) => [kind, colorant, level.kind, level.percent]);
}

const lines: [model: string, kind: string][] = [
  ["HL-L0000DW", "toner"],
  ["MFC-L0000CDW", "toner"],
  ["DCP-B0000DW", "toner"],
  ["DCP-7070DW", "toner"],
  ["MFC-9120CN", "toner"],
  ["DCP-9010CN", "toner"],
  ["MFC-9840CDW", "toner"],
  ["MFC-J0000DW", "ink"],
  ["HL-J0000DW", "ink"],
  ["DCP-T000W", "ink"],
  ["MFC-T0000DW", "ink"],
  ["MFC-240C", "ink"],
  ["DCP-585CW", "ink"],
  ["MFC-5490CN", "ink"],
  ["MFC-6490CW", "ink"],
];
for (const [model, kind] of lines) {
  Deno.test(`brother profile reads ${kind} of ${model}`, () => {
    assert.deepEqual(supplies(model, { [maintenance]: Uint8Array.fromHex("6f010400001b58ff") }), [
      [kind, "black", "exact", 70],
    ]);
  });
}

Deno.test("brother profile reads the waste ink box of ink models, and takes it for none of a laser", () => {
  const objects = { [maintenance]: Uint8Array.fromHex("81010400000062850104000000" + "4bff") };
  assert.deepEqual(supplies("MFC-J0000DW", objects), [["ink", "black", "exact", 98], [
    "wasteInk",
    "none",
    "exact",
    75,
  ]]);
  assert.deepEqual(supplies("MFC-L0000CDW", objects), [["toner", "black", "exact", 98]]);
});

Deno.test("brother profile honours the length octet", () => {
  // The value ff in a record of two octets does not end the records.
  const hex = "310101016f01020fff70010400000fa0ff";
  assert.deepEqual(supplies("MFC-L0000CDW", { [maintenance]: Uint8Array.fromHex(hex) }), [
    ["toner", "black", "exact", 41],
    ["toner", "cyan", "exact", 40],
  ]);
});

const codes: [level: number, want: [string, number | null]][] = [
  [0, ["some", null]],
  [1, ["some", null]],
  [2, ["empty", 0]],
  [3, ["unknown", null]],
  [-3, ["some", null]],
];
for (const [level, want] of codes) {
  Deno.test(`brother profile reads level ${level} of no capacity as ${want[0]}`, () => {
    const got = supplies("HL-0000", {
      [`${oids.prtMarkerSuppliesType} 1.1`]: 3,
      [`${oids.prtMarkerSuppliesMaxCapacity} 1.1`]: -2,
      [`${oids.prtMarkerSuppliesLevel} 1.1`]: level,
    });
    assert.deepEqual(got, [["toner", "black", ...want]]);
  });
}
