/** What somebody tries who has a part of another's sign-in: the password, half a session, a cookie. */
import assert from "node:assert/strict";
import { confirmSession, signInByPassword, signInBySecondFactor, withProof } from "../../platform/users/sign_in.ts";
import { listUsers } from "../../platform/users/users.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { client, operator, password, usersScene } from "./users_fixture.ts";

const eva = "eva@partner.example";

slowInPostgres("while unknown browsers wait for the last administrator, none of them tries anything", async () => {
  await using scene = await usersScene();
  const { userId, secret, browserSecret } = await scene.user(eva), { platform, clock } = scene;
  // Somebody has the password, and half a sign-in; and somebody a session without the browser's own cookie.
  const stranger = { source: "203.0.113.9", browser: "curl" }, known = { ...client, browserSecret };
  const half = await signInByPassword(platform, { email: eva, password, ...stranger });
  assert(half.kind === "secondFactor");
  for (let i = 0; i < 5; i++) await signInByPassword(platform, { email: eva, password: "wrong", ...stranger });
  clock.advance(60_000);
  const code = await scene.code(userId);
  const second = await signInBySecondFactor(platform, { secret: half.secret, code, ...stranger });
  assert.equal(second.kind, "refused");
  assert.equal(await confirmSession(platform, { secret, password, code, ...stranger }), false);
  const proof = { userId, password, code, ...stranger };
  assert.equal((await withProof(platform, proof, () => Promise.resolve())).kind, "refused");
  assert.equal(await confirmSession(platform, { secret, password, code, ...known }), true);
  assert.equal((await listUsers(platform, operator, {}))[0]!.state, "active");
});
