import type { Clock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import type { LineFormat } from "./format_line.ts";
import type { LogSink } from "./log_record.ts";

/** Lines that wait for a slow reader; more are dropped and counted. */
const maxWaiting = 1_000;

/** A reader that has stopped reading must not keep the agent from stopping. */
const maxCloseMs = 2_000;

/** Writes lines to a stream in order. A stream that fails or does not keep up loses lines, and says so when it can. */
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
