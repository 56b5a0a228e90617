/**
 * Closing of a site, a customer or a dealer that nobody works for any more, in one transaction: its agents are revoked,
 * so that they stop reading printers, open codes are withdrawn, open tasks cancelled and sessions of web access ended.
 * All data stays until retention drops it. After reopening, each machine needs a new code.
 */
import { UsageError } from "../../common/core/errors.ts";
import { appendAudit } from "../audit/audit_log.ts";
import { type Base, type By, changePlatform, changeTenant, type TenantBy } from "../audit/use_case.ts";
import { queueAllDevices } from "../events/queue_changes.ts";
import { revokedChannel } from "../store/channels.ts";
import { takeLock, type Tenant, type Transaction } from "../store/store.ts";
import { closedError, customerOf, customerRows, refuseClosed, siteOf, type SiteRow } from "./customers.ts";
import { dealerNamed, type DealerRow } from "./dealers.ts";

export interface Closing {
  reason: string;
  /** Without it, active agents refuse the closing. */
  revokeAgents?: boolean | undefined;
}

/** What ended with it. */
export interface Ended {
  agents: number;
  codes: number;
  tasks: number;
  sessions: number;
}

const nothing: Ended = { agents: 0, codes: 0, tasks: 0, sessions: 0 };

/** Throws UsageError if there is no such site, or it is closed already. */
export function closeSite(
  platform: Base,
  by: TenantBy,
  { site, ...closing }: { site: string } & Closing,
): Promise<{ siteId: string; name: string } & Ended> {
  return changeTenant(platform, by, async (tenant, at) => {
    const { site_id: siteId, name, closed_at } = await siteOf(tenant, site);
    refuseTwice(`the site "${name}"`, closed_at);
    const ended = await endWork(tenant, { ...closing, siteId, at, what: `the site "${name}"` });
    await setSiteClosed(tenant, siteId, at);
    const { reason } = closing;
    return {
      answer: { siteId, name, ...ended },
      audit: { action: "siteClosed", subject: siteId, detail: { reason, ...ended } },
    };
  });
}

/** Throws UsageError if there is no such customer, or it is closed already. */
export function closeCustomer(
  platform: Base,
  by: By,
  { customer, ...closing }: { customer: string } & Closing,
): Promise<{ customerId: string; name: string } & Ended> {
  return changePlatform(platform, by, async (tx, at) => {
    const { customer_id: customerId, name, closed_at } = await customerOf(tx, customer);
    refuseTwice(`the customer "${name}"`, closed_at);
    const ended = await endWork(tx.tenant(customerId), { ...closing, at, what: `the customer "${name}"` });
    await tx.run("UPDATE customers SET closed_at = :at WHERE customer_id = :id", { id: customerId, at: at.getTime() });
    const { reason } = closing;
    return {
      answer: { customerId, name, ...ended },
      customerId,
      audit: { action: "customerClosed", subject: customerId, detail: { reason, ...ended } },
    };
  });
}

/** With all its customers, which are open again when it is reopened. Throws UsageError as the others do. */
export function closeDealer(
  platform: Base,
  by: By,
  { dealer, ...closing }: { dealer: string } & Closing,
): Promise<{ dealerId: string; name: string; customers: number } & Ended> {
  return changePlatform(platform, by, async (tx, at) => {
    await takeLock(tx, "dealers");
    const { dealer_id: dealerId, name, closed_at } = await dealerNamed(tx, dealer);
    refuseTwice(`the dealer "${name}"`, closed_at);
    const { reason } = closing, what = `the dealer "${name}"`;
    const customers = (await customerRows(tx, dealerId)).filter((row) => row.closed_at === null);
    const ids = customers.map(({ customer_id }) => customer_id).sort();
    if (!closing.revokeAgents) refuseAgents(what, await activeAgents(tx, ids));
    const each = new Map<string, Ended>();
    for (const id of ids) each.set(id, await endWork(tx.tenant(id), { ...closing, at, what }));
    // Only now: the log has one writer, and customers may be waited for.
    for (const [customerId, ended] of each) {
      const detail = { reason, dealer: dealerId, ...ended };
      const entry = { action: "customerClosed", subject: customerId, detail };
      await appendAudit(tx, { ...entry, at, actor: by.actor, customerId });
    }
    await setDealerClosed(tx, dealerId, at);
    const ended = [...each.values()].reduce((sum, part) => ({
      agents: sum.agents + part.agents,
      codes: sum.codes + part.codes,
      tasks: sum.tasks + part.tasks,
      sessions: sum.sessions + part.sessions,
    }), nothing);
    return {
      answer: { dealerId, name, customers: ids.length, ...ended },
      customerId: null,
      audit: { action: "dealerClosed", subject: dealerId, detail: { reason, customers: ids.length, ...ended } },
    };
  });
}

/** Throws UsageError if it is not closed, or its customer is. */
export function reopenSite(platform: Base, by: TenantBy, { site }: { site: string }): Promise<SiteRow> {
  return changeTenant(platform, by, async (tenant) => {
    const row = await siteOf(tenant, site), { site_id, name } = row;
    refuseOpen(`the site "${name}"`, row.closed_at);
    await refuseClosed(tenant, `reopen the site "${name}"`);
    await setSiteClosed(tenant, site_id, null);
    return { answer: { ...row, closed_at: null }, audit: { action: "siteReopened", subject: site_id } };
  });
}

/** Throws UsageError if it is not closed, or its dealer is. */
export function reopenCustomer(
  platform: Base,
  by: By,
  { customer }: { customer: string },
): Promise<{ customerId: string; name: string }> {
  return changePlatform(platform, by, async (tx) => {
    const { customer_id: customerId, name, closed_at, dealer_id } = await customerOf(tx, customer);
    refuseOpen(`the customer "${name}"`, closed_at);
    const dealer = await dealerNamed(tx, dealer_id);
    if (dealer.closed_at !== null) throw closedError(`reopen the customer "${name}"`, "dealer", dealer);
    await tx.run("UPDATE customers SET closed_at = NULL WHERE customer_id = :id", { id: customerId });
    return { answer: { customerId, name }, customerId, audit: { action: "customerReopened", subject: customerId } };
  });
}

/** With the customers that were closed with it. Throws UsageError if it is not closed. */
export function reopenDealer(platform: Base, by: By, { dealer }: { dealer: string }): Promise<DealerRow> {
  return changePlatform(platform, by, async (tx) => {
    await takeLock(tx, "dealers");
    const row = await dealerNamed(tx, dealer);
    refuseOpen(`the dealer "${row.name}"`, row.closed_at);
    await setDealerClosed(tx, row.dealer_id, null);
    return {
      answer: { ...row, closed_at: null },
      customerId: null,
      audit: { action: "dealerReopened", subject: row.dealer_id },
    };
  });
}

function refuseTwice(what: string, closedAt: number | null): void {
  if (closedAt === null) return;
  throw new UsageError(`Cannot close ${what} as it has been closed since ${new Date(closedAt).toISOString()}`);
}

function refuseOpen(what: string, closedAt: number | null): void {
  if (closedAt === null) throw new UsageError(`Cannot reopen ${what} as it is not closed`);
}

function refuseAgents(what: string, agents: number): void {
  if (agents === 0) return;
  throw new UsageError(
    `Cannot close ${what} as it has ${agents} active ${agents === 1 ? "agent" : "agents"}`,
    "--revoke-agents revokes them: each machine needs a new code if it is ever to come back",
  );
}

async function activeAgents(tx: Transaction, customerIds: readonly string[]): Promise<number> {
  let agents = 0;
  for (const id of customerIds) {
    const row = await tx.get<{ active: number }>(
      "SELECT count(*) AS active FROM agents WHERE customer_id = :id AND state = 'active'",
      { id },
    );
    agents += row!.active;
  }
  return agents;
}

interface Work extends Closing {
  /** Undefined: all sites of the customer. */
  siteId?: string;
  at: Date;
  /** Such as `the site "Berlin"`. */
  what: string;
}

async function endWork(tenant: Tenant, { siteId, reason, revokeAgents, at, what }: Work): Promise<Ended> {
  const scope = siteId === undefined ? "" : " AND site_id = :site_id";
  const site: Record<string, string> = siteId === undefined ? {} : { site_id: siteId };
  const ofAgents = `agent_id IN (SELECT agent_id FROM agents WHERE customer_id = :customer${scope})`;
  const message = `${what} was closed`, times = { ...site, at: at.getTime() };
  const agents = await tenant.all<{ agent_id: string }>(
    `UPDATE agents SET state = 'revoked', revoked_at = :at, revoked_reason = :reason
     WHERE customer_id = :customer AND state = 'active'${scope} RETURNING agent_id`,
    { ...times, reason: `${message}: ${reason}` },
  );
  // Counted by the change itself: what it throws undoes it.
  if (!revokeAgents) refuseAgents(what, agents.length);
  await tenant.run(
    `UPDATE certificates SET revoked_at = :at WHERE customer_id = :customer AND revoked_at IS NULL AND ${ofAgents}`,
    times,
  );
  for (const { agent_id } of agents) tenant.transaction.notify(revokedChannel, agent_id);
  const codes = await tenant.run(
    `UPDATE activation_codes SET state = 'withdrawn' WHERE customer_id = :customer AND state = 'open'${scope}`,
    site,
  );
  const tasks = await tenant.run(
    `UPDATE tasks SET state = 'cancelled', changed_at = :at, message = :message WHERE customer_id = :customer
       AND state IN ('waiting', 'delivered', 'accepted', 'running') AND ${ofAgents}`,
    { ...times, message },
  );
  const sessions = await tenant.run(
    `UPDATE access_sessions SET state = 'closed', ended_at = :at, end_reason = :message
     WHERE customer_id = :customer AND state <> 'closed' AND ${ofAgents}`,
    { ...times, message },
  );
  return { agents: agents.length, codes, tasks, sessions };
}

async function setSiteClosed(tenant: Tenant, siteId: string, at: Date | null): Promise<void> {
  await tenant.run("UPDATE sites SET closed_at = :at WHERE customer_id = :customer AND site_id = :site_id", {
    site_id: siteId,
    at: at?.getTime() ?? null,
  });
  await queueAllDevices(tenant);
}

async function setDealerClosed(tx: Transaction, dealerId: string, at: Date | null): Promise<void> {
  await tx.run("UPDATE dealers SET closed_at = :at WHERE dealer_id = :id", {
    id: dealerId,
    at: at?.getTime() ?? null,
  });
}
