/**
 * A transaction in PostgreSQL. It takes a connection from the pool at its first statement, and sets the customer before
 * that customer's statements: row-level security (postgres_schema.ts) hides all other rows.
 *
 * SQLite has only one writer; here, a transaction that may write takes the customer's lock before it reads, so that two
 * uploads never create two devices from one. Customers do not wait for each other.
 */
import { nextTick } from "node:process";
import type { Duplex } from "node:stream";
// @ts-types="@types/pg"
import pg from "pg";
import { UnavailableError } from "../../../common/core/errors.ts";
import { noteOf } from "../listeners.ts";
import { type Parameters, type Queries, scoped, type SqlValue, type Tenant, type Transaction } from "../store.ts";
import type { DatabaseAddress } from "./database_url.ts";
import { type ColumnTypes, insertMany, type ManyRows, selectMany, updateMany, type Values } from "./many_rows.ts";
import { numberParameters } from "../named_parameters.ts";
import { isAborted, isConflict, isConnectionLost, isStaleConnection, queryError } from "./postgres_error.ts";
import { channel } from "./postgres_listener.ts";
import type { Turns } from "../turns.ts";

/* Texts that are put together for one question would otherwise stay prepared for ever. */
const mostPrepared = 500;
const prepared = new Map<string, { name: string; text: string; names: string[] }>();

function statementOf(sql: string, parameters: Values): pg.QueryConfig {
  let known = prepared.get(sql);
  if (known === undefined) {
    known = { ...numberParameters(sql), name: prepared.size < mostPrepared ? `q${prepared.size}` : "" };
    if (known.name !== "") prepared.set(sql, known);
  }
  const values = known.names.map((name): SqlValue | SqlValue[] => {
    const value = parameters[name];
    if (value === undefined) throw new TypeError(`Cannot run a query without a value for :${name}: ${sql}`);
    return value;
  });
  return { text: known.text, values, ...(known.name === "" ? {} : { name: known.name }) };
}

const rowBytes = 200;

/*
 * A commit waits for the synchronous standby, if there is one. A transaction without writes would not wait, although it
 * may have read data, and may report it to an agent, that a crashed server never sent to its standby. So it writes an
 * empty message.
 */
const settle = `SELECT CASE WHEN pg_current_xact_id_if_assigned() IS NULL
    AND current_setting('synchronous_standby_names') <> '' THEN pg_logical_emit_message(true, 'opendca', '') END`;
/* Of one statement. */
const mostRows = 1000;
/* By table; every database of this version has the same ones. */
const knownTypes = new Map<string, ColumnTypes>();

export interface TransactionSettings {
  address: DatabaseAddress;
  readOnly: boolean;
  /** Turns of customers in this process. */
  turns: Turns;
  turnTimeoutMs: number;
}

export class PostgresTransaction implements Transaction {
  readonly engine = "postgres";
  /** Bytes that it has written, with an estimate for each row's header and indices. */
  writtenBytes = 0;
  readonly all: Queries["all"];
  readonly get: Queries["get"];
  readonly run: Queries["run"];
  readonly #pool: pg.Pool;
  readonly #settings: TransactionSettings;
  readonly #shown: string;
  readonly #isReadOnly: boolean;
  readonly #notes = new Set<string>();
  readonly #committed: (() => void)[] = [];
  readonly #locked = new Set<string>();
  #client: pg.PoolClient | undefined;
  #scope: string | undefined;
  #isOver = false;
  #isLost = false;
  #hasFailed = false;
  /* The first one: what was sent behind it is refused, which says nothing. */
  #failure: { error: unknown; sql: string } | undefined;
  #isConflict = false;
  #waiting = 0;
  /* Until the statement before is on its way, and until its answer is there. */
  #sending: Promise<unknown> = Promise.resolve();
  #last: Promise<unknown> = Promise.resolve();
  #typing: Promise<unknown> = Promise.resolve();

  #endTurn = () => {};

  constructor(pool: pg.Pool, settings: TransactionSettings) {
    this.#pool = pool;
    this.#settings = settings;
    this.#shown = settings.address.shown;
    this.#isReadOnly = settings.readOnly;
    ({ all: this.all, get: this.get, run: this.run } = this.#queries());
  }

  tenant(customerId: string): Tenant {
    return { customerId, transaction: this, ...this.#queries(customerId), ...this.#manyRows(customerId) };
  }

  notify(channel: string, payload: string): void {
    if (this.#isReadOnly) throw new TypeError(`Cannot notify "${channel}" in a transaction that is read-only`);
    this.#notes.add(noteOf(channel, payload));
  }

  afterCommit(work: () => void): void {
    this.#committed.push(work);
  }

  /** Returns the connection. Throws if a COMMIT fails; a ROLLBACK never throws. */
  async end(how: "COMMIT" | "ROLLBACK"): Promise<void> {
    if (this.#isOver) return;
    const isComplete = this.#waiting === 0;
    if (how === "COMMIT" && isComplete && !this.#hasFailed) await this.#sendNotes();
    this.#isOver = true;
    await this.#last.catch(() => {});
    try {
      if (how === "ROLLBACK") await this.#rollBack();
      else if (!isComplete) throw new Error("Cannot commit: a query was not awaited");
      else if (this.#client !== undefined) await this.#commit(this.#client);
    } catch (error) {
      await this.#rollBack();
      throw error;
    } finally {
      this.#client?.removeListener("error", this.#noteLost);
      this.#client?.release(this.#isLost);
      this.#endTurn();
    }
    if (how === "COMMIT") { for (const work of this.#committed) work(); }
  }

  /** Whether the server has rolled it back because of another one, so that nothing of it is stored. */
  get isConflict(): boolean {
    return this.#isConflict;
  }

  readonly #noteLost = () => void (this.#isLost = true);

  /* PostgreSQL sends them with the commit. */
  async #sendNotes(): Promise<void> {
    if (this.#notes.size === 0) return;
    const sql = "SELECT pg_notify(:channel, note) FROM json_array_elements_text(CAST(:notes AS json)) AS note";
    await this.#query(undefined, sql, { channel, notes: JSON.stringify([...this.#notes]) });
  }

  async #commit(client: pg.PoolClient): Promise<void> {
    if (this.#isLost) throw queryError(new Error("Connection terminated"), this.#shown);
    // The server would convert it to a ROLLBACK, without an error.
    if (this.#hasFailed) throw new Error("Cannot commit: a statement of the transaction failed");
    const text = this.#isReadOnly ? "COMMIT" : `${settle}; COMMIT`;
    await this.#guarded("COMMIT", () => client.query(text));
  }

  async #rollBack(): Promise<void> {
    if (this.#client !== undefined && !this.#isLost) await this.#client.query("ROLLBACK").catch(this.#noteLost);
  }

  async #guarded<T>(sql: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (caught) {
      const { error, sql: failed } = isAborted(caught) && this.#failure || { error: caught, sql };
      this.#hasFailed = true;
      if (isConflict(error)) this.#isConflict = true;
      if (isConnectionLost(error)) this.#isLost = true;
      throw queryError(error, this.#shown, failed);
    }
  }

  /*
   * Sends the statement, behind what it needs: the variables go with BEGIN, and again only when they change. Resolves when
   * it is on its way; without a transaction yet, when that has begun, and nothing of the statement is done if it has not.
   */
  async #send(customerId: string | undefined, statement: pg.QueryConfig): Promise<{ answer: Promise<pg.QueryResult> }> {
    if (this.#isLost) throw new Error("Connection terminated");
    const client = this.#client;
    if (client !== undefined && this.#scope === (customerId ?? "")) return { answer: this.#sentOn(client, statement) };
    const id = pg.escapeLiteral(customerId ?? "");
    const kind = customerId === undefined ? "platform" : "customer";
    const steps = [`SELECT set_config('opendca.customer', ${id}, true), set_config('opendca.scope', '${kind}', true)`];
    if (customerId !== undefined && !this.#isReadOnly && !this.#locked.has(customerId)) {
      // Without a connection yet, it waits for its turn without one.
      if (client === undefined) await this.#takeTurn(customerId);
      steps.push(`SELECT pg_advisory_xact_lock(hashtextextended(${id}, 0))`);
      this.#locked.add(customerId);
    }
    this.#scope = customerId ?? "";
    if (client !== undefined) {
      const entered = this.#sentOn(client, { text: steps.join("; ") }), answer = this.#sentOn(client, statement);
      return { answer: Promise.all([entered, answer]).then(([, result]) => result) };
    }
    const begin = this.#isReadOnly ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" : "BEGIN";
    const begun = await beginOn(this.#pool, [begin, ...steps], statement);
    this.#client = begun.client;
    this.#client.on("error", this.#noteLost);
    this.#noteFailure(begun.answer, statement);
    return begun;
  }

  #sentOn(client: pg.PoolClient, statement: pg.QueryConfig): Promise<pg.QueryResult> {
    const answer = sentOn(client, statement);
    this.#noteFailure(answer, statement);
    return answer;
  }

  #noteFailure(answer: Promise<unknown>, { text }: pg.QueryConfig): void {
    answer.catch((error) => this.#failure ??= { error, sql: text });
  }

  async #takeTurn(customerId: string): Promise<void> {
    const { turns, turnTimeoutMs } = this.#settings;
    const end = await turns.take(customerId, turnTimeoutMs);
    if (end === undefined) {
      const what = `Cannot use the database ${this.#shown}: other transactions of the customer take too long`;
      throw new UnavailableError(what, "the database is busy; try again", 1000);
    }
    this.#endTurn = end;
  }

  /* One after another, as the scope belongs to the connection; none waits for the answer to the one before. */
  #query(customerId: string | undefined, sql: string, parameters: Values): Promise<pg.QueryResult> {
    if (this.#isOver) throw new Error(`Cannot run a query after its transaction: ${sql}`);
    const statement = statementOf(sql, parameters);
    this.#waiting++;
    const sent = this.#sending.then(() => this.#send(customerId, statement));
    this.#sending = sent.catch(() => {});
    const result = this.#guarded(sql, async () => await (await sent).answer).finally(() => this.#waiting--);
    this.#last = result;
    return result;
  }

  #queries(customerId?: string): Queries {
    const ask = (sql: string, parameters: Parameters = {}) =>
      this.#query(customerId, sql, customerId === undefined ? parameters : scoped(sql, parameters, customerId));
    return {
      all: async <Row>(sql: string, parameters?: Parameters) => (await ask(sql, parameters)).rows as Row[],
      get: async <Row>(sql: string, parameters?: Parameters) => (await ask(sql, parameters)).rows[0] as Row | undefined,
      run: async (sql, parameters) => {
        const changed = (await ask(sql, parameters)).rowCount ?? 0;
        if (/^\s*INSERT/i.test(sql)) {
          this.writtenBytes += changed * (rowBytes + sizeOf(parameters ?? {}, Object.keys(parameters ?? {})));
        }
        return changed;
      },
    };
  }

  #manyRows(customerId: string): Pick<Tenant, "allOf" | "insertMany" | "updateMany"> {
    const ask = ({ sql, arrays }: ManyRows) =>
      this.#query(customerId, sql, { ...arrays, ...scoped(sql, {}, customerId) });
    return {
      allOf: async <Row>(sql: string, each: readonly Parameters[]) => {
        const rows: Row[] = [];
        for (const some of lots(each)) rows.push(...(await ask(selectMany(sql, some))).rows);
        return rows;
      },
      insertMany: async (of, rows, onConflict = "") => {
        if (rows.length === 0) return;
        const types = await this.#typesInTurn(customerId, of.table);
        await Promise.all(
          lots(rows).map(async (some) => {
            const { rowCount } = await ask(insertMany(of, some, { types, onConflict }));
            const bytes = some.reduce((sum: number, row) => sum + sizeOf(row, of.columns), 0);
            this.writtenBytes += (rowCount ?? 0) * rowBytes + bytes;
          }),
        );
      },
      updateMany: async (of, rows) => {
        if (rows.length === 0) return;
        const types = await this.#typesInTurn(customerId, of.table);
        await Promise.all(lots(rows).map((some) => ask(updateMany(of, some, types))));
      },
    };
  }

  /* In the order that was asked in, so that rows are written in the order that they were given in. */
  #typesInTurn(customerId: string, table: string): Promise<ColumnTypes> {
    const types = this.#typing.then(() => this.#typesOf(customerId, table));
    this.#typing = types.catch(() => {});
    return types;
  }

  async #typesOf(customerId: string, table: string): Promise<ColumnTypes> {
    const known = knownTypes.get(table);
    if (known !== undefined) return known;
    const { rows } = await this.#query(
      customerId,
      `SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute
       WHERE attrelid = :table::regclass AND attnum > 0 AND NOT attisdropped`,
      { table },
    );
    const types = new Map(rows.map(({ attname, type }) => [attname as string, type as string]));
    knownTypes.set(table, types);
    return types;
  }
}

const corked = new WeakSet<object>();

/* What is sent without waiting in between is one write, and for the server one wake-up. */
function sentOn(client: pg.PoolClient, statement: pg.QueryConfig): Promise<pg.QueryResult> {
  const { stream } = (client as unknown as { connection: { stream: Duplex } }).connection;
  if (!corked.has(stream)) {
    corked.add(stream);
    stream.cork();
    nextTick(() => {
      corked.delete(stream);
      stream.uncork();
    });
  }
  return client.query(statement);
}

/* A connection that lay in the pool while the server restarted fails with its first statement: the next one is tried. */
async function beginOn(
  pool: pg.Pool,
  steps: string[],
  statement: pg.QueryConfig,
): Promise<{ client: pg.PoolClient; answer: Promise<pg.QueryResult> }> {
  for (let tries = 0;; tries++) {
    const client = await pool.connect();
    const begun = sentOn(client, { text: steps.join("; ") }), answer = sentOn(client, statement);
    // Where the transaction has not begun, its error says why.
    answer.catch(() => {});
    try {
      await begun;
      return { client, answer };
    } catch (error) {
      client.release(true);
      if (!isStaleConnection(error) || tries === pool.options.max) throw error;
    }
  }
}

function lots<T>(rows: readonly T[]): T[][] {
  return Array.from(
    { length: Math.ceil(rows.length / mostRows) },
    (_, i) => rows.slice(i * mostRows, (i + 1) * mostRows),
  );
}

function sizeOf(row: object, columns: readonly string[]): number {
  let bytes = 0;
  for (const name of columns) {
    const value = (row as Record<string, unknown>)[name];
    bytes += typeof value === "string" || value instanceof Uint8Array ? value.length : 8;
  }
  return bytes;
}
