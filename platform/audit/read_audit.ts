import { type AuditEntry, auditRows, type AuditSearch, type AuditVerdict, auditVerdict } from "./audit_log.ts";
import type { Page } from "../store/page.ts";
import { type Base, type By, readPlatform, readTenant, type TenantBy } from "./use_case.ts";

/** The latest entries, oldest first; of one customer if given. */
export function listAudit(
  platform: Base,
  by: By,
  options: { customerId?: string | undefined } & AuditSearch & Page,
): Promise<AuditEntry[]> {
  return readPlatform(platform, by, (tx) => auditRows(tx, options));
}

/** The latest entries about one subject of a customer, such as an agent; the newest first. */
export function listAuditOf(
  platform: Base,
  by: TenantBy,
  { subject, limit }: { subject: string; limit: number },
): Promise<AuditEntry[]> {
  return readTenant(platform, by, (tenant) =>
    tenant.all<AuditEntry>(
      `SELECT * FROM audit_log WHERE customer_id = :customer AND subject = :subject ORDER BY entry DESC LIMIT :limit`,
      { subject, limit },
    ));
}

/** Verifies the whole chain. */
export function verifyAudit(platform: Base, by: By): Promise<AuditVerdict> {
  return readPlatform(platform, by, auditVerdict);
}
