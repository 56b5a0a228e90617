/**
 * The platform's store in PostgreSQL: a pool of connections for transactions (postgres_transaction.ts), and one more
 * for notifications while there are listeners.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as delay } from "node:timers/promises";
// @ts-types="@types/pg"
import type pg from "pg";
import { ConfigError } from "../../../common/core/errors.ts";
import type { Store, Transaction } from "../store.ts";
import type { DatabaseAddress } from "./database_url.ts";
import { openError } from "./postgres_error.ts";
import { postgresListener } from "./postgres_listener.ts";
import { createClient, createPool, lockTimeoutMs, type PostgresOptions } from "./postgres_pool.ts";
import { checkSchema } from "./postgres_schema.ts";
import { PostgresTransaction } from "./postgres_transaction.ts";
import { Turns } from "../turns.ts";

/* Of a transaction that met others; the pauses are random, so that the same ones do not meet again. */
const mostRepeats = 4, firstPauseMs = 10;

/** Throws ConfigError for a database that is not migrated or a role that could see every customer's rows. */
export async function openPostgresStore(address: DatabaseAddress, options: PostgresOptions = {}): Promise<Store> {
  const pool = createPool(address, options);
  try {
    await checkSchema(pool, address);
  } catch (error) {
    await pool.end();
    throw error instanceof ConfigError ? error : openError(error, address.shown);
  }
  return storeOn(pool, address, options);
}

function storeOn(pool: pg.Pool, address: DatabaseAddress, options: PostgresOptions): Store {
  const inside = new AsyncLocalStorage<true>();
  const turns = new Turns();
  const listener = postgresListener(() => createClient(address, options));
  return {
    engine: "postgres",
    async transaction(work, { readOnly = false } = {}) {
      if (inside.getStore()) throw new Error("Cannot begin a transaction inside another: use the one that is there");
      for (let repeats = 0;; repeats++) {
        const tx = new PostgresTransaction(pool, {
          address,
          readOnly,
          turns,
          turnTimeoutMs: options.lockTimeoutMs ?? lockTimeoutMs,
        });
        try {
          const result = await inside.run(true, () => work(tx));
          await tx.end("COMMIT");
          return result;
        } catch (error) {
          await tx.end("ROLLBACK");
          if (!tx.isConflict || repeats === mostRepeats) throw error;
        }
        await delay(firstPauseMs * 2 ** repeats * (0.5 + Math.random()));
      }
    },
    listen: listener.listen,
    usedBytes: (tx: Transaction) => Promise.resolve((tx as PostgresTransaction).writtenBytes),
    async [Symbol.asyncDispose]() {
      await listener[Symbol.asyncDispose]();
      await pool.end();
    },
  };
}
