import type { LedgerHead } from "../../proto/gen/opendca/v1/agent_service.ts";
import { appendAudit } from "../audit/audit_log.ts";
import { noteLedgerHead } from "./ledger_heads.ts";
import type { TenantAgent } from "./caller.ts";
import type { Platform } from "./platform.ts";

const noHash = "0".repeat(64);

/** Whether number and hash are what proto/opendca/v1/agent_service.proto says. */
export function isLedgerHead({ number, hash }: LedgerHead): boolean {
  return number <= BigInt(Number.MAX_SAFE_INTEGER) && /^[0-9a-f]{64}$/.test(hash) &&
    (number === 0n) === (hash === noHash);
}

/** Keeps the head; a ledger whose end was cut off or rewritten is marked and logged. Call in a transaction. */
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
  platform.log("ledgerRewound", { agentId, reason });
}
