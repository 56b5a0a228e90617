/** The platform's calls with the ledger: everything is recorded before it is sent. */
import { ActivateRequest, PollRequest, RenewRequest } from "../../proto/gen/opendca/v1/agent_service.ts";
import { CheckUpdateRequest, FetchUpdateRequest } from "../../proto/gen/opendca/v1/update.ts";
import { type SignedTask, Task } from "../../proto/gen/opendca/v1/task.ts";
import type { Clock } from "../../common/core/clock.ts";
import type { JsonValue } from "../store/canonical_json.ts";
import type { Ledger, NewLedgerEntry } from "../store/ledger.ts";
import type { AgentApi, EncodedBatch } from "./agent_api.ts";

export interface LedgeredOptions {
  ledger: Pick<Ledger, "append">;
  /** Clock for the entries' times. */
  clock: Pick<Clock, "now">;
  /** The machine's clock, if `clock` is another one: an entry also has its time if the two differ. */
  machineClock?: Pick<Clock, "now">;
  /** An entry could not be written. The call continues: an agent that cannot send could not free disk space either. */
  onLost(error: unknown): void;
  /** An entry was written. */
  onKept?(): void;
}

/**
 * A batch is one entry, even if it is sent several times in one run; every other call is one entry per attempt. Tasks
 * and configurations received with a poll are separate entries.
 */
export function ledgeredApi(
  api: AgentApi,
  { ledger, clock, machineClock = clock, onLost, onKept }: LedgeredOptions,
): AgentApi {
  let lastBatch = "";

  function note(entry: Noted): void {
    try {
      const at = clock.now(), machineAt = machineClock.now();
      const differ = Math.abs(at.getTime() - machineAt.getTime()) > 1000;
      const details = differ ? { ...entry.details, machineClock: machineAt.toISOString() } : entry.details;
      ledger.append({ at, ...entry, details });
      onKept?.();
    } catch (error) {
      onLost(error);
    }
  }

  return {
    activate(request, signal, beforeSend) {
      // Without the code: a reader of the ledger could use it while the attempt is pending.
      note({
        kind: "activation",
        summary: "Sent an activation code with a request for a certificate",
        bytes: ActivateRequest.encode(request).finish(),
        details: { installationId: request.installationId, attemptId: request.attemptId },
      });
      return api.activate(request, signal, beforeSend);
    },
    renew(request, signal) {
      note({
        kind: "activation",
        summary: "Sent a request for the renewal of the certificate",
        bytes: RenewRequest.encode(request).finish(),
        details: {},
      });
      return api.renew(request, signal);
    },
    upload(batch, signal) {
      const key = `${batch.message.agentEpoch} ${batch.message.sequence}`;
      if (key !== lastBatch) note(uploadEntry(batch));
      lastBatch = key;
      return api.upload(batch, signal);
    },
    async poll(request, signal) {
      note(pollEntry(request));
      const answer = await api.poll(request, signal);
      for (const task of answer.tasks) {
        note({ kind: "task", summary: `Received ${describe(task)}`, bytes: task.task, details: { keyId: task.keyId } });
      }
      if (answer.config !== undefined) {
        const { hash, content } = answer.config;
        note({ kind: "config", summary: `Received configuration ${hash.slice(0, 16)}`, bytes: content, details: {} });
      }
      return answer;
    },
    checkUpdate(request, signal) {
      note({
        kind: "update",
        summary: `Asked whether an update of ${request.agentVersion} is offered for ${request.target}`,
        bytes: CheckUpdateRequest.encode(request).finish(),
        details: {},
      });
      return api.checkUpdate(request, signal);
    },
    fetchUpdate(download, signal) {
      const request = () => {
        const asked = download.request();
        note(updateEntry(asked));
        return asked;
      };
      return api.fetchUpdate({ ...download, request }, signal);
    },
  };
}

type Noted = Omit<NewLedgerEntry, "at" | "details"> & { details: { [name: string]: JsonValue } };

function uploadEntry({ message, bytes }: EncodedBatch): Noted {
  return {
    kind: "upload",
    summary: `Sent batch ${message.sequence} with ${countOf(message.recordCount, "record")}`,
    bytes,
    details: {
      batchId: message.batchId,
      epoch: message.agentEpoch,
      sequence: Number(message.sequence),
      records: message.recordCount,
    },
  };
}

function pollEntry(request: PollRequest): Noted {
  const { status, taskResults, effectiveConfig } = request;
  const parts = [
    `status with ${countOf(status?.faults.length ?? 0, "fault")}`,
    ...(taskResults.length > 0 ? [countOf(taskResults.length, "task result")] : []),
    ...(effectiveConfig === undefined ? [] : ["the effective configuration, secrets redacted"]),
  ];
  const kind = effectiveConfig !== undefined ? "config" : taskResults.length > 0 ? "task" : "poll";
  return {
    kind,
    summary: `Sent ${parts.join(", ")}`,
    bytes: PollRequest.encode(request).finish(),
    details: { tasks: taskResults.map(({ taskId }) => taskId) },
  };
}

function updateEntry(request: FetchUpdateRequest): Noted {
  const { sha256 } = request, offset = Number(request.offset);
  return {
    kind: "update",
    summary: `Asked for the file ${sha256.slice(0, 16)} of an update${offset > 0 ? `, from byte ${offset} on` : ""}`,
    bytes: FetchUpdateRequest.encode(request).finish(),
    details: { sha256, offset },
  };
}

/** Describes a task for a person; it is verified later. */
function describe({ task }: SignedTask): string {
  try {
    const { taskId, payload } = Task.decode(task);
    return `task ${taskId}, ${payload?.$case ?? "of an unknown kind"}`;
  } catch {
    return "a task that cannot be read";
  }
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
