/**
 * Which known device an observation is of: a verdict by scored evidence, without I/O. Serial numbers decide; SNMP engine
 * and MAC address belong to a board that can be swapped; model and maker only break ties.
 */
import { canBeSameModel, type DeviceEvidence } from "./evidence.ts";

export type EvidenceKind = "serial" | "engineId" | "mac";

export interface Candidate {
  deviceId: string;
  /** Everything that the device was ever seen with; not `current` is what was seen with another device since. */
  evidence: { kind: EvidenceKind; value: string; current: boolean }[];
  maker: string | null;
  model: string | null;
  /** Where it was seen last, unless another device is there now. */
  address: string | null;
}

export type Verdict =
  | { type: "known"; deviceId: string; score: number; reasons: string[] }
  | { type: "new" }
  /** Not to be merged: the observation is kept as a device of its own, for a person to judge. */
  | { type: "conflict"; deviceIds: string[]; reason: "serialOfAnotherModel" | "severalDevices" };

/** An address or engine that so many devices share is a default of a firmware, not evidence. */
const sharedBy = 3;
const weights = { serial: 100, engineId: 40, mac: 40, model: 8, maker: 2 };
const enough = 40;

/** `candidates` are all devices that share any evidence with the observation, and the one that is known at its address. */
export function matchDevice(
  evidence: DeviceEvidence,
  candidates: readonly Candidate[],
  options: { address: string },
): Verdict {
  const strong = strongEvidence(evidence, candidates);
  const scored = candidates.map((candidate) => scoreOf(evidence, strong, candidate));
  const bySerial = scored.filter(({ reasons }) => reasons.includes("serial"));
  const same = bySerial.find(({ compatible }) => compatible);
  if (same !== undefined) return knownAs(same);
  if (bySerial.length > 0) {
    return { type: "conflict", deviceIds: idsOf(bySerial), reason: "serialOfAnotherModel" };
  }
  const possible = scored.filter((each) => each.compatible && !each.contradicts && each.score >= enough);
  const best = Math.max(...possible.map(({ score }) => score));
  const winners = possible.filter(({ score }) => score === best);
  if (winners.length > 1) return { type: "conflict", deviceIds: idsOf(winners), reason: "severalDevices" };
  if (winners[0] !== undefined) return knownAs(winners[0]);
  const there = scored.find((each) => isWeaklySame(each, { evidence, strong, address: options.address }));
  if (there === undefined) return { type: "new" };
  return { type: "known", deviceId: there.candidate.deviceId, score: there.score, reasons: ["address", "model"] };
}

interface Scored {
  candidate: Candidate;
  score: number;
  reasons: string[];
  /** The models can be of one device. */
  compatible: boolean;
  /** Both have a serial number, and these differ. */
  contradicts: boolean;
}

interface Strong {
  kind: EvidenceKind;
  value: string;
}

/** The observation's evidence without what too many devices share. */
function strongEvidence(evidence: DeviceEvidence, candidates: readonly Candidate[]): Strong[] {
  const { serial, engineId, macs } = evidence;
  const all: Strong[] = [
    ...(serial === null ? [] : [{ kind: "serial" as const, value: serial }]),
    ...(engineId === null ? [] : [{ kind: "engineId" as const, value: engineId }]),
    ...macs.map((value) => ({ kind: "mac" as const, value })),
  ];
  return all.filter(({ kind, value }) => kind === "serial" || holders(candidates, kind, value) < sharedBy);
}

function holders(candidates: readonly Candidate[], kind: EvidenceKind, value: string): number {
  return candidates.filter(({ evidence }) => evidence.some((each) => each.kind === kind && each.value === value))
    .length;
}

function scoreOf(evidence: DeviceEvidence, strong: readonly Strong[], candidate: Candidate): Scored {
  const reasons = new Set<EvidenceKind | "model" | "maker">();
  for (const { kind, value } of strong) {
    if (candidate.evidence.some((each) => each.kind === kind && each.value === value && each.current)) {
      reasons.add(kind);
    }
  }
  if (evidence.model !== null && evidence.model === candidate.model) reasons.add("model");
  if (evidence.maker !== null && evidence.maker === candidate.maker) reasons.add("maker");
  const serials = candidate.evidence.filter(({ kind }) => kind === "serial").map(({ value }) => value);
  return {
    candidate,
    score: [...reasons].reduce((sum, reason) => sum + weights[reason], 0),
    reasons: [...reasons],
    compatible: canBeSameModel(evidence, candidate),
    contradicts: evidence.serial !== null && serials.length > 0 && !serials.includes(evidence.serial),
  };
}

/**
 * A device that tells nothing of itself, now or ever, can only be known by where it is. Both must be the same model there,
 * so that a partial answer of a known device makes no second one.
 */
function isWeaklySame(
  { candidate, contradicts }: Scored,
  { evidence, strong, address }: { evidence: DeviceEvidence; strong: readonly Strong[]; address: string },
): boolean {
  if (candidate.address !== address || contradicts) return false;
  if (strong.length > 0 && candidate.evidence.length > 0) return false;
  return evidence.model !== null && evidence.model === candidate.model;
}

function knownAs({ candidate, score, reasons }: Scored): Verdict {
  return { type: "known", deviceId: candidate.deviceId, score, reasons };
}

function idsOf(scored: readonly Scored[]): string[] {
  return scored.map(({ candidate }) => candidate.deviceId).sort();
}
