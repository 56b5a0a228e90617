/**
 * Decides which known device a reading belongs to: without I/O, the same for agent and platform. docs/schedule.md has
 * the rules as tables. Serial numbers decide; SNMP engine and MAC address belong to a board, which can be replaced;
 * model and maker only break ties. A reading from the place of a known device belongs to that device unless an actual
 * answer contradicts it: a missing answer is not evidence.
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
  /** False after the value was seen with another device. */
  current: boolean;
  /** Two devices show it alternately, so that it identifies neither. */
  shared: boolean;
  /** It was in a complete reading. */
  sure: boolean;
}

export interface Candidate {
  deviceId: string;
  /** Everything that the device was ever seen with. */
  evidence: readonly KnownValue[];
  maker: string | null;
  model: string | null;
  /** Last sysDescr; null if it is not stored. */
  description: string | null;
  /** It is the known device at the place of the reading. True for at most one candidate. */
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
  /** The reading belongs to a separate device, to be judged by a person; nothing is merged. */
  | { type: "conflict"; deviceIds: string[]; reason: "serialOfAnotherModel" | "severalDevices" }
  /**
   * Another device seems to answer at the place of `deviceId`. One such reading belongs neither to that device nor to a
   * new one; of two such readings, one must be `strong` to prove another device.
   */
  | { type: "contradicted"; deviceId: string; by: (EvidenceKind | "model")[]; strong: boolean };

/** A MAC address or engine id of this many devices is a firmware default, not evidence. */
const sharedBy = 3;
const weights: Record<EvidenceKind | "model" | "maker", number> = {
  serial: 100,
  engineId: 40,
  mac: 40,
  model: 8,
  maker: 2,
};

/** `candidates`: all devices that were seen with any value of the evidence, and the known one at the place. */
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
  /** The models can belong to one device. */
  compatible: boolean;
  /** Both have a serial number, and they differ. */
  otherSerial: boolean;
  /** Evidence against the known device at the place. */
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
  // A substitute for a lost serial number does not prove that a complete reading elsewhere is from the same device.
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
      // An incomplete answer may have the serial number of a card or a part instead of the device's.
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

/**
 * Maker and model of a device, ignored if only incomplete readings are known: they may be those of a card or a part.
 */
function surelyNamed({ evidence, maker, model }: Duplicate): Pick<Candidate, "maker" | "model"> {
  return evidence.length === 0 || evidence.some(({ sure }) => sure) ? { maker, model } : { maker: null, model: null };
}

/** Whether the model really differs; with an equal sysDescr, only the reading of it by another release differs. */
function isOtherModel({ evidence, description }: Seen, candidate: Candidate): boolean {
  if (evidence.model === null || candidate.model === null || canBeSameModel(evidence, candidate)) return false;
  return description === null || description !== candidate.description;
}

/** The observed evidence without values that too many devices share. */
function tellingValues(evidence: DeviceEvidence, candidates: readonly Candidate[]): EvidenceValue[] {
  return evidenceValues(evidence).filter(({ kind, value }) => {
    if (kind === "serial") return true;
    const holders = candidates.flatMap(({ evidence }) =>
      evidence.find((each) => each.kind === kind && each.value === value) ?? []
    );
    return holders.length < sharedBy && !holders.some(({ shared }) => shared);
  });
}

/** The candidates with the highest score, ordered by id. */
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

/** Whether two readings that contradict the same known device are from one other device. */
export function isSameUnknownDevice(a: DeviceEvidence, b: DeviceEvidence): boolean {
  if (a.serial !== null && b.serial !== null) return a.serial === b.serial;
  const values = evidenceValues(b);
  if (evidenceValues(a).some(({ kind, value }) => values.some((each) => each.kind === kind && each.value === value))) {
    return true;
  }
  const differs = (a.engineId !== null && b.engineId !== null) || (a.macs.length > 0 && b.macs.length > 0);
  return !differs && a.model !== null && b.model !== null && canBeSameModel(a, b);
}

/** What happens to a value of evidence that other devices had before. */
export type ValueVerdict =
  /** Nothing. */
  | "kept"
  /** It belongs to this device from now on, as boards can be moved. */
  | "taken"
  /**
   * It came back to an earlier device, which a moved board does not: two devices have it, and it identifies neither.
   */
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

/** The facts needed to detect a duplicate of another device at the same place. */
export type Duplicate = Pick<Candidate, "evidence" | "maker" | "model">;

/**
 * Whether `stronger` has all reliable evidence of `weaker`, so that `weaker` was created from incomplete readings of
 * the other. For devices at one place.
 */
export function isDuplicateOf(weaker: Duplicate, stronger: Duplicate): boolean {
  const covered = weaker.evidence.filter(({ sure }) => sure).every(({ kind, value }) =>
    stronger.evidence.some((each) => each.kind === kind && each.value === value)
  );
  // With equal serial numbers at one place, only the reading of the model differs.
  const bySerial = weaker.evidence.some(({ kind, sure }) => kind === "serial" && sure);
  const names = surelyNamed(weaker);
  return covered && (bySerial || canBeSameModel(names, stronger)) && canBeSameMaker(names.maker, stronger.maker);
}

/** How long a device that was seen at two addresses keeps both, as with IPv4 and IPv6. */
export const twoPlacesMs = 7 * 86_400_000;

/**
 * Judges a device that answers at a free place: `again`: it is one of its places; `moved`: it has moved there.
 * `lastSeenMs`: when it was last seen at this place, undefined for never.
 */
export function judgePlace(lastSeenMs: number | undefined, nowMs: number): "again" | "moved" {
  return lastSeenMs !== undefined && Math.abs(nowMs - lastSeenMs) < twoPlacesMs ? "again" : "moved";
}
