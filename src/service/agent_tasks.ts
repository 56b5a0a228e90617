/** What each kind of task needs of the agent that runs. */
import type {
  ExtendWebAccess,
  ExtendWebAccessOutput,
  OpenWebAccess,
  WebAccessOutput,
} from "../../proto/gen/opendca/v1/task.ts";
import { UnavailableError } from "../../common/core/errors.ts";
import type { ConfigWatch } from "../config/watch_config.ts";
import type { Inventory } from "../store/inventory.ts";
import { createTaskHandler, type TaskParts } from "../tasks/task_handler.ts";
import type { TaskHandler } from "../tasks/task_runner.ts";
import type { AgentMachine, CommonMachine } from "./agent_machine.ts";
import type { DescribedAgent } from "./agent_status.ts";
import type { LiveConfig } from "./live_config.ts";
import type { Reports } from "./reports.ts";
import type { SiteScans } from "./site_scans.ts";

export interface AgentTaskParts extends Pick<TaskParts["ping"], "clock" | "resolve" | "cleanText"> {
  machine: Pick<AgentMachine & CommonMachine, "ping" | "readTextFile">;
  live: LiveConfig;
  inventory: Pick<Inventory, "devices">;
  scans: Pick<SiteScans, "scan">;
  reports: Pick<Reports, "schedule">;
  status: Pick<DescribedAgent, "forFile">;
  ownFile: Pick<ConfigWatch, "reload">;
  polls: { wake(): void };
  access: {
    run(
      order: OpenWebAccess,
      signal: AbortSignal,
      onStep: (step: string, approvedBy: string) => void,
    ): Promise<WebAccessOutput>;
    extend(order: ExtendWebAccess): Promise<ExtendWebAccessOutput>;
  };
}

export function createAgentTasks(parts: AgentTaskParts): TaskHandler {
  const { machine, live, inventory, scans, reports, clock, cleanText } = parts;
  const config = live.current;
  return createTaskHandler({
    policy: () => config().policy,
    scan: {
      config,
      clock,
      places: (site) => inventory.devices().filter((each) => each.site === site).flatMap(({ place }) => place ?? []),
      async scan(task) {
        const site = task.site.name;
        try {
          const outcome = await scans.scan({ ...task, kind: "task", scope: "full" });
          reports.schedule({ event: "readEnded", site });
          return outcome;
        } catch (error) {
          // A cause that prevents a scan task prevents scheduled scans as well.
          if (error instanceof UnavailableError) reports.schedule({ event: "scanFailed", site, error });
          throw error;
        }
      },
    },
    ping: { config, clock, resolve: parts.resolve, ping: machine.ping, cleanText },
    diagnostics: {
      config,
      clock,
      status: () => parts.status.forFile("running"),
      readTextFile: machine.readTextFile,
      cleanText,
    },
    setConfig: live,
    async refreshConfig() {
      await parts.ownFile.reload();
      parts.polls.wake();
    },
    extendWebAccess: (order) => parts.access.extend(order),
    openWebAccess: (order, signal, tell) =>
      parts.access.run(order, signal, (step, approvedBy) => {
        tell?.(0, 0, { step, approvedBy });
        // Who asked for the session learns at once that it is waited for an administrator.
        if (step === "waiting") parts.polls.wake();
      }),
  });
}
