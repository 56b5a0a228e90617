/**
 * Common parts of use cases: the caller, the customer, and one transaction for checks, changes and the audit log entry.
 */
import type { Store, Tenant, Transaction } from "../store/store.ts";
import { type Actor, appendAudit, type AuditEvent } from "./audit_log.ts";

/** What every use case needs. */
export interface Base {
  store: Store;
  clock: { now(): Date };
}

export interface By {
  actor: Actor;
}

export interface TenantBy extends By {
  /** Id of the customer. */
  tenant: string;
}

export interface Change<T> {
  answer: T;
  audit: Omit<AuditEvent, "at" | "actor" | "customerId">;
}

/** Runs a change of the platform's own data, or one that creates a customer. */
export function changePlatform<T>(
  { store, clock }: Base,
  { actor }: By,
  work: (tx: Transaction, at: Date) => Promise<Change<T> & { customerId: string | null }>,
): Promise<T> {
  return store.transaction(async (tx) => {
    const at = clock.now();
    const { answer, audit, customerId } = await work(tx, at);
    await appendAudit(tx, { ...audit, at, actor, customerId });
    return answer;
  });
}

/** Runs a change of a customer's data. */
export function changeTenant<T>(
  platform: Base,
  { actor, tenant }: TenantBy,
  work: (tenant: Tenant, at: Date) => Promise<Change<T>>,
): Promise<T> {
  return changePlatform(platform, { actor }, async (tx, at) => ({
    ...await work(tx.tenant(tenant), at),
    customerId: tenant,
  }));
}

export function readPlatform<T>({ store }: Base, _: By, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return store.transaction(work, { readOnly: true });
}

export function readTenant<T>(
  { store }: Base,
  { tenant }: TenantBy,
  work: (tenant: Tenant) => Promise<T>,
): Promise<T> {
  return store.transaction((tx) => work(tx.tenant(tenant)), { readOnly: true });
}
