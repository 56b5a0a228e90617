/**
 * Wrong activation codes of outside. The audit log tells the first of each source in an hour, and after the hour how many
 * there were, so that nobody fills it. When all sources together are wrong too often, somebody guesses: that is an alarm,
 * and until the hour is over, sources that were wrong have to wait. Others still activate, or a guesser would keep
 * everybody out.
 *
 * The counts are rows, so that they are those of all processes of the platform, and outlive a restart. Only a wrong code
 * writes them.
 */
import { type Actor, appendAudit } from "../audit/audit_log.ts";
import { type Store, takeLock, type Transaction } from "../store/store.ts";

export interface GuessWatch {
  /** 0 when the source may try a code, else milliseconds to wait. */
  waitMs(source: string): Promise<number>;
  /** Counts a wrong code, in the transaction of the attempt. */
  noteWrong(tx: Transaction, attempt: { source: string; actor: Actor; hostname: string }): Promise<void>;
  /** Writes down the counts of an hour that is over. */
  flush(): Promise<void>;
}

export interface GuessWatchOptions {
  store: Store;
  clock: { now(): Date };
  log(event: string, fields: Record<string, string | number | boolean>): void;
  /** Wrong codes of all sources in an hour that make the alarm; default: 300. */
  most?: number;
  /** Sources that are told apart at all; default: 10,000. */
  mostKnown?: number;
}

interface Hour {
  began_at: number;
  attempts: number;
  sources: number;
  /** Attempts of sources that are not told apart. */
  others: number;
}

const hourMs = 3_600_000;
/* Sources with entries of their own. */
const mostSources = 50;

export function guessWatch({ store, clock, log, most = 300, mostKnown = 10_000 }: GuessWatchOptions): GuessWatch {
  async function add(
    tx: Transaction,
    entry: { action: string; subject: string; detail: Record<string, string | number>; actor?: Actor },
  ): Promise<void> {
    await appendAudit(tx, { actor: "platform", ...entry, at: clock.now(), customerId: null });
  }

  /* The hour under way; undefined before the first wrong code, and once it is over. */
  async function maybeHour(tx: Transaction): Promise<Hour | undefined> {
    const hour = await tx.get<Hour>("SELECT began_at, attempts, sources, others FROM guess_hours");
    // Clocks of two machines differ by a little; one that was set back by more begins a new hour.
    return hour !== undefined && Math.abs(clock.now().getTime() - hour.began_at) < hourMs ? hour : undefined;
  }

  /* What the log has not told of the hour that is over. One process at a time is here. */
  async function close(tx: Transaction): Promise<void> {
    const hour = await tx.get<Hour>("DELETE FROM guess_hours RETURNING began_at, attempts, sources, others");
    if (hour === undefined) return;
    const told = await tx.all<{ source: string; untold: number }>(
      "SELECT source, untold FROM guess_sources WHERE place <= :most AND untold > 0 ORDER BY place",
      { most: mostSources },
    );
    const rest = await tx.get<{ sum: number }>(
      "SELECT coalesce(sum(untold), 0) AS sum FROM guess_sources WHERE place > :most",
      { most: mostSources },
    );
    const others = rest!.sum + hour.others;
    await tx.run("DELETE FROM guess_sources");
    for (const { source, untold } of told) {
      await add(tx, { action: "activationsRejected", subject: source, detail: { attempts: untold } });
    }
    if (others === 0) return;
    await add(tx, { action: "activationsRejected", subject: "other sources", detail: { attempts: others } });
  }

  return {
    async flush() {
      const isOver = (tx: Transaction) => maybeHour(tx).then(async (hour) => hour === undefined && await hasHour(tx));
      if (!await store.transaction(isOver, { readOnly: true })) return;
      await store.transaction(async (tx) => {
        await takeLock(tx, lockName);
        // Another process may have been first, and the next hour may have begun.
        if (await isOver(tx)) await close(tx);
      });
    },

    async waitMs(source) {
      const [hour, isKnown] = await store.transaction(async (tx) => [
        await maybeHour(tx),
        await tx.get("SELECT 1 FROM guess_sources WHERE source = :source", { source }) !== undefined,
      ], { readOnly: true });
      if (hour === undefined || hour.attempts < most || !isKnown) return 0;
      return Math.min(hourMs, Math.max(1000, hour.began_at + hourMs - clock.now().getTime()));
    },

    async noteWrong(tx, { source, actor, hostname }) {
      await takeLock(tx, lockName);
      let hour = await maybeHour(tx);
      if (hour === undefined) {
        await close(tx);
        hour = { began_at: clock.now().getTime(), attempts: 0, sources: 0, others: 0 };
        await tx.run(
          "INSERT INTO guess_hours (whose, began_at, attempts, sources, others) VALUES ('all', :at, 0, 0, 0)",
          {
            at: hour.began_at,
          },
        );
      }
      const isKnown = await tx.run("UPDATE guess_sources SET untold = untold + 1 WHERE source = :source", { source });
      const place = isKnown === 1 || hour.sources >= mostKnown ? undefined : hour.sources + 1;
      if (place !== undefined) {
        const isTold = place <= mostSources;
        await tx.run("INSERT INTO guess_sources (source, place, untold) VALUES (:source, :place, :untold)", {
          source,
          place,
          untold: isTold ? 0 : 1,
        });
        if (isTold) {
          await add(tx, { action: "activationRejected", subject: "no code", detail: { hostname, source }, actor });
          log("activationRejected", { source, burned: false });
        }
      }
      const attempts = hour.attempts + 1, sources = place ?? hour.sources;
      await tx.run("UPDATE guess_hours SET attempts = :attempts, sources = :sources, others = :others", {
        attempts,
        sources,
        others: hour.others + (isKnown === 0 && place === undefined ? 1 : 0),
      });
      if (attempts !== most) return;
      await add(tx, { action: "codeGuessing", subject: "activation codes", detail: { attempts, sources } });
      log("codeGuessing", { attempts, sources });
    },
  };
}

const lockName = "guessed codes";

async function hasHour(tx: Transaction): Promise<boolean> {
  return await tx.get("SELECT 1 FROM guess_hours") !== undefined;
}
