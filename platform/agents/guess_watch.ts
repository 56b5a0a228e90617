/**
 * Wrong activation codes of outside. The audit log tells the first of each source in an hour, and at the end of the
 * hour how many there were, so that nobody fills it. When all sources together are wrong too often, somebody guesses:
 * that is an alarm, and until the hour is over, sources that were wrong have to wait. Others still activate, or a guesser
 * would keep everybody out.
 */
import { type Actor, appendAudit } from "../audit/audit_log.ts";
import type { Store, Transaction } from "../store/store.ts";

export interface GuessWatch {
  /** 0 when the source may try a code, else milliseconds to wait. */
  waitMs(source: string): Promise<number>;
  /** Counts a wrong code, in the transaction of the attempt. */
  noteWrong(tx: Transaction, attempt: { source: string; actor: Actor; hostname: string }): Promise<void>;
  /** Writes down the counts of an hour that is over, or of one that is not when `now` is set. */
  flush(options?: { now: boolean }): Promise<void>;
}

export interface GuessWatchOptions {
  store: Store;
  clock: { now(): Date; monotonicMs(): number };
  log(event: string, fields: Record<string, string | number | boolean>): void;
  /** Wrong codes of all sources in an hour that make the alarm; default: 300. */
  most?: number;
}

interface Entry {
  action: string;
  subject: string;
  detail: Record<string, string | number>;
  actor?: Actor;
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
  /* Of hours that are over. */
  const unwritten: Entry[] = [];

  async function add(
    tx: Transaction,
    { action, subject, detail, actor = "platform" }: Entry,
  ): Promise<void> {
    await appendAudit(tx, { at: clock.now(), customerId: null, actor, action, subject, detail });
  }

  /* Begins a new hour; returns what is to be written of the old one. Nobody waits in here: no call is counted twice. */
  function takeHour(now: boolean): Entry[] {
    if (!now && clock.monotonicMs() - beganMs < hourMs) return [];
    const told = [...untold].slice(0, mostSources).filter(([, attempts]) => attempts > 0);
    const rest = [...untold.values()].slice(mostSources).reduce((sum, attempts) => sum + attempts, others);
    untold = new Map();
    [wrong, others, beganMs] = [0, 0, clock.monotonicMs()];
    return [
      ...told.map(([subject, attempts]) => ({ action: "activationsRejected", subject, detail: { attempts } })),
      ...(rest > 0 ? [{ action: "activationsRejected", subject: "other sources", detail: { attempts: rest } }] : []),
    ];
  }

  async function flush({ now } = { now: false }): Promise<void> {
    unwritten.push(...takeHour(now));
    const entries = unwritten.splice(0);
    if (entries.length === 0) return;
    try {
      await store.transaction(async (tx) => {
        for (const entry of entries) await add(tx, entry);
      });
    } catch (error) {
      unwritten.unshift(...entries);
      throw error;
    }
  }

  return {
    flush,
    async waitMs(source) {
      await flush();
      if (wrong < most || !untold.has(source)) return 0;
      return Math.max(1000, beganMs + hourMs - clock.monotonicMs());
    },
    async noteWrong(tx, { source, actor, hostname }) {
      unwritten.push(...takeHour(false));
      wrong += 1;
      const isAlarm = wrong === most;
      const before = untold.get(source);
      if (before !== undefined) untold.set(source, before + 1);
      else if (untold.size < mostSources) {
        untold.set(source, 0);
        await add(tx, { action: "activationRejected", subject: "no code", detail: { hostname, source }, actor });
        log("activationRejected", { source, burned: false });
      } else if (untold.size < mostKnown) untold.set(source, 1);
      else others += 1;
      if (!isAlarm) return;
      const detail = { attempts: wrong, sources: untold.size };
      await add(tx, { action: "codeGuessing", subject: "activation codes", detail });
      log("codeGuessing", detail);
    },
  };
}
