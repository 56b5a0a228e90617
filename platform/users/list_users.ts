/** Lists of users: filters, pages and counts. */
import type { Platform } from "../agents/platform.ts";
import { type By, readPlatform } from "../audit/use_case.ts";
import {
  type NamedQuery,
  orderKeys,
  type OrderOf,
  type PageOf,
  pageOf,
  type PageWish,
  queriedInLots,
} from "../store/page.ts";
import { isLike, likeOf, newConditions, wordsOf } from "../store/conditions.ts";
import type { Transaction } from "../store/store.ts";
import { type ListedUser, listedUsers, type UserRow } from "./users.ts";

export const userStates = ["invited", "active", "deactivated"] as const satisfies readonly UserRow["state"][];

export interface UserFilters {
  /** Id: those of the dealer and of its customers. */
  dealerId: string;
  /** Id: only those who belong to this customer. */
  customerId?: string | undefined;
  state?: UserRow["state"] | undefined;
  /** Words that must all be part of the name or the address, in any case. */
  search?: string | undefined;
  /** Only this one. */
  userId?: string | undefined;
}

const sortKeys = {
  email: "lower(u.email)",
  name: "lower(u.name)",
  state: "u.state",
  signedIn: "u.signed_in_at",
} as const;

export type UserOrder = OrderOf<keyof typeof sortKeys>;
export const userSorts = Object.keys(sortKeys) as UserOrder["by"][];

export type UsersWish = UserFilters & {
  /** Default: by their addresses. */
  order?: UserOrder | undefined;
};

type Base = Pick<Platform, "store" | "clock">;

function queryOf({ dealerId, customerId, state, search, userId, order }: UsersWish): NamedQuery {
  const { where, parameters, add } = newConditions();
  add("u.dealer_id = :dealer", { dealer: dealerId });
  if (customerId !== undefined) add("u.of_customer = :of_customer", { of_customer: customerId });
  if (state !== undefined) add("u.state = :state", { state });
  if (userId !== undefined) add("u.user_id = :user", { user: userId });
  for (const [i, word] of wordsOf(search).entries()) {
    add(isLike("lower(u.email || ' ' || u.name)", `word_${i}`), { [`word_${i}`]: likeOf(word) });
  }
  return {
    columns: "u.*",
    from: "users u",
    where: where.join(" AND "),
    keys: [...orderKeys(sortKeys, order), { sql: "lower(u.email)" }, { sql: "u.user_id" }],
    id: { "u.user_id": "TEXT" },
    parameters,
  };
}

/** A page of them, and how many there are on all pages. */
export function pageOfUsers(
  platform: Base,
  by: By,
  { place, limit, ...wish }: UsersWish & PageWish,
): Promise<PageOf<ListedUser> & { all: number }> {
  return readPlatform(platform, by, async (tx) => {
    const query = queryOf(wish), { rows, ...page } = await pageOf<UserRow>(tx, query, { place, limit });
    const counted = await tx.get<{ users: number }>(
      `SELECT count(*) AS users FROM ${query.from} WHERE ${query.where}`,
      query.parameters,
    );
    return { ...page, rows: await listedUsers(tx, rows), all: counted!.users };
  });
}

/** All of them in lots: see `queriedInLots()`. */
export async function* exportUsers(platform: Base, by: By, wish: UsersWish): AsyncGenerator<ListedUser[]> {
  const query = queryOf(wish);
  const lots = queriedInLots<UserRow, Transaction>((work) => readPlatform(platform, by, work), () => query);
  for await (const lot of lots) yield await readPlatform(platform, by, (tx) => listedUsers(tx, lot));
}
