/**
 * Erasure (GDPR article 17) of a customer with all its data, and of a person. What stays, and is named in the proof: the
 * audit log, whose chain would break, and signed agreements, which are evidence (article 17, 3 b and e).
 */
import { createHash } from "node:crypto";
import { UsageError } from "../../common/core/errors.ts";
import { appendAudit } from "../audit/audit_log.ts";
import type { Base, By } from "../audit/use_case.ts";
import { customerOf } from "../customers/customers.ts";
import type { Transaction } from "../store/store.ts";
import { isLastAdministrator, maybeUser } from "../users/users.ts";
import { deletionOrder, type TableFacts, tableFacts } from "./tables.ts";

/** What is kept of an erasure; its digest is in the audit log. */
export interface ErasureProof {
  format: "opendca-erasure-1";
  erased: { kind: "customer" | "person"; id: string };
  /** ISO 8601, UTC. */
  at: string;
  by: string;
  reason: string;
  /** Number of rows that were deleted, by table. */
  rows: Record<string, number>;
  /** Number of rows that the tables have of it afterwards: none. */
  left: number;
  kept: string[];
}

const keptTables = ["audit_log"];
/** So that the last transaction is short: of readings, years may be there. */
const lotRows = 20_000;
const large = ["records", "samples", "readings", "kept_readings", "kept_seals", "batch_seals"];

/**
 * Everything of a customer, which must be closed. `confirm`: its name once more. An erasure that was cut off can be made
 * again. Throws UsageError.
 */
export async function eraseCustomer(
  platform: Base,
  by: By,
  { customer, confirm, reason }: { customer: string; confirm: string; reason: string },
): Promise<ErasureProof> {
  const { store, clock } = platform;
  refuseNoReason(reason);
  const { customer_id: id } = await store.transaction(async (tx) => {
    const row = await customerOf(tx, customer);
    if (row.name !== confirm) throw new UsageError(`Cannot erase "${row.name}" as "${confirm}" is not its name`);
    if (row.closed_at === null) {
      throw new UsageError(
        `Cannot erase the customer "${row.name}" as it is not closed`,
        "close it first, so that its agents stop: opendca-platform customer close",
      );
    }
    return row;
  });
  const rows: Record<string, number> = {};
  const count = (table: string, deleted: number) => rows[table] = (rows[table] ?? 0) + deleted;
  for (const table of large) {
    for (let deleted = lotRows; deleted >= lotRows;) {
      deleted = await store.transaction((tx) => deleteLot(tx, table, id));
      count(table, deleted);
    }
  }
  return await store.transaction(async (tx) => {
    const all = await tableFacts(tx), tenant = tx.tenant(id);
    const users = await tx.all<{ user_id: string }>("SELECT user_id FROM users WHERE of_customer = :id", { id });
    for (const { user_id } of users) await deletePerson(tx, { userId: user_id, all, count });
    // What belongs to its identity providers names these alone.
    const ofProviders = all.filter(({ name, columns }) =>
      columns.includes("provider_id") && name !== "identity_providers"
    );
    for (const { name } of deletionOrder(ofProviders)) {
      const sql = `DELETE FROM ${name} WHERE provider_id IN
        (SELECT provider_id FROM identity_providers WHERE of_customer = :id)`;
      count(name, await tx.run(sql, { id }));
    }
    for (const table of deletionOrder(all)) {
      const { name, columns } = table;
      if (keptTables.includes(name)) continue;
      if (columns.includes("customer_id")) {
        count(name, await tenant.run(`DELETE FROM ${name} WHERE customer_id = :customer`));
      } else if (columns.includes("of_customer") && name !== "agreement_signatures") {
        count(name, await tx.run(`DELETE FROM ${name} WHERE of_customer = :id`, { id }));
      }
    }
    let left = 0;
    for (const { name, columns } of all) {
      if (keptTables.includes(name) || !columns.includes("customer_id")) continue;
      const row = await tenant.get<{ n: number }>(`SELECT count(*) AS n FROM ${name} WHERE customer_id = :customer`);
      left += row!.n;
    }
    return await proved(tx, by, { kind: "customer", id, at: clock.now(), reason, rows, left });
  });
}

async function deleteLot(tx: Transaction, table: string, id: string): Promise<number> {
  const facts = (await tableFacts(tx)).find(({ name }) => name === table);
  // Of the first releases alone.
  if (facts === undefined) return 0;
  const key = facts.key.join(", ");
  return await tx.tenant(id).run(
    `DELETE FROM ${table} WHERE customer_id = :customer AND (${key}) IN
       (SELECT ${key} FROM ${table} WHERE customer_id = :customer LIMIT ${lotRows})`,
  );
}

function refuseNoReason(reason: string): void {
  if (reason === "") throw new UsageError("Cannot erase without a reason, which the audit log keeps");
}

/** A user, who must be deactivated, and not be the last administrator. Throws UsageError. */
export function erasePerson(
  { store, clock }: Base,
  by: By,
  { userId, reason }: { userId: string; reason: string },
): Promise<ErasureProof> {
  return store.transaction(async (tx) => {
    refuseNoReason(reason);
    const user = await maybeUser(tx, userId);
    if (user === undefined) throw new UsageError("Cannot find this user");
    if (user.state === "active" || await isLastAdministrator(tx, user)) {
      throw new UsageError(`Cannot erase "${user.email}" as this user is active`, "deactivate the user first");
    }
    const rows: Record<string, number> = {};
    const all = await tableFacts(tx);
    await deletePerson(tx, {
      userId,
      all,
      count: (table, deleted) => rows[table] = (rows[table] ?? 0) + deleted,
    });
    return await proved(tx, by, { kind: "person", id: userId, at: clock.now(), reason, rows, left: 0 });
  });
}

async function deletePerson(
  tx: Transaction,
  { userId, all, count }: { userId: string; all: TableFacts[]; count(table: string, deleted: number): void },
): Promise<void> {
  for (const { name, columns } of deletionOrder(all.filter(({ columns }) => columns.includes("user_id")))) {
    if (!columns.includes("user_id") || keptTables.includes(name)) continue;
    count(name, await tx.run(`DELETE FROM ${name} WHERE user_id = :id`, { id: userId }));
  }
}

async function proved(
  tx: Transaction,
  by: By,
  { kind, id, at, reason, rows, left }: {
    kind: "customer" | "person";
    id: string;
    at: Date;
    reason: string;
    rows: Record<string, number>;
    left: number;
  },
): Promise<ErasureProof> {
  const { actor } = by;
  const proof: ErasureProof = {
    format: "opendca-erasure-1",
    erased: { kind, id },
    at: at.toISOString(),
    by: actor === "platform" ? actor : `${actor.kind}:${actor.name}`,
    reason,
    rows: Object.fromEntries(Object.entries(rows).filter(([, deleted]) => deleted > 0).sort()),
    left,
    kept: [...keptTables, "agreement_signatures"],
  };
  await appendAudit(tx, {
    at,
    customerId: null,
    actor,
    action: kind === "customer" ? "customerErased" : "userErased",
    subject: id,
    detail: {
      reason,
      rows: Object.values(proof.rows).reduce((sum, deleted) => sum + deleted, 0),
      proof: createHash("sha256").update(JSON.stringify(proof)).digest("hex"),
    },
  });
  return proof;
}
