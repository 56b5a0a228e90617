/**
 * People whom a directory vouches for: by its password, or by a proxy in front that has signed them in (Windows
 * authentication). Wrong passwords count here as those of the platform's own users do: the fifth deactivates the user, and
 * the directory is not asked any more. Anyone who is no user yet has five in a quarter of an hour.
 */
import { messageOf, UnavailableError, UsageError } from "../../common/core/errors.ts";
import { type By, readPlatform } from "../audit/use_case.ts";
import { countFailure, countSource, mostFailedAttempts, sourceWaitMs } from "../users/failed_attempts.ts";
import type { Grant } from "../users/permissions.ts";
import type { Client } from "../users/sessions.ts";
import { isOfOpen } from "../users/users.ts";
import type { DirectoryPerson } from "./directory_entry.ts";
import type { Identity, Rechecked } from "./identity.ts";
import { type Directory, type DirectoryAnswer, type PasswordGuard, withDirectory } from "./ldap.ts";
import { directoryConfig } from "./ldap_settings.ts";
import { grantsOfGroups, groupRoles, type Provider, providerNamed, providerOf, type SsoPlatform } from "./providers.ts";
import { parseRemoteUser } from "./remote_user.ts";
import { type KeptOfSession, userOfSubject } from "./sign_in_by_provider.ts";
import { wordsOf } from "./setting.ts";

/** `message`: for the log. What is refused looks the same for anyone who tries. */
export type DirectoryVouch =
  | { kind: "person"; identity: Identity }
  | { kind: "refused"; message: string }
  | { kind: "away"; message: string }
  | { kind: "wait"; ms: number };

/* Connecting and asking together, whatever each step may take. */
const wholeMs = 25_000;

interface PasswordAttempt extends Client {
  typed: string;
  password: string;
}

export async function vouchByPassword(
  platform: SsoPlatform,
  provider: Provider,
  { typed, password, source }: PasswordAttempt,
): Promise<DirectoryVouch> {
  const { store } = platform, at = platform.clock.now();
  const ms = await store.transaction((tx) => sourceWaitMs(tx, source, at), { readOnly: true });
  if (ms > 0) return { kind: "wait", ms };
  let isCounted = false;
  const guard: PasswordGuard = (id, work) =>
    oneByOne(`${provider.providerId} ${id}`, async () => {
      if (!await mayTry(platform, provider, id)) return { kind: "refused", reason: "notTried", id };
      const answer = await work();
      // A password that is right elsewhere, or is not said to be wrong, is nobody's guess.
      if (answer.kind === "refused" && answer.reason === "wrongPassword") {
        isCounted = true;
        await countWrongPassword(platform, provider, { id, source });
      }
      return answer;
    });
  const vouch = await asked(platform, provider, (directory) => directory.bySignIn(typed, password, guard));
  if (vouch.kind === "refused" && !isCounted) await store.transaction((tx) => countSource(tx, source, at));
  return vouch.kind === "person" ? { ...vouch, identity: { ...vouch.identity, authenticatedAt: at.getTime() } } : vouch;
}

/**
 * `values`: what the proxy in front says, see remote_user.ts. That is no new proof of the person: a ticket lasts for hours.
 */
export async function vouchByRemoteUser(
  platform: SsoPlatform,
  provider: Provider,
  values: readonly string[],
): Promise<DirectoryVouch> {
  const user = parseRemoteUser(values);
  if (user === undefined) {
    return { kind: "refused", message: `the proxy names no user: ${JSON.stringify(values).slice(0, 200)}` };
  }
  const { account, realm } = user;
  const isKnown = wordsOf(provider.settings["realms"] ?? "").some((known) =>
    known.toLowerCase() === realm.toLowerCase()
  );
  if (!isKnown) return { kind: "refused", message: `"${realm}" is none of the realms of this provider` };
  return await asked(platform, provider, (directory) => directory.byAccount(account));
}

/** Whether the person of a session is still there, active, and in which groups. */
export async function recheckByDirectory(
  platform: SsoPlatform,
  provider: Provider,
  { subject }: KeptOfSession,
): Promise<Rechecked> {
  const vouch = await asked(platform, provider, (directory) => directory.byId(subject));
  if (vouch.kind === "person") return { kind: "valid", identity: vouch.identity };
  return { kind: vouch.kind === "refused" ? "gone" : "away", reason: vouch.message };
}

async function asked(
  { clock }: SsoPlatform,
  { settings }: Provider,
  ask: (directory: Directory) => Promise<DirectoryAnswer>,
): Promise<Exclude<DirectoryVouch, { kind: "wait" }>> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new UnavailableError(`No answer within ${wholeMs} ms`)), wholeMs);
  try {
    const asking = withDirectory(directoryConfig(settings), clock.now(), ask);
    // After the time, nobody waits for it any more.
    asking.catch(() => {});
    const answer = await Promise.race([asking, late.promise]);
    if (answer.kind === "person") return { kind: "person", identity: identityOf(answer.person) };
    return { kind: "refused", message: answer.id === undefined ? answer.reason : `${answer.reason}: ${answer.id}` };
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    return { kind: "away", message: messageOf(error) };
  } finally {
    clearTimeout(timer);
  }
}

export interface LookedUp {
  provider: string;
  /** What the directory says; undefined if it lets nobody in by this name. */
  identity: Identity | undefined;
  /** Why not: `unknown`, `disabled`, `expired`. */
  reason: string | undefined;
  /** The roles of the groups. */
  grants: Grant[];
}

/**
 * For anyone who sets up a provider: what it knows of an account, without a password. Throws UsageError for a provider of
 * another kind, and UnavailableError with the directory's words.
 */
export async function lookUpAccount(
  platform: SsoPlatform,
  by: By,
  { provider: named, account }: { provider: string; account: string },
): Promise<LookedUp> {
  const { provider, roles } = await readPlatform(platform, by, async (tx) => {
    const row = await providerNamed(tx, named);
    return { provider: providerOf(row, platform.pepper), roles: await groupRoles(tx, row.provider_id) };
  });
  const { name, kind, settings } = provider;
  if (kind !== "ldap") throw new UsageError(`Cannot look anybody up at "${name}" as it is not a directory`);
  const config = directoryConfig(settings);
  const answer = await withDirectory(config, platform.clock.now(), (directory) => directory.byAccount(account));
  if (answer.kind === "refused") return { provider: name, identity: undefined, reason: answer.reason, grants: [] };
  const identity = identityOf(answer.person);
  return { provider: name, identity, reason: undefined, grants: grantsOfGroups(kind, roles, identity.groups) };
}

/** Groups by the name of their entry, and by the short one where no two groups can have the same. */
export function identityOf({ id, name, email, groups }: DirectoryPerson): Identity {
  return {
    subject: id,
    email,
    name,
    groups: groups.flatMap(({ dn, account }) => account === undefined ? [dn] : [dn, account]),
    // The id is all that the directory is asked with.
    kept: "id",
  };
}

/* One person's passwords are tried one after the other, so that each is counted before the next. */
const waiting = new Map<string, Promise<unknown>>();

async function oneByOne<T>(key: string, work: () => Promise<T>): Promise<T> {
  const before = waiting.get(key) ?? Promise.resolve();
  const own = before.then(work, work);
  waiting.set(key, own);
  try {
    return await own;
  } finally {
    if (waiting.get(key) === own) waiting.delete(key);
  }
}

function keyOf({ providerId }: Provider, id: string): string {
  return `${providerId} ${id}`;
}

function mayTry({ store, clock }: SsoPlatform, provider: Provider, id: string): Promise<boolean> {
  return store.transaction(async (tx) => {
    const user = await userOfSubject(tx, provider.providerId, id);
    if (user !== undefined) return user.state === "active" && await isOfOpen(tx, user);
    return await sourceWaitMs(tx, keyOf(provider, id), clock.now(), mostFailedAttempts) === 0;
  }, { readOnly: true });
}

async function countWrongPassword(
  platform: SsoPlatform,
  provider: Provider,
  { id, source }: { id: string; source: string },
): Promise<void> {
  const at = platform.clock.now();
  await platform.store.transaction(async (tx) => {
    const user = await userOfSubject(tx, provider.providerId, id);
    // None of a provider's users is the last administrator, whose browsers count.
    await countFailure(platform, tx, { user, at, source, browser: undefined });
    if (user === undefined) await countSource(tx, keyOf(provider, id), at);
  });
}
