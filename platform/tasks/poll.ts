import { AgentStatus, type PollRequest, type PollResponse } from "../../proto/gen/opendca/v1/agent_service.ts";
import { type ConfigDocument, PlatformConfig } from "../../proto/gen/opendca/v1/config.ts";
import { maybeAgentConfig } from "../agents/agent_configs.ts";
import { noteConfigHash, noteConfigRefusals, notePoll } from "../agents/agents.ts";
import { appendAudit } from "../audit/audit_log.ts";
import { contiguousOf } from "../agents/batches.ts";
import { noteShown } from "../store/channels.ts";
import { shortText, validTime } from "../store/storable.ts";
import { takeTasks } from "./tasks.ts";
import { CallError } from "../agents/call_error.ts";
import type { Caller, TenantAgent } from "../agents/caller.ts";
import { watchForClone } from "../agents/clone_watch.ts";
import { isLedgerHead, watchLedger } from "../agents/ledger_heads.ts";
import type { Platform } from "../agents/platform.ts";
import { countedTransaction } from "../agents/quota.ts";
import { offerUpdate } from "../releases/offer_update.ts";
import { isShortId, isUuid } from "../agents/request_checks.ts";
import { takeTaskResult } from "./task_results.ts";

const pace = { min: 30, max: 86_400 };

/** Stores the data that the agent reports, and responds with its configuration and tasks. */
export async function poll(platform: Platform, calling: Caller, request: PollRequest): Promise<PollResponse> {
  const { clock, pollSeconds } = platform;
  const status = checkedStatus(request);
  const at = clock.now();
  return await countedTransaction(platform, calling, async (caller) => {
    const { tenant, agentId } = caller;
    // What does not need the answers of one another is asked together.
    const [config] = await Promise.all([
      maybeAgentConfig(tenant, agentId),
      watchForClone(platform, caller, {
        runId: status.runId,
        epoch: status.agentEpoch,
        installationId: status.installationId,
      }),
    ]);
    const nextPollSeconds = paceOf(config) ?? pollSeconds ?? 0;
    const polled = (await notePoll(tenant, {
      agentId,
      at,
      pollSeconds: nextPollSeconds,
      version: status.agentVersion,
      hostname: status.machine?.hostname ?? "",
      status: AgentStatus.encode(status).finish(),
      effectiveConfigHash: request.effectiveConfigHash,
      effectiveConfig: request.effectiveConfig,
    }))!;
    if (polled.wants_config === 1 || request.effectiveConfig !== undefined) noteShown(tenant, "agents");
    const configHash = shortText(request.configHash, 64);
    if (polled.config_hash !== configHash) await noteConfigHash(tenant, { agentId, hash: configHash });
    if (polled.config_refusals !== JSON.stringify(request.configRefusals)) {
      await noteRefusals(platform, caller, request.configRefusals);
    }
    if (status.ledgerHead !== undefined) await watchLedger(platform, caller, status.ledgerHead);
    for (const result of request.taskResults) await takeTaskResult(platform, caller, result);
    const [tasks, contiguous, update] = await Promise.all([
      takeTasks(tenant, { agentId, at }),
      contiguousOf(tenant, { agentId, epoch: status.agentEpoch }),
      offerUpdate(platform, caller, {
        facts: polled,
        version: status.agentVersion,
        target: status.updateTarget,
        told: status.update,
      }),
    ]);
    return {
      config: config?.hash === request.configHash ? undefined : config,
      tasks,
      nextPollSeconds,
      serverTime: at,
      highestContiguousSequence: BigInt(contiguous),
      // Including unknown ones: these will not become known later.
      acknowledgedTaskIds: request.taskResults.map(({ taskId }) => taskId),
      sendEffectiveConfig: polled.wants_config === 1,
      update,
    };
  });
}

function paceOf(config: ConfigDocument | undefined): number | undefined {
  const seconds = config === undefined ? undefined : PlatformConfig.decode(config.content).pollIntervalSeconds;
  return seconds === undefined ? undefined : Math.min(pace.max, Math.max(pace.min, seconds));
}

async function noteRefusals(
  platform: Platform,
  { tenant, agentId }: TenantAgent,
  refusals: string[],
): Promise<void> {
  if (!await noteConfigRefusals(tenant, { agentId, refusals })) return;
  await appendAudit(tenant.transaction, {
    at: platform.clock.now(),
    customerId: tenant.customerId,
    actor: { kind: "agent", name: agentId },
    action: refusals.length === 0 ? "configRefusalsEnded" : "configRefused",
    subject: agentId,
    detail: { refusals: shortText(refusals.join("; "), 2000) },
  });
}

function checkedStatus(request: PollRequest): AgentStatus {
  const { status } = request;
  if (status === undefined || !isUuid(status.runId) || !isUuid(status.installationId)) {
    throw new CallError("invalid-request", "Cannot poll without a status whose run_id and installation_id are UUIDs");
  }
  if (status.agentEpoch !== "" && !isShortId(status.agentEpoch)) {
    throw new CallError("invalid-request", "Cannot poll with an invalid agent_epoch");
  }
  if (status.ledgerHead !== undefined && !isLedgerHead(status.ledgerHead)) {
    throw new CallError("invalid-request", "Cannot poll with an invalid ledger_head");
  }
  return keptStatus(status);
}

/** The status as stored: invalid times are left out, so that it can be encoded and shown. */
function keptStatus(status: AgentStatus): AgentStatus {
  return {
    ...status,
    startedAt: validTime(status.startedAt),
    agentTime: validTime(status.agentTime),
    oldestRecordAt: validTime(status.oldestRecordAt),
    lastSweepAt: validTime(status.lastSweepAt),
    certificateNotAfter: validTime(status.certificateNotAfter),
    update: status.update && { ...status.update, since: validTime(status.update.since) },
    faults: status.faults.map((fault) => ({ ...fault, lastAt: validTime(fault.lastAt) })),
  };
}
