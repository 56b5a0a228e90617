/** Dealers, who own customers. */
import { UsageError } from "../../common/core/errors.ts";
import { type Base, type By, changePlatform, readPlatform } from "../audit/use_case.ts";
import { newId } from "../store/new_id.ts";
import { takeLock, type Transaction } from "../store/store.ts";

export interface DealerRow {
  dealer_id: string;
  name: string;
  created_at: number;
  /** Null while it is open. */
  closed_at: number | null;
}

/** Name of the automatically created dealer. */
const onlyDealerName = "default";

/** Throws UsageError when the name is taken. */
async function addDealer(tx: Transaction, options: { name: string; at: Date }): Promise<DealerRow> {
  const row = { dealer_id: newId("dea"), name: options.name, created_at: options.at.getTime() };
  const made = await tx.run(
    "INSERT INTO dealers (dealer_id, name, created_at) VALUES (:dealer_id, :name, :created_at) ON CONFLICT DO NOTHING",
    row,
  );
  if (made > 0) return { ...row, closed_at: null };
  throw new UsageError(`Cannot create the dealer "${options.name}" as the name is taken`, dealersHint);
}

function dealerRows(tx: Transaction): Promise<(DealerRow & { customers: number })[]> {
  return tx.all(
    `SELECT *, (SELECT count(*) FROM customers c WHERE c.dealer_id = d.dealer_id) AS customers
     FROM dealers d ORDER BY lower(name)`,
  );
}

const dealersHint = "opendca-platform dealer list shows them";

/** By id or by name, in any case. Throws UsageError if there is none. */
export async function dealerNamed(tx: Transaction, dealer: string): Promise<DealerRow> {
  const row = await tx.get<DealerRow>(
    "SELECT * FROM dealers WHERE dealer_id = :text OR lower(name) = lower(:text) ORDER BY dealer_id = :text DESC LIMIT 1",
    { text: dealer },
  );
  if (row !== undefined) return row;
  throw new UsageError(`Cannot find the dealer "${dealer}"`, dealersHint);
}

/**
 * The given dealer, or the only one that is not closed, which is created for the first customer of an installation.
 * Throws UsageError.
 */
export async function dealerOf(tx: Transaction, dealer: string | undefined, at: Date): Promise<DealerRow> {
  if (dealer !== undefined) return await dealerNamed(tx, dealer);
  // If two first customers are created at once, only one of them creates the dealer.
  await takeLock(tx, "dealers");
  const all = await dealerRows(tx), open = all.filter(({ closed_at }) => closed_at === null);
  const [only, ...others] = open.length > 0 ? open : all;
  if (only === undefined) return await addDealer(tx, { name: onlyDealerName, at });
  if (others.length === 0) return only;
  throw new UsageError(
    `Cannot tell which dealer is meant as there are ${others.length + 1}`,
    `name one with --dealer; ${dealersHint}`,
  );
}

export function createDealer(platform: Base, by: By, { name }: { name: string }): Promise<DealerRow> {
  return changePlatform(platform, by, async (tx, at) => {
    const row = await addDealer(tx, { name, at });
    return {
      answer: row,
      customerId: null,
      audit: { action: "dealerCreated", subject: row.dealer_id, detail: { name } },
    };
  });
}

export function listDealers(platform: Base, by: By): Promise<(DealerRow & { customers: number })[]> {
  return readPlatform(platform, by, dealerRows);
}

/** Throws UsageError if there is no such dealer, or another one has the name. */
export function renameDealer(
  platform: Base,
  by: By,
  { dealer, name }: { dealer: string; name: string },
): Promise<DealerRow> {
  return changePlatform(platform, by, async (tx) => {
    const row = await dealerNamed(tx, dealer), { dealer_id } = row;
    const renamed = await tx.run(
      `UPDATE dealers SET name = :name WHERE dealer_id = :dealer_id AND NOT EXISTS
         (SELECT 1 FROM dealers d WHERE lower(d.name) = lower(:name) AND d.dealer_id <> :dealer_id)`,
      { name, dealer_id },
    );
    if (renamed === 0) {
      throw new UsageError(`Cannot rename the dealer "${row.name}" to "${name}" as the name is taken`, dealersHint);
    }
    const detail = { from: row.name, to: name };
    return {
      answer: { ...row, name },
      customerId: null,
      audit: { action: "dealerRenamed", subject: dealer_id, detail },
    };
  });
}
