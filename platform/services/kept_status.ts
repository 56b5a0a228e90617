import type { AgentStatus } from "../../proto/gen/opendca/v1/agent_service.ts";
import { shortText, validTime } from "../store/storable.ts";

const mostFaults = 20;

/** The status as it is stored: texts cut, and times that are none left out, so that it can be written and shown. */
export function keptStatus(status: AgentStatus): AgentStatus {
  const { machine } = status;
  return {
    ...status,
    agentVersion: shortText(status.agentVersion, 50),
    runtimeVersion: shortText(status.runtimeVersion, 50),
    startedAt: validTime(status.startedAt),
    agentTime: validTime(status.agentTime),
    oldestRecordAt: validTime(status.oldestRecordAt),
    lastSweepAt: validTime(status.lastSweepAt),
    certificateNotAfter: validTime(status.certificateNotAfter),
    faults: status.faults.slice(0, mostFaults).map((fault) => ({
      ...fault,
      code: shortText(fault.code, 100),
      message: shortText(fault.message, 1000),
      lastAt: validTime(fault.lastAt),
    })),
    machine: machine === undefined ? undefined : {
      hostname: shortText(machine.hostname, 255),
      os: shortText(machine.os, 50),
      arch: shortText(machine.arch, 50),
      fingerprint: shortText(machine.fingerprint, 200),
    },
  };
}
