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
      try {
        await Deno.writeTextFile(`${path}.new`, text, { mode: 0o600 });
        await Deno.rename(`${path}.new`, path);
      } catch (error) {
        await Deno.remove(`${path}.new`).catch(() => {}); // Half of a text is of no use to anybody.
        throw error;
      }
    },
    async overwriteTextFile(path, text) {
      const bytes = new TextEncoder().encode(text);
      using file = await Deno.open(path, { write: true });
      const { size } = await file.stat();
      if (bytes.length > size) throw new RangeError(`Cannot overwrite "${path}" as it has only ${size} bytes`);
      const whole = new Uint8Array(size).fill(0x20);
      whole.set(bytes);
      for (let at = 0; at < size;) at += await file.write(whole.subarray(at));
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
