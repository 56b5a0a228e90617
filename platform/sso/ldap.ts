/**
 * A directory: Active Directory, or another one with LDAP. The account of the platform looks people up; anyone who signs in by a
 * password is tried by a bind of their own. Referrals are not followed. All is encrypted: LDAPS, or StartTLS before anything
 * is said.
 */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import {
  AndFilter,
  Client,
  EqualityFilter,
  ExtensibleFilter,
  type Filter,
  InvalidCredentialsError,
  NotFilter,
  OrFilter,
  ResultCodeError,
  type SearchOptions,
} from "ldapts";
import { messageOf, UnavailableError } from "../../common/core/errors.ts";
import { beginTls, dial, type TlsOptions } from "../../common/host/dial.ts";
import { secureContextOf } from "../../common/host/trust.ts";
import {
  accountState,
  all,
  type Attributes,
  bestEntry,
  type DirectoryGroup,
  type DirectoryKind,
  type DirectoryPerson,
  type DirectoryRefusal,
  type LockoutPolicy,
  lockoutPolicy,
  maybeGuidBytes,
  maybePrimaryGroupSid,
  parseTypedName,
  passwordState,
  personOf,
  refusalOf,
  text,
  wouldLock,
} from "./directory_entry.ts";
import { type DirectoryConfig, parseServer } from "./ldap_settings.ts";

export type DirectoryAnswer =
  | { kind: "person"; person: DirectoryPerson }
  /** `id`: of the person, where one is known. */
  | { kind: "refused"; reason: DirectoryRefusal; id?: string };

/** Around each try of a person's password, so that somebody can count, and keep it from being tried. */
export type PasswordGuard = (id: string, work: () => Promise<DirectoryAnswer>) => Promise<DirectoryAnswer>;

/** An open connection, bound as the platform. */
export interface Directory {
  /** The person who typed this name, if the password is right. */
  bySignIn(typed: string, password: string, guard?: PasswordGuard): Promise<DirectoryAnswer>;
  /** As `DirectoryPerson.id`: is the person still there, and in which groups? */
  byId(id: string): Promise<DirectoryAnswer>;
  /** By sAMAccountName alone: a person whom a proxy in front has already signed in. */
  byAccount(account: string): Promise<DirectoryAnswer>;
}

const stepMs = 5_000, operationMs = 10_000;
const mostGroups = 5_000, mostPasswordBytes = 1_024;

/**
 * Opens a connection to the first server that answers, for as long as `work` takes. Throws UnavailableError if none does, or
 * if the platform's account is refused: nothing is known of anybody then.
 */
export async function withDirectory<T>(
  config: DirectoryConfig,
  now: Date,
  work: (directory: Directory) => Promise<T>,
): Promise<T> {
  const { client, server } = await firstBound(config);
  try {
    return await work(await directoryOf(config, { client, server, now }));
  } catch (error) {
    if (error instanceof UnavailableError) throw error;
    throw unavailable(server, error);
  } finally {
    await closed(client);
  }
}

async function firstBound(config: DirectoryConfig): Promise<{ client: Client; server: string }> {
  const failures: string[] = [];
  for (const server of config.servers) {
    try {
      return { client: await bound(config, server, { name: config.account, password: config.password }), server };
    } catch (error) {
      const isRefused = error instanceof InvalidCredentialsError;
      // Another server would count it as one more wrong password.
      if (isRefused) throw refusedAccount(config, server, error);
      failures.push(`${server}: ${messageOf(error)}`);
    }
  }
  throw new UnavailableError(
    `Cannot reach the directory: ${failures.join("; ")}`,
    "see whether name, port and certificate are right: openssl s_client -connect HOST:636 -showcerts",
  );
}

function refusedAccount({ account }: DirectoryConfig, server: string, cause: InvalidCredentialsError): Error {
  const reason = refusalOf(cause.message);
  return new UnavailableError(
    `Cannot sign in to the directory at ${server} as "${account}": ${reason}`,
    "see whether the account of the platform is active, and set its password again",
    0,
    { cause },
  );
}

function unavailable(server: string, cause: unknown): UnavailableError {
  const what = `Cannot ask the directory at ${server}: ${messageOf(cause)}`;
  return new UnavailableError(what, undefined, 0, { cause });
}

async function closed(client: Client): Promise<void> {
  // It is over either way.
  await client.unbind().catch(() => {});
}

function tlsOf({ caPem }: DirectoryConfig): TlsOptions {
  const trust = { ca: caPem === null ? null : { pem: caPem }, pins: [] };
  return { trust, context: secureContextOf(trust, undefined), protocol: null };
}

async function bound(
  config: DirectoryConfig,
  server: string,
  { name, password }: { name: string; password: string },
): Promise<Client> {
  const { host, port, isTls } = parseServer(server), tls = tlsOf(config);
  const socket = await dial({ host, port }, { proxy: undefined, tls: isTls ? tls : null, stepTimeoutMs: stepMs });
  const secure = { begun: undefined as ReturnType<typeof beginTls> | undefined };
  const client = new Client({
    // TLS has begun already, or begins by StartTLS.
    url: `ldap://${host.includes(":") ? `[${host}]` : host}:${port}`,
    timeout: operationMs,
    connectTimeout: stepMs,
    createConnection: once(socket),
    createSecureConnection: (() => secure.begun = beginTls(socket, host, tls)) as never,
  });
  try {
    if (!isTls) {
      await within(client.startTLS());
      if (secure.begun?.authorized !== true) throw new Error("The certificate is not trusted");
    }
    await client.bind(name, password);
    return client;
  } catch (error) {
    await closed(client);
    socket.destroy();
    throw error;
  }
}

/* The library would connect again by itself, without TLS and as nobody, when the server has closed the connection. */
function once(socket: Socket): () => Socket {
  let isUsed = false;
  return () => {
    if (isUsed) throw new Error("The directory closed the connection");
    isUsed = true;
    return socket;
  };
}

/* The library does not limit the handshake of StartTLS. */
async function within<T>(work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`No answer within ${operationMs} ms`)), operationMs);
  work.catch(() => {});
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

interface Open {
  client: Client;
  server: string;
  now: Date;
}

type Entry = Attributes & { dn: string };

const personAttributes = [
  "objectGUID",
  "objectSid",
  "entryUUID",
  "displayName",
  "cn",
  "mail",
  "userPrincipalName",
  "sAMAccountName",
  "uid",
  "primaryGroupID",
  "userAccountControl",
  "msDS-User-Account-Control-Computed",
  "accountExpires",
  "badPwdCount",
  "badPasswordTime",
  "nsAccountLock",
];
const binary = ["objectGUID", "objectSid"];
const activeDirectory = "1.2.840.113556.1.4.800";

async function directoryOf(config: DirectoryConfig, open: Open): Promise<Directory> {
  const { client, server, now } = open, { base } = config;
  const [root = { dn: "" }] = (await client.search("", {
    scope: "base",
    attributes: ["supportedCapabilities", "defaultNamingContext"],
  })).searchEntries as Entry[];
  const kind: DirectoryKind = all(root, "supportedCapabilities").includes(activeDirectory)
    ? "activeDirectory"
    : "other";
  const found = async (filter: Filter) => await people(client, base, and(kindFilter(kind), filter));
  const answerOf = async (entry: Entry): Promise<DirectoryAnswer> => {
    const person = personOf(entry, kind), state = accountState(entry, now);
    if (state !== "usable") return { kind: "refused", reason: state, id: person.id };
    return { kind: "person", person: { ...person, groups: await groupsOf(client, { base, kind, entry }) } };
  };
  return {
    async bySignIn(typed, password, guard = (_, work) => work()) {
      const parsed = parseTypedName(typed);
      if (parsed === undefined || !isPassword(password)) return { kind: "refused", reason: "wrongPassword" };
      const best = bestEntry(await found(nameFilter(parsed.name, kind)), parsed, { base, kind });
      const policy = await policyOf(client, text(root, "defaultNamingContext"));
      if (typeof best === "string") {
        // As long as for somebody who is known.
        await found(idFilter(crypto.randomUUID(), kind));
        await refusalOfPassword(config, server, { name: `CN=nobody-${crypto.randomUUID()},${base}`, password });
        return { kind: "refused", reason: best };
      }
      const { id } = personOf(best, kind);
      return await guard(id, async () => {
        // Others may have tried while this one waited.
        const [entry] = await found(idFilter(id, kind));
        if (entry === undefined) return { kind: "refused", reason: "unknown" };
        if (wouldLock(entry, policy, now)) return { kind: "refused", reason: "wouldLock", id };
        const refusal = await refusalOfPassword(config, server, { name: entry.dn, password });
        if (refusal !== undefined) return { kind: "refused", reason: refusal, id };
        const state = passwordState(entry);
        return state === "usable" ? await answerOf(entry) : { kind: "refused", reason: state, id };
      });
    },
    async byId(id) {
      const [entry] = isId(id, kind) ? await found(idFilter(id, kind)) : [];
      return entry === undefined ? { kind: "refused", reason: "unknown" } : await answerOf(entry);
    },
    async byAccount(account) {
      const typed = { name: account, domain: kind === "activeDirectory" ? "-" : undefined };
      const attribute = kind === "activeDirectory" ? "sAMAccountName" : "uid";
      const best = bestEntry(await found(equals(attribute, account)), typed, { base, kind });
      return typeof best === "string" ? { kind: "refused", reason: best } : await answerOf(best);
    },
  };
}

/* An empty password would be a bind as nobody, which always succeeds (RFC 4513, 5.1.2). */
function isPassword(password: string): boolean {
  return password !== "" && Buffer.byteLength(password) <= mostPasswordBytes && !password.includes("\0");
}

/** Undefined if the password is right. Throws if that cannot be said. */
async function refusalOfPassword(
  config: DirectoryConfig,
  server: string,
  bind: { name: string; password: string },
): Promise<DirectoryRefusal | undefined> {
  try {
    await closed(await bound(config, server, bind));
    return undefined;
  } catch (error) {
    if (error instanceof InvalidCredentialsError) return refusalOf(error.message);
    // Other directories say by these that an account is locked, or that there is none.
    if (error instanceof ResultCodeError && [19, 32, 49, 50, 53].includes(error.code)) return "notNow";
    throw error;
  }
}

async function policyOf(client: Client, domain: string | undefined): Promise<LockoutPolicy> {
  if (domain === undefined) return { threshold: 0, window: 0n };
  const [entry = { dn: domain }] = (await client.search(domain, {
    scope: "base",
    attributes: ["lockoutThreshold", "lockOutObservationWindow"],
  })).searchEntries;
  return lockoutPolicy(entry);
}

async function people(client: Client, base: string, filter: Filter): Promise<Entry[]> {
  const options = { filter, attributes: personAttributes, explicitBufferAttributes: binary, sizeLimit: 20 };
  return (await client.search(base, timed(options))).searchEntries;
}

function timed(options: SearchOptions): SearchOptions {
  return { scope: "sub", derefAliases: "never", timeLimit: operationMs / 1000, ...options };
}

/** In the chain of members of Active Directory, or by looking up step by step elsewhere. */
async function groupsOf(
  client: Client,
  { base, kind, entry }: { base: string; kind: DirectoryKind; entry: Entry },
): Promise<DirectoryGroup[]> {
  const found = new Map<string, DirectoryGroup>();
  const search = async (filter: Filter): Promise<string[]> => {
    const fresh: string[] = [];
    const attributes = kind === "activeDirectory" ? ["sAMAccountName"] : ["1.1"];
    for await (const page of client.searchPaginated(base, timed({ filter, attributes, paged: { pageSize: 500 } }))) {
      for (const group of page.searchEntries) {
        const key = group.dn.toLowerCase();
        if (!found.has(key)) fresh.push(group.dn);
        found.set(key, { dn: group.dn, account: text(group, "sAMAccountName") });
      }
      if (found.size > mostGroups) throw new Error(`${entry.dn} is in more than ${mostGroups} groups`);
    }
    return fresh;
  };
  const isGroup = equals("objectClass", "group");
  if (kind === "activeDirectory") {
    const sid = maybePrimaryGroupSid(entry);
    const primary = sid === undefined ? [] : await search(and(isGroup, equals("objectSid", Buffer.from(sid))));
    await search(and(isGroup, new OrFilter({ filters: [entry.dn, ...primary].map(inChain) })));
    return [...found.values()];
  }
  for (let names = [entry.dn]; names.length > 0;) {
    const filters = names.slice(0, 50).flatMap((dn) => [equals("member", dn), equals("uniqueMember", dn)]);
    names = [...names.slice(50), ...await search(new OrFilter({ filters }))];
  }
  return [...found.values()];
}

function inChain(dn: string): Filter {
  return new ExtensibleFilter({ matchType: "member", rule: "1.2.840.113556.1.4.1941", value: dn });
}

/* Values are not written into a text that somebody would have to parse: they need no escaping. */
function equals(attribute: string, value: string | Buffer): Filter {
  return new EqualityFilter({ attribute, value });
}

function and(...filters: Filter[]): Filter {
  return new AndFilter({ filters });
}

function kindFilter(kind: DirectoryKind): Filter {
  if (kind === "other") return equals("objectClass", "person");
  return and(equals("objectClass", "user"), new NotFilter({ filter: equals("objectClass", "computer") }));
}

function isId(id: string, kind: DirectoryKind): boolean {
  return kind === "other" ? id !== "" : maybeGuidBytes(id) !== undefined;
}

function idFilter(id: string, kind: DirectoryKind): Filter {
  return kind === "other" ? equals("entryUUID", id) : equals("objectGUID", Buffer.from(maybeGuidBytes(id)!));
}

function nameFilter(name: string, kind: DirectoryKind): Filter {
  if (kind === "other") return new OrFilter({ filters: [equals("uid", name), equals("mail", name)] });
  const short = name.includes("@") ? [equals("sAMAccountName", name.slice(0, name.lastIndexOf("@")))] : [];
  const attributes = ["userPrincipalName", "sAMAccountName", "mail"];
  return new OrFilter({ filters: [...attributes.map((attribute) => equals(attribute, name)), ...short] });
}
