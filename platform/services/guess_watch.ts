/**
 * Wrong activation codes of strangers. The audit log tells the first of each source in an hour, and at the end of the
 * hour how many there were, so that nobody fills it. When all sources together are wrong too often, somebody guesses:
 * that is an alarm, and until the hour is over, sources that were wrong have to wait. Others still activate, or a guesser
 * would keep everybody out.
 */
import { appendAudit } from "../store/audit_log.ts";
import type { Store } from "../store/store.ts";

export interface GuessWatch {
  /** 0 when the source may try a code, else milliseconds to wait. */
  waitMs(source: string): number;
  /** Counts a wrong code; call in the transaction of the attempt. */
  noteWrong(attempt: { source: string; actor: string; hostname: string }): void;
  /** Writes down the counts of an hour that is over, or of one that is not when `now` is set. */
  flush(options?: { now: boolean }): void;
}

export interface GuessWatchOptions {
  store: Store;
  clock: { now(): Date; monotonicMs(): number };
  log(event: string, fields: Record<string, string | number | boolean>): void;
  /** Wrong codes of all sources in an hour that make the alarm; 300 unless told. */
  most?: number;
}

const hourMs = 3_600_000;
/* Sources with entries of their own. */
const mostSources = 50;
/* Sources that are told apart at all. */
const mostKnown = 10_000;

export function guessWatch({ store, clock, log, most = 300 }: GuessWatchOptions): GuessWatch {
  let beganMs = clock.monotonicMs();
  let wrong = 0;
  /* Wrong codes of a source that no entry tells yet. */
  let untold = new Map<string, number>();
  let others = 0;

  function entry(action: string, subject: string, detail: Record<string, string | number>, actor = "platform"): void {
    appendAudit(store, { at: clock.now(), customerId: null, actor, action, subject, detail });
  }

  function flush({ now } = { now: false }): void {
    if (!now && clock.monotonicMs() - beganMs < hourMs) return;
    const told = [...untold].slice(0, mostSources).filter(([, attempts]) => attempts > 0);
    const rest = [...untold.values()].slice(mostSources).reduce((sum, attempts) => sum + attempts, others);
    if (told.length > 0 || rest > 0) {
      store.transaction(() => {
        for (const [source, attempts] of told) entry("activationsRejected", source, { attempts });
        if (rest > 0) entry("activationsRejected", "other sources", { attempts: rest });
      });
    }
    untold = new Map();
    [wrong, others, beganMs] = [0, 0, clock.monotonicMs()];
  }

  return {
    flush,
    waitMs(source) {
      flush();
      if (wrong < most || !untold.has(source)) return 0;
      return Math.max(1000, beganMs + hourMs - clock.monotonicMs());
    },
    noteWrong({ source, actor, hostname }) {
      flush();
      wrong += 1;
      const before = untold.get(source);
      if (before !== undefined) untold.set(source, before + 1);
      else if (untold.size < mostSources) {
        untold.set(source, 0);
        entry("activationRejected", "no code", { hostname, source }, actor);
        log("activationRejected", { source, burned: false });
      } else if (untold.size < mostKnown) untold.set(source, 1);
      else others += 1;
      if (wrong !== most) return;
      entry("codeGuessing", "activation codes", { attempts: wrong, sources: untold.size });
      log("codeGuessing", { attempts: wrong, sources: untold.size });
    },
  };
}
