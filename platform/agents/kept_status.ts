import type { AgentStatus } from "../../proto/gen/opendca/v1/agent_service.ts";
import { validTime } from "../store/storable.ts";

/** The status as it is stored: times that are none are left out, so that it can be written and shown. */
export function keptStatus(status: AgentStatus): AgentStatus {
  return {
    ...status,
    startedAt: validTime(status.startedAt),
    agentTime: validTime(status.agentTime),
    oldestRecordAt: validTime(status.oldestRecordAt),
    lastSweepAt: validTime(status.lastSweepAt),
    certificateNotAfter: validTime(status.certificateNotAfter),
    faults: status.faults.map((fault) => ({ ...fault, lastAt: validTime(fault.lastAt) })),
  };
}
