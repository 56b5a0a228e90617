/** What the platform's tasks do in this agent; src/tasks has judged the signature and the policy's features before. */
import type { Inventory } from "../store/inventory.ts";
import { createTaskHandler } from "../tasks/task_handlers.ts";
import type { TaskHandler } from "../tasks/task_runner.ts";
import type { HostNames } from "../targets/host_names.ts";
import type { AgentMachine, CommonMachine } from "./agent_machine.ts";
import { diagnosticsFiles } from "./diagnostics_files.ts";
import type { LiveConfig } from "./live_config.ts";
import { mayPing, runPingTask } from "./ping_task.ts";
import { runScanTask, type ScanTaskParts } from "./scan_task.ts";
import type { StatusFile } from "./status_file.ts";

export interface AgentTaskParts {
  machine: Pick<CommonMachine & AgentMachine, "clock" | "readTextFile" | "ping">;
  resolve: HostNames["resolve"];
  live: LiveConfig;
  inventory: Pick<Inventory, "devices">;
  status(): StatusFile;
  /** What may leave of a text. */
  cleanText(text: string): string;
  scan: ScanTaskParts["scan"];
}

export function agentTasks(parts: AgentTaskParts): TaskHandler {
  const { machine, resolve, live, inventory, status, cleanText, scan } = parts;
  const now = () => machine.clock.now();
  return createTaskHandler({
    policy: () => live.current().policy,
    scan: (request, signal) =>
      runScanTask(request, {
        config: live.current,
        clock: machine.clock,
        places: (site) =>
          inventory.devices().filter((device) => device.site === site).flatMap(({ place }) => place ?? []),
        scan,
      }, signal),
    mayPing: (target) => mayPing(live.current(), target),
    async ping(request, signal) {
      const output = await runPingTask(request, { ...machine, resolve, config: live.current }, signal);
      return { ...output, address: cleanText(output.address) };
    },
    async diagnosticsFiles(logHours) {
      const files = await diagnosticsFiles({
        config: live.current(),
        status: status(),
        now: now(),
        logHours,
        readTextFile: machine.readTextFile,
      });
      return files.map(({ name, text }) => ({ name, text: cleanText(text) }));
    },
    async applyConfig(document) {
      await live.apply(document);
      return { effectiveConfigHash: await live.effectiveHash(), refusals: [...live.refusals()] };
    },
  });
}
