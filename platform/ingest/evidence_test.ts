import assert from "node:assert/strict";
import {
  bestCandidate,
  type Candidate,
  evidenceIn,
  normalEngineId,
  normalMac,
  normalSerial,
  type Observed,
} from "./evidence.ts";

const nothing: Observed = {
  agentId: "agt-1",
  deviceKey: "",
  serial: undefined,
  engineId: undefined,
  macs: [],
  manufacturer: "Example",
  model: "LX-100",
  address: "10.1.0.7",
};

function known(observed: Partial<Observed>, deviceId = "dev-1"): Candidate {
  const whole = { ...nothing, ...observed };
  return { deviceId, model: whole.model ?? null, evidence: evidenceIn(whole) };
}

const mac = "00:1b:a9:00:00:01";
const engineId = "8000097d0300000001";
const same = [
  { name: "serial, anywhere", before: { serial: "ABC12345" }, now: { serial: "abc-12345", address: "10.1.0.9" } },
  {
    name: "MAC, when the serial is not read this time",
    before: { serial: "ABC12345", macs: [mac] },
    now: { macs: [mac] },
  },
  { name: "engine id alone", before: { engineId }, now: { engineId } },
  { name: "the agent's own key", before: { deviceKey: "k1" }, now: { deviceKey: "k1", address: "10.1.0.9" } },
  { name: "place, when there is nothing else", before: {}, now: {} },
  {
    name: "serial alone, under another model name",
    before: { serial: "ABC12345" },
    now: { serial: "ABC12345", model: "LX-100 v2" },
  },
];
for (const { name, before, now } of same) {
  Deno.test(`bestCandidate() knows a device by its ${name}`, () => {
    assert.equal(bestCandidate({ ...nothing, ...now }, [known(before)]), "dev-1");
  });
}

const different = [
  {
    name: "another serial, with the same network card",
    before: { serial: "AAA11111", macs: [mac] },
    now: { serial: "BBB22222", macs: [mac] },
  },
  { name: "another serial at the same address", before: { serial: "AAA11111" }, now: { serial: "BBB22222" } },
  {
    name: "the same serial of another maker",
    before: { serial: "AAA11111" },
    now: { serial: "AAA11111", manufacturer: "Other" },
  },
  { name: "the engine id of another model", before: { engineId }, now: { engineId, model: "ZZ-9" } },
  { name: "another place, when there is nothing else", before: {}, now: { address: "10.1.0.8" } },
  { name: "the same place seen by another agent", before: {}, now: { agentId: "agt-2" } },
  { name: "a serial where only the place is known", before: {}, now: { serial: "AAA11111" } },
];
for (const { name, before, now } of different) {
  Deno.test(`bestCandidate() takes for new: ${name}`, () => {
    assert.equal(bestCandidate({ ...nothing, ...now }, [known(before)]), undefined);
  });
}

Deno.test("bestCandidate() follows the serial when the MAC points elsewhere", () => {
  const candidates = [known({ macs: [mac] }, "dev-mac"), known({ serial: "ABC12345" }, "dev-serial")];
  assert.equal(bestCandidate({ ...nothing, serial: "ABC12345", macs: [mac] }, candidates), "dev-serial");
});

for (
  const [text, want] of [
    ["CNBRR-123456", "CNBRR123456"],
    [" e70000a0n123456 ", "E70000A0N123456"],
    ["0000000000", undefined],
    ["XXXXXXXX", undefined],
    ["Unknown", undefined],
    ["N/A", undefined],
    ["123456789", undefined],
    ["0123456789", undefined],
    ["12345", undefined],
    ["00000", undefined],
    ["X", undefined],
    ["To be filled by O.E.M.", undefined],
    ["S".repeat(63) + "1", "S".repeat(63) + "1"],
    ["S".repeat(64) + "1", undefined],
    ["", undefined],
  ] as const
) {
  Deno.test(`normalSerial() of "${text}"`, () => assert.equal(normalSerial(text), want));
}

for (
  const [text, want] of [
    ["00-1B-A9-00-00-01", mac],
    ["001ba9000001", mac],
    ["00:00:00:00:00:00", undefined],
    ["ff:ff:ff:ff:ff:ff", undefined],
    ["01:00:5e:00:00:01", undefined],
    ["00:1b:a9", undefined],
    ["00:00:00:00:00:01", undefined],
    ["00:11:22:33:44:55", undefined],
  ] as const
) {
  Deno.test(`normalMac() of "${text}"`, () => assert.equal(normalMac(text), want));
}

for (
  const [text, want] of [
    ["0x8000097D0300000001", engineId],
    ["80", undefined],
    ["0000000000", undefined],
    ["ab".repeat(33), undefined],
  ] as const
) {
  Deno.test(`normalEngineId() of "${text}"`, () => assert.equal(normalEngineId(text), want));
}
