/**
 * What use cases have in common: who asks, for which customer, and one transaction in which a use case checks, writes and
 * says so in the audit log.
 */
import type { Store, Tenant, Transaction } from "../store/store.ts";
import { type Actor, appendAudit, type AuditEvent } from "./audit_log.ts";

/** What every use case works with. */
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

/** A change of what belongs to the platform, or to a customer that is made by it. */
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

/** A change of what belongs to a customer. */
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
