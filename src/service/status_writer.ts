/**
 * Keeps `status.json` true, also on a disk that is full, as that is when it is wanted: the file is longer than its text, and
 * where another cannot be put in its place, it is overwritten where it lies, which takes no room.
 */
import type { Clock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import type { Wake } from "../../common/core/wake.ts";
import type { Logger } from "../log/logger.ts";
import type { AgentMachine } from "./agent_machine.ts";
import { heartbeatMs, type StatusFile } from "./status_file.ts";

export interface StatusWriterOptions {
  path: string;
  machine: Pick<AgentMachine, "replaceTextFile" | "overwriteTextFile">;
  log: Pick<Logger, "warn" | "info">;
  clock: Clock;
  /** The status has changed: it is written soon; changes close together are one write. */
  wake: Wake;
  /** The current status. */
  describe(phase: StatusFile["phase"]): StatusFile;
}

const settleMs = 500;
const blockBytes = 4096;
/** Padding that has room for the faults that a full disk adds. */
const spareBytes = 2048;

/** Writes at once, on changes and as a heartbeat, and a last time on disposal. */
export function startStatusWriter(options: StatusWriterOptions): AsyncDisposable {
  const { path, machine, log, clock, wake, describe } = options;
  const stop = new AbortController();
  let isFailing = false;

  /** Never rejects; logs when writes begin to fail and when they work again. */
  async function write(phase: StatusFile["phase"]): Promise<void> {
    try {
      const text = JSON.stringify(describe(phase), null, 2);
      await machine.replaceTextFile(path, padded(text))
        .catch((error) => machine.overwriteTextFile(path, text).catch(() => Promise.reject(error)));
      if (isFailing) log.info("statusSaved", {});
      isFailing = false;
    } catch (error) {
      if (!isFailing) log.warn("statusUnsaved", { reason: messageOf(error) });
      isFailing = true;
    }
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      wake.clear();
      await write("running");
      await wake.wait(heartbeatMs, stop.signal);
      await clock.sleep(settleMs, stop.signal).catch(() => {}); // The end.
    }
  }

  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("The agent is stopping"));
      await running;
      await write("stopped");
    },
  };
}

/** Pads with blanks, which JSON ignores. */
function padded(text: string): string {
  const bytes = new TextEncoder().encode(text).length + 1;
  return text + " ".repeat(Math.ceil((bytes + spareBytes) / blockBytes) * blockBytes - bytes) + "\n";
}
