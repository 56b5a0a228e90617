/** People of bench/design_load.ts: invited, with password and app, each with a session. */
import type { OpenPlatform } from "../platform/agents/platform.ts";
import { inviteUser } from "../platform/users/manage_users.ts";
import { totpCode } from "../platform/users/second_factor.ts";
import { confirmEnrolment, enrolmentOf, usePasswordLink } from "../platform/users/sign_in.ts";
import { base32 } from "../tests/platform/base32.ts";
import { quickHasher } from "../tests/fixtures/platform_fixture.ts";
import { client, operator, password } from "../tests/platform/users_fixture.ts";

/** Their cookies; administrators of the only dealer. Hashing passwords is no part of what is measured. */
export async function signedInPeople(platform: OpenPlatform, count: number, run: number): Promise<string[]> {
  const users = { ...platform, passwords: quickHasher };
  const cookies: string[] = [];
  for (let number = 0; number < count; number++) {
    const { token } = await inviteUser(users, operator, {
      email: `person-${run}-${number}@partner.example`,
      name: `Person ${number}`,
      grants: [{ role: "administrator" }],
    });
    const opened = await usePasswordLink(users, { token, password, ...client });
    if (opened.kind !== "enrolment") throw new Error(`unexpected step: ${opened.kind}`);
    const { address } = (await enrolmentOf(users, { secret: opened.secret, step: "enrolment" }))!;
    const key = base32(new URL(address).searchParams.get("secret")!);
    const done = await confirmEnrolment(users, {
      secret: opened.secret,
      code: totpCode(key, platform.clock.now()),
      ...client,
    });
    if (done.kind !== "full") throw new Error(`unexpected step: ${done.kind}`);
    cookies.push(`__Host-opendca-session=${done.secret}; __Host-opendca-browser=${done.browserSecret}`);
  }
  return cookies;
}
