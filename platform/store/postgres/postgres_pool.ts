/** Connections to PostgreSQL: settings, and which servers are refused. */
// @ts-types="@types/pg"
import pg from "pg";
import { ConfigError, UnavailableError } from "../../../common/core/errors.ts";
import type { DatabaseAddress } from "./database_url.ts";
import { UnixSocket } from "./unix_socket.ts";

export interface PostgresOptions {
  /** Maximum number of connections; default: 10. */
  connections?: number;
  /** How long a statement may run, and how long it may wait for a lock; default: 30 s and 20 s. */
  statementTimeoutMs?: number;
  lockTimeoutMs?: number;
  /** How long to wait for a connection; default: 5 s. */
  connectTimeoutMs?: number;
}

/** Default lock timeout. */
export const lockTimeoutMs = 20_000;

/* By the number of the type. Of 64-bit integers, sum() makes a numeric. */
const parsers: Record<number, (text: string) => unknown> = {
  17: (text) => Uint8Array.fromHex(text.slice(2)),
  20: Number,
  1700: Number,
};
export const columnTypes = { getTypeParser: (type: number) => parsers[type] ?? pg.types.getTypeParser(type) };

/**
 * A client that closes its socket: the library leaves a connection open after a failed login, until the server closes
 * it. A standby is refused: as long as the connection exists, its data may be outdated, and each write fails.
 */
class ClosingClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config?.host?.startsWith("/") ? { ...config, stream: () => new UnixSocket() } : config);
    // Losing a connection while it is handed over, or just after it was opened, would otherwise end the process.
    this.on("error", () => {});
    const connect: (callback: (error: Error | null) => void) => void = super.connect.bind(this);
    let isStandby = false;
    this.connection.on("parameterStatus", ({ parameterName, parameterValue }: ParameterStatus) => {
      if (parameterName === "in_hot_standby") isStandby = parameterValue === "on";
    });
    const closing = (callback: (error: Error | null) => void) =>
      connect((error) => {
        const refused = error ?? (isStandby ? standbyError(this) : null);
        if (refused) void this.end().catch(() => {});
        callback(refused);
      });
    this.connect = ((callback?: (error: Error | null) => void) => {
      if (callback !== undefined) return closing(callback);
      return new Promise<void>((resolve, reject) => closing((error) => error === null ? resolve() : reject(error)));
    }) as typeof this.connect;
  }
}

interface ParameterStatus {
  parameterName: string;
  parameterValue: string;
}

function standbyError({ host, port }: pg.Client): UnavailableError {
  const hint = "connect to the primary server, or promote this one";
  return new UnavailableError(`Cannot use the database on ${host}:${port} as it is a standby`, hint, 1000);
}

export function createPool(address: DatabaseAddress, options: PostgresOptions = {}): pg.Pool {
  const pool = new pg.Pool({
    ...clientConfig(address, options),
    max: options.connections ?? 10,
    idleTimeoutMillis: 60_000,
    // Statements are sent without waiting for the answer to the one before.
    pipeline: true,
    Client: ClosingClient,
  });
  // An idle connection was lost; the pool has dropped it, and the next transaction opens another.
  pool.on("error", () => {});
  return pool;
}

/** A client outside of the pool, not connected yet. */
export function createClient(address: DatabaseAddress, options: PostgresOptions = {}): pg.Client {
  return new ClosingClient(clientConfig(address, options));
}

function clientConfig(address: DatabaseAddress, options: PostgresOptions): pg.ClientConfig {
  const { host, port, user, database, password, tls } = address;
  const { statementTimeoutMs = 30_000, connectTimeoutMs = 5000 } = options;
  return {
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
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    lock_timeout: options.lockTimeoutMs ?? lockTimeoutMs,
    // For a server that disappeared: longer than its own statement timeout.
    query_timeout: statementTimeoutMs === 0 ? 0 : statementTimeoutMs + 5000,
    idle_in_transaction_session_timeout: 60_000,
    application_name: "opendca-platform",
    keepAlive: true,
    types: columnTypes,
  };
}
