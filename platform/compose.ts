/** Where the platform's parts are joined. */
import type { Clock } from "../common/core/clock.ts";
import { ConfigError, messageOf } from "../common/core/errors.ts";
import { idleJournals, journalLookMs } from "../common/host/idle_journals.ts";
import { type Authority, createAuthority, loadAuthority, validityFrom } from "./keys/authority.ts";
import { type CertificateFiles, createServerCertificate, isCurrent } from "./keys/server_certificate.ts";
import { type DataDirectory, openDataDirectory } from "./keys/data_directory.ts";
import type { GateLimits } from "./edge/grpc/connection_gate.ts";
import { guessWatch } from "./agents/guess_watch.ts";
import type { Platform } from "./agents/platform.ts";
import { defaultQuotas, type Quotas } from "./agents/quota.ts";
import { createSigningKeyPem, loadSigningKey } from "../common/protocol/signature.ts";
import { type RunningServer, startServer } from "./edge/grpc/start_server.ts";
import type { DatabaseAddress } from "./store/postgres/database_url.ts";
import { openPostgresStore } from "./store/postgres/postgres_store.ts";
import type { Store } from "./store/store.ts";
import { openSqliteStore } from "./store/sqlite/sqlite_store.ts";

export interface OpenOptions {
  dataDirectory: string;
  /** PostgreSQL in place of the SQLite file in the data directory. */
  database?: DatabaseAddress | undefined;
  clock: Pick<Clock, "now" | "monotonicMs">;
  log: Platform["log"];
  /** Agents go by their own file unless told. */
  pollSeconds?: number | undefined;
  quotas?: Partial<Quotas>;
}

export interface OpenPlatform extends Platform, AsyncDisposable {
  directory: DataDirectory;
  /** Made its server certificate, where the operator has none of a public authority. */
  serverAuthority: Authority;
}

const authorityDays = 3653;
const storeName = "platform.db";

/** The store and the keys; both are made when the folder is new. The command line works on this, with or without a server. */
export async function openPlatform(options: OpenOptions): Promise<OpenPlatform> {
  const { clock, log, pollSeconds } = options;
  await using built = new AsyncDisposableStack();
  const directory = openDataDirectory(options.dataDirectory);
  using _ = await directory.lock();
  const database = options.database === undefined ? undefined : built.use(await openPostgresStore(options.database));
  const keys = { directory, isUsed: database === undefined ? directory.has(storeName) : await hasCustomers(database) };
  const agentAuthority = await keptAuthority(keys, { name: "agent-authority", now: clock.now() });
  const serverAuthority = await keptAuthority(keys, { name: "server-authority", now: clock.now() });
  const signingKey = loadSigningKey(kept(keys, "signing.key", createSigningKeyPem));
  const pepper = kept(keys, "code-pepper.key", () => crypto.getRandomValues(new Uint8Array(32)).toHex());
  const store = database ?? built.use(openSqliteStore(directory.path(storeName)));
  const opened = built.move();
  return {
    store,
    directory,
    agentAuthority,
    serverAuthority,
    signingKey,
    pepper: Uint8Array.fromHex(pepper),
    clock,
    guesses: guessWatch({ store, clock, log }),
    quotas: { ...defaultQuotas, ...options.quotas },
    pollSeconds,
    log,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

export interface ServeOptions {
  host: string;
  port: number;
  /** Names that agents dial, for the certificate that the platform makes itself. */
  names: string[];
  /** A certificate of the operator's own. */
  certificate?: CertificateFiles;
  callTimeoutMs?: number;
  handshakeTimeoutMs?: number;
  connections?: Partial<GateLimits>;
  tryListenerAfterMs?: number;
  /** How often the store's write-ahead log is looked at; 30,000 unless told. */
  journalLookMs?: number;
}

/** Listens until disposed. The store outlives the server, so that calls can end. */
export async function serve(platform: OpenPlatform, options: ServeOptions): Promise<RunningServer> {
  const certificate = options.certificate ?? await keptServerCertificate(platform, options.names);
  const server = await startServer(platform, { ...options, certificate });
  const truncate = idleJournals(platform.store.engine === "sqlite" ? [platform.directory.path(storeName)] : []);
  const look = () => {
    truncate();
    // What fails is written with the next look.
    platform.guesses.flush().catch((error) => platform.log("storeBusy", { message: messageOf(error) }));
  };
  const looking = setInterval(look, options.journalLookMs ?? journalLookMs);
  return {
    port: server.port,
    async [Symbol.asyncDispose]() {
      clearInterval(looking);
      await server[Symbol.asyncDispose]();
      await platform.guesses.flush({ now: true });
    },
  };
}

interface KeyFolder {
  directory: DataDirectory;
  /** The store is not a new one: keys that are missing were lost. */
  isUsed: boolean;
}

async function hasCustomers(store: Store): Promise<boolean> {
  const row = await store.transaction((tx) => tx.get("SELECT 1 FROM customers LIMIT 1"), { readOnly: true });
  return row !== undefined;
}

/* A key that is there, or a new one beside a new store. */
function kept({ directory, isUsed }: KeyFolder, name: string, make: () => string): string {
  const known = directory.maybeText(name);
  if (known !== undefined) return known;
  if (isUsed) throw missingKey(directory, name);
  const text = make();
  directory.write(name, text);
  return text;
}

async function keptAuthority(keys: KeyFolder, options: { name: string; now: Date }): Promise<Authority> {
  const { directory, isUsed } = keys, { name, now } = options;
  const certificatePem = directory.maybeText(`${name}.pem`);
  const privateKeyPem = directory.maybeText(`${name}.key`);
  if (certificatePem !== undefined && privateKeyPem !== undefined) {
    return loadAuthority({ certificatePem, privateKeyPem });
  }
  if (isUsed) throw missingKey(directory, `${name}.${certificatePem === undefined ? "pem" : "key"}`);
  const files = await createAuthority(`OpenDCA ${name.replace("-", " ")}`, validityFrom(now, authorityDays));
  directory.write(`${name}.key`, files.privateKeyPem);
  directory.write(`${name}.pem`, files.certificatePem);
  return loadAuthority(files);
}

function missingKey(directory: DataDirectory, name: string): ConfigError {
  return new ConfigError(
    `Cannot use the store as "${directory.path(name)}" is missing`,
    "restore the file from a backup; with a new one, every agent would have to be activated again",
  );
}

async function keptServerCertificate(platform: OpenPlatform, names: string[]): Promise<CertificateFiles> {
  const { directory, clock, serverAuthority } = platform;
  const check = { names, now: clock.now() };
  const known = directory.maybeText("server.pem");
  if (known !== undefined && isCurrent(known, check)) return { certificatePem: known, privateKeyPem: known };
  const { certificatePem, privateKeyPem } = await createServerCertificate(serverAuthority, check);
  // TLS libraries take from a PEM file the blocks that they look for.
  directory.write("server.pem", certificatePem + privateKeyPem);
  return { certificatePem, privateKeyPem };
}
