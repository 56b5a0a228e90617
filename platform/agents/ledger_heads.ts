/**
 * Heads of an agent's egress ledger, as reported by the agent. Anyone who can write the ledger could create a new
 * consistent one; comparing these heads reveals it.
 */
import type { Tenant } from "../store/store.ts";
import type { LedgerHead } from "../../proto/gen/opendca/v1/agent_service.ts";
import { appendAudit } from "../audit/audit_log.ts";
import type { TenantAgent } from "./caller.ts";
import type { Platform } from "./platform.ts";

export interface LedgerHeadRow {
  number: number;
  hash: string;
  first_told_at: number;
  /** Why it cannot follow the previous head; null if it can. */
  rewound: string | null;
}

export interface ToldHead {
  agentId: string;
  number: number;
  hash: string;
  at: Date;
}

/** Maximum number of heads that are kept per agent. */
export const mostLedgerHeads = 1000;

/** Stores a head if it differs from the latest one; returns why it cannot follow that one, or undefined. */
export async function noteLedgerHead(tenant: Tenant, told: ToldHead): Promise<string | undefined> {
  const { agentId, number, hash, at } = told;
  const before = await tenant.get<LedgerHeadRow & { told_number: number }>(
    `SELECT * FROM agent_ledger_heads WHERE customer_id = :customer AND agent_id = :agent_id
     ORDER BY told_number DESC LIMIT 1`,
    { agent_id: agentId },
  );
  if (before?.number === number && before.hash === hash) return undefined;
  const rewound = before === undefined ? undefined : whyRewound(before, told);
  const toldNumber = (before?.told_number ?? 0) + 1;
  await tenant.run(
    `INSERT INTO agent_ledger_heads (customer_id, agent_id, told_number, number, hash, first_told_at, rewound)
     VALUES (:customer, :agent_id, :told_number, :number, :hash, :at, :rewound)`,
    { agent_id: agentId, told_number: toldNumber, number, hash, at: at.getTime(), rewound: rewound ?? null },
  );
  await tenant.run(
    "DELETE FROM agent_ledger_heads WHERE customer_id = :customer AND agent_id = :agent_id AND told_number <= :last",
    { agent_id: agentId, last: toldNumber - mostLedgerHeads },
  );
  if (rewound !== undefined) {
    await tenant.run(
      `UPDATE agents SET ledger_rewound_at = :at, ledger_rewound_reason = :reason
       WHERE customer_id = :customer AND agent_id = :agent_id AND ledger_rewound_at IS NULL`,
      { agent_id: agentId, at: at.getTime(), reason: rewound },
    );
  }
  return rewound;
}

/** Latest first. */
export function ledgerHeadRows(tenant: Tenant, agentId: string): Promise<LedgerHeadRow[]> {
  return tenant.all(
    `SELECT number, hash, first_told_at, rewound FROM agent_ledger_heads
     WHERE customer_id = :customer AND agent_id = :agent_id ORDER BY told_number DESC`,
    { agent_id: agentId },
  );
}

/* Against the head before only: a ledger that started over is below the old heads for a long time, and is reported once. */
function whyRewound(before: LedgerHeadRow, { number, hash }: ToldHead): string | undefined {
  if (number < before.number) return `entry ${before.number} was reported before entry ${number}`;
  if (number === before.number && hash !== before.hash) return `entry ${number} was reported with another hash before`;
  return undefined;
}

const noHash = "0".repeat(64);

/** Whether number and hash have the form of proto/opendca/v1/agent_service.proto. */
export function isLedgerHead({ number, hash }: LedgerHead): boolean {
  return number <= BigInt(Number.MAX_SAFE_INTEGER) && /^[0-9a-f]{64}$/.test(hash) &&
    (number === 0n) === (hash === noHash);
}

/** Stores the head; a ledger whose end was cut off or rewritten is marked and logged. Call in a transaction. */
export async function watchLedger(
  platform: Platform,
  { tenant, agentId }: TenantAgent,
  head: LedgerHead,
): Promise<void> {
  const at = platform.clock.now();
  const reason = await noteLedgerHead(tenant, { agentId, number: Number(head.number), hash: head.hash, at });
  if (reason === undefined) return;
  await appendAudit(tenant.transaction, {
    at,
    customerId: tenant.customerId,
    actor: "platform",
    action: "ledgerRewound",
    subject: agentId,
    detail: { reason, number: Number(head.number), hash: head.hash },
  });
  tenant.transaction.afterCommit(() => platform.log("ledgerRewound", { agentId, reason }));
}
