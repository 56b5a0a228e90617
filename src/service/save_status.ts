/**
 * Keeps `status.json` true on a disk that is full, as that is when it is wanted: the file is longer than its text, and where
 * another cannot be put in its place, it is overwritten where it lies, which needs no space.
 */
import { messageOf } from "../../common/core/errors.ts";
import type { Logger } from "../log/logger.ts";
import type { AgentMachine } from "./agent_machine.ts";

export interface SaveStatusOptions {
  path: string;
  machine: Pick<AgentMachine, "replaceTextFile" | "overwriteTextFile">;
  log: Pick<Logger, "warn" | "info">;
}

const blockBytes = 4096;
/** The faults that come with a full disk find room in this. */
const spareBytes = 2048;

/** Returns what writes a text; it never rejects, and logs when it begins to fail and when that ends. */
export function createStatusSaver({ path, machine, log }: SaveStatusOptions): (text: string) => Promise<void> {
  let failing = false;
  return async (text) => {
    try {
      await machine.replaceTextFile(path, padded(text))
        .catch((error) => machine.overwriteTextFile(path, text).catch(() => Promise.reject(error)));
      if (failing) log.info("statusSaved", {});
      failing = false;
    } catch (error) {
      if (!failing) log.warn("statusUnsaved", { reason: messageOf(error) });
      failing = true;
    }
  };
}

/** With blanks at its end, which are nothing to JSON. */
function padded(text: string): string {
  const bytes = new TextEncoder().encode(text).length + 1;
  return text + " ".repeat(Math.ceil((bytes + spareBytes) / blockBytes) * blockBytes - bytes) + "\n";
}
