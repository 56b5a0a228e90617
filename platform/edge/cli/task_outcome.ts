import type { TaskResult } from "../../../proto/gen/opendca/v1/task.ts";

/** The result of a task in one line; empty if there is none yet. */
export function taskOutcome({ message, output }: Pick<TaskResult, "message" | "output">): string {
  if (message !== "" || output === undefined) return message;
  switch (output.$case) {
    case "scan": {
      const { addresses, answered, printers, durationMs } = output.value;
      return `${printers} printers, ${answered} of ${addresses} addresses answered, ${
        (durationMs / 1000).toFixed(1)
      } s`;
    }
    case "ping": {
      const { address, sent, received, roundTripMs } = output.value;
      const times = roundTripMs.length === 0 ? "" : `, ${Math.min(...roundTripMs)} to ${Math.max(...roundTripMs)} ms`;
      return `${address}: ${received} of ${sent} answered${times}`;
    }
    case "diagnostics":
      return `archive of ${output.value.bundle.length} bytes: --json has it`;
    case "setConfig": {
      const { refusals } = output.value;
      return refusals.length === 0 ? "accepted" : `accepted with ${refusals.length} refusals: ${refusals[0]}`;
    }
    case "webAccess": {
      const { end, connections, bytesFromDevice, bytesToDevice } = output.value;
      return `${end}; ${connections} connections, ${bytesToDevice} bytes to the device, ${bytesFromDevice} from it`;
    }
  }
}
