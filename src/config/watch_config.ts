/**
 * Reads the configuration again when its file changes or on SIGHUP. A file with mistakes keeps the
 * configuration that runs. The file is read some time after the last change, since editors write it in several steps or
 * put another in its place.
 */
import type { Clock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import type { AgentConfig } from "./agent_config.ts";
import { configChanges } from "./config_changes.ts";

const settleMs = 500;
/** A file that never comes to rest is read all the same. */
const maxWaitMs = 5_000;

export interface ConfigChange {
  before: AgentConfig;
  config: AgentConfig;
  /** As `configChanges`; never empty. */
  changes: string[];
}

export interface WatchOptions {
  path: string;
  /** What runs now. */
  initial: AgentConfig;
  /** Throws `ConfigError` for a file with mistakes. */
  read: (path: string) => Promise<AgentConfig>;
  onChange: (change: ConfigChange) => void;
  /** The file cannot be used. The same file is reported once, unless it is asked for by a signal. */
  onProblem: (error: unknown) => void;
  /** The file was broken and is again as what runs, so that there is no change to tell. */
  onRecovered: () => void;
  clock: Clock;
  /** Calls back whenever the file may have changed, until the returned function is called. */
  watch: (path: string, changed: () => void) => () => void;
  /** Calls back for each SIGHUP, until the returned function is called. */
  signals: (hangUp: () => void) => () => void;
}

export interface ConfigWatch extends AsyncDisposable {
  /** Reads the file now, and is done when what was found is reported. */
  reload(): Promise<void>;
}

/** Watches until it is disposed of, which waits for a reading under way. */
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
    }, () => {}); // Another change came, or the end: nothing is lost.
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
