import type { AgentMachine } from "../service/agent_machine.ts";
import { replaceFile } from "../../common/host/disk.ts";
import { stateOfLock } from "../../common/host/file_lock.ts";
import { overwriteOwnFile } from "../../common/host/own_file.ts";
import { UnavailableError } from "../../common/core/errors.ts";
import { descriptorShortage } from "../../common/core/shortage.ts";
import { denoSpoolFiles } from "../store/spool_files.ts";
import { denoLogDisk } from "./log_disk.ts";
import { ping } from "./ping.ts";
import { countFreeDescriptors } from "./udp_port.ts";
import { onHangUp, watchFile } from "./watch_file.ts";

/** Of the stores and the state's lock, and a few for what the runtime opens itself: without any left, it ends at once. */
const leastDescriptors = 20;

/** Throws `UnavailableError` where the process has too few file descriptors for the agent to start. */
export function requireDescriptors(): void {
  if (countFreeDescriptors(leastDescriptors) >= leastDescriptors) return;
  throw new UnavailableError(
    "Cannot start the agent as the process has too few free file descriptors",
    descriptorShortage.hint,
  );
}

/** What the agent needs of the machine beside what every command does. */
export function denoAgentMachine(): AgentMachine {
  return {
    logDisk: denoLogDisk,
    spoolFiles: denoSpoolFiles,
    watchFile,
    onHangUp,
    replaceTextFile: (path, text) => Promise.try(replaceFile, path, text),
    overwriteTextFile: (path, text) => Promise.try(overwriteOwnFile, path, text),
    lockState: stateOfLock,
    ping,
    uptimeMs: machineUptime(),
    facts: {
      hostname: Deno.hostname(),
      os: Deno.build.os,
      arch: Deno.build.arch,
      runtimeVersion: Deno.version.deno,
      pid: Deno.pid,
    },
    residentBytes: () => Deno.memoryUsage().rss,
  };
}

/** Whole seconds by the system, milliseconds by the process; the latter stands still while the machine sleeps. */
function machineUptime(): () => number {
  let aheadMs: number | undefined;
  return () => {
    const processMs = performance.now();
    // Half a second is what the system's whole seconds leave out on average.
    const systemMs = Deno.osUptime() * 1000 + 500;
    if (aheadMs === undefined || Math.abs(systemMs - processMs - aheadMs) > 2000) aheadMs = systemMs - processMs;
    return processMs + aheadMs;
  };
}
