import type { Clock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import type { LineFormat } from "./format_line.ts";
import type { LogSink } from "./log_record.ts";

/** Maximum number of lines that wait for a slow reader; more are dropped and counted. */
const maxWaiting = 1_000;

/** Limit for closing, so that a reader that has stopped reading does not block the agent's stop. */
const maxCloseMs = 2_000;

/**
 * Writes lines to a stream in order. If the stream fails or is too slow, lines are lost, and a later line reports this.
 */
export function createStreamSink(
  { write, format, clock }: { write: (text: string) => Promise<void>; format: LineFormat; clock: Clock },
): LogSink {
  let waiting = 0;
  let lost = 0;
  let reason = "";
  let writing = Promise.resolve();

  async function writeLine(line: string): Promise<void> {
    const before = lost;
    try {
      if (before > 0) {
        const fields = { count: before, reason };
        await write(format({ time: clock.now(), level: "error", event: "logLinesLost", fields }));
        lost -= before;
      }
      await write(line);
    } catch (error) {
      lost++;
      reason = messageOf(error);
    } finally {
      waiting--;
    }
  }

  return {
    write(record) {
      if (waiting >= maxWaiting) {
        lost++;
        reason = "the reader is too slow";
        return;
      }
      waiting++;
      const line = format(record);
      writing = writing.then(() => writeLine(line));
    },
    async close() {
      const over = new AbortController();
      await Promise.race([writing, clock.sleep(maxCloseMs, over.signal).catch(() => {})]); // Written in time.
      over.abort();
    },
  };
}
