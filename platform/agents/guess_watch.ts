/**
 * Watches wrong activation codes. The audit log records the first one of each source in an hour, and the number after
 * the hour, so that it cannot be flooded. If all sources together have too many, this is an alarm for code guessing:
 * until the hour ends, sources with wrong codes must wait. Other sources can still activate, so that an attacker cannot
 * block everybody.
 *
 * The counts are stored in the database, so that they cover all processes of the platform and survive a restart. Only a
 * wrong code writes them.
 */
import { type Actor, appendAudit, type AuditEvent } from "../audit/audit_log.ts";
import { type Store, takeLock, type Transaction } from "../store/store.ts";

export interface GuessWatch {
  /** 0 if the source may try a code, otherwise milliseconds to wait. */
  waitMs(source: string): Promise<number>;
  /** Counts a wrong code, in the transaction of the attempt. */
  noteWrong(tx: Transaction, attempt: { source: string; actor: Actor; hostname: string }): Promise<void>;
  /** Writes the counts of a past hour to the audit log. */
  flush(): Promise<void>;
}

export interface GuessWatchOptions {
  store: Store;
  clock: { now(): Date };
  log(event: string, fields: Record<string, string | number | boolean>): void;
  /** Wrong codes of all sources in an hour that raise the alarm; default: 300. */
  most?: number;
  /** Maximum number of sources that are counted separately; default: 10,000. */
  mostKnown?: number;
}

interface Hour {
  began_at: number;
  attempts: number;
  sources: number;
  /** Attempts of sources that are not counted separately. */
  others: number;
}

const hourMs = 3_600_000;
/* Maximum number of sources with separate entries. */
const mostSources = 50;

export function guessWatch({ store, clock, log, most = 300, mostKnown = 10_000 }: GuessWatchOptions): GuessWatch {
  const isOver = async (tx: Transaction) =>
    await tx.get("SELECT 1 FROM guess_hours") !== undefined && await maybeHour(tx, clock.now()) === undefined;

  return {
    async flush() {
      if (!await store.transaction(isOver, { readOnly: true })) return;
      await store.transaction(async (tx) => {
        await takeLock(tx, lockName);
        // Another process may have been first, and the next hour may have begun.
        if (await isOver(tx)) await closeHour(tx, clock.now());
      });
    },

    async waitMs(source) {
      const now = clock.now();
      const [hour, isKnown] = await store.transaction(async (tx) => [
        await maybeHour(tx, now),
        await tx.get("SELECT 1 FROM guess_sources WHERE source = :source", { source }) !== undefined,
      ], { readOnly: true });
      if (hour === undefined || hour.attempts < most || !isKnown) return 0;
      return Math.min(hourMs, Math.max(1000, hour.began_at + hourMs - now.getTime()));
    },

    async noteWrong(tx, { source, actor, hostname }) {
      const at = clock.now();
      await takeLock(tx, lockName);
      const hour = await maybeHour(tx, at) ?? await beginHour(tx, at);
      const place = await countSource(tx, { source, hour, mostKnown });
      if (place !== undefined && place <= mostSources) {
        await tell(tx, { at, actor, action: "activationRejected", subject: "no code", detail: { hostname, source } });
        tx.afterCommit(() => log("activationRejected", { source, burned: false }));
      }
      const { attempts, sources } = hour;
      if (attempts !== most) return;
      await tell(tx, { at, action: "codeGuessing", subject: "activation codes", detail: { attempts, sources } });
      tx.afterCommit(() => log("codeGuessing", { attempts, sources }));
    },
  };
}

const lockName = "guessed codes";

async function tell(tx: Transaction, entry: Omit<AuditEvent, "actor" | "customerId"> & { actor?: Actor }) {
  await appendAudit(tx, { actor: "platform", ...entry, customerId: null });
}

/* The present hour; undefined before the first wrong code, and after its end. */
async function maybeHour(tx: Transaction, now: Date): Promise<Hour | undefined> {
  const hour = await tx.get<Hour>("SELECT began_at, attempts, sources, others FROM guess_hours");
  // Clocks of two machines differ slightly; a clock that was set back by more starts a new hour.
  return hour !== undefined && Math.abs(now.getTime() - hour.began_at) < hourMs ? hour : undefined;
}

async function beginHour(tx: Transaction, at: Date): Promise<Hour> {
  await closeHour(tx, at);
  const hour: Hour = { began_at: at.getTime(), attempts: 0, sources: 0, others: 0 };
  await tx.run(
    "INSERT INTO guess_hours (whose, began_at, attempts, sources, others) VALUES ('all', :began_at, 0, 0, 0)",
    { began_at: hour.began_at },
  );
  return hour;
}

/* Tells what the log has not told of the hour that is over. */
async function closeHour(tx: Transaction, at: Date): Promise<void> {
  const hour = await tx.get<{ others: number }>("DELETE FROM guess_hours RETURNING others");
  if (hour === undefined) return;
  const most = { most: mostSources };
  const told = await tx.all<{ source: string; untold: number }>(
    "SELECT source, untold FROM guess_sources WHERE place <= :most AND untold > 0 ORDER BY place",
    most,
  );
  const rest = await tx.get<{ sum: number }>(
    "SELECT coalesce(sum(untold), 0) AS sum FROM guess_sources WHERE place > :most",
    most,
  );
  await tx.run("DELETE FROM guess_sources");
  for (const { source, untold } of told) {
    await tell(tx, { at, action: "activationsRejected", subject: source, detail: { attempts: untold } });
  }
  const attempts = rest!.sum + hour.others;
  if (attempts > 0) {
    await tell(tx, { at, action: "activationsRejected", subject: "other sources", detail: { attempts } });
  }
}

/* Counts in the hour, of which the row is changed as well; returns the place of a source that is new and told apart. */
async function countSource(
  tx: Transaction,
  { source, hour, mostKnown }: { source: string; hour: Hour; mostKnown: number },
): Promise<number | undefined> {
  const isKnown = await tx.run("UPDATE guess_sources SET untold = untold + 1 WHERE source = :source", { source }) > 0;
  const place = isKnown || hour.sources >= mostKnown ? undefined : hour.sources + 1;
  if (place !== undefined) {
    const untold = place <= mostSources ? 0 : 1;
    await tx.run("INSERT INTO guess_sources (source, place, untold) VALUES (:source, :place, :untold)", {
      source,
      place,
      untold,
    });
    hour.sources = place;
  } else if (!isKnown) hour.others++;
  hour.attempts++;
  const { attempts, sources, others } = hour;
  const sql = "UPDATE guess_hours SET attempts = :attempts, sources = :sources, others = :others";
  await tx.run(sql, { attempts, sources, others });
  return place;
}
