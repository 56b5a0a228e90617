import type { Clock } from "../../common/core/clock.ts";
import type { Authority } from "../keys/authority.ts";
import type { DataDirectory } from "../keys/data_directory.ts";
import type { SigningKey } from "../../common/protocol/signature.ts";
import type { GuessWatch } from "./guess_watch.ts";
import type { Quotas } from "./quota.ts";
import type { DatabaseAddress } from "../store/postgres/database_url.ts";
import type { PostgresOptions } from "../store/postgres/postgres_pool.ts";
import type { Store } from "../store/store.ts";

/** Everything that the services use; assembled in platform/compose.ts. */
export interface Platform {
  store: Store;
  agentAuthority: Authority;
  signingKey: SigningKey;
  /** Key of the digests of activation codes. */
  pepper: Uint8Array;
  guesses: GuessWatch;
  quotas: Quotas;
  clock: Pick<Clock, "now" | "monotonicMs">;
  /** Poll interval of agents whose platform configuration has none; undefined: by each agent's own file. */
  pollSeconds: number | undefined;
  log(event: string, fields: Record<string, string | number | boolean>): void;
}

export interface OpenOptions {
  dataDirectory: string;
  /** PostgreSQL instead of the SQLite file in the data directory. */
  database?: DatabaseAddress | undefined;
  databaseLimits?: PostgresOptions | undefined;
  clock: Platform["clock"];
  log: Platform["log"];
  /** Default: by each agent's own file. */
  pollSeconds?: number | undefined;
  quotas?: Partial<Quotas>;
}

/** A platform with an open data directory, until disposed of. */
export interface OpenPlatform extends Platform, AsyncDisposable {
  directory: DataDirectory;
  /** Signs the server's certificate, if the operator has none from a public authority. */
  serverAuthority: Authority;
}
