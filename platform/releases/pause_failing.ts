/**
 * A roll-out that pauses itself: from three agents on whose update failed, or who went back to the version before, if
 * these are more than 5 % of those that have tried. Counted from when an operator last resumed it.
 */
import { appendAudit } from "../audit/audit_log.ts";
import { takeLock, type Transaction } from "../store/store.ts";
import { noteChange } from "./catalogue.ts";

export const fewestFailures = 3, mostFailedShare = 0.05;

export function isFailing({ tried, failed }: { tried: number; failed: number }): boolean {
  return failed >= fewestFailures && failed > mostFailedShare * tried;
}

/** Call it after the agent's failure was stored; returns whether it was paused now. */
export async function pauseIfFailing(
  tx: Transaction,
  { version, at }: { version: string; at: Date },
): Promise<boolean> {
  // The transaction that waits here counts what the one before has stored, so that failures of one moment are not missed.
  await takeLock(tx, "releases");
  const release = await tx.get<{ counted_since: number }>(
    "SELECT counted_since FROM releases WHERE version = :version AND state = 'offered'",
    { version },
  );
  if (release === undefined) return false;
  const counted = (await tx.get<{ tried: number; failed: number }>(
    `SELECT count(*) FILTER (WHERE tried_at >= :since) AS tried, count(*) FILTER (WHERE failed_at >= :since) AS failed
     FROM agent_updates WHERE version = :version`,
    { version, since: release.counted_since },
  ))!;
  if (!isFailing(counted)) return false;
  const { tried, failed } = counted;
  await tx.run(
    `UPDATE releases SET state = 'paused', changed_by = 'platform', changed_at = :at, reason = :reason
     WHERE version = :version`,
    { version, at: at.getTime(), reason: `it failed on ${failed} of ${tried} agents that tried` },
  );
  await appendAudit(tx, {
    at,
    customerId: null,
    actor: "platform",
    action: "releasePaused",
    subject: version,
    detail: { tried, failed },
  });
  await noteChange(tx);
  return true;
}

export interface PausedRelease {
  version: string;
  reason: string;
  changed_at: number;
}

/** Those that no person has resumed, paused or withdrawn since. */
export function pausedByThemselves(tx: Transaction): Promise<PausedRelease[]> {
  return tx.all(
    `SELECT version, reason, changed_at FROM releases WHERE state = 'paused' AND changed_by = 'platform' ORDER BY changed_at`,
  );
}
