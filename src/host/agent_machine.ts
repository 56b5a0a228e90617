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
import { denoUpdateDisk } from "./update_disk.ts";
import { onHangUp, watchFile } from "./watch_file.ts";

/** File descriptors for the stores, the state lock and the runtime itself, which aborts when none is left. */
const leastDescriptors = 20;

/** Throws `UnavailableError` if the process has too few file descriptors to start the agent. */
export function requireDescriptors(): void {
  if (countFreeDescriptors(leastDescriptors) >= leastDescriptors) return;
  throw new UnavailableError(
    "Cannot start the agent as the process has too few free file descriptors",
    descriptorShortage.hint,
  );
}

/** What the agent needs from the machine, in addition to what every command needs. */
export function denoAgentMachine(): AgentMachine {
  return {
    logDisk: denoLogDisk,
    updateDisk: denoUpdateDisk,
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

/**
 * The system's uptime has whole seconds and includes suspend; milliseconds come from the process, whose clock stops
 * during suspend.
 */
function machineUptime(): () => number {
  let aheadMs: number | undefined;
  return () => {
    const processMs = performance.now();
    // The system's whole seconds are half a second too low on average.
    const systemMs = Deno.osUptime() * 1000 + 500;
    if (aheadMs === undefined || Math.abs(systemMs - processMs - aheadMs) > 2000) aheadMs = systemMs - processMs;
    return processMs + aheadMs;
  };
}
