import type { AgentMachine } from "../agent/agent_machine.ts";
import { denoSpoolFiles } from "../spool/spool_files.ts";
import { denoLogDisk } from "./log_disk.ts";
import { ping } from "./ping.ts";
import { onHangUp, watchFile } from "./watch_file.ts";

/** What the agent needs of the machine beside what every command does. */
export function denoAgentMachine(): AgentMachine {
  return {
    logDisk: denoLogDisk,
    spoolFiles: denoSpoolFiles,
    watchFile,
    onHangUp,
    async replaceTextFile(path, text) {
      await Deno.writeTextFile(`${path}.new`, text, { mode: 0o600 });
      await Deno.rename(`${path}.new`, path);
    },
    async lockState(path) {
      try {
        using file = await Deno.open(path, { read: true });
        return await file.tryLock(false) ? "free" : "held";
      } catch (error) {
        return error instanceof Deno.errors.NotFound ? "free" : "unknown";
      }
    },
    ping,
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
