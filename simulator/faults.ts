/** What goes wrong with a device's answers, on demand. */
import { isUnder } from "../src/snmp/oid.ts";
import { type Pdu, PduType } from "../src/snmp/message.ts";

/**
 * `silence` and `loss`: no answer. `delay`: the answer comes `ms` later. `garbage`: random octets. `truncate`: the first
 * half of the answer. `huge`: a valid answer of about 60 kB. `wrong-request-id`, `wrong-address`: an answer to nobody.
 * `endless`: a walk finds ever new objects. `non-increasing`: a walk starts again instead of ending. `genErr`, `tooBig`,
 * `noSuchName`: that error-status in any version. `drop-bulk`: GetBulk is not answered.
 */
export const faultKinds = [
  "silence",
  "delay",
  "loss",
  "garbage",
  "truncate",
  "huge",
  "wrong-request-id",
  "wrong-address",
  "endless",
  "non-increasing",
  "genErr",
  "tooBig",
  "noSuchName",
  "drop-bulk",
] as const;

export type FaultKind = typeof faultKinds[number];

export interface Fault {
  kind: FaultKind;
  /** 0 to 1; default: 1, and 0.2 for `loss`. */
  probability?: number;
  /** For `delay`; default: 400. */
  ms?: number;
  /** Only requests that name an object at or below this OID; also the subtree of `endless` and `non-increasing`. */
  under?: string;
  /** Only requests with more variable bindings than this. */
  over?: number;
  /** The first so many matching requests are answered well. */
  after?: number;
  /** How often the fault happens; default: for ever. */
  times?: number;
}

/** A fault with the count of what it has seen and done. */
export interface FaultState {
  readonly fault: Fault;
  seen: number;
  happened: number;
}

/** Fresh counts for a list of faults. */
export function armFaults(faults: readonly Fault[]): FaultState[] {
  return faults.map((fault) => ({ fault, seen: 0, happened: 0 }));
}

/**
 * The faults that happen to this request; counts them. `random` gives 0 to 1. A request whose PDU is not known (engine
 * discovery, a refused user) meets only the faults that concern whole packets.
 */
export function dueFaults(states: readonly FaultState[], pdu: Pdu | undefined, random: () => number): Fault[] {
  const due: Fault[] = [];
  for (const state of states) {
    const { fault } = state;
    if (!concerns(fault, pdu)) continue;
    state.seen++;
    if (state.seen <= (fault.after ?? 0) || state.happened >= (fault.times ?? Infinity)) continue;
    const probability = fault.probability ?? (fault.kind === "loss" ? 0.2 : 1);
    if (probability < 1 && random() >= probability) continue;
    state.happened++;
    due.push(fault);
  }
  return due;
}

function concerns(fault: Fault, pdu: Pdu | undefined): boolean {
  if (fault.kind === "drop-bulk" && pdu?.type !== PduType.getBulk) return false;
  if (fault.over !== undefined && (pdu?.varbinds.length ?? 0) <= fault.over) return false;
  const { under } = fault;
  if (under === undefined) return true;
  // A walk enters a subtree from the name of its root, so that counts as "under" as well.
  return pdu?.varbinds.some((varbind) => isUnder(varbind.oid, under)) ?? false;
}

/** The first due fault of a kind. */
export function maybeFault(due: readonly Fault[], kind: FaultKind): Fault | undefined {
  return due.find((fault) => fault.kind === kind);
}
