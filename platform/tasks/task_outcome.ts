import { markInvisible } from "../../common/core/escape_invisible.ts";
import { safeText } from "../../common/core/safe_text.ts";
import { TaskResult } from "../../proto/gen/opendca/v1/task.ts";
import type { TaskRow } from "./tasks.ts";

/** A message of an agent, with its hint, is half as long. */
const mostOutcome = 1000;

/** What the agent last said of a task; undefined before it has said anything. */
export function maybeTaskResult({ result }: Pick<TaskRow, "result">): TaskResult | undefined {
  return result === null ? undefined : TaskResult.decode(result);
}

/** The result of a task in one line that is safe to show; empty if there is none yet. */
export function taskOutcome(result: Pick<TaskResult, "message" | "output">): string {
  return safeText(markInvisible(outcomeOf(result)), mostOutcome);
}

function outcomeOf({ message, output }: Pick<TaskResult, "message" | "output">): string {
  if (message !== "" || output === undefined) return message;
  switch (output.$case) {
    case "scan": {
      const { addresses, answered, printers, durationMs } = output.value;
      const seconds = (durationMs / 1000).toFixed(1);
      return `${counted(printers, "printer")}, ${answered} of ${counted(addresses, "address")} answered, ${seconds} s`;
    }
    case "ping": {
      const { address, sent, received, roundTripMs, said } = output.value;
      const times = roundTripMs.length === 0 ? "" : `, ${Math.min(...roundTripMs)} to ${Math.max(...roundTripMs)} ms`;
      return `${address}: ${received} of ${sent} answered${times}${said === "" ? "" : `; ping says: ${said}`}`;
    }
    case "diagnostics":
      return `archive of ${output.value.bundle.length} bytes: --json has it`;
    case "setConfig": {
      const { refusals } = output.value;
      return refusals.length === 0
        ? "accepted"
        : `accepted with ${counted(refusals.length, "refusal")}: ${refusals[0]}`;
    }
    case "extendWebAccess":
      return `until ${output.value.endsAt?.toISOString() ?? "?"}`;
    case "webAccess": {
      const { end, connections, bytesFromDevice, bytesToDevice } = output.value;
      return `${end}; ${
        counted(connections, "connection")
      }, ${bytesToDevice} bytes to the device, ${bytesFromDevice} from it`;
    }
  }
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : /s$/.test(what) ? "es" : "s"}`;
}
