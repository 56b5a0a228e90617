/** Kinds, states and refusals of tasks in a person's words. Pure. */
import { RefusalReason } from "../../../proto/gen/opendca/v1/task.ts";
import type { Key, Translate } from "../words/words.ts";

const openStates = ["waiting", "delivered", "accepted", "running"];

/** Without scripts, a page on which something goes on is loaded again after this time. */
export const refreshSeconds = 3;

export function isOpen({ state }: { state: string }): boolean {
  return openStates.includes(state);
}

const kinds: Record<string, Key> = {
  scanNow: "kind_scanNow",
  ping: "kind_ping",
  diagnostics: "kind_diagnostics",
  setConfig: "kind_setConfig",
  cancelTask: "kind_cancelTask",
  refreshConfig: "kind_refreshConfig",
  openWebAccess: "kind_openWebAccess",
  extendWebAccess: "kind_extendWebAccess",
};

export function kindText(t: Translate, kind: string): string {
  return Object.hasOwn(kinds, kind) ? t(kinds[kind]!) : kind;
}

const states: Record<string, Key> = {
  waiting: "task_waiting",
  delivered: "task_delivered",
  accepted: "task_accepted",
  running: "task_running",
  succeeded: "task_succeeded",
  failed: "task_failed",
  refused: "task_refused",
  cancelled: "task_cancelled",
  expired: "task_expired",
};

export function stateText(t: Translate, state: string): string {
  return Object.hasOwn(states, state) ? t(states[state]!) : state;
}

const refusals: Partial<Record<RefusalReason, Key>> = {
  [RefusalReason.POLICY]: "refusal_policy",
  [RefusalReason.EXPIRED]: "refusal_expired",
  [RefusalReason.REPEATED]: "refusal_repeated",
  [RefusalReason.UNKNOWN_KIND]: "refusal_unknownKind",
  [RefusalReason.QUEUE_FULL]: "refusal_queueFull",
};

/** Why the agent did not even try it. */
export function refusalText(t: Translate, reason: RefusalReason): string {
  // A bad signature, another agent's task and one that cannot be decoded: nothing that a person has done.
  return t(refusals[reason] ?? "refusal_invalid");
}
