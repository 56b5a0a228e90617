/**
 * The platform's store in PostgreSQL. A transaction takes a connection of the pool with its first statement, and before
 * statements of a customer it sets who that is: row-level security (postgres_schema.ts) shows nothing else.
 *
 * What SQLite gives by having one writer is kept where it matters: a transaction that may write takes the customer's
 * lock before it reads, so that two uploads never make two devices of one. Customers do not wait for each other.
 */
import { AsyncLocalStorage } from "node:async_hooks";
// @ts-types="@types/pg"
import pg from "pg";
import { ConfigError } from "../../../common/core/errors.ts";
import type { DatabaseAddress } from "./database_url.ts";
import {
  type Parameters,
  type Queries,
  scoped,
  type SqlValue,
  type Store,
  type Tenant,
  type Transaction,
} from "../store.ts";
import { numberParameters } from "./named_parameters.ts";
import { isConnectionLost, isStaleConnection, openError, queryError } from "./postgres_error.ts";
import { checkSchema } from "./postgres_schema.ts";
import { UnixSocket } from "./unix_socket.ts";

export interface PostgresOptions {
  /** Connections at most; 10 by default. */
  connections?: number;
  /** How long a statement may run, and how long it may wait for a lock; 30 s and 20 s by default. */
  statementTimeoutMs?: number;
  lockTimeoutMs?: number;
  /** How long to wait for a connection; 5 s by default. */
  connectTimeoutMs?: number;
}

/* By the number of the type. Of 64-bit integers, sum() makes a numeric. */
const parsers: Record<number, (text: string) => unknown> = {
  17: (text) => Uint8Array.fromHex(text.slice(2)),
  20: Number,
  1700: Number,
};
export const columnTypes = { getTypeParser: (type: number) => parsers[type] ?? pg.types.getTypeParser(type) };

/* Texts that are put together for one question would otherwise stay prepared for ever. */
const mostPrepared = 500;
const prepared = new Map<string, { name: string; text: string; names: string[] }>();

function statementOf(sql: string, parameters: Parameters): pg.QueryConfig {
  let known = prepared.get(sql);
  if (known === undefined) {
    known = { ...numberParameters(sql), name: prepared.size < mostPrepared ? `q${prepared.size}` : "" };
    if (known.name !== "") prepared.set(sql, known);
  }
  const values = known.names.map((name): SqlValue => {
    const value = parameters[name];
    if (value === undefined) throw new TypeError(`Cannot run a query without a value for :${name}: ${sql}`);
    return value;
  });
  return { text: known.text, values, ...(known.name === "" ? {} : { name: known.name }) };
}

/* Of its own socket; and the library leaves a connection open on which signing in failed, until the server gives it up. */
class ClosingClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config?.host?.startsWith("/") ? { ...config, stream: () => new UnixSocket() } : config);
    const connect: (callback: (error: Error | null) => void) => void = super.connect.bind(this);
    const closing = (callback: (error: Error | null) => void) =>
      connect((error) => {
        if (error) void this.end().catch(() => {});
        callback(error);
      });
    this.connect = closing as typeof this.connect;
  }
}

export function createPool(address: DatabaseAddress, options: PostgresOptions = {}): pg.Pool {
  const { host, port, user, database, password, tls } = address;
  const { connections = 10, statementTimeoutMs = 30_000, lockTimeoutMs = 20_000, connectTimeoutMs = 5000 } = options;
  const pool = new pg.Pool({
    host,
    port,
    user,
    database,
    password() {
      if (password !== undefined) return password;
      throw new ConfigError(
        `Cannot use the database ${address.shown} as it asks for a password`,
        "put it into the URL, or into a file that PGPASSFILE names",
      );
    },
    ssl: tls ?? false,
    max: connections,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: 60_000,
    statement_timeout: statementTimeoutMs,
    lock_timeout: lockTimeoutMs,
    // The server is gone without a word: longer than it would take to say so itself.
    query_timeout: statementTimeoutMs === 0 ? 0 : statementTimeoutMs + 5000,
    idle_in_transaction_session_timeout: 60_000,
    application_name: "opendca-platform",
    keepAlive: true,
    types: columnTypes,
    Client: ClosingClient,
  });
  // A connection that nobody uses was lost; the pool has dropped it, and the next transaction makes another.
  pool.on("error", () => {});
  return pool;
}

/** Throws ConfigError for a database that is not migrated or a role that could see every customer's rows. */
export async function openPostgresStore(address: DatabaseAddress, options: PostgresOptions = {}): Promise<Store> {
  const pool = createPool(address, options);
  try {
    await checkSchema(pool, address);
  } catch (error) {
    await pool.end();
    throw error instanceof ConfigError ? error : openError(error, address.shown);
  }
  return storeOn(pool, address);
}

function storeOn(pool: pg.Pool, address: DatabaseAddress): Store {
  const inside = new AsyncLocalStorage<true>();
  const written = new WeakMap<Transaction, () => number>();
  return {
    engine: "postgres",
    async transaction(work, { readOnly = false } = {}) {
      if (inside.getStore()) throw new Error("Cannot begin a transaction inside another: use the one that is there");
      const connection = connectionOf(pool, { address, readOnly });
      written.set(connection.transaction, connection.writtenBytes);
      try {
        const result = await inside.run(true, () => work(connection.transaction));
        await connection.end("COMMIT");
        return result;
      } catch (error) {
        await connection.end("ROLLBACK");
        throw error;
      }
    },
    usedBytes: (tx) => Promise.resolve(written.get(tx)?.() ?? 0),
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

interface Connection {
  transaction: Transaction;
  /** What the transaction has sent to be stored, with something for each row's head and indices. */
  writtenBytes(): number;
  /** Gives the connection back. Throws when a COMMIT fails; a ROLLBACK never does. */
  end(how: "COMMIT" | "ROLLBACK"): Promise<void>;
}

const rowBytes = 200;

function connectionOf(
  pool: pg.Pool,
  { address, readOnly }: { address: DatabaseAddress; readOnly: boolean },
): Connection {
  let client: pg.PoolClient | undefined;
  let scope: string | undefined;
  let isOver = false, isLost = false, waiting = 0, writtenBytes = 0;
  let last: Promise<unknown> = Promise.resolve();
  const locked = new Set<string>();
  const noteLost = () => isLost = true;
  const lost = () => queryError(new Error("Connection terminated"), address.shown);

  async function guarded<T>(sql: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isConnectionLost(error)) isLost = true;
      throw queryError(error, address.shown, sql);
    }
  }

  /* The variables go with BEGIN, and again only when they change. */
  async function enter(customerId: string | undefined): Promise<pg.PoolClient> {
    if (client !== undefined && scope === (customerId ?? "")) return client;
    const id = pg.escapeLiteral(customerId ?? "");
    const kind = customerId === undefined ? "platform" : "customer";
    const steps = [`SELECT set_config('opendca.customer', ${id}, true), set_config('opendca.scope', '${kind}', true)`];
    if (customerId !== undefined && !readOnly && !locked.has(customerId)) {
      steps.push(`SELECT pg_advisory_xact_lock(hashtextextended(${id}, 0))`);
      locked.add(customerId);
    }
    if (client === undefined) {
      client = await beginOn(pool, [readOnly ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" : "BEGIN", ...steps]);
      client.on("error", noteLost);
    } else await client.query(steps.join("; "));
    scope = customerId ?? "";
    return client;
  }

  /* One after another, as the scope is the connection's. */
  function query(customerId: string | undefined, sql: string, parameters: Parameters): Promise<pg.QueryResult> {
    if (isOver) throw new Error(`Cannot run a query after its transaction: ${sql}`);
    const statement = statementOf(sql, parameters);
    waiting++;
    const result = last.catch(() => {}).then(() =>
      guarded(sql, async () => {
        if (isLost) throw lost();
        return await (await enter(customerId)).query(statement);
      })
    ).finally(() => waiting--);
    last = result;
    return result;
  }

  const queries = (customerId?: string) =>
    queriesBy(
      (sql, parameters) =>
        query(customerId, sql, customerId === undefined ? parameters : scoped(sql, parameters, customerId)),
      (bytes) => writtenBytes += bytes,
    );

  const transaction: Transaction = {
    engine: "postgres",
    ...queries(),
    tenant: (customerId): Tenant => ({ customerId, transaction, ...queries(customerId) }),
  };

  async function end(how: "COMMIT" | "ROLLBACK"): Promise<void> {
    if (isOver) return;
    isOver = true;
    const left = waiting;
    await last.catch(() => {});
    if (client === undefined) {
      if (left > 0 && how === "COMMIT") throw new Error("Cannot commit: a query was not awaited");
      return;
    }
    const held = client;
    try {
      if (left > 0 && how === "COMMIT") throw new Error("Cannot commit: a query was not awaited");
      if (isLost) {
        if (how === "ROLLBACK") return;
        throw lost();
      }
      const { command } = await guarded(how, () => held.query(how));
      // What PostgreSQL makes of the COMMIT of a transaction in which a statement failed.
      if (command !== how) throw new Error("Cannot commit: a statement of the transaction failed");
    } catch (error) {
      if (how === "ROLLBACK") isLost = true;
      else {
        if (!isLost) await held.query("ROLLBACK").catch(noteLost);
        throw error;
      }
    } finally {
      held.removeListener("error", noteLost);
      held.release(isLost);
    }
  }

  return { transaction, writtenBytes: () => writtenBytes, end };
}

/* A connection that lay in the pool while the server restarted fails with its first statement: the next one is tried. */
async function beginOn(pool: pg.Pool, steps: string[]): Promise<pg.PoolClient> {
  const ignore = () => {};
  for (let tries = 0;; tries++) {
    const client = await pool.connect();
    client.on("error", ignore);
    try {
      await client.query(steps.join("; "));
      return client;
    } catch (error) {
      client.release(true);
      if (!isStaleConnection(error) || tries === pool.options.max) throw error;
    } finally {
      client.removeListener("error", ignore);
    }
  }
}

function queriesBy(
  ask: (sql: string, parameters: Parameters) => Promise<pg.QueryResult>,
  onWritten: (bytes: number) => void,
): Queries {
  return {
    all: async <Row>(sql: string, parameters: Parameters = {}) => (await ask(sql, parameters)).rows as Row[],
    get: async <Row>(sql: string, parameters: Parameters = {}) =>
      (await ask(sql, parameters)).rows[0] as Row | undefined,
    async run(sql, parameters = {}) {
      const changed = (await ask(sql, parameters)).rowCount ?? 0;
      if (/^\s*INSERT/i.test(sql)) onWritten(changed * (rowBytes + sizeOf(parameters)));
      return changed;
    },
  };
}

function sizeOf(parameters: Parameters): number {
  let bytes = 0;
  for (const value of Object.values(parameters)) {
    bytes += typeof value === "string" || value instanceof Uint8Array ? value.length : 8;
  }
  return bytes;
}
