/**
 * Tokens of the REST and OData interfaces. A token is of a user, has some of the user's permissions at some places, and
 * never does more than the user may at that moment: a role that is taken away is taken from the tokens as well, and a
 * user who is deactivated has none that works. The store has only its digest.
 */
import { UsageError } from "../../common/core/errors.ts";
import { type By, changePlatform, readPlatform } from "../audit/use_case.ts";
import { customerOf, siteOf } from "../customers/customers.ts";
import { newId } from "../store/new_id.ts";
import type { Store, Transaction } from "../store/store.ts";
import { isTokenText, newTokenText } from "./api_token_text.ts";
import { type Grant, isPermitted, type Permission, permissions, permittedSites, type Place } from "./permissions.ts";
import { secretDigest } from "./second_factor.ts";
import { grantsOf, isOfOpen, maybeUser, userNamed, type UserRow, type UsersPlatform } from "./users.ts";

const dayMs = 86_400_000;
/** How long a token may be valid. */
export const longestTokenMs = 366 * dayMs;
const mostTokens = 100, mostPlaces = 100;
/* Noting every use would be a write for each. */
const usedStepMs = 60_000;

type Parts = Pick<UsersPlatform, "store" | "clock">;

interface TokenRow {
  token_id: string;
  user_id: string;
  name: string;
  permissions: string;
  places: string;
  created_at: number;
  expires_at: number;
  used_at: number | null;
  revoked_at: number | null;
}

const columns = "token_id, user_id, name, permissions, places, created_at, expires_at, used_at, revoked_at";

/** The caller with a token. */
export interface TokenCaller {
  tokenId: string;
  dealerId: string;
  /** Undefined: its user is of the dealer. */
  customerId: string | undefined;
  permissions: readonly Permission[];
  places: readonly Place[];
  /** What the user may now. */
  grants: readonly Grant[];
}

export interface ListedToken {
  tokenId: string;
  name: string;
  userId: string;
  email: string;
  permissions: Permission[];
  places: Place[];
  createdAt: number;
  expiresAt: number;
  usedAt: number | null;
  state: "active" | "expired" | "revoked";
}

export interface TokenWish {
  /** Id or e-mail address. */
  user: string;
  dealerId?: string | undefined;
  name: string;
  permissions: readonly Permission[];
  /** By id or name of customer and site; none: everything that the user belongs to. */
  places: readonly Place[];
  validMs: number;
}

/** Whether the token, and its user at this moment, have the permission there. */
export function tokenMay({ permissions, places, grants }: TokenCaller, permission: Permission, place: Place): boolean {
  return permissions.includes(permission) && isPermitted(grants, permission, place) &&
    places.some((own) =>
      (own.customerId === undefined || own.customerId === place.customerId) &&
      (own.siteId === undefined || own.siteId === place.siteId)
    );
}

/** Of the sites of a customer of the user's dealer, those with the permission. */
export function tokenSites(token: TokenCaller, permission: Permission, customerId: string): "all" | readonly string[] {
  if (!token.permissions.includes(permission)) return [];
  if (token.customerId !== undefined && token.customerId !== customerId) return [];
  const here = token.places.filter((place) => place.customerId === undefined || place.customerId === customerId);
  const ofUser = permittedSites(token.grants, permission, customerId);
  if (here.some(({ siteId }) => siteId === undefined)) return ofUser;
  const sites = here.flatMap(({ siteId }) => siteId ?? []);
  return ofUser === "all" ? [...new Set(sites)] : [...new Set(sites)].filter((site) => ofUser.includes(site));
}

/** Who calls by this text; undefined for one that is unknown, expired or revoked, or whose user may not sign in. */
export async function maybeTokenCaller({ store, clock }: Parts, text: string): Promise<TokenCaller | undefined> {
  if (!isTokenText(text)) return undefined;
  const now = clock.now().getTime(), digest = secretDigest(text);
  const found = await store.transaction(async (tx) => {
    const row = await tx.get<TokenRow>(`SELECT ${columns} FROM api_tokens WHERE digest = :digest`, { digest });
    if (row === undefined || row.revoked_at !== null || row.expires_at <= now) return undefined;
    const user = await maybeUser(tx, row.user_id);
    if (user?.state !== "active" || !await isOfOpen(tx, user)) return undefined;
    return { row, user, grants: await grantsOf(tx, user.user_id) };
  }, { readOnly: true });
  if (found === undefined) return undefined;
  const { row, user, grants } = found;
  if ((row.used_at ?? 0) + usedStepMs <= now) await noteUse(store, row.token_id, now);
  return {
    tokenId: row.token_id,
    dealerId: user.dealer_id,
    customerId: user.of_customer ?? undefined,
    permissions: permissionsOf(row),
    places: JSON.parse(row.places),
    grants,
  };
}

async function noteUse(store: Store, tokenId: string, now: number): Promise<void> {
  await store.transaction((tx) =>
    tx.run("UPDATE api_tokens SET used_at = :now WHERE token_id = :id", { id: tokenId, now })
  );
}

/* A permission that this version does not know counts for nothing. */
function permissionsOf(row: Pick<TokenRow, "permissions">): Permission[] {
  return (JSON.parse(row.permissions) as string[]).filter((name): name is Permission =>
    Object.hasOwn(permissions, name)
  );
}

/** Returns the token's text, which is shown once. Throws UsageError for more than its user may. */
export function createToken(
  platform: Parts,
  by: By,
  wish: TokenWish,
): Promise<{ tokenId: string; text: string; expiresAt: Date }> {
  return changePlatform(platform, by, async (tx, at) => {
    const user = await userNamed(tx, wish.user, wish.dealerId);
    if (user.state !== "active") {
      throw new UsageError(`Cannot make a token of "${user.email}" as the user is not active`);
    }
    if (wish.permissions.length === 0) throw new UsageError("Cannot make a token without a permission");
    if (!(wish.validMs >= 60_000 && wish.validMs <= longestTokenMs)) {
      throw new UsageError("Cannot make a token that is valid for more than 366 days");
    }
    await refuseMany(tx, user);
    const places = await checkedPlaces(tx, user, wish);
    const tokenId = newId("tok"), text = newTokenText(), expiresAt = new Date(at.getTime() + wish.validMs);
    const names = [...new Set(wish.permissions)].sort();
    await tx.run(
      `INSERT INTO api_tokens (token_id, user_id, name, digest, permissions, places, created_at, expires_at)
       VALUES (:token_id, :user_id, :name, :digest, :permissions, :places, :created_at, :expires_at)`,
      {
        token_id: tokenId,
        user_id: user.user_id,
        name: wish.name,
        digest: secretDigest(text),
        permissions: JSON.stringify(names),
        places: JSON.stringify(places),
        created_at: at.getTime(),
        expires_at: expiresAt.getTime(),
      },
    );
    const detail = {
      user: user.email,
      name: wish.name,
      permissions: names.join(" "),
      places: places.map(placeText).join(" "),
      expiresAt: expiresAt.toISOString(),
    };
    return {
      answer: { tokenId, text, expiresAt },
      customerId: user.of_customer,
      audit: { action: "apiTokenCreated", subject: tokenId, detail },
    };
  });
}

async function refuseMany(tx: Transaction, { user_id, email }: UserRow): Promise<void> {
  const counted = await tx.get<{ n: number }>(
    "SELECT count(*) AS n FROM api_tokens WHERE user_id = :id AND revoked_at IS NULL",
    { id: user_id },
  );
  if (counted!.n < mostTokens) return;
  throw new UsageError(`Cannot make a token of "${email}" as the user has ${mostTokens} already`, "revoke one first");
}

/** Places with ids, at each of which the user has every one of the permissions. */
async function checkedPlaces(tx: Transaction, user: UserRow, wish: TokenWish): Promise<Place[]> {
  const wanted = wish.places.length > 0 ? wish.places : [{ customerId: user.of_customer ?? undefined }];
  if (wanted.length > mostPlaces) throw new UsageError(`Cannot limit a token to more than ${mostPlaces} places`);
  const grants = await grantsOf(tx, user.user_id), places: Place[] = [];
  for (const { customerId = user.of_customer ?? undefined, siteId } of wanted) {
    const place = await placeNamed(tx, user, { customerId, siteId });
    const missing = wish.permissions.find((permission) => !isPermitted(grants, permission, place));
    if (missing !== undefined) {
      throw new UsageError(
        `Cannot give the token the permission "${missing}" at ${placeText(place)} as "${user.email}" does not have it`,
        "a token may do at most what its user may; limit it to a customer or site",
      );
    }
    places.push(place);
  }
  return places;
}

async function placeNamed(tx: Transaction, user: UserRow, { customerId, siteId }: Place): Promise<Place> {
  if (customerId === undefined) {
    if (siteId === undefined) return {};
    throw new UsageError(`Cannot limit a token to the site "${siteId}" without its customer`);
  }
  const customer = await customerOf(tx, customerId), { customer_id } = customer;
  if (customer.dealer_id !== user.dealer_id || (user.of_customer ?? customer_id) !== customer_id) {
    throw new UsageError(`Cannot find the customer "${customerId}"`);
  }
  if (siteId === undefined) return { customerId: customer_id };
  return { customerId: customer_id, siteId: (await siteOf(tx.tenant(customer_id), siteId)).site_id };
}

function placeText({ customerId, siteId }: Place): string {
  return [customerId ?? "all customers", siteId].filter(Boolean).join("/");
}

export interface TokenFilter {
  /** Only those of this user. */
  userId?: string | undefined;
  /** Only those of users of this dealer, or of this customer. */
  dealerId?: string | undefined;
  customerId?: string | undefined;
}

/** The newest first. */
export function listTokens(platform: Parts, by: By, filter: TokenFilter = {}): Promise<ListedToken[]> {
  const now = platform.clock.now().getTime();
  return readPlatform(platform, by, async (tx) => {
    const rows = await tx.all<TokenRow & { email: string }>(
      `SELECT ${columns.split(", ").map((name) => `t.${name}`).join(", ")}, u.email FROM api_tokens t
       JOIN users u ON u.user_id = t.user_id WHERE ${ofFilter} ORDER BY t.created_at DESC, t.token_id`,
      filterParameters(filter),
    );
    return rows.map((row) => ({
      tokenId: row.token_id,
      name: row.name,
      userId: row.user_id,
      email: row.email,
      permissions: permissionsOf(row),
      places: JSON.parse(row.places) as Place[],
      createdAt: row.created_at,
      expiresAt: row.expires_at,
      usedAt: row.used_at,
      state: row.revoked_at !== null
        ? "revoked" as const
        : row.expires_at <= now
        ? "expired" as const
        : "active" as const,
    }));
  });
}

const ofFilter =
  `(CAST(:user AS TEXT) IS NULL OR u.user_id = :user) AND (CAST(:dealer AS TEXT) IS NULL OR u.dealer_id = :dealer)
  AND (CAST(:of_customer AS TEXT) IS NULL OR u.of_customer = :of_customer)`;

function filterParameters({ userId, dealerId, customerId }: TokenFilter) {
  return { user: userId ?? null, dealer: dealerId ?? null, of_customer: customerId ?? null };
}

/** At once: the next request is refused, and an answer under way ends. Throws UsageError if there is no such token. */
export function revokeToken(
  platform: Parts,
  by: By,
  { tokenId, ...filter }: { tokenId: string } & TokenFilter,
): Promise<void> {
  return changePlatform(platform, by, async (tx, at) => {
    const row = await tx.get<{ name: string; email: string; of_customer: string | null; revoked_at: number | null }>(
      `SELECT t.name, u.email, u.of_customer, t.revoked_at FROM api_tokens t JOIN users u ON u.user_id = t.user_id
       WHERE t.token_id = :id AND ${ofFilter}`,
      { id: tokenId, ...filterParameters(filter) },
    );
    if (row === undefined) {
      throw new UsageError(`Cannot find the token "${tokenId}"`, "opendca-platform token list shows them");
    }
    if (row.revoked_at !== null) throw new UsageError(`Cannot revoke "${tokenId}" as it is revoked`);
    await tx.run("UPDATE api_tokens SET revoked_at = :at WHERE token_id = :id", { id: tokenId, at: at.getTime() });
    return {
      answer: undefined,
      customerId: row.of_customer,
      audit: { action: "apiTokenRevoked", subject: tokenId, detail: { user: row.email, name: row.name } },
    };
  });
}

/** Forgets tokens that ended a year ago, and answers of a day ago. */
export async function forgetTokens({ store, clock }: Parts): Promise<void> {
  const now = clock.now().getTime();
  await store.transaction(async (tx) => {
    await tx.run("DELETE FROM api_tokens WHERE coalesce(revoked_at, expires_at) < :before", {
      before: now - 366 * dayMs,
    });
    await tx.run("DELETE FROM api_answers WHERE at < :before", { before: now - dayMs });
  });
}
