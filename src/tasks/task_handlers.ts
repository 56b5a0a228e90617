/** What each kind of task does, as far as the administrator's policy lets it. */
import {
  type DiagnosticsOutput,
  type Ping,
  type PingOutput,
  RefusalReason,
  type ScanNow,
  type ScanOutput,
  type SetConfigOutput,
} from "../../proto/gen/opendca/v1/task.ts";
import type { ConfigDocument } from "../../proto/gen/opendca/v1/config.ts";
import type { PolicyConfig, PolicyFeature } from "../config/agent_config.ts";
import { type DiagnosticsFile, packDiagnostics } from "./pack_diagnostics.ts";
import { type TaskHandler, type TaskPayload, TaskRefusal } from "./task_runner.ts";

export interface TaskParts {
  /** The policy as it is now. */
  policy(): Pick<PolicyConfig, "features">;
  /** Throws `TaskRefusal` with POLICY for targets outside the configured ranges. */
  scan(request: ScanNow, signal: AbortSignal): Promise<ScanOutput>;
  /** ICMP echo; `target` is inside the ranges already, `count` is 1 to 10. */
  ping(request: Ping, signal: AbortSignal): Promise<PingOutput>;
  /** Whether an address or host name is inside the configured ranges. */
  mayPing(target: string): boolean;
  /** Redacted configuration, status and the log of the last hours, oldest line first. */
  diagnosticsFiles(logHours: number): Promise<DiagnosticsFile[]>;
  applyConfig(document: ConfigDocument): Promise<SetConfigOutput>;
}

const features: Record<TaskPayload["$case"], PolicyFeature> = {
  scanNow: "scan",
  ping: "ping",
  diagnostics: "diagnostics",
  setConfig: "setConfig",
};

/** One handler for all kinds; a kind that the policy forbids is refused before anything is looked at. */
export function createTaskHandler(parts: TaskParts): TaskHandler {
  return async (payload, signal) => {
    const feature = features[payload.$case];
    if (!parts.policy().features[feature]) throw policyRefusal(`policy.features.${feature} is off`);
    switch (payload.$case) {
      case "scanNow":
        return { $case: "scan", value: await parts.scan(payload.value, signal) };
      case "ping":
        return { $case: "ping", value: await ping(payload.value, parts, signal) };
      case "diagnostics":
        return { $case: "diagnostics", value: await diagnostics(payload.value.logHours, parts) };
      case "setConfig":
        if (payload.value.config === undefined) {
          throw new TaskRefusal(RefusalReason.MALFORMED, "There is no configuration in it");
        }
        return { $case: "setConfig", value: await parts.applyConfig(payload.value.config) };
    }
  };
}

/** A refusal by the administrator's policy. */
export function policyRefusal(why: string): TaskRefusal {
  return new TaskRefusal(RefusalReason.POLICY, `Cannot run the task as ${why}`);
}

function ping(request: Ping, parts: TaskParts, signal: AbortSignal): Promise<PingOutput> {
  // The target becomes an argument of a program: only what a host or an address can be, and never an option.
  if (!/^[0-9A-Za-z][0-9A-Za-z.:_-]{0,252}$/.test(request.target)) {
    throw new TaskRefusal(RefusalReason.MALFORMED, "The target is neither an address nor a host name");
  }
  if (!parts.mayPing(request.target)) throw policyRefusal(`${request.target} is outside the configured ranges`);
  const count = request.count === 0 ? 4 : Math.min(10, request.count);
  return parts.ping({ target: request.target, count }, signal);
}

async function diagnostics(logHours: number, parts: TaskParts): Promise<DiagnosticsOutput> {
  const files = await parts.diagnosticsFiles(logHours === 0 ? 24 : Math.min(logHours, 24 * 31));
  return { bundle: packDiagnostics(files) };
}
