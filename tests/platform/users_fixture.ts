/** Users of a dealer with two customers, on a store alone. */
import { createCustomer, createSite } from "../../platform/customers/customers.ts";
import { createDealer } from "../../platform/customers/dealers.ts";
import { type Invitation, inviteUser } from "../../platform/users/manage_users.ts";
import { openSecret, totpCode } from "../../platform/users/second_factor.ts";
import {
  confirmEnrolment,
  enrolmentOf,
  signInByPassword,
  signInBySecondFactor,
  usePasswordLink,
} from "../../platform/users/sign_in.ts";
import type { UsersPlatform } from "../../platform/users/users.ts";
import { openTestStore } from "../fixtures/each_database.ts";
import { looseQueries } from "../fixtures/loose_queries.ts";
import { base32 } from "./base32.ts";
import { type MovedClock, movedClock, quickHasher, start } from "../fixtures/platform_fixture.ts";

export const operator = { actor: { kind: "operator", name: "test" } } as const;
export const password = "lantern tulip gravel seven";
export const client = { source: "192.0.2.7", browser: "Firefox" };

export interface TestUser {
  userId: string;
  email: string;
  /** Cookies of the last sign-in. */
  secret: string;
  browserSecret: string;
  recoveryCodes: string[];
}

export interface UsersScene extends AsyncDisposable {
  platform: UsersPlatform;
  clock: MovedClock;
  queries: ReturnType<typeof looseQueries>;
  /** Ids of customers, and of a site of the first. */
  acme: string;
  other: string;
  berlin: string;
  /** Of another dealer. */
  foreign: string;
  /** Invited, with password and app, and signed in. The dealer's administrator unless said otherwise. */
  user(email: string, invitation?: Partial<Invitation>): Promise<TestUser>;
  /** What the user's app shows now. */
  code(userId: string): Promise<string>;
  /** By password and app, at the next time step. */
  signIn(
    email: string,
    client?: { source: string; browser: string; browserSecret?: string },
  ): Promise<{ secret: string; browserSecret: string }>;
}

export async function usersScene(): Promise<UsersScene> {
  const store = await openTestStore(), clock = movedClock(start);
  const platform: UsersPlatform = {
    store,
    clock,
    pepper: new Uint8Array(32).fill(7),
    passwords: quickHasher,
    log() {},
  };
  const queries = looseQueries(store);
  await createDealer(platform, operator, { name: "Print Partner" });
  await createDealer(platform, operator, { name: "Foreign" });
  const customer = async (name: string, dealer: string) =>
    (await createCustomer(platform, operator, { name, dealer })).customer_id;
  const acme = await customer("Acme", "Print Partner"), other = await customer("Other", "Print Partner");
  const foreign = await customer("Elsewhere", "Foreign");
  const berlin = (await createSite(platform, { ...operator, tenant: acme }, { name: "Berlin" })).site_id;
  const code = async (userId: string) => {
    const row = await queries.get<{ totp_secret: Uint8Array }>(
      "SELECT totp_secret FROM users WHERE user_id = :userId",
      {
        userId,
      },
    );
    return totpCode(openSecret(row!.totp_secret, { pepper: platform.pepper, userId }), clock.now());
  };
  return {
    platform,
    clock,
    queries,
    acme,
    other,
    berlin,
    foreign,
    code,
    async user(email, invitation = {}) {
      const { token, userId } = await inviteUser(platform, operator, {
        email,
        name: email.split("@")[0]!,
        ...(invitation.customer === undefined ? { dealer: "Print Partner" } : {}),
        grants: [{ role: "administrator" }],
        ...invitation,
      });
      const opened = await usePasswordLink(platform, { token, password, ...client });
      if (opened.kind !== "enrolment") throw new Error(`unexpected step: ${opened.kind}`);
      const { address } = (await enrolmentOf(platform, { secret: opened.secret, step: "enrolment" }))!;
      const secret = base32(new URL(address).searchParams.get("secret")!);
      const done = await confirmEnrolment(platform, {
        secret: opened.secret,
        code: totpCode(secret, clock.now()),
        ...client,
      });
      if (done.kind !== "full") throw new Error(`unexpected step: ${done.kind}`);
      return { userId, email, ...done };
    },
    async signIn(email, from = client) {
      clock.advance(30_000);
      const first = await signInByPassword(platform, { email, password, ...from });
      if (first.kind !== "secondFactor") throw new Error(`unexpected step: ${first.kind}`);
      const { user_id } =
        (await queries.get<{ user_id: string }>("SELECT user_id FROM users WHERE email = :email", { email }))!;
      const done = await signInBySecondFactor(platform, { secret: first.secret, code: await code(user_id), ...from });
      if (done.kind !== "full") throw new Error(`unexpected step: ${done.kind}`);
      return done;
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
