/**
 * Reads the configuration again when its file changes or on SIGHUP. If the new file has mistakes, the running
 * configuration stays. The file is read some time after the last change, since editors write it in several steps or put
 * another in its place.
 */
import type { Clock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import type { AgentConfig } from "./agent_config.ts";
import { configChanges } from "./config_changes.ts";

const settleMs = 500;
/** Limit of this delay for a file that keeps changing. */
const maxWaitMs = 5_000;

export interface ConfigChange {
  before: AgentConfig;
  config: AgentConfig;
  /** As `configChanges`; never empty. */
  changes: string[];
}

export interface WatchOptions {
  path: string;
  /** The running configuration. */
  initial: AgentConfig;
  /** Throws `ConfigError` for a file with mistakes. */
  read: (path: string) => Promise<AgentConfig>;
  onChange: (change: ConfigChange) => void;
  /** The file cannot be used. The same content is reported once only, except after a signal. */
  onProblem: (error: unknown) => void;
  /** The file had mistakes and now equals the running configuration again, so there is no change to report. */
  onRecovered: () => void;
  clock: Clock;
  /** Calls back whenever the file may have changed, until the returned function is called. */
  watch: (path: string, changed: () => void) => () => void;
  /** Calls back for each SIGHUP, until the returned function is called. */
  signals: (hangUp: () => void) => () => void;
}

export interface ConfigWatch extends AsyncDisposable {
  /** Reads the file now; resolves after the result was reported. */
  reload(): Promise<void>;
}

/** Watches until disposed of; disposal waits for a read in progress. */
export function watchConfig(options: WatchOptions): ConfigWatch {
  const { path, clock, onChange, onProblem } = options;
  const stop = new AbortController();
  let current = options.initial;
  let lastProblem: string | undefined;
  let reading = Promise.resolve();
  let settling: { abort: AbortController; sinceMs: number } | undefined;

  async function readOnce(isAsked: boolean): Promise<void> {
    if (stop.signal.aborted) return;
    try {
      const config = await options.read(path);
      const wasBroken = lastProblem !== undefined;
      lastProblem = undefined;
      const before = current;
      const changes = configChanges(before, config);
      if (stop.signal.aborted) return;
      if (changes.length === 0) return wasBroken ? options.onRecovered() : undefined;
      current = config;
      onChange({ before, config, changes });
    } catch (error) {
      const problem = messageOf(error);
      if (isAsked || problem !== lastProblem) onProblem(error);
      lastProblem = problem;
    }
  }

  function reload(isAsked: boolean): Promise<void> {
    return reading = reading.then(() => readOnce(isAsked));
  }

  function changed(): void {
    const nowMs = clock.monotonicMs();
    const sinceMs = settling?.sinceMs ?? nowMs;
    settling?.abort.abort();
    const abort = new AbortController();
    settling = { abort, sinceMs };
    const waitMs = Math.max(0, Math.min(settleMs, sinceMs + maxWaitMs - nowMs));
    clock.sleep(waitMs, AbortSignal.any([abort.signal, stop.signal])).then(() => {
      settling = undefined;
      return reload(false);
    }, () => {}); // Rejects on another change or at the end: nothing is lost.
  }

  const stopWatching = options.watch(path, changed);
  const stopListening = options.signals(() => void reload(true));
  return {
    reload: () => reload(true),
    async [Symbol.asyncDispose]() {
      stop.abort();
      stopWatching();
      stopListening();
      await reading;
    },
  };
}
