import assert from "node:assert/strict";
import { type EvidenceKind, evidenceOf } from "../../common/reading/device_evidence.ts";
import { judgeIdentity } from "./judge_identity.ts";

const known = (...values: [kind: EvidenceKind, value: string, more?: { current?: boolean; shared?: boolean }][]) => ({
  evidence: values.map(([kind, value, more]) => ({ kind, value, current: true, shared: false, sure: true, ...more })),
});
const shows = (shown: { serial?: string; engineId?: string; mac?: string }) =>
  evidenceOf({
    serial: shown.serial,
    engineId: shown.engineId,
    macs: [shown.mac],
    maker: null,
    model: null,
  });
const mac = "00:1b:a9:0b:a7:52", otherMac = "00:1b:a9:0b:a7:53";
const whole = known(["serial", "ABC12345"], ["mac", mac]);

const cases: [
  what: string,
  Parameters<typeof judgeIdentity>[0],
  Parameters<typeof judgeIdentity>[1],
  want: "same" | "other" | "unknown",
][] = [
  [
    "the same serial number, in another spelling",
    whole,
    { seen: [shows({ serial: "abc-12345" })], serial: "" },
    "same",
  ],
  ["another serial number", whole, { seen: [shows({ serial: "XYZ12345", mac })], serial: "" }, "other"],
  ["a serial number that the platform does not mean", whole, {
    seen: [shows({ serial: "ABC12345" })],
    serial: "XYZ12345",
  }, "other"],
  ["one of several printers behind an address", whole, {
    seen: [shows({ serial: "XYZ12345" }), shows({ serial: "ABC12345" })],
    serial: "ABC12345",
  }, "same"],
  ["no answer", whole, { seen: undefined, serial: "ABC12345" }, "unknown"],
  ["no serial number this time, and the same board", whole, { seen: [shows({ mac })], serial: "" }, "same"],
  ["no serial number this time, and another board", whole, { seen: [shows({ mac: otherMac })], serial: "" }, "other"],
  ["nothing that tells", whole, { seen: [shows({})], serial: "" }, "unknown"],
  ["a placeholder as serial number", whole, { seen: [shows({ serial: "0000000000" })], serial: "" }, "unknown"],
  ["a device without evidence", known(), { seen: [shows({ serial: "ABC12345" })], serial: "" }, "unknown"],
  ["a device without evidence whose serial number the platform knows", known(), {
    seen: [shows({ serial: "XYZ12345" })],
    serial: "ABC12345",
  }, "other"],
  ["a serial number that it had once", known(["serial", "OLD12345", { current: false }], ["serial", "ABC12345"]), {
    seen: [shows({ serial: "OLD12345" })],
    serial: "",
  }, "other"],
  [
    "a board that two devices show",
    known(["mac", mac, { shared: true }]),
    { seen: [shows({ mac })], serial: "" },
    "unknown",
  ],
];
for (const [what, device, shown, want] of cases) {
  Deno.test(`judgeIdentity() of ${what}: ${want}`, () => {
    const verdict = judgeIdentity(device, shown);
    assert.equal(verdict.kind, want);
    if (verdict.kind !== "same") assert.match(verdict.why, /^(it|its|the platform) .+[^.]$/);
  });
}
