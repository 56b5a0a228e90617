import { type AuditEntry, auditRows, type AuditVerdict, auditVerdict } from "./audit_log.ts";
import type { Page } from "../store/page.ts";
import { type Base, type By, readPlatform } from "./use_case.ts";

/** The latest entries, oldest first; of one customer if given. */
export function listAudit(
  platform: Base,
  by: By,
  options: { customerId?: string | undefined } & Page,
): Promise<AuditEntry[]> {
  return readPlatform(platform, by, (tx) => auditRows(tx, options));
}

/** Verifies the whole chain. */
export function verifyAudit(platform: Base, by: By): Promise<AuditVerdict> {
  return readPlatform(platform, by, auditVerdict);
}
