/** Which of the copies of the activation state is believed. */
import { createHash } from "node:crypto";
import type { FoundRecord, SealedRecord } from "./sealed_record.ts";

/** Something about the copies that an administrator should know; the agent goes on. */
export type CopyFault = "state-rolled-back" | "state-missing" | "state-forged" | "guard-missing" | "guard-forged";

export type CopiesVerdict =
  /** Nothing anywhere: an installation that has never tried. */
  | { kind: "fresh" }
  /** `record` is the newest of the copies. */
  | { kind: "known"; record: SealedRecord; faults: CopyFault[] }
  /** There is a state, but none that this machine wrote: edited, or copied here. Locked until a token for `installationId`. */
  | { kind: "foreign"; installationId: string };

/**
 * Compares the copy of the state directory with those of the guard directories. The highest counter wins, so that
 * restoring an older state directory changes nothing. A state directory that is empty goes on with an installation that
 * has attempts, be it new or one that was revoked or expired and tries again, so that deleting it, or naming another one,
 * changes nothing either.
 */
export function judgeCopies(own: FoundRecord, guards: readonly FoundRecord[], machineIdentity: string): CopiesVerdict {
  const valid = guards.flatMap((guard) => guard.kind === "valid" ? [guard.record] : []);
  if (own.kind === "valid") {
    const id = own.record.state.installationId;
    const same = valid.filter((record) => record.state.installationId === id);
    const record = [own.record, ...same].reduce(newer);
    const faults: CopyFault[] = [];
    if (same.some((guard) => guard.state.counter > own.record.state.counter)) faults.push("state-rolled-back");
    if (same.length === 0) {
      const forged = guards.some((guard) => guard.kind === "forged" && guard.claimedId === id);
      faults.push(forged ? "guard-forged" : "guard-missing");
    }
    return { kind: "known", record, faults };
  }
  const claimedId = own.kind === "forged" ? own.claimedId : null;
  const adopted = own.kind === "absent"
    ? valid.filter(isUnfinished)
    : valid.filter((record) => record.state.installationId === claimedId || isUnfinished(record));
  if (adopted.length > 0) {
    const record = adopted.reduce((a, b) => b.state.attempts > a.state.attempts ? b : a);
    const newest = valid.filter((other) => other.state.installationId === record.state.installationId).reduce(newer);
    return { kind: "known", record: newest, faults: [own.kind === "absent" ? "state-missing" : "state-forged"] };
  }
  if (own.kind === "absent") return { kind: "fresh" };
  return { kind: "foreign", installationId: foreignId(claimedId, machineIdentity) };
}

/** An agent that works has no attempts: they are 0 from the moment at which a code is accepted. */
function isUnfinished(record: SealedRecord): boolean {
  return record.state.attempts > 0;
}

function newer(a: SealedRecord, b: SealedRecord): SealedRecord {
  if (a.state.counter !== b.state.counter) return b.state.counter > a.state.counter ? b : a;
  return b.state.attempts > a.state.attempts ? b : a;
}

/**
 * A new installation id for a state that is not ours, the same each time. The id in the file cannot be used: with an
 * edited number of unlocks beside it, a token that was used before would fit again.
 */
function foreignId(claimedId: string | null, machineIdentity: string): string {
  const hash = createHash("sha256").update(`opendca.foreign/1\0${claimedId ?? ""}\0${machineIdentity}`).digest("hex");
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}
