import { AgentStatus, type PollRequest, type PollResponse } from "../../proto/gen/opendca/v1/agent_service.ts";
import { PlatformConfig } from "../../proto/gen/opendca/v1/config.ts";
import { maybeAgentConfig } from "../store/agent_configs.ts";
import { maybeAgent, notePoll } from "../store/agents.ts";
import { contiguousOf } from "../store/batches.ts";
import { noteTaskResult, takeTasks } from "../store/tasks.ts";
import { CallError } from "./call_error.ts";
import type { Caller } from "./caller.ts";
import { watchForClone } from "./clone_watch.ts";
import type { Platform } from "./platform.ts";
import { isShortId, isUuid, shortText } from "./request_checks.ts";

const maxConfigLength = 256 * 1024;

/** Keeps what the agent says of itself, and answers with what it should know. */
export function poll(platform: Platform, caller: Caller, request: PollRequest): PollResponse {
  const { store, clock, pollSeconds } = platform;
  const { tenant, agentId } = caller;
  const status = checkedStatus(request);
  const at = clock.now();
  return store.transaction(() => {
    watchForClone(platform, caller, {
      runId: status.runId,
      epoch: status.agentEpoch,
      installationId: status.installationId,
    });
    notePoll(tenant, {
      agentId,
      at,
      version: shortText(status.agentVersion, 50),
      hostname: shortText(status.machine?.hostname ?? "", 255),
      status: AgentStatus.encode(status).finish(),
      effectiveConfigHash: shortText(request.effectiveConfigHash, 64),
      effectiveConfig: request.effectiveConfig,
    });
    const acknowledgedTaskIds = request.taskResults
      .filter((result) => noteTaskResult(tenant, { agentId, result, at }))
      .map(({ taskId }) => taskId);
    const config = maybeAgentConfig(tenant, agentId);
    const agent = maybeAgent(tenant, agentId)!;
    return {
      config: config?.hash === request.configHash ? undefined : config,
      tasks: takeTasks(tenant, { agentId, at }),
      nextPollSeconds: config === undefined
        ? pollSeconds
        : PlatformConfig.decode(config.content).pollIntervalSeconds ?? pollSeconds,
      serverTime: at,
      highestContiguousSequence: BigInt(contiguousOf(tenant, { agentId, epoch: status.agentEpoch })),
      acknowledgedTaskIds,
      sendEffectiveConfig: agent.effective_config_hash !== "" && agent.effective_config === null,
    };
  });
}

function checkedStatus(request: PollRequest): AgentStatus {
  const { status, effectiveConfig = "", taskResults } = request;
  if (status === undefined || !isUuid(status.runId) || !isUuid(status.installationId)) {
    throw new CallError("invalid-request", "Cannot poll without a status whose run_id and installation_id are UUIDs");
  }
  if (status.agentEpoch !== "" && !isShortId(status.agentEpoch)) {
    throw new CallError("invalid-request", "Cannot poll with an agent_epoch that is no id");
  }
  if (effectiveConfig.length > maxConfigLength || taskResults.length > 100 || status.faults.length > 100) {
    throw new CallError("invalid-request", "Cannot poll with more than 256 KiB of configuration or 100 results");
  }
  return status;
}
