/** The state of an agent as its state directory shows it, whether it runs or not. */
import { type ActivationState, isLocked, lockCount } from "../activation/activation_state.ts";
import type { CopiesVerdict } from "../activation/judge_copies.ts";
import { judgeState, type StateStoreOptions } from "../activation/state_store.ts";
import { NotPermittedError } from "../../common/core/errors.ts";
import { tryRead } from "../../common/host/disk.ts";
import { statsOf } from "../store/spool_stats.ts";
import { statusSpool } from "./agent_status.ts";
import type { AgentMachine, CommonMachine } from "./agent_machine.ts";
import { stateLockName } from "./state_lock.ts";
import { staleAfterMs, type StatusFile, statusFileName, type StatusSpool, tryParseStatusFile } from "./status_file.ts";

export type AgentState =
  | "running"
  | "stopped"
  /** It ended without writing a final status. */
  | "crashed"
  /** It runs, but does not update its status. */
  | "unresponsive"
  | "not-activated"
  | "revoked"
  | "locked"
  /** The state directory comes from another machine, or was edited. */
  | "foreign";

export interface ShownStatus {
  schema: "opendca.status/1";
  state: AgentState;
  stateDirectory: string;
  installationId: string | null;
  agentId: string | null;
  customer: string | null;
  site: string | null;
  /** Refused or unresolved since the last activation or unlock, of 5. */
  attempts: number;
  /** Number of the present lock, for the platform's unlock token; null if not locked. */
  lock: number | null;
  /** Findings from the copies of the lock state. */
  stateFaults: readonly string[];
  /** Read from disk now; null if there is no spool or it cannot be read. */
  spool: StatusSpool | null;
  /** The agent's last status, outdated unless the state is `running`; null if it never ran. */
  agent: StatusFile | null;
}

/** Throws `NotPermittedError` when this user may not read the state. */
export function readStatus(
  store: StateStoreOptions,
  machine: Pick<CommonMachine & AgentMachine, "clock" | "lockState" | "spoolFiles">,
): ShownStatus {
  const { stateDirectory } = store;
  const verdict = tryJudge(store);
  const state = verdict.kind === "known" ? verdict.record.state : null;
  const agent = tryParseStatusFile(tryRead(store.disk, `${stateDirectory}/${statusFileName}`) ?? "") ?? null;
  const process = processState(agent, machine.lockState(`${stateDirectory}/${stateLockName}`), machine.clock.now());
  return {
    schema: "opendca.status/1",
    state: verdict.kind === "foreign" ? "foreign" : maybeIdle(state) ?? process,
    stateDirectory,
    installationId: verdict.kind === "foreign" ? verdict.installationId : state?.installationId ?? null,
    agentId: state?.agentId ?? null,
    customer: state?.customer ?? null,
    site: state?.site ?? null,
    attempts: state?.attempts ?? 0,
    lock: verdict.kind === "foreign" ? verdict.lockNumber : state !== null && isLocked(state) ? lockCount(state) : null,
    stateFaults: verdict.kind === "known" ? verdict.faults : [],
    spool: maybeSpool(machine.spoolFiles, { stateDirectory, diskFull: agent?.spool.diskFull ?? false }) ??
      agent?.spool ?? null,
    agent,
  };
}

/** Why the agent cannot run at all. */
function maybeIdle(state: ActivationState | null): AgentState | undefined {
  if (state === null) return "not-activated";
  if (isLocked(state)) return "locked";
  if (state.phase === "revoked") return "revoked";
  return state.phase === "activated" ? undefined : "not-activated";
}

/** The lock shows whether a process runs, the age of the status whether it is current. */
export function processState(
  agent: Pick<StatusFile, "phase" | "writtenAt"> | null,
  lock: "held" | "free" | "unknown",
  now: Date,
): AgentState {
  const isFresh = agent !== null && Math.abs(now.getTime() - Date.parse(agent.writtenAt)) < staleAfterMs;
  const runs = lock === "held" || (lock === "unknown" && isFresh && agent.phase === "running");
  if (runs) return agent === null || isFresh ? "running" : "unresponsive";
  return agent === null || agent.phase === "stopped" ? "stopped" : "crashed";
}

/** Only the running agent knows whether the disk is full. */
function maybeSpool(
  spoolFiles: AgentMachine["spoolFiles"],
  { stateDirectory, diskFull }: { stateDirectory: string; diskFull: boolean },
): StatusSpool | undefined {
  const path = `${stateDirectory}/spool.db`;
  try {
    if (!spoolFiles.exists(path)) return undefined;
    const db = spoolFiles.openDatabase(path, { readOnly: true });
    try {
      return statusSpool(statsOf(db, { diskFull }));
    } finally {
      db.close();
    }
  } catch {
    return undefined; // Damaged or unreadable: the agent's last status is shown.
  }
}

function tryJudge(store: StateStoreOptions): CopiesVerdict {
  try {
    return judgeState(store);
  } catch (cause) {
    throw new NotPermittedError(
      `Cannot read the state directory "${store.stateDirectory}" as this user may not`,
      "run as root or as the user of the service",
      { cause },
    );
  }
}
