import {
  type AuditEntry,
  auditQuery,
  auditRows,
  type AuditSearch,
  type AuditVerdict,
  auditVerdict,
  oldestFirst,
} from "./audit_log.ts";
import { type NamedQuery, type Page, queriedInLots } from "../store/page.ts";
import { type Base, type By, readPlatform, readTenant, type TenantBy } from "./use_case.ts";

/** The latest entries, oldest first; of one customer if given. */
export function listAudit(
  platform: Base,
  by: By,
  options: { customerId?: string | undefined } & AuditSearch & Page,
): Promise<AuditEntry[]> {
  return readPlatform(platform, by, (tx) => auditRows(tx, options));
}

/** What concerns a customer, the newest first. */
export function auditOfCustomer(search: AuditSearch): NamedQuery {
  return auditQuery("customer_id = :customer", search);
}

/** All of it in lots, the oldest first. */
export function exportAudit(platform: Base, by: TenantBy, search: AuditSearch): AsyncGenerator<AuditEntry[]> {
  return queriedInLots((work) => readTenant(platform, by, work), () => oldestFirst(auditOfCustomer(search)));
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
