/**
 * The audit log: append-only, and each entry's digest covers the previous digest, so that a changed or removed entry is
 * detected. Entries removed from the end are only detected with a digest that was stored elsewhere: `audit verify`
 * prints the last one for that.
 */
import { createHash } from "node:crypto";
import { isLike, likeOf } from "../store/conditions.ts";
import { type NamedQuery, type Page, pageParameters, pageSql } from "../store/page.ts";
import { type Parameters, takeLock, type Transaction } from "../store/store.ts";

/** Who did it; "platform" for its own actions. */
export type Actor =
  | "platform"
  | { kind: "operator" | "user" | "agent" | "api-token" | "installation"; name: string };

export interface AuditEvent {
  at: Date;
  /** Null for events of the platform itself. */
  customerId: string | null;
  actor: Actor;
  /** Past tense, such as `agentRevoked`. */
  action: string;
  subject: string;
  detail?: Record<string, string | number | boolean>;
}

export interface AuditEntry {
  entry: number;
  at: number;
  customer_id: string | null;
  /** `operator:eva`, `agent:agt-…`, `platform`; the first releases also wrote `admin:eva`. */
  actor: string;
  action: string;
  subject: string;
  detail: string;
  digest: string;
}

/** The previous digest of the first entry. */
export const noDigest = "0".repeat(64);

/* Of one agent on a day, and of the platform about one: it chooses what it is noted for, and must not fill the log. */
const mostEntriesOfAgent = 1000;

/** Only the first thousand entries per day by or about an agent are kept; the last one says that there were more. */
export async function appendAudit(tx: Transaction, event: AuditEvent): Promise<void> {
  const about = event.actor === "platform" && event.subject.startsWith("agt-") ? event.subject : undefined;
  const whose = event.actor !== "platform" && event.actor.kind === "agent" ? actorText(event.actor) : about;
  if (whose === undefined) return append(tx, event);
  const day = Math.floor(event.at.getTime() / 86_400_000);
  const counted = await tx.get<{ entries: number }>(
    `INSERT INTO audit_counts (whose, day, entries) VALUES (:whose, :day, 1)
     ON CONFLICT (whose) DO UPDATE SET day = :day,
       entries = CASE audit_counts.day WHEN :day THEN audit_counts.entries ELSE 0 END + 1
     RETURNING entries`,
    { whose, day },
  );
  const count = counted!.entries;
  if (count < mostEntriesOfAgent) await append(tx, event);
  else if (count === mostEntriesOfAgent) {
    await append(tx, { ...event, action: "entriesLeftOut", detail: { day: count } });
  }
}

/**
 * Entries are chained: no other transaction may append until this one ends. Call it before the entries of several
 * agents, as each is counted before it is appended.
 */
export async function lockAudit(tx: Transaction): Promise<void> {
  await takeLock(tx, "audit log");
}

async function append(tx: Transaction, event: AuditEvent): Promise<void> {
  await lockAudit(tx);
  const last = await tx.get<AuditEntry>("SELECT entry, digest FROM audit_log ORDER BY entry DESC LIMIT 1");
  const entry = {
    entry: (last?.entry ?? 0) + 1,
    at: event.at.getTime(),
    customer_id: event.customerId,
    actor: actorText(event.actor),
    action: event.action,
    subject: event.subject,
    detail: JSON.stringify(event.detail ?? {}),
  };
  await tx.run(
    `INSERT INTO audit_log (entry, at, customer_id, actor, action, subject, detail, digest)
     VALUES (:entry, :at, :customer_id, :actor, :action, :subject, :detail, :digest)`,
    { ...entry, digest: digestOf(last?.digest ?? noDigest, entry) },
  );
}

export function actorText(actor: Actor): string {
  return actor === "platform" ? actor : `${actor.kind}:${actor.name}`;
}

/** What a person looks for in the log. */
export interface AuditSearch {
  /** Stands in who, action, subject or detail, in any case. */
  text?: string | undefined;
  /** From then on. */
  since?: Date | undefined;
  /** Before that. */
  until?: Date | undefined;
}

/** A condition; its parameters are those of `searchParameters`. */
const searchSql = `(CAST(:text AS TEXT) IS NULL
    OR ${isLike("lower(actor || ' ' || action || ' ' || subject || ' ' || detail)", "text")})
  AND at >= :since AND at < :until`;

function searchParameters(
  { text, since, until }: AuditSearch,
): { text: string | null; since: number; until: number } {
  return {
    text: text === undefined ? null : likeOf(text),
    since: since?.getTime() ?? 0,
    until: until?.getTime() ?? Number.MAX_SAFE_INTEGER,
  };
}

/** Entries that the condition holds for, the newest first. */
export function auditQuery(where: string, search: AuditSearch, parameters: Parameters = {}): NamedQuery {
  return {
    columns: "audit_log.*",
    from: "audit_log",
    where: `${where} AND ${searchSql}`,
    keys: [{ sql: "entry", isDescending: true }],
    id: { entry: "BIGINT" },
    parameters: { ...parameters, ...searchParameters(search) },
  };
}

export function oldestFirst(query: NamedQuery): NamedQuery {
  return { ...query, keys: query.keys.map(({ sql }) => ({ sql })) };
}

/** The latest entries, oldest first; of one customer if given. An offset leaves out the very latest. */
export async function auditRows(
  tx: Transaction,
  options: { customerId?: string | undefined } & AuditSearch & Page,
): Promise<AuditEntry[]> {
  const { customerId = null, ...page } = options;
  const rows = await tx.all<AuditEntry>(
    `SELECT * FROM audit_log WHERE (CAST(:customer AS TEXT) IS NULL OR customer_id = :customer) AND ${searchSql}
     ORDER BY entry DESC ${pageSql}`,
    { customer: customerId, ...searchParameters(options), ...pageParameters(page) },
  );
  return rows.reverse();
}

/** Entries of one action since a time, oldest first. Reads backwards from the newest one only as far as needed. */
export function auditSince(tx: Transaction, options: { action: string; since: Date }): Promise<AuditEntry[]> {
  return tx.all<AuditEntry>(
    `SELECT * FROM audit_log
     WHERE entry > coalesce((SELECT entry FROM audit_log WHERE at < :since ORDER BY entry DESC LIMIT 1), 0)
       AND action = :action ORDER BY entry`,
    { action: options.action, since: options.since.getTime() },
  );
}

export interface AuditVerdict {
  entries: number;
  /** The first missing or changed entry; undefined if the chain is valid. */
  brokenAt: number | undefined;
  lastDigest: string;
}

/** Verifies the whole chain. */
export async function auditVerdict(tx: Transaction): Promise<AuditVerdict> {
  let lastDigest = noDigest;
  let entries = 0;
  while (true) {
    const page = await tx.all<AuditEntry>(
      "SELECT * FROM audit_log WHERE entry > :from ORDER BY entry LIMIT 1000",
      { from: entries },
    );
    for (const row of page) {
      if (row.entry !== entries + 1 || row.digest !== digestOf(lastDigest, row)) {
        return { entries, brokenAt: entries + 1, lastDigest };
      }
      entries += 1;
      lastDigest = row.digest;
    }
    if (page.length === 0) return { entries, brokenAt: undefined, lastDigest };
  }
}

function digestOf(before: string, entry: Omit<AuditEntry, "digest">): string {
  const { entry: number, at, customer_id, actor, action, subject, detail } = entry;
  const text = JSON.stringify([before, number, at, customer_id, actor, action, subject, detail]);
  return createHash("sha256").update(text).digest("hex");
}
