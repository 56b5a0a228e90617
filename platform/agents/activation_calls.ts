/**
 * How often a source may call Activate, by all processes together: a bucket of calls for each source, which fills again
 * over time. Stored is when it is full again (the generic cell rate algorithm), so that a call is one statement, a
 * refused call changes nothing, and rows of full buckets can be dropped.
 */
import type { Platform } from "./platform.ts";

/* One office behind one address activates a few agents a day; more attempts are guessing. */
export const activationRate = { burst: 30, perMinute: 10 };

const stepMs = 60_000 / activationRate.perMinute, fullMs = activationRate.burst * stepMs;
/* What is further ahead was stored before the clock was set back. */
const mostAheadMs = 10 * fullMs;

type Parts = Pick<Platform, "store" | "clock">;

/** 0 if the source may call now, which counts the call; otherwise milliseconds to wait. */
export function activationWaitMs({ store, clock }: Parts, source: string): Promise<number> {
  const now = clock.now().getTime();
  return store.transaction(async (tx) => {
    const known = "CASE WHEN c.full_at BETWEEN :now AND :most THEN c.full_at ELSE :now END + :step";
    const counted = await tx.get(
      `INSERT INTO activation_calls AS c (source, full_at) VALUES (:source, :first)
       ON CONFLICT (source) DO UPDATE SET full_at = ${known} WHERE ${known} <= :latest RETURNING full_at`,
      { source, now, first: now + stepMs, step: stepMs, latest: now + fullMs, most: now + mostAheadMs },
    );
    if (counted !== undefined) return 0;
    const row = await tx.get<{ full_at: number }>("SELECT full_at FROM activation_calls WHERE source = :source", {
      source,
    });
    return row!.full_at + stepMs - fullMs - now;
  });
}

/** Forgets the sources that may call as often as one that never did. */
export async function forgetActivationCalls({ store, clock }: Parts): Promise<void> {
  const now = clock.now().getTime();
  const isOver = "FROM activation_calls WHERE full_at NOT BETWEEN :now AND :most";
  const parameters = { now, most: now + mostAheadMs };
  const some = await store.transaction((tx) => tx.get(`SELECT 1 ${isOver} LIMIT 1`, parameters), { readOnly: true });
  if (some !== undefined) await store.transaction((tx) => tx.run(`DELETE ${isOver}`, parameters));
}
