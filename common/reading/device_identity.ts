/**
 * Which known device a reading is of: a verdict without I/O, the same for agent and platform. docs/schedule.md has the rules
 * as tables. Serial numbers decide; SNMP engine and MAC address belong to a board that can be swapped; model and maker only
 * break ties. Where a known device is, a reading is of that device until something that was really answered contradicts it:
 * what was not answered is no evidence.
 */
import {
  canBeSameMaker,
  canBeSameModel,
  type DeviceEvidence,
  type EvidenceKind,
  type EvidenceValue,
  evidenceValues,
} from "./device_evidence.ts";

export interface KnownValue extends EvidenceValue {
  /** False once the value was seen with another device. */
  current: boolean;
  /** Two devices show it in turns, so that it tells neither. */
  shared: boolean;
  /** It was in a reading of which nothing was lost. */
  sure: boolean;
}

export interface Candidate {
  deviceId: string;
  /** Everything that the device was ever seen with. */
  evidence: readonly KnownValue[];
  maker: string | null;
  model: string | null;
  /** sysDescr as it was read last; null where it is not kept. */
  description: string | null;
  /** It is the device that is known where the reading comes from. At most one candidate is. */
  isHere: boolean;
}

export interface Seen {
  evidence: DeviceEvidence;
  description: string | null;
  /** See `isWhole`. */
  whole: boolean;
}

export type Verdict =
  | { type: "known"; deviceId: string; reasons: string[] }
  | { type: "new" }
  /** Not to be merged: the reading is of a device of its own, for a person to judge. */
  | { type: "conflict"; deviceIds: string[]; reason: "serialOfAnotherModel" | "severalDevices" }
  /**
   * Something else answers where `deviceId` is known. Seen once, it is neither that device's nor a new one; `strong` is what
   * one of two sightings must be to show that another device is there.
   */
  | { type: "contradicted"; deviceId: string; by: (EvidenceKind | "model")[]; strong: boolean };

/** An address or engine that so many devices have shown is a default of a firmware, not evidence. */
const sharedBy = 3;
const weights: Record<EvidenceKind | "model" | "maker", number> = {
  serial: 100,
  engineId: 40,
  mac: 40,
  model: 8,
  maker: 2,
};

/** `candidates` are all devices that were seen with any value of the evidence, and the one that is known there. */
export function matchDevice(seen: Seen, candidates: readonly Candidate[]): Verdict {
  const telling = tellingValues(seen.evidence, candidates);
  const compared = candidates.map((candidate) => compare(seen, telling, candidate));
  const bySerial = compared.filter(({ reasons }) => reasons.has("serial"));
  const plausible = bySerial.filter((each) => each.candidate.isHere || each.board || each.compatible);
  const best = bestOf(plausible);
  if (best[0] !== undefined) return knownAs(best.find(({ candidate }) => candidate.isHere) ?? best[0]);

  const here = compared.find(({ candidate }) => candidate.isHere);
  const isHere = here !== undefined && here.contradictions.length === 0;
  if (isHere && here.board) return knownAs(here);
  const winners = bestOf(
    compared.filter((each) => each.board && each.compatible && !each.otherSerial && !each.candidate.isHere),
  );
  if (winners.length === 1) return knownAs(winners[0]!);
  if (isHere) {
    here.reasons.add("place");
    return knownAs(here);
  }
  if (here !== undefined) {
    const { deviceId } = here.candidate;
    return { type: "contradicted", deviceId, by: here.contradictions, strong: seen.whole };
  }
  if (winners.length > 1) return { type: "conflict", deviceIds: idsOf(winners), reason: "severalDevices" };
  if (bySerial.length > 0) return { type: "conflict", deviceIds: idsOf(bySerial), reason: "serialOfAnotherModel" };
  return { type: "new" };
}

interface Compared {
  candidate: Candidate;
  reasons: Set<EvidenceKind | "model" | "maker" | "place">;
  score: number;
  /** Engine or MAC address agree. */
  board: boolean;
  /** The models can be of one device. */
  compatible: boolean;
  /** Both have a serial number, and these differ. */
  otherSerial: boolean;
  /** What speaks against the device that is known there. */
  contradictions: (EvidenceKind | "model")[];
}

function compare(seen: Seen, telling: readonly EvidenceValue[], candidate: Candidate): Compared {
  const { evidence, whole } = seen;
  const kept = candidate.evidence.filter(({ shared }) => !shared);
  const reasons: Compared["reasons"] = new Set();
  for (const { kind, value } of telling) {
    if (kind === "serial") continue;
    const same = kept.find((each) => each.kind === kind && each.value === value);
    if (same !== undefined && (same.current || candidate.isHere)) reasons.add(kind);
  }
  const serials = kept.filter(({ kind }) => kind === "serial");
  const sure = serials.filter((each) => each.sure);
  const serial = serials.find(({ value }) => value === evidence.serial);
  // What stood in for a lost serial number once is no proof that a whole reading elsewhere is of the same device.
  const counts = serial !== undefined && (serial.sure || sure.length === 0 || !whole || candidate.isHere);
  if (counts) reasons.add("serial");
  if (evidence.model !== null && evidence.model === candidate.model) reasons.add("model");
  if (evidence.maker !== null && evidence.maker === candidate.maker) reasons.add("maker");
  const board = reasons.has("engineId") || reasons.has("mac");
  const otherSerial = evidence.serial !== null && sure.length > 0 && !counts;
  const otherBoards = board
    ? []
    : (["engineId", "mac"] as const).filter((kind) =>
      telling.some((each) => each.kind === kind) && kept.some((each) => each.kind === kind && each.sure)
    );
  const isComparable = board || otherBoards.length > 0 || (evidence.serial !== null && sure.length > 0);
  return {
    candidate,
    reasons,
    score: [...reasons].reduce((sum, reason) => sum + (reason === "place" ? 0 : weights[reason]), 0),
    board,
    compatible: !whole || canBeSameModel(evidence, surelyNamed(candidate)),
    otherSerial,
    contradictions: otherSerial
      // A partly lost answer may tell the serial number of a card or a part where that of the device was lost.
      ? board && !whole ? [] : ["serial", ...otherBoards]
      : counts
      ? []
      : isComparable
      ? otherBoards
      : whole && isOtherModel(seen, candidate)
      ? ["model"]
      : [],
  };
}

/** The names of a device of which only partly lost answers are known may be those of a card or a part. */
function surelyNamed({ evidence, maker, model }: Duplicate): Pick<Candidate, "maker" | "model"> {
  return evidence.length === 0 || evidence.some(({ sure }) => sure) ? { maker, model } : { maker: null, model: null };
}

/** A model that is read otherwise by another release of this program is that of the same device. */
function isOtherModel({ evidence, description }: Seen, candidate: Candidate): boolean {
  if (evidence.model === null || candidate.model === null || canBeSameModel(evidence, candidate)) return false;
  return description === null || description !== candidate.description;
}

/** The observation's evidence without what too many devices share. */
function tellingValues(evidence: DeviceEvidence, candidates: readonly Candidate[]): EvidenceValue[] {
  return evidenceValues(evidence).filter(({ kind, value }) => {
    if (kind === "serial") return true;
    const holders = candidates.flatMap(({ evidence }) =>
      evidence.find((each) => each.kind === kind && each.value === value) ?? []
    );
    return holders.length < sharedBy && !holders.some(({ shared }) => shared);
  });
}

/** Those with the highest score, in the order of their ids. */
function bestOf(compared: readonly Compared[]): Compared[] {
  const most = Math.max(...compared.map(({ score }) => score));
  return compared.filter(({ score }) => score === most)
    .sort((a, b) => a.candidate.deviceId < b.candidate.deviceId ? -1 : 1);
}

function knownAs({ candidate, reasons }: Compared): Verdict {
  return { type: "known", deviceId: candidate.deviceId, reasons: [...reasons] };
}

function idsOf(compared: readonly Compared[]): string[] {
  return compared.map(({ candidate }) => candidate.deviceId).sort();
}

/** Whether two readings that contradict the same known device are of one other device. */
export function isSameUnknownDevice(a: DeviceEvidence, b: DeviceEvidence): boolean {
  if (a.serial !== null && b.serial !== null) return a.serial === b.serial;
  const values = evidenceValues(b);
  if (evidenceValues(a).some(({ kind, value }) => values.some((each) => each.kind === kind && each.value === value))) {
    return true;
  }
  const differs = (a.engineId !== null && b.engineId !== null) || (a.macs.length > 0 && b.macs.length > 0);
  return !differs && a.model !== null && b.model !== null && canBeSameModel(a, b);
}

/** What a value that a device has shown does to the devices that were seen with it before. */
export type ValueVerdict =
  /** Nothing. */
  | "kept"
  /** It is this device's from now on, as boards move. */
  | "taken"
  /** Boards move once. What comes back is a clone: two devices show it, and it tells neither. */
  | "shared";

export function judgeValue(
  { kind, value }: EvidenceValue,
  device: readonly KnownValue[],
  others: readonly KnownValue[],
): ValueVerdict {
  const is = (each: KnownValue) => each.kind === kind && each.value === value;
  const own = device.find(is), held = others.filter(is);
  if (own?.shared || held.some(({ shared }) => shared)) return "shared";
  if (kind === "serial") return own === undefined ? "taken" : "kept";
  if (own?.current) return "kept";
  return own !== undefined && held.some(({ current }) => current) ? "shared" : "taken";
}

/** A device as far as it can be a duplicate of another one at the same place. */
export type Duplicate = Pick<Candidate, "evidence" | "maker" | "model">;

/**
 * Whether all that `weaker` was ever seen with for sure is what `stronger` was seen with, so that it was made of partly lost
 * answers of the other. For devices at one place.
 */
export function isDuplicateOf(weaker: Duplicate, stronger: Duplicate): boolean {
  const covered = weaker.evidence.filter(({ sure }) => sure).every(({ kind, value }) =>
    stronger.evidence.some((each) => each.kind === kind && each.value === value)
  );
  // With equal serial numbers at one place, a model is only read otherwise.
  const bySerial = weaker.evidence.some(({ kind, sure }) => kind === "serial" && sure);
  const names = surelyNamed(weaker);
  return covered && (bySerial || canBeSameModel(names, stronger)) && canBeSameMaker(names.maker, stronger.maker);
}

/** How long a device that was seen at two addresses has both, as with IPv4 and IPv6. */
export const twoPlacesMs = 7 * 86_400_000;

/**
 * What it means that a device answers at a place where nobody else is: `again` at one that it has beside others, or `moved`
 * from there. `lastSeenMs` is when it was seen at this place last, undefined for never.
 */
export function judgePlace(lastSeenMs: number | undefined, nowMs: number): "again" | "moved" {
  return lastSeenMs !== undefined && Math.abs(nowMs - lastSeenMs) < twoPlacesMs ? "again" : "moved";
}
