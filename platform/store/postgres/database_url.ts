/** `postgres://USER:PASSWORD@HOST:5432/NAME?sslmode=verify-full`: the supported parts; others are refused. */
import { readFileSync, statSync } from "node:fs";
import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { ConfigError, messageOf } from "../../../common/core/errors.ts";

export interface DatabaseAddress {
  /** A name, an address, or the folder of the UNIX socket of a server on this machine. */
  host: string;
  port: number;
  user: string;
  database: string;
  /** From the URL or the password file; undefined if neither has one. */
  password: string | undefined;
  /** Undefined for a connection without TLS. */
  tls: ConnectionOptions | undefined;
  /** The URL without the password, for messages. */
  shown: string;
}

const known = ["host", "sslmode", "sslrootcert", "sslcert", "sslkey", "passfile"];
const form = "write it as postgres://USER@HOST/DATABASE; docs/database.md has examples";

export function isDatabaseUrl(text: string): boolean {
  return /^postgres(ql)?:\/\//.test(text);
}

/** Reads the files that the URL names. `passfile`: password file if the URL has none. Throws ConfigError. */
export function parseDatabaseUrl(text: string, options: { passfile?: string | undefined } = {}): DatabaseAddress {
  const url = isDatabaseUrl(text) ? URL.parse(text) : null;
  // Messages never contain the text, as it may have a password.
  if (url === null) throw new ConfigError("Cannot read the URL of the database", form);
  for (const name of url.searchParams.keys()) {
    if (known.includes(name)) continue;
    throw new ConfigError(`Cannot use "${name}" in the URL of the database`, `it may have ${known.join(", ")}`);
  }
  const decoded = (part: string) => {
    try {
      return decodeURIComponent(part);
    } catch (cause) {
      throw new ConfigError("Cannot read the URL of the database: a % is not followed by two digits", form, { cause });
    }
  };
  const host = url.searchParams.get("host") ?? decoded(url.hostname).replace(/^\[(.*)\]$/, "$1");
  const port = url.port === "" ? 5432 : Number(url.port);
  const user = decoded(url.username), database = decoded(url.pathname.slice(1));
  if (host === "" || user === "" || database === "") {
    throw new ConfigError("Cannot use a URL of a database that lacks a host, a user or a database", form);
  }
  const where = host.startsWith("/") ? `localhost/${database}?host=${host}` : `${host}:${port}/${database}`;
  const address = { host, port, user, database, shown: `postgres://${user}@${where}` };
  const passfile = url.searchParams.get("passfile") ?? options.passfile;
  const password = url.password !== ""
    ? decoded(url.password)
    : passfile === undefined
    ? undefined
    : maybePassword(readOf(passfile, { secret: true }), address);
  return { ...address, password, tls: tlsOf(url.searchParams, host) };
}

/* `host:port:database:user:password`, each of the first four possibly `*`; the first line that fits (libpq, "The Password File"). */
function maybePassword(text: string, { host, port, database, user }: Omit<DatabaseAddress, "password" | "tls">) {
  const wanted = [host.startsWith("/") ? "localhost" : host, String(port), database, user];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith("#")) continue;
    const fields = [...line.matchAll(/((?:\\.|[^\\:])*)(?::|$)/g)].map(([, field]) => field!.replace(/\\(.)/g, "$1"));
    if (fields.length >= 5 && wanted.every((value, i) => fields[i] === "*" || fields[i] === value)) return fields[4];
  }
  return undefined;
}

function readOf(path: string, { secret = false } = {}): string {
  try {
    if (secret && Deno.build.os !== "windows" && (statSync(path).mode & 0o077) !== 0) {
      throw new ConfigError(`Cannot use "${path}" as other users may read it`, `type chmod 600 ${path}`);
    }
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`Cannot read "${path}" for the database: ${messageOf(error)}`, undefined, { cause: error });
  }
}

function tlsOf(asked: URLSearchParams, host: string): ConnectionOptions | undefined {
  const mode = asked.get("sslmode");
  const isLocal = host.startsWith("/") || host === "localhost" || host === "::1" || /^127\./.test(host);
  if (mode === null && !isLocal) {
    throw new ConfigError(
      `Cannot use the database on "${host}" without a word about TLS in its URL`,
      "add ?sslmode=verify-full&sslrootcert=FILE, or ?sslmode=disable in a network that nobody else reads",
    );
  }
  if (mode === null || mode === "disable") return undefined;
  if (!["require", "verify-ca", "verify-full"].includes(mode)) {
    throw new ConfigError(
      `Cannot use sslmode=${mode} for the database`,
      "it may be disable, require (nobody is verified), verify-ca or verify-full",
    );
  }
  const files = { ca: "sslrootcert", cert: "sslcert", key: "sslkey" } as const;
  const tls: ConnectionOptions = { rejectUnauthorized: mode !== "require" };
  for (const [option, name] of Object.entries(files)) {
    const path = asked.get(name);
    if (path !== null) tls[option as keyof typeof files] = readOf(path, { secret: name === "sslkey" });
  }
  if (mode === "verify-ca") tls.checkServerIdentity = () => undefined;
  else if (isIP(host) === 0) tls.servername = host;
  return tls;
}
