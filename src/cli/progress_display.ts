/**
 * The progress of a scan on standard error: a line that is redrawn on a terminal, otherwise a new line every few
 * seconds.
 */
import { formatProgressLine, type ProgressState, renderProgress } from "./progress.ts";
import { estimateTimeLeft, type TimeLeft } from "./time_left.ts";
import type { ScanProgress } from "../scan/supervise_scan.ts";
import type { Host } from "./host.ts";

export interface ProgressDisplay {
  update(progress: ScanProgress): void;
  /** Writes lines above the progress line, also if no progress is shown; nothing for an empty text. */
  say(text: string): void;
  /** Removes the progress line, so that further output starts on an empty line. */
  clear(): Promise<void>;
}

const terminalEveryMs = 100;
const plainEveryMs = 5_000;
/** The rate is averaged over about this time. */
const rateOverMs = 2_000;

export function showProgress(host: Host, quiet: boolean): ProgressDisplay {
  const { clock, stderr } = host;
  const startedMs = clock.monotonicMs();
  const samples: { at: number; sent: number }[] = [{ at: startedMs, sent: 0 }];
  let shownMs = startedMs;
  let shown = false;
  let left: TimeLeft | undefined;
  let writing = Promise.resolve();

  function stateOf(progress: ScanProgress, now: number): ProgressState {
    samples.push({ at: now, sent: progress.packetsSent });
    while (samples.length > 2 && now - samples[1]!.at > rateOverMs) samples.shift();
    const [first] = samples;
    left = estimateTimeLeft({ ...progress, elapsedMs: now - startedMs }, left);
    const seconds = (now - first!.at) / 1000;
    return {
      addresses: progress.addresses,
      probed: progress.probed,
      answered: progress.answered,
      printers: progress.printers,
      reading: progress.reading,
      packetsSent: progress.packetsSent,
      elapsedMs: now - startedMs,
      leftMs: left?.leftMs,
      ratePerSecond: seconds > 0 ? (progress.packetsSent - first!.sent) / seconds : 0,
    };
  }

  return {
    update(progress) {
      if (quiet) return;
      const now = clock.monotonicMs();
      if (now - shownMs < (stderr.isTerminal ? terminalEveryMs : plainEveryMs)) return;
      shownMs = now;
      const state = stateOf(progress, now);
      const text = stderr.isTerminal
        ? `\r\x1b[2K${renderProgress(state, { columns: stderr.columns() - 1 })}`
        : `${formatProgressLine(state)}\n`;
      shown = stderr.isTerminal;
      writing = writing.then(() => stderr.write(text));
    },
    say(text) {
      if (text === "") return;
      const line = shown ? `\r\x1b[2K${text}` : text;
      shown = false;
      writing = writing.then(() => stderr.write(line));
    },
    async clear() {
      await writing;
      if (shown) await stderr.write("\r\x1b[2K");
      shown = false;
    },
  };
}
