import assert from "node:assert/strict";
import type { DeviceEvidence } from "./evidence.ts";
import { type Candidate, type EvidenceKind, matchDevice } from "./match_device.ts";

function candidateOf(deviceId: string, evidence: string[], options: Partial<Candidate> = {}): Candidate {
  return {
    deviceId,
    evidence: evidence.map((text) => {
      const [kind, value, state] = text.split(" ");
      return { kind: kind as EvidenceKind, value: value!, current: state !== "before" };
    }),
    maker: "Acme",
    model: "Printer 100",
    address: null,
    ...options,
  };
}

function evidenceFor(options: Partial<DeviceEvidence>): DeviceEvidence {
  return { serial: null, engineId: null, macs: [], maker: "Acme", model: "Printer 100", ...options };
}

const cases: { name: string; evidence: Partial<DeviceEvidence>; candidates: Candidate[]; want: string }[] = [
  { name: "nothing known is new", evidence: { serial: "S1" }, candidates: [], want: "new" },
  {
    name: "a serial suffices",
    evidence: { serial: "S1" },
    candidates: [candidateOf("a", ["serial S1"])],
    want: "known a",
  },
  {
    name: "a swapped board does not make another device",
    evidence: { serial: "S1", engineId: "E9", macs: ["M9"] },
    candidates: [candidateOf("a", ["serial S1", "engineId E1", "mac M1"])],
    want: "known a",
  },
  {
    name: "a board that moved into another device does not take it along",
    evidence: { serial: "S2", macs: ["M1"], engineId: "E1" },
    candidates: [candidateOf("a", ["serial S1", "mac M1", "engineId E1"])],
    want: "new",
  },
  {
    name: "the serial wins over another device's board",
    evidence: { serial: "S1", macs: ["M2"], engineId: "E2" },
    candidates: [candidateOf("a", ["serial S1"]), candidateOf("b", ["serial S2", "mac M2", "engineId E2"])],
    want: "known a",
  },
  {
    name: "a serial of another model is a conflict",
    evidence: { serial: "S1", model: "Plotter 900" },
    candidates: [candidateOf("a", ["serial S1"])],
    want: "conflict serialOfAnotherModel a",
  },
  {
    name: "the device that was kept apart is found again",
    evidence: { serial: "S1", model: "Plotter 900" },
    candidates: [candidateOf("a", ["serial S1"]), candidateOf("b", ["serial S1"], { model: "Plotter 900" })],
    want: "known b",
  },
  {
    name: "a MAC suffices without a serial",
    evidence: { macs: ["M1"] },
    candidates: [candidateOf("a", ["serial S1", "mac M1"])],
    want: "known a",
  },
  {
    name: "an engine suffices without a serial",
    evidence: { engineId: "E1" },
    candidates: [candidateOf("a", ["serial S1", "engineId E1"])],
    want: "known a",
  },
  {
    name: "a MAC in another model is another device",
    evidence: { macs: ["M1"], model: "Plotter 900" },
    candidates: [candidateOf("a", ["mac M1"])],
    want: "new",
  },
  {
    name: "a MAC that was seen with another device since does not count",
    evidence: { macs: ["M1"] },
    candidates: [candidateOf("a", ["serial S1", "mac M1 before"]), candidateOf("b", ["serial S2", "mac M1"])],
    want: "known b",
  },
  {
    name: "a MAC of two devices is shared, and the model decides",
    evidence: { macs: ["M1"] },
    candidates: [candidateOf("a", ["mac M1"], { model: "Printer 100 DN" }), candidateOf("b", ["mac M1"])],
    want: "known b",
  },
  {
    name: "two devices with equal evidence are a conflict",
    evidence: { macs: ["M1"], engineId: "E2" },
    candidates: [candidateOf("a", ["mac M1"]), candidateOf("b", ["engineId E2"])],
    want: "conflict severalDevices a b",
  },
  {
    name: "a MAC of three devices is no evidence",
    evidence: { macs: ["M1"] },
    candidates: ["a", "b", "c"].map((id) => candidateOf(id, ["mac M1"])),
    want: "new",
  },
  {
    name: "an engine of three devices is no evidence, also when one has it no more",
    evidence: { engineId: "E1" },
    candidates: [
      candidateOf("a", ["engineId E1"]),
      candidateOf("b", ["engineId E1 before"]),
      candidateOf("c", ["engineId E1 before"]),
    ],
    want: "new",
  },
  {
    name: "the address alone is nothing",
    evidence: { serial: "S2" },
    candidates: [candidateOf("a", ["serial S1"], { address: "here" })],
    want: "new",
  },
  {
    name: "a device without evidence is known by address and model",
    evidence: {},
    candidates: [candidateOf("a", [], { address: "here" })],
    want: "known a",
  },
  {
    name: "a partial answer of a known device makes no second one",
    evidence: {},
    candidates: [candidateOf("a", ["serial S1", "mac M1"], { address: "here" })],
    want: "known a",
  },
  {
    name: "a device that was weakly known tells its serial",
    evidence: { serial: "S1" },
    candidates: [candidateOf("a", [], { address: "here" })],
    want: "known a",
  },
  {
    name: "another model at the address of a device without evidence is new",
    evidence: { model: "Plotter 900" },
    candidates: [candidateOf("a", [], { address: "here" })],
    want: "new",
  },
  {
    name: "a device without evidence at another address is new",
    evidence: {},
    candidates: [candidateOf("a", [], { address: "there" })],
    want: "new",
  },
];
for (const { name, evidence, candidates, want } of cases) {
  Deno.test(`matchDevice() ${name}`, () => {
    for (const order of [candidates, candidates.toReversed()]) {
      const verdict = matchDevice(evidenceFor(evidence), order, { address: "here" });
      const found = verdict.type === "known"
        ? `known ${verdict.deviceId}`
        : verdict.type === "new"
        ? "new"
        : `conflict ${verdict.reason} ${verdict.deviceIds.join(" ")}`;
      assert.equal(found, want);
    }
  });
}
