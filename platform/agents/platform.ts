import type { Clock } from "../../common/core/clock.ts";
import type { Authority } from "../keys/authority.ts";
import type { DataDirectory } from "../keys/data_directory.ts";
import type { SigningKey } from "../../common/protocol/signature.ts";
import type { GuessWatch } from "./guess_watch.ts";
import type { Quotas } from "./quota.ts";
import type { DatabaseAddress } from "../store/postgres/database_url.ts";
import type { PostgresOptions } from "../store/postgres/postgres_pool.ts";
import type { Store } from "../store/store.ts";

/** What the services work with; put together in platform/compose.ts. */
export interface Platform {
  store: Store;
  agentAuthority: Authority;
  signingKey: SigningKey;
  /** Key of the digests of activation codes. */
  pepper: Uint8Array;
  guesses: GuessWatch;
  quotas: Quotas;
  clock: Pick<Clock, "now" | "monotonicMs">;
  /** For agents without a platform's configuration that says it; undefined where each goes by its own file. */
  pollSeconds: number | undefined;
  log(event: string, fields: Record<string, string | number | boolean>): void;
}

export interface OpenOptions {
  dataDirectory: string;
  /** PostgreSQL in place of the SQLite file in the data directory. */
  database?: DatabaseAddress | undefined;
  databaseLimits?: PostgresOptions | undefined;
  clock: Platform["clock"];
  log: Platform["log"];
  /** Default: agents go by their own file. */
  pollSeconds?: number | undefined;
  quotas?: Partial<Quotas>;
}

/** A platform of a data directory, until it is disposed. */
export interface OpenPlatform extends Platform, AsyncDisposable {
  directory: DataDirectory;
  /** Signs the server's certificate, where the operator has none of a public authority. */
  serverAuthority: Authority;
}
