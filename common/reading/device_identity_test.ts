import assert from "node:assert/strict";
import type { DeviceEvidence, EvidenceKind } from "./device_evidence.ts";
import {
  type Candidate,
  isDuplicateOf,
  isSameUnknownDevice,
  judgePlace,
  judgeValue,
  type KnownValue,
  matchDevice,
  type Seen,
  twoPlacesMs,
} from "./device_identity.ts";

/** "mac M1 former": `former` was seen with another device since, `shared` is shown by two, `unsure` was in a lossy reading. */
function valueOf(text: string): KnownValue {
  const [kind, value, state] = text.split(" ");
  return {
    kind: kind as EvidenceKind,
    value: value!,
    current: state !== "former",
    shared: state === "shared",
    sure: state !== "unsure",
  };
}

function candidateOf(deviceId: string, evidence: string[], options: Partial<Candidate> = {}): Candidate {
  return {
    deviceId,
    evidence: evidence.map(valueOf),
    maker: "Acme",
    model: "Printer 100",
    description: null,
    isHere: false,
    ...options,
  };
}

const here = { isHere: true };

function evidenceFor(options: Partial<DeviceEvidence>): DeviceEvidence {
  return { serial: null, engineId: null, macs: [], maker: "Acme", model: "Printer 100", ...options };
}

const cases: {
  name: string;
  evidence: Partial<DeviceEvidence>;
  seen?: Partial<Seen>;
  candidates: Candidate[];
  want: string;
}[] = [
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
    candidates: [candidateOf("a", ["serial S1", "mac M1 former"]), candidateOf("b", ["serial S2", "mac M1"])],
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
      candidateOf("b", ["engineId E1 former"]),
      candidateOf("c", ["engineId E1 former"]),
    ],
    want: "new",
  },
  {
    name: "a MAC with another model in a partly lost answer suffices",
    evidence: { macs: ["M1"], model: "Net 7" },
    seen: { whole: false },
    candidates: [candidateOf("a", ["serial S1", "mac M1"])],
    want: "known a",
  },
  {
    name: "a MAC that two devices show in turns is no evidence",
    evidence: { macs: ["M1"] },
    candidates: [candidateOf("a", ["serial S1", "mac M1 shared"]), candidateOf("b", ["serial S2", "mac M1 shared"])],
    want: "new",
  },
  {
    name: "a serial of another model is that of the device that is there",
    evidence: { serial: "S1", model: "Plotter 900", maker: "Other" },
    candidates: [candidateOf("a", ["serial S1"], here)],
    want: "known a",
  },
  {
    name: "a serial of another model with the same board is of the same device",
    evidence: { serial: "S1", macs: ["M1"], model: "Plotter 900" },
    candidates: [candidateOf("a", ["serial S1", "mac M1"])],
    want: "known a",
  },
  {
    name: "a serial that was read of a partly lost answer elsewhere is not believed",
    evidence: { serial: "F1" },
    candidates: [candidateOf("a", ["serial F1 unsure", "serial S1"])],
    want: "new",
  },
  {
    name: "another serial where a device is known contradicts",
    evidence: { serial: "S2" },
    candidates: [candidateOf("a", ["serial S1"], here)],
    want: "contradicted a by serial strong",
  },
  {
    name: "another serial on the board of the device that is there contradicts",
    evidence: { serial: "S2", macs: ["M1"] },
    candidates: [candidateOf("a", ["serial S1", "mac M1"], here)],
    want: "contradicted a by serial strong",
  },
  {
    name: "another serial on the board of the device that is there, of a partly lost answer, is that of a part",
    evidence: { serial: "F1", macs: ["M1"] },
    seen: { whole: false },
    candidates: [candidateOf("a", ["serial S1", "mac M1"], here)],
    want: "known a",
  },
  {
    name: "another serial in a partly lost answer contradicts, weakly",
    evidence: { serial: "S2" },
    seen: { whole: false },
    candidates: [candidateOf("a", ["serial S1", "mac M1"], here)],
    want: "contradicted a by serial weak",
  },
  {
    name: "another serial and MAC in a partly lost answer contradict, weakly, as those of a card can stand in",
    evidence: { serial: "S2", macs: ["M2"] },
    seen: { whole: false },
    candidates: [candidateOf("a", ["serial S1", "mac M1"], here)],
    want: "contradicted a by serial mac weak",
  },
  {
    name: "a serial that only a partly lost answer told is contradicted by none",
    evidence: { serial: "S1" },
    candidates: [candidateOf("a", ["serial F1 unsure"], here)],
    want: "known a",
  },
  {
    name: "another MAC where a device is known contradicts when nothing else can be compared",
    evidence: { macs: ["M2"] },
    candidates: [candidateOf("a", ["serial S1", "mac M1"], here)],
    want: "contradicted a by mac strong",
  },
  {
    name: "a MAC that only a partly lost answer told is contradicted by none",
    evidence: { serial: "S1", macs: ["M1"] },
    candidates: [candidateOf("a", ["mac M2 unsure"], here)],
    want: "known a",
  },
  {
    name: "another MAC with the same engine is a further interface",
    evidence: { macs: ["M2"], engineId: "E1" },
    candidates: [candidateOf("a", ["mac M1", "engineId E1"], here)],
    want: "known a",
  },
  {
    name: "the board of a device that is known elsewhere says more than the address",
    evidence: { macs: ["M2"] },
    candidates: [candidateOf("a", ["serial S1"], here), candidateOf("b", ["serial S2", "mac M2"])],
    want: "known b",
  },
  {
    name: "a known serial says more than the device that is there",
    evidence: { serial: "S2", macs: ["M1"] },
    candidates: [candidateOf("a", ["serial S1", "mac M1"], here), candidateOf("b", ["serial S2"])],
    want: "known b",
  },
  {
    name: "a device without evidence is known by where it is",
    evidence: { model: null, maker: null },
    candidates: [candidateOf("a", [], { ...here, model: null })],
    want: "known a",
  },
  {
    name: "an answer without evidence is of the device that is there",
    evidence: {},
    candidates: [candidateOf("a", ["serial S1", "mac M1", "engineId E1"], here)],
    want: "known a",
  },
  {
    name: "evidence of a kind that was never shown is of the device that is there",
    evidence: { macs: ["M1"] },
    candidates: [candidateOf("a", ["serial S1"], here)],
    want: "known a",
  },
  {
    name: "a device that was known by its place tells its serial",
    evidence: { serial: "S1" },
    candidates: [candidateOf("a", [], here)],
    want: "known a",
  },
  {
    name: "another model at the place of a device contradicts when nothing else can be compared",
    evidence: { model: "Plotter 900" },
    candidates: [candidateOf("a", ["serial S1"], here)],
    want: "contradicted a by model strong",
  },
  {
    name: "another model in a partly lost answer is a worse name of the same",
    evidence: { model: "Network Card 7" },
    seen: { whole: false },
    candidates: [candidateOf("a", ["serial S1"], here)],
    want: "known a",
  },
  {
    name: "another model that was read from the same description is of the same device",
    evidence: { model: "Plotter 900" },
    seen: { description: "ACME NIC" },
    candidates: [candidateOf("a", [], { ...here, description: "ACME NIC" })],
    want: "known a",
  },
  {
    name: "a device without evidence where nobody is known is new",
    evidence: {},
    candidates: [],
    want: "new",
  },
];
for (const { name, evidence, seen, candidates, want } of cases) {
  Deno.test(`matchDevice() ${name}`, () => {
    for (const order of [candidates, candidates.toReversed()]) {
      const verdict = matchDevice({ evidence: evidenceFor(evidence), description: null, whole: true, ...seen }, order);
      assert.equal(textOf(verdict), want);
    }
  });
}

function textOf(verdict: ReturnType<typeof matchDevice>): string {
  switch (verdict.type) {
    case "known":
      return `known ${verdict.deviceId}`;
    case "new":
      return "new";
    case "conflict":
      return `conflict ${verdict.reason} ${verdict.deviceIds.join(" ")}`;
    case "contradicted":
      return `contradicted ${verdict.deviceId} by ${verdict.by.join(" ")} ${verdict.strong ? "strong" : "weak"}`;
  }
}

const mac = { kind: "mac" as const, value: "M1" };
for (
  const [name, device, others, want] of [
    ["nobody has shown", [], [], "taken"],
    ["the device has", ["mac M1"], [], "kept"],
    ["another device had until now", [], ["mac M1"], "taken"],
    ["came back to the device after another one showed it", ["mac M1 former"], ["mac M1"], "shared"],
    ["came back to the device from nobody", ["mac M1 former"], ["mac M1 former"], "taken"],
    ["tells nobody already", [], ["mac M1 shared"], "shared"],
  ] as const
) {
  Deno.test(`judgeValue() of a MAC address that ${name} is ${want}`, () => {
    assert.equal(judgeValue(mac, device.map(valueOf), others.map(valueOf)), want);
  });
}

for (
  const [a, b, want] of [
    [{ serial: "S1" }, { serial: "S1" }, true],
    [{ serial: "S1", macs: ["M1"] }, { serial: "S2", macs: ["M1"] }, false],
    [{ macs: ["M1"] }, { serial: "S2", macs: ["M1"] }, true],
    [{ macs: ["M1"] }, { macs: ["M2"] }, false],
    [{}, {}, true],
    [{ model: "Plotter 900" }, {}, false],
    [{ model: null }, { model: null }, false],
  ] as const
) {
  Deno.test(`isSameUnknownDevice() of ${JSON.stringify(a)} and ${JSON.stringify(b)} is ${want}`, () => {
    const evidence = (part: object) => evidenceFor(part as Partial<DeviceEvidence>);
    assert.equal(isSameUnknownDevice(evidence(a), evidence(b)), want);
  });
}

for (
  const [weaker, stronger, want, models] of [
    [[], ["serial S1"], true, ["Printer 100", "Printer 100"]],
    [["mac M1"], ["serial S1", "mac M1"], true, [null, "Printer 100"]],
    [["mac M1 former"], ["serial S1", "mac M1"], true, ["Printer 100", "Printer 100"]],
    [["serial S1"], ["serial S1", "mac M1"], true, ["Plotter 900", "Printer 100"]],
    [["mac M2"], ["serial S1", "mac M1"], false, ["Printer 100", "Printer 100"]],
    [["serial S2"], ["serial S1"], false, ["Printer 100", "Printer 100"]],
    [["serial F1 unsure"], ["serial S1"], true, ["Printer 100", "Printer 100"]],
    [[], ["serial S1"], false, ["Plotter 900", "Printer 100"]],
  ] as const
) {
  Deno.test(`isDuplicateOf() of "${weaker}" and "${stronger}" with the models ${models} is ${want}`, () => {
    const [a, b] = models;
    assert.equal(
      isDuplicateOf(candidateOf("a", [...weaker], { model: a }), candidateOf("b", [...stronger], { model: b })),
      want,
    );
  });
}

Deno.test("judgePlace() takes a place that was left a short while ago for a second one", () => {
  assert.equal(judgePlace(undefined, 0), "moved");
  for (
    const [passed, want] of [[twoPlacesMs - 1, "again"], [twoPlacesMs, "moved"], [1 - twoPlacesMs, "again"]] as const
  ) {
    assert.equal(judgePlace(1000, 1000 + passed), want);
  }
});
