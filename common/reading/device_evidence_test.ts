import assert from "node:assert/strict";
import { canBeSameModel, isWhole, maybeDeviceMac, maybeDeviceSerial, maybeEngineId } from "./device_evidence.ts";

for (
  const { text, want } of [
    { text: " cnb1234567 ", want: "CNB1234567" },
    { text: "CNB 123 4567", want: "CNB1234567" },
    { text: "cnbrr-123456", want: "CNBRR123456" },
    { text: "ＣＮＢ１２３４５６", want: "CNB123456" },
    { text: "74185", want: "74185" },
    { text: "12345", want: null },
    { text: "7418", want: null },
    { text: "0000000000", want: null },
    { text: "XXXXXXXX", want: null },
    { text: "0123456789", want: null },
    { text: "not available", want: null },
    { text: "N/A", want: null },
    { text: "Unknown", want: null },
    { text: "(null)", want: null },
    { text: "To be filled by O.E.M.", want: null },
    { text: "X", want: null },
    { text: "00000", want: null },
    { text: "123456789", want: null },
    { text: `${"S".repeat(63)}1`, want: `${"S".repeat(63)}1` },
    { text: `${"S".repeat(64)}1`, want: null },
    { text: "", want: null },
    { text: null, want: null },
  ]
) {
  Deno.test(`maybeDeviceSerial() of "${text}" is ${want}`, () => assert.equal(maybeDeviceSerial(text), want));
}

for (
  const { text, want } of [
    { text: "00:1B:A9:0b:a7:52", want: "00:1b:a9:0b:a7:52" },
    { text: "001ba90ba752", want: "00:1b:a9:0b:a7:52" },
    { text: "00:00:00:00:00:00", want: null },
    { text: "02:1b:a9:0b:a7:52", want: null },
    { text: "01:00:5e:00:00:01", want: null },
    { text: "ff:ff:ff:ff:ff:ff", want: null },
    { text: "00:00:00:00:00:01", want: null },
    { text: "00:11:22:33:44:55", want: null },
    { text: "00-1B-A9-0B-A7-52", want: "00:1b:a9:0b:a7:52" },
    { text: "00:1b:a9:0b:a7", want: null },
    { text: null, want: null },
  ]
) {
  Deno.test(`maybeDeviceMac() of "${text}" is ${want}`, () => assert.equal(maybeDeviceMac(text), want));
}

for (
  const { text, want } of [
    { text: "80000009030010E0", want: "80000009030010e0" },
    { text: "0x8000000903", want: "8000000903" },
    { text: "80000009", want: null },
    { text: "0000000000", want: null },
    { text: "80".repeat(33), want: null },
    { text: null, want: null },
  ]
) {
  Deno.test(`maybeEngineId() of ${text} is ${want}`, () => assert.equal(maybeEngineId(text), want));
}

const models: [a: string | null, b: string | null, want: boolean][] = [
  ["LaserJet M402dn", "LaserJet Pro M402n", true],
  ["HP LaserJet M402dn", "LaserJet M402dn", true],
  ["TASKalfa 3252ci", "TASKalfa 3253ci", false],
  ["HL-L2340DW", "HL-L2340DW series", true],
  ["HL-L2340DW", "MFC-L2700DW", false],
  ["HL-L2340DW", null, true],
  [null, null, true],
];
for (const [a, b, want] of models) {
  Deno.test(`canBeSameModel() of "${a}" and "${b}" is ${want}`, () => {
    assert.equal(canBeSameModel({ maker: "X", model: a }, { maker: "X", model: b }), want);
    assert.equal(canBeSameModel({ maker: "X", model: b }, { maker: "X", model: a }), want);
  });
}

Deno.test("canBeSameModel() compares makers where a model is not known", () => {
  assert.equal(canBeSameModel({ maker: "Brother", model: null }, { maker: "Canon", model: "X1" }), false);
  assert.equal(
    canBeSameModel({ maker: "Konica Minolta", model: null }, { maker: "KONICA MINOLTA", model: "C250" }),
    true,
  );
});

for (
  const [scope, codes, want] of [
    ["full", [], true],
    ["full", ["kept-while-asleep", "no-bulk", "too-big"], true],
    ["full", ["silent"], false],
    ["full", ["no-bulk", "deadline"], false],
    ["status", [], false],
  ] as const
) {
  Deno.test(`isWhole() of a ${scope} reading with the problems "${codes}" is ${want}`, () => {
    assert.equal(isWhole({ scope, problems: codes.map((code) => ({ code })) }), want);
  });
}
