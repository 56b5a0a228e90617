import type { LedgerHead } from "../../proto/gen/opendca/v1/agent_service.ts";
import { appendAudit } from "../store/audit_log.ts";
import { noteLedgerHead } from "../store/ledger_heads.ts";
import type { Caller } from "./caller.ts";
import type { Platform } from "./platform.ts";

const noHash = "0".repeat(64);

/** Whether number and hash are what proto/opendca/v1/agent_service.proto says. */
export function isLedgerHead({ number, hash }: LedgerHead): boolean {
  return number <= BigInt(Number.MAX_SAFE_INTEGER) && /^[0-9a-f]{64}$/.test(hash) &&
    (number === 0n) === (hash === noHash);
}

/** Keeps the head; a ledger whose end was cut off or rewritten is marked and logged. Call in a transaction. */
export function watchLedger(platform: Platform, { tenant, agentId }: Caller, head: LedgerHead): void {
  const at = platform.clock.now();
  const reason = noteLedgerHead(tenant, { agentId, number: Number(head.number), hash: head.hash, at });
  if (reason === undefined) return;
  appendAudit(platform.store, {
    at,
    customerId: tenant.customerId,
    actor: "platform",
    action: "ledgerRewound",
    subject: agentId,
    detail: { reason, number: Number(head.number), hash: head.hash },
  });
  platform.log("ledgerRewound", { agentId, reason });
}
