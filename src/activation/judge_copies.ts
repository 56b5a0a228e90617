/** Decides which copy of the activation state is valid. */
import { createHash } from "node:crypto";
import { type ActivationState, isLocked, lockCount, type PlatformAttempts } from "./activation_state.ts";
import type { FoundRecord, SealedRecord } from "./sealed_record.ts";

/** Something about the copies that an administrator should know; the agent goes on. */
export type CopyFault = "state-rolled-back" | "state-missing" | "state-forged" | "guard-missing" | "guard-forged";

export type CopiesVerdict =
  /** An installation that has never tried a code; `lock` has the attempts of the machine's other installations. */
  | { kind: "fresh"; lock: MachineLock }
  /** `record` is the newest of the copies, with the attempts of the whole machine. */
  | { kind: "known"; record: SealedRecord; faults: CopyFault[] }
  /**
   * The state was not written by this machine: it was edited or copied here. Locked until `unlock` gets a token for
   * `installationId` and `lockNumber`.
   */
  | { kind: "foreign"; installationId: string; lockNumber: number };

export interface MachineCopies {
  own: FoundRecord;
  /** Records in the guard directories, of this installation and of others. */
  guards: readonly FoundRecord[];
  /** Records in other state directories that a record names. */
  elsewhere: readonly FoundRecord[];
}

/**
 * Compares the copy of the state directory with those of the guard directories. The highest counter wins, so that
 * restoring an older state directory changes nothing. An empty state directory takes over an installation that has
 * attempts (new, revoked or expired), so that deleting the directory or using another one changes nothing either.
 * Attempts are counted for the whole machine, not for one state directory.
 */
export function judgeCopies({ own, guards, elsewhere }: MachineCopies, machineIdentity: string): CopiesVerdict {
  const valid = validOf(guards);
  const all = newestOfEach([...validOf([own]), ...valid, ...validOf(elsewhere)]);
  if (own.kind === "valid") {
    const id = own.record.state.installationId;
    const same = valid.filter((record) => record.state.installationId === id);
    const faults: CopyFault[] = [];
    if (same.some((guard) => guard.state.counter > own.record.state.counter)) faults.push("state-rolled-back");
    if (same.length === 0) {
      const forged = guards.some((guard) => guard.kind === "forged" && guard.claimedId === id);
      faults.push(forged ? "guard-forged" : "guard-missing");
    }
    return { kind: "known", record: withLock(all.get(id)!, all), faults };
  }
  const claimedId = own.kind === "forged" ? own.claimedId : null;
  const lock = machineLock(undefined, countedStates(undefined, all));
  // A working agent is taken over only if the machine is locked, so that there is an installation to unlock.
  const adopted = [...all.values()].filter((record) =>
    isLocked(lock) || isUnfinished(record) || (own.kind === "forged" && record.state.installationId === claimedId)
  );
  if (adopted.length > 0) {
    const record = adopted.reduce((a, b) => b.state.attempts > a.state.attempts ? b : a);
    return {
      kind: "known",
      record: withLock(record, all),
      faults: [own.kind === "absent" ? "state-missing" : "state-forged"],
    };
  }
  if (own.kind === "absent") return { kind: "fresh", lock };
  return { kind: "foreign", installationId: foreignId(claimedId, machineIdentity), lockNumber: lockCount(lock) };
}

function isUnfinished({ state }: SealedRecord): boolean {
  return state.attempts > 0 && state.phase !== "activated";
}

function withLock(record: SealedRecord, all: ReadonlyMap<string, SealedRecord>): SealedRecord {
  const { state } = record;
  return { ...record, state: { ...state, ...machineLock(state, countedStates(state.installationId, all)) } };
}

/**
 * Older releases counted attempts per installation. Their records do not count for the machine: an update must not lock
 * a working agent because of codes that were mistyped for another installation.
 */
function countedStates(ownId: string | undefined, all: ReadonlyMap<string, SealedRecord>) {
  return [...all.values()].map(({ state }) => state)
    .filter(({ installationId, platforms }) => platforms !== null || installationId === ownId);
}

function validOf(found: readonly FoundRecord[]): SealedRecord[] {
  return found.flatMap((one) => one.kind === "valid" ? [one.record] : []);
}

function newestOfEach(records: readonly SealedRecord[]): Map<string, SealedRecord> {
  const newest = new Map<string, SealedRecord>();
  for (const record of records) {
    const id = record.state.installationId, known = newest.get(id);
    newest.set(id, known === undefined ? record : newer(known, record));
  }
  return newest;
}

function newer(a: SealedRecord, b: SealedRecord): SealedRecord {
  if (a.state.counter !== b.state.counter) return b.state.counter > a.state.counter ? b : a;
  return b.state.attempts > a.state.attempts ? b : a;
}

/**
 * A new installation id for a state that this machine did not write; always the same for the same input. The id in the
 * file cannot be used: if the number of unlocks was edited, a used token would be valid again.
 */
function foreignId(claimedId: string | null, machineIdentity: string): string {
  const hash = createHash("sha256").update(`opendca.foreign/1\0${claimedId ?? ""}\0${machineIdentity}`).digest("hex");
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}

export type MachineLock = Pick<ActivationState, "attempts" | "unlocks" | "platforms" | "unlockKeys" | "places">;

/** Maximum number of other state directories that are read. */
const maxPlaces = 32;

/**
 * The maximum over all records; records from before the last unlock are ignored. Of two records for one platform, the
 * one with more successes is the later. The unlock keys are those that every record with attempts contains, so that a
 * state directory that somebody created to get around the lock adds no key; without attempts, the keys of `own`.
 */
function machineLock(own: ActivationState | undefined, states: readonly ActivationState[]): MachineLock {
  const unlocks = Math.max(0, ...states.map((state) => state.unlocks));
  const current = states.filter((state) => state.unlocks === unlocks);
  const unknown = Math.max(0, ...current.map(unknownAttempts));
  const byKey = new Map<string, PlatformAttempts>();
  for (const one of current.flatMap(({ platforms }) => platforms ?? [])) {
    const other = byKey.get(one.key);
    byKey.set(one.key, other === undefined ? one : later(one, other));
  }
  const platforms = [...byKey.values()];
  const tried = current.filter(({ attempts }) => attempts > 0);
  const involved = tried.length > 0 ? tried : own !== undefined ? [own] : unlocks > 0 ? current : [];
  return {
    unlocks,
    attempts: unknown + sumOf(platforms),
    platforms,
    unlockKeys: (involved[0]?.unlockKeys ?? []).filter((key) =>
      involved.every(({ unlockKeys }) => unlockKeys.includes(key))
    ),
    places: [...new Set([...(own?.places ?? []), ...states.flatMap(({ places }) => places)])].slice(0, maxPlaces),
  };
}

/** Attempts recorded by an older release, and attempts at an unknown platform. */
function unknownAttempts({ attempts, platforms }: ActivationState): number {
  return Math.max(0, attempts - sumOf(platforms ?? []));
}

function later(a: PlatformAttempts, b: PlatformAttempts): PlatformAttempts {
  if (a.successes !== b.successes) return a.successes > b.successes ? a : b;
  return {
    ...a,
    attempts: Math.max(a.attempts, b.attempts),
    takenBack: [...new Set([...a.takenBack, ...b.takenBack])],
  };
}

function sumOf(platforms: readonly PlatformAttempts[]): number {
  return platforms.reduce((sum, { attempts }) => sum + attempts, 0);
}
