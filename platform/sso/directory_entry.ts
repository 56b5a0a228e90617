/**
 * What the attributes of a directory's entry say of a person. Active Directory: [MS-ADTS] 3.1.1, [MS-ADA]; others: RFC 4519,
 * RFC 4530.
 */

/** As the library hands them out: one value is no list, none is an empty list. */
export type Attributes = Record<string, unknown>;

export interface DirectoryGroup {
  dn: string;
  /** sAMAccountName: no two groups of a domain have the same. Undefined in other directories. */
  account: string | undefined;
}

export interface DirectoryPerson {
  /** objectGUID as Windows writes it, or entryUUID: it stays when the person is renamed or moved. */
  id: string;
  name: string;
  email: string | undefined;
  /** userPrincipalName, sAMAccountName or uid. */
  account: string;
  /** With those that a group is in. */
  groups: DirectoryGroup[];
}

export type DirectoryKind = "activeDirectory" | "other";

/** Why nobody is signed in; for the log, never for anyone who tries. */
export type DirectoryRefusal =
  | "unknown"
  | "ambiguous"
  | "wrongPassword"
  | "disabled"
  | "expired"
  | "locked"
  | "wouldLock"
  | "passwordExpired"
  | "mustChangePassword"
  | "notNow"
  /** Too many attempts here. */
  | "notTried";

/** Steps of 100 ns since 1601 of a time in milliseconds since 1970. */
export function fileTime(ms: number): bigint {
  return (BigInt(ms) + 11_644_473_600_000n) * 10_000n;
}

const accountDisable = 0x2, lockout = 0x10, passwordExpired = 0x80_0000;
const never = 0x7fff_ffff_ffff_ffffn;

/**
 * Whether an account may be used at all. A locked one may go on where it is signed in: anyone who tries passwords could end the
 * sessions of others otherwise.
 */
export function accountState(entry: Attributes, now: Date): "usable" | "disabled" | "expired" {
  const control = Number(text(entry, "userAccountControl") ?? 0);
  if ((control & accountDisable) !== 0 || isTrue(entry, "nsAccountLock")) return "disabled";
  const expires = BigInt(text(entry, "accountExpires") ?? 0);
  return expires !== 0n && expires !== never && expires <= fileTime(now.getTime()) ? "expired" : "usable";
}

/** What keeps an account from signing in by its password, whether or not that is right. */
export function passwordState(entry: Attributes): "usable" | "locked" | "passwordExpired" {
  const computed = Number(text(entry, "msDS-User-Account-Control-Computed") ?? 0);
  if ((computed & lockout) !== 0) return "locked";
  return (computed & passwordExpired) !== 0 ? "passwordExpired" : "usable";
}

/** Of a domain: wrong passwords until an account is locked (0: never), and how long each counts, in steps of 100 ns. */
export interface LockoutPolicy {
  threshold: number;
  window: bigint;
}

export function lockoutPolicy(domain: Attributes): LockoutPolicy {
  const window = BigInt(text(domain, "lockOutObservationWindow") ?? 0);
  return { threshold: Number(text(domain, "lockoutThreshold") ?? 0), window: window < 0n ? -window : window };
}

/** Whether one more wrong password would lock the account in the directory, so that it is not even tried. */
export function wouldLock(entry: Attributes, { threshold, window }: LockoutPolicy, now: Date): boolean {
  if (threshold === 0 || Number(text(entry, "badPwdCount") ?? 0) < threshold - 1) return false;
  const last = BigInt(text(entry, "badPasswordTime") ?? 0);
  // 0: only an administrator unlocks.
  return window === 0n || fileTime(now.getTime()) < last + window;
}

/** What Active Directory says with a refused password, in hexadecimal ([MS-ERREF] 2.2). */
const refusals: Record<string, DirectoryRefusal> = {
  "525": "unknown",
  "52e": "wrongPassword",
  "530": "notNow",
  "531": "notNow",
  "532": "passwordExpired",
  "533": "disabled",
  "701": "expired",
  "773": "mustChangePassword",
  "775": "locked",
};

export function refusalOf(message: string): DirectoryRefusal {
  const code = /\bdata ([0-9a-f]{3,4})\b/i.exec(message)?.[1] ?? "";
  return refusals[code.toLowerCase()] ?? "wrongPassword";
}

/** What somebody types to sign in; `domain` is what stands before a backslash. */
export interface TypedName {
  name: string;
  domain: string | undefined;
}

/** Undefined for what can be no name of an account. */
export function parseTypedName(typed: string): TypedName | undefined {
  const [, domain, name] = /^(?:([^\\]{1,64})\\)?([^\\]{1,256})$/.exec(typed.trim().normalize("NFC")) ?? [];
  return name === undefined || /[\p{Cc}\p{Cs}]/u.test(typed) ? undefined : { name, domain };
}

/** "example.test" of `OU=People,DC=example,DC=test`. */
export function dnsDomainOf(base: string): string {
  return [...base.matchAll(/(?:^|,)\s*DC\s*=\s*([^,]+)/gi)].map(([, label]) => label!.trim().toLowerCase()).join(".");
}

/**
 * How well an entry is what somebody typed: the less the better, undefined for not at all. Directories compare without
 * case, accents and more, so that an entry that was found may be of somebody else.
 */
export function nameRank(
  entry: Attributes,
  { name, domain }: TypedName,
  { base, kind }: { base: string; kind: DirectoryKind },
): number | undefined {
  const is = (attribute: string, value = name) =>
    all(entry, attribute).some((one) => one.normalize("NFC").toLowerCase() === value.toLowerCase());
  if (kind === "other") {
    return domain !== undefined ? undefined : is("uid") ? 0 : is("mail") ? 1 : undefined;
  }
  if (domain !== undefined) return is("sAMAccountName") ? 0 : undefined;
  if (is("userPrincipalName")) return 0;
  if (is("sAMAccountName")) return 1;
  const [, local, of] = /^(.+)@([^@]+)$/.exec(name) ?? [];
  // Each account has this name too, whatever its userPrincipalName is ([MS-ADTS] 5.1.1.1.1).
  if (local !== undefined && of!.toLowerCase() === dnsDomainOf(base) && is("sAMAccountName", local)) return 2;
  return is("mail") ? 3 : undefined;
}

/** The one entry that fits best, or why there is none. */
export function bestEntry<Entry extends Attributes>(
  entries: readonly Entry[],
  typed: TypedName,
  of: { base: string; kind: DirectoryKind },
): Entry | "unknown" | "ambiguous" {
  const ranked = entries.flatMap((entry) => {
    const rank = nameRank(entry, typed, of);
    return rank === undefined ? [] : [{ entry, rank }];
  }).sort((one, other) => one.rank - other.rank);
  if (ranked.length === 0) return "unknown";
  return ranked[0]!.rank === ranked[1]?.rank ? "ambiguous" : ranked[0]!.entry;
}

/** Without groups. Throws if the platform's account may not read the id, or whether the person is deactivated. */
export function personOf(entry: Attributes & { dn: string }, kind: DirectoryKind): Omit<DirectoryPerson, "groups"> {
  const guid = entry["objectGUID"];
  const id = kind === "other" ? text(entry, "entryUUID") : guid instanceof Uint8Array ? formatGuid(guid) : undefined;
  if (id === undefined) {
    throw new Error(`The directory gives no ${kind === "other" ? "entryUUID" : "objectGUID"} of ${entry.dn}`);
  }
  if (kind === "activeDirectory" && text(entry, "userAccountControl") === undefined) {
    throw new Error(`The directory gives no userAccountControl of ${entry.dn}`);
  }
  const account = text(entry, "userPrincipalName") ?? text(entry, "sAMAccountName") ?? text(entry, "uid") ?? entry.dn;
  const name = text(entry, "displayName") ?? text(entry, "cn") ?? account;
  return { id: id.toLowerCase(), name, email: text(entry, "mail"), account };
}

const guidOrder = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

/** Its first three parts are little-endian ([MS-DTYP] 2.3.4). */
export function formatGuid(bytes: Uint8Array): string {
  if (bytes.length !== 16) throw new Error(`A GUID has 16 bytes: current value has ${bytes.length}`);
  return Uint8Array.from(guidOrder, (at) => bytes[at]!).toHex().replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Undefined for what is no GUID. */
export function maybeGuidBytes(guid: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(guid)) return undefined;
  const shown = Uint8Array.fromHex(guid.replaceAll("-", ""));
  return Uint8Array.from(guidOrder, (at) => shown[at]!);
}

/** objectSid of the primary group, which the list of a group's members does not have ([MS-ADTS] 3.1.1.4.5.11). */
export function maybePrimaryGroupSid(entry: Attributes): Uint8Array | undefined {
  const sid = entry["objectSid"], relative = Number(text(entry, "primaryGroupID"));
  if (!(sid instanceof Uint8Array) || sid.length < 12 || !Number.isInteger(relative)) return undefined;
  const group = Uint8Array.from(sid);
  new DataView(group.buffer).setUint32(group.length - 4, relative, true);
  return group;
}

/** The first value. */
export function text(entry: Attributes, attribute: string): string | undefined {
  return all(entry, attribute)[0];
}

export function all(entry: Attributes, attribute: string): string[] {
  const value = entry[attribute];
  return (Array.isArray(value) ? value : [value]).filter((one) => typeof one === "string" && one !== "");
}

function isTrue(entry: Attributes, attribute: string): boolean {
  return text(entry, attribute)?.toLowerCase() === "true";
}
