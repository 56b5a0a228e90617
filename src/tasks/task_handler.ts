/** Executes each kind of task, within the administrator's policy. */
import type { ConfigDocument } from "../../proto/gen/opendca/v1/config.ts";
import {
  type ExtendWebAccess,
  type ExtendWebAccessOutput,
  type OpenWebAccess,
  RefusalReason,
  type SetConfig,
  type SetConfigOutput,
  type WebAccessOutput,
} from "../../proto/gen/opendca/v1/task.ts";
import type { PolicyConfig, PolicyFeature } from "../config/agent_config.ts";
import { type DiagnosticsTaskParts, runDiagnosticsTask } from "./diagnostics_task.ts";
import { type PingTaskParts, runPingTask } from "./ping_task.ts";
import { runScanTask, type ScanTaskParts } from "./scan_task.ts";
import { policyRefusal, TaskRefusal } from "./task_refusal.ts";
import type { TaskHandler, TaskPayload, TellProgress } from "./task_runner.ts";

/** Dependencies of each kind of task. */
export interface TaskParts {
  /** The present policy. */
  policy(): Pick<PolicyConfig, "features">;
  scan: ScanTaskParts;
  ping: PingTaskParts;
  diagnostics: DiagnosticsTaskParts;
  setConfig: SetConfigTaskParts;
  /** Reads agent.yaml again, and requests the platform's part of the configuration. */
  refreshConfig(): Promise<void>;
  /** Resolves when the session ends; tells each step. */
  openWebAccess(order: OpenWebAccess, signal: AbortSignal, tell?: TellProgress): Promise<WebAccessOutput>;
  /** Of a session that is open. */
  extendWebAccess(order: ExtendWebAccess): Promise<ExtendWebAccessOutput>;
}

/** Access to the effective configuration. */
export interface SetConfigTaskParts {
  apply(document: ConfigDocument): Promise<void>;
  effectiveHash(): string;
  /** What the policy refused of the document. */
  refusals(): readonly string[];
}

const features: Record<Exclude<TaskPayload["$case"], "cancelTask">, PolicyFeature> = {
  scanNow: "scan",
  ping: "ping",
  diagnostics: "diagnostics",
  setConfig: "setConfig",
  refreshConfig: "setConfig",
  openWebAccess: "webAccess",
  extendWebAccess: "webAccess",
};

/** One handler for all kinds; a kind that the policy forbids is refused before its content is read. */
export function createTaskHandler(parts: TaskParts): TaskHandler {
  return async (payload, signal, tell) => {
    // Done by the runner, always permitted.
    if (payload.$case === "cancelTask") return undefined;
    const feature = features[payload.$case];
    if (!parts.policy().features[feature]) throw policyRefusal(`policy.features.${feature} is off`);
    switch (payload.$case) {
      case "scanNow":
        return {
          $case: "scan",
          value: await runScanTask(payload.value, { ...parts.scan, ...(tell === undefined ? {} : { tell }) }, signal),
        };
      case "ping":
        return { $case: "ping", value: await runPingTask(payload.value, parts.ping, signal) };
      case "diagnostics":
        return { $case: "diagnostics", value: await runDiagnosticsTask(payload.value, parts.diagnostics) };
      case "setConfig":
        return { $case: "setConfig", value: await runSetConfigTask(payload.value, parts.setConfig) };
      case "refreshConfig": {
        await parts.refreshConfig();
        const { setConfig } = parts;
        return {
          $case: "setConfig",
          value: { effectiveConfigHash: setConfig.effectiveHash(), refusals: [...setConfig.refusals()] },
        };
      }
      case "openWebAccess":
        return { $case: "webAccess", value: await parts.openWebAccess(payload.value, signal, tell) };
      case "extendWebAccess":
        return { $case: "extendWebAccess", value: await parts.extendWebAccess(payload.value) };
    }
  };
}

async function runSetConfigTask({ config }: SetConfig, parts: SetConfigTaskParts): Promise<SetConfigOutput> {
  if (config === undefined) throw new TaskRefusal(RefusalReason.MALFORMED, "It contains no configuration");
  await parts.apply(config);
  return { effectiveConfigHash: parts.effectiveHash(), refusals: [...parts.refusals()] };
}
