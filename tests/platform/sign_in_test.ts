/** Signing in: the second factor, what is counted, who is deactivated, and what a stranger learns. */
import assert from "node:assert/strict";
import { UsageError } from "../../common/core/errors.ts";
import { auditRows } from "../../platform/audit/audit_log.ts";
import { closeCustomer, closeDealer, reopenCustomer, reopenDealer } from "../../platform/customers/close.ts";
import { deactivateInactive, setSignInPolicy } from "../../platform/users/inactivity.ts";
import {
  deactivateUser,
  inviteUser,
  maybeFirstUserLink,
  reactivateUser,
  setUserGrants,
} from "../../platform/users/manage_users.ts";
import { endUserSessions, listUserSessions, maybeViewer, signOut } from "../../platform/users/sessions.ts";
import {
  confirmEnrolment,
  confirmSession,
  enrolmentOf,
  linkHolder,
  signInByPassword,
  signInBySecondFactor,
  usePasswordLink,
} from "../../platform/users/sign_in.ts";
import { totpCode } from "../../platform/users/second_factor.ts";
import { listUsers } from "../../platform/users/users.ts";
import { base32 } from "./base32.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { client, operator, password, type UsersScene, usersScene } from "./users_fixture.ts";

const day = 86_400_000;
const wrong = "another lantern entirely";
const eva = "eva@partner.example", max = "max@partner.example";

async function stateOf({ platform }: UsersScene, email: string) {
  const { state, reason } = (await listUsers(platform, operator, {})).find((user) => user.email === email)!;
  return [state, reason];
}

async function fail({ platform }: UsersScene, email: string, times: number, from = client): Promise<string[]> {
  const kinds: string[] = [];
  for (let i = 0; i < times; i++) {
    kinds.push((await signInByPassword(platform, { email, password: wrong, ...from })).kind);
  }
  return kinds;
}

slowInPostgres("an invited user sets password and app, and is signed in as who was invited", async () => {
  await using scene = await usersScene();
  const user = await scene.user(eva, { grants: [{ role: "technician", customerId: "Acme", siteId: "Berlin" }] });
  const viewer = await maybeViewer(scene.platform, user.secret);
  assert.deepEqual([viewer?.email, viewer?.userId, viewer?.customerId], [eva, user.userId, undefined]);
  assert.deepEqual(viewer?.grants, [{ role: "technician", customerId: scene.acme, siteId: scene.berlin }]);
  assert.equal(user.recoveryCodes.length, 10);
  const actions = (await auditRows(scene.queries, {})).filter(({ actor }) => actor === `user:${eva}`);
  assert.deepEqual(actions.map(({ action }) => action), ["passwordSet", "secondFactorSet", "signedIn"]);
});

slowInPostgres("the password alone opens nothing", async () => {
  await using scene = await usersScene();
  const { email } = await scene.user(eva), { platform } = scene;
  const first = await signInByPassword(platform, { email: email.toUpperCase(), password, ...client });
  assert(first.kind === "secondFactor");
  assert.equal(await maybeViewer(platform, first.secret), undefined);
  assert.equal(await enrolmentOf(platform, { secret: first.secret, step: "enrolment" }), undefined);
  const code = "000000";
  assert.equal((await confirmEnrolment(platform, { secret: first.secret, code, ...client })).kind, "over");
  assert.equal(await confirmSession(platform, { secret: first.secret, password, code, ...client }), false);
});

slowInPostgres("a code counts once, for one of two processes, and a recovery code as well", async () => {
  await using scene = await usersScene();
  const { userId, recoveryCodes } = await scene.user(eva), { platform, clock } = scene;
  clock.advance(30_000);
  const code = await scene.code(userId);
  const secrets: string[] = [];
  for (let i = 0; i < 4; i++) {
    const first = await signInByPassword(platform, { email: eva, password, ...client });
    assert(first.kind === "secondFactor");
    secrets.push(first.secret);
  }
  const both = await Promise.all(
    secrets.slice(0, 2).map((secret) => signInBySecondFactor(platform, { secret, code, ...client })),
  );
  assert.deepEqual(both.map(({ kind }) => kind).sort(), ["full", "refused"]);
  const [, , third, fourth] = secrets as [string, string, string, string];
  const recovery = ` ${recoveryCodes[3]!.toUpperCase()} `;
  assert.equal((await signInBySecondFactor(platform, { secret: third, code: recovery, ...client })).kind, "full");
  assert.equal((await signInBySecondFactor(platform, { secret: fourth, code: recovery, ...client })).kind, "refused");
});

slowInPostgres("a code of another time is refused, and the log says by how much the clocks differ", async () => {
  await using scene = await usersScene();
  const logged: Record<string, unknown>[] = [];
  scene.platform.log = (event, fields) => void logged.push({ event, ...fields });
  const { userId } = await scene.user(eva), { platform, clock } = scene;
  const first = await signInByPassword(platform, { email: eva, password, ...client });
  assert(first.kind === "secondFactor");
  const code = await scene.code(userId);
  clock.advance(5 * 60_000);
  assert.equal((await signInBySecondFactor(platform, { secret: first.secret, code, ...client })).kind, "refused");
  assert.deepEqual(logged, [{ event: "codeOfAnotherTime", user: userId, seconds: -300 }]);
});

slowInPostgres("whoever began to set up a second factor cannot replace one that was set up meanwhile", async () => {
  await using scene = await usersScene();
  const { platform, clock } = scene;
  const { token } = await inviteUser(platform, operator, {
    email: eva,
    name: "Eva",
    dealer: "Print Partner",
    grants: [{ role: "administrator" }],
  });
  const [own, thief] = [
    await usePasswordLink(platform, { token, password, ...client }),
    await signInByPassword(platform, { email: eva, password, ...client }),
  ];
  assert(own.kind === "enrolment" && thief.kind === "enrolment");
  const codeOf = async (secret: string) => {
    const { address } = (await enrolmentOf(platform, { secret, step: "enrolment" }))!;
    return totpCode(base32(new URL(address).searchParams.get("secret")!), clock.now());
  };
  const late = { secret: thief.secret, code: await codeOf(thief.secret), ...client };
  const first = { secret: own.secret, code: await codeOf(own.secret), ...client };
  assert.equal((await confirmEnrolment(platform, first)).kind, "full");
  assert.equal((await confirmEnrolment(platform, late)).kind, "over");
});

slowInPostgres("the session after the second factor has another secret than before it", async () => {
  await using scene = await usersScene();
  const { userId } = await scene.user(eva), { platform, clock } = scene;
  clock.advance(30_000);
  const first = await signInByPassword(platform, { email: eva, password, ...client });
  assert(first.kind === "secondFactor");
  const code = await scene.code(userId);
  const done = await signInBySecondFactor(platform, { secret: first.secret, code, ...client });
  assert(done.kind === "full");
  assert.notEqual(done.secret, first.secret);
  clock.advance(30_000);
  const again = { secret: first.secret, code: await scene.code(userId), ...client };
  assert.equal((await signInBySecondFactor(platform, again)).kind, "over");
});

slowInPostgres(
  "five failed attempts in a row deactivate a user, its sessions too, and the right password then fails",
  async () => {
    await using scene = await usersScene();
    await scene.user(max);
    const { secret } = await scene.user(eva);
    assert.deepEqual(await fail(scene, eva, 4), Array(4).fill("refused"));
    assert.deepEqual(await stateOf(scene, eva), ["active", null]);
    await fail(scene, eva, 1);
    assert.deepEqual(await stateOf(scene, eva), ["deactivated", "failedAttempts"]);
    assert.equal((await signInByPassword(scene.platform, { email: eva, password, ...client })).kind, "refused");
    assert.equal(await maybeViewer(scene.platform, secret), undefined);
    const audit = (await auditRows(scene.queries, {})).at(-1)!;
    assert.deepEqual([audit.action, audit.actor], ["userDeactivated", "platform"]);
    assert.deepEqual(await stateOf(scene, max), ["active", null]);
  },
);

slowInPostgres("a success in between starts the count anew, and wrong codes count as wrong passwords do", async () => {
  await using scene = await usersScene();
  const { userId } = await scene.user(eva), { platform, clock } = scene;
  await scene.user(max);
  await fail(scene, eva, 4);
  await scene.signIn(eva);
  await fail(scene, eva, 3);
  clock.advance(30_000);
  const first = await signInByPassword(platform, { email: eva, password, ...client });
  assert(first.kind === "secondFactor");
  const right = await scene.code(userId), code = right === "123456" ? "654321" : "123456";
  const tries = { secret: first.secret, code, ...client };
  assert.equal((await signInBySecondFactor(platform, tries)).kind, "refused");
  assert.deepEqual(await stateOf(scene, eva), ["active", null]);
  assert.equal((await signInBySecondFactor(platform, tries)).kind, "refused");
  assert.deepEqual(await stateOf(scene, eva), ["deactivated", "failedAttempts"]);
  assert.equal((await signInBySecondFactor(platform, { ...tries, code: right })).kind, "over");
});

slowInPostgres("five attempts at once are not more than five, nor fewer", async () => {
  await using scene = await usersScene();
  await scene.user(max);
  await scene.user(eva);
  await Promise.all(Array.from({ length: 5 }, () => fail(scene, eva, 1)));
  assert.deepEqual(await stateOf(scene, eva), ["deactivated", "failedAttempts"]);
});

slowInPostgres("strangers cannot keep the last administrator out of a browser that is known", async () => {
  await using scene = await usersScene();
  const { secret, browserSecret } = await scene.user(eva), { platform, clock } = scene;
  const stranger = { source: "203.0.113.9", browser: "curl" };
  await fail(scene, eva, 5, stranger);
  assert.deepEqual(await stateOf(scene, eva), ["active", null]);
  assert.equal((await maybeViewer(platform, secret))?.email, eva);
  // From an unknown browser, the right password is refused as well, and longer each time.
  assert.equal((await signInByPassword(platform, { email: eva, password, ...stranger })).kind, "refused");
  await scene.signIn(eva, { ...client, browserSecret });
  await fail(scene, eva, 5, stranger);
  clock.advance(15 * 60_000);
  await fail(scene, eva, 1, stranger);
  clock.advance(16 * 60_000);
  assert.equal((await signInByPassword(platform, { email: eva, password, ...client })).kind, "refused");
  clock.advance(15 * 60_000);
  assert.equal((await signInByPassword(platform, { email: eva, password, ...client })).kind, "secondFactor");
});

slowInPostgres(
  "the last administrator is deactivated by five failures of a known browser, and let in by an operator",
  async () => {
    await using scene = await usersScene();
    const { browserSecret } = await scene.user(eva), { platform } = scene;
    await fail(scene, eva, 5, { ...client, browserSecret } as typeof client);
    assert.deepEqual(await stateOf(scene, eva), ["deactivated", "failedAttempts"]);
    const { token } = await reactivateUser(platform, operator, { user: eva });
    const opened = await usePasswordLink(platform, { token, password, ...client });
    assert.equal(opened.kind, "secondFactor");
    assert.deepEqual(await stateOf(scene, eva), ["active", null]);
  },
);

slowInPostgres(
  "a source that fails with many users waits, also with the right password, and no longer than it must",
  async () => {
    await using scene = await usersScene();
    await scene.user(eva);
    const { platform, clock } = scene, from = { source: "203.0.113.9", browser: "curl" };
    for (let i = 0; i < 30; i++) await fail(scene, `nobody-${i}@partner.example`, 1, from);
    const refused = await signInByPassword(platform, { email: eva, password, ...from });
    assert(refused.kind === "wait" && refused.ms > 0 && refused.ms <= 15 * 60_000);
    assert.equal((await signInByPassword(platform, { email: eva, password, ...client })).kind, "secondFactor");
    clock.advance(15 * 60_000);
    assert.equal((await signInByPassword(platform, { email: eva, password, ...from })).kind, "secondFactor");
  },
);

slowInPostgres("what is answered does not tell whether an address is known, deactivated or invited", async () => {
  await using scene = await usersScene();
  await scene.user(max);
  await scene.user(eva);
  await deactivateUser(scene.platform, operator, { user: eva });
  await inviteUser(scene.platform, operator, {
    email: "new@partner.example",
    name: "New",
    dealer: "Print Partner",
    grants: [{ role: "viewer" }],
  });
  const answers = [];
  for (const email of [max, eva, "new@partner.example", "nobody@partner.example", "", "x'; DROP TABLE users; --"]) {
    answers.push(await signInByPassword(scene.platform, { email, password: wrong, ...client }));
  }
  assert.deepEqual(answers, Array(6).fill({ kind: "refused" }));
});

for (const days of [90, 180]) {
  slowInPostgres(
    `a user is deactivated after ${days} days without sign-in, where the dealer has chosen so`,
    async () => {
      await using scene = await usersScene();
      const { platform, clock } = scene;
      await setSignInPolicy(platform, operator, { dealer: "Print Partner", inactiveDays: days });
      await scene.user(eva);
      clock.advance((days - 1) * day);
      await scene.user(max);
      await scene.signIn(max);
      assert.equal(await deactivateInactive(platform), 0);
      clock.advance(day + 60_000);
      assert.equal(await deactivateInactive(platform), 1);
      assert.deepEqual(await stateOf(scene, eva), ["deactivated", "inactivity"]);
      assert.deepEqual(await stateOf(scene, max), ["active", null]);
      // Whoever is let in again has the whole time anew.
      const { token } = await reactivateUser(platform, operator, { user: eva });
      await usePasswordLink(platform, { token, password, ...client });
      clock.advance((days - 1) * day);
      assert.equal(await deactivateInactive(platform), 1);
      assert.deepEqual(await stateOf(scene, eva), ["active", null]);
    },
  );
}

slowInPostgres("setSignInPolicy() refuses other days, and a dealer can do without second factors", async () => {
  await using scene = await usersScene();
  const { platform } = scene, dealer = "Print Partner";
  await assert.rejects(
    async () => await setSignInPolicy(platform, operator, { dealer, inactiveDays: 365 }),
    UsageError,
  );
  assert.deepEqual(await setSignInPolicy(platform, operator, { dealer, secondFactor: false }), {
    secondFactor: false,
    inactiveDays: 90,
  });
  const { token } = await inviteUser(platform, operator, {
    email: eva,
    name: "Eva",
    dealer,
    grants: [{ role: "viewer" }],
  });
  const done = await usePasswordLink(platform, { token, password, ...client });
  assert(done.kind === "full");
  assert.equal((await maybeViewer(platform, done.secret))?.email, eva);
});

slowInPostgres("a link works once, for its time, and not after a newer one or a deactivation", async () => {
  await using scene = await usersScene();
  const { platform, clock } = scene, dealer = "Print Partner";
  await scene.user(max);
  const invite = (email: string) =>
    inviteUser(platform, operator, { email, name: "Eva", dealer, grants: [{ role: "viewer" }] });
  const { token } = await invite(eva);
  assert.equal((await linkHolder(platform, token))?.email, eva);
  assert.equal((await usePasswordLink(platform, { token, password, ...client })).kind, "enrolment");
  assert.equal((await usePasswordLink(platform, { token, password, ...client })).kind, "refused");
  const late = await invite("late@partner.example");
  clock.advance(7 * day);
  assert.equal(await linkHolder(platform, late.token), undefined);
  const older = await reactivateUser(platform, operator, { user: eva });
  const newer = await reactivateUser(platform, operator, { user: eva });
  assert.equal(await linkHolder(platform, older.token), undefined);
  await deactivateUser(platform, operator, { user: eva });
  assert.equal((await usePasswordLink(platform, { token: newer.token, password, ...client })).kind, "refused");
  assert.deepEqual(await stateOf(scene, eva), ["deactivated", "administrator"]);
});

slowInPostgres("sessions end by time, by idleness, by hand, and one by one", async () => {
  await using scene = await usersScene();
  const { platform, clock } = scene;
  const { userId } = await scene.user(eva);
  const idle = await scene.signIn(eva);
  clock.advance(61 * 60_000);
  assert.equal(await maybeViewer(platform, idle.secret), undefined);
  const used = await scene.signIn(eva);
  for (let hours = 0; hours < 12; hours++) {
    assert.notEqual(await maybeViewer(platform, used.secret), undefined, `${hours} h`);
    clock.advance(59.9 * 60_000);
  }
  clock.advance(60_000);
  assert.equal(await maybeViewer(platform, used.secret), undefined);
  const [one, two, three] = [await scene.signIn(eva), await scene.signIn(eva), await scene.signIn(eva)];
  assert.equal((await listUserSessions(platform, userId)).length, 3);
  await signOut(platform, one.secret);
  assert.equal(await maybeViewer(platform, one.secret), undefined);
  const viewer = (await maybeViewer(platform, two.secret))!;
  assert.equal(viewer.isConfirmed, true);
  assert.equal(await endUserSessions(platform, { viewer, except: viewer.sessionId }), 1);
  assert.equal(await maybeViewer(platform, three.secret), undefined);
  assert.equal((await maybeViewer(platform, two.secret))?.sessionId, viewer.sessionId);
});

slowInPostgres("somebody else's session cannot be ended", async () => {
  await using scene = await usersScene();
  const { platform } = scene;
  const evas = await scene.user(eva), maxs = await scene.user(max);
  const viewer = (await maybeViewer(platform, evas.secret))!, victim = (await maybeViewer(platform, maxs.secret))!;
  assert.equal(await endUserSessions(platform, { viewer, sessionId: victim.sessionId }), 0);
  assert.notEqual(await maybeViewer(platform, maxs.secret), undefined);
});

slowInPostgres("a dangerous thing asks again for password and code after ten minutes, and failures count", async () => {
  await using scene = await usersScene();
  const { platform, clock } = scene;
  await scene.user(max);
  const { userId, secret } = await scene.user(eva);
  clock.advance(10 * 60_000);
  assert.equal((await maybeViewer(platform, secret))?.isConfirmed, false);
  const code = await scene.code(userId);
  assert.equal(await confirmSession(platform, { secret, password, code: "", ...client }), false);
  assert.equal(await confirmSession(platform, { secret, password: wrong, code, ...client }), false);
  assert.equal(await confirmSession(platform, { secret, password, code, ...client }), true);
  assert.equal((await maybeViewer(platform, secret))?.isConfirmed, true);
});

slowInPostgres(
  "the first user's link is made until somebody has used it, each in place of the one before",
  async () => {
    await using scene = await usersScene();
    const { platform, queries } = scene;
    // With several dealers, nobody knows whose administrator it would be.
    assert.equal(await maybeFirstUserLink(platform, operator), undefined);
    await queries.run("DELETE FROM customers WHERE name = 'Elsewhere'");
    await queries.run("DELETE FROM dealers WHERE name = 'Foreign'");
    const older = (await maybeFirstUserLink(platform, operator))!,
      link = (await maybeFirstUserLink(platform, operator))!;
    assert.equal(await linkHolder(platform, older.token), undefined);
    const wanted = { token: link.token, password, ...client };
    await assert.rejects(usePasswordLink(platform, { ...wanted, email: "not an address" }), UsageError);
    assert.equal((await usePasswordLink(platform, { ...wanted, email: eva })).kind, "enrolment");
    assert.equal((await usePasswordLink(platform, { ...wanted, email: max })).kind, "refused");
    assert.equal(await maybeFirstUserLink(platform, operator), undefined);
    assert.deepEqual(await stateOf(scene, eva), ["active", null]);
  },
);

slowInPostgres(
  "an address that another dealer has is invited as any other, and each of both users signs in",
  async () => {
    await using scene = await usersScene();
    const { platform } = scene, elsewhere = "quartz meadow violin nine";
    const own = await scene.user(eva);
    await scene.user(max);
    const invitation = { email: eva.toUpperCase(), name: "Eva", grants: [{ role: "viewer" as const }] };
    await assert.rejects(async () => await inviteUser(platform, operator, { ...invitation, dealer: "Print Partner" }));
    const { token, userId } = await inviteUser(platform, operator, { ...invitation, dealer: "Foreign" });
    const opened = await usePasswordLink(platform, { token, password: elsewhere, ...client });
    assert(opened.kind === "enrolment");
    const step = async (password: string) =>
      (await signInByPassword(platform, { email: eva, password, ...client })).kind;
    assert.deepEqual([await step(password), await step(elsewhere)], ["secondFactor", "enrolment"]);
    await scene.signIn(eva);
    // By the address alone, nobody knows which of both is meant.
    await assert.rejects(async () => await deactivateUser(platform, operator, { user: eva }), /2 have this address/);
    await deactivateUser(platform, operator, { user: userId });
    assert.deepEqual([await step(password), await step(elsewhere)], ["secondFactor", "refused"]);
    await reactivateUser(platform, operator, { user: userId });
    // A wrong password is one of both.
    await fail(scene, eva, 5);
    const states = (await listUsers(platform, operator, {})).filter(({ email }) => email.toLowerCase() === eva);
    assert.deepEqual(states.map((user) => [user.userId === own.userId, user.state]).sort(), [
      [false, "invited"],
      [true, "deactivated"],
    ]);
  },
);

slowInPostgres("whether an address is known, and how often, is not told by how long the answer takes", async () => {
  await using scene = await usersScene();
  const { platform } = scene, checked: (string | null)[] = [];
  await scene.user(eva);
  const { isRight } = platform.passwords;
  platform.passwords.isRight = (text, hash) => (checked.push(hash), isRight(text, hash));
  const invitation = { email: eva, name: "Eva", dealer: "Foreign", grants: [{ role: "viewer" as const }] };
  for (const email of ["nobody@partner.example", eva]) await fail(scene, email, 1);
  await inviteUser(platform, operator, invitation);
  await fail(scene, eva, 1);
  assert.equal(checked.length, 6);
});

slowInPostgres("a user who is no administrator is deactivated, also where there is only one user", async () => {
  await using scene = await usersScene();
  await scene.user(eva, { grants: [{ role: "viewer" }] });
  await fail(scene, eva, 5);
  assert.deepEqual(await stateOf(scene, eva), ["deactivated", "failedAttempts"]);
});

slowInPostgres("roles are given within what a user belongs to, and the last administrator stays one", async () => {
  await using scene = await usersScene();
  const { platform } = scene;
  await scene.user(eva);
  const refused = [
    { email: max, customer: "Acme", grants: [{ role: "viewer", customerId: scene.other }] },
    { email: max, dealer: "Print Partner", grants: [{ role: "viewer", customerId: scene.foreign }] },
    { email: max, customer: "Other", grants: [{ role: "viewer", siteId: scene.berlin }] },
    { email: max, dealer: "Print Partner", grants: [{ role: "viewer", siteId: scene.berlin }] },
    { email: max, dealer: "Print Partner", grants: [] },
    { email: eva.toUpperCase(), dealer: "Print Partner", grants: [{ role: "viewer" }] },
    { email: "nonsense", dealer: "Print Partner", grants: [{ role: "viewer" }] },
    { email: "a@b.example\r\nBcc: c@d.example", dealer: "Print Partner", grants: [{ role: "viewer" }] },
  ] as const;
  for (const invitation of refused) {
    await assert.rejects(async () => await inviteUser(platform, operator, { name: "Max", ...invitation }), UsageError);
  }
  const viewer = { user: eva, grants: [{ role: "viewer" as const }] };
  await assert.rejects(async () => await setUserGrants(platform, operator, viewer), UsageError);
  await assert.rejects(async () => await deactivateUser(platform, operator, { user: eva }), UsageError);
  await scene.user(max);
  assert.deepEqual((await setUserGrants(platform, operator, viewer)).grants.map(({ role }) => role), ["viewer"]);
  // A user of a customer has the roles there, whatever is asked for.
  const { grants } =
    (await scene.user("ann@acme.example", { customer: "Acme", grants: [{ role: "administrator" }] }),
      (await listUsers(platform, operator, { customer: "Acme" }))[0]!);
  assert.deepEqual(grants, [{ role: "administrator", customerId: scene.acme, siteId: undefined }]);
});

slowInPostgres(
  "nobody signs in for a customer or a dealer that is closed, and all do again once it is reopened",
  async () => {
    await using scene = await usersScene();
    const { platform } = scene, ann = "ann@acme.example";
    const evas = await scene.user(eva), anns = await scene.user(ann, { customer: "Acme" });
    const signsIn = async (email: string) =>
      (await signInByPassword(platform, { email, password, ...client })).kind === "secondFactor";
    const looks = async ({ secret }: { secret: string }) => await maybeViewer(platform, secret) !== undefined;
    await closeCustomer(platform, operator, { customer: "Acme", reason: "contract ended" });
    assert.deepEqual([await signsIn(ann), await looks(anns)], [false, false]);
    assert.deepEqual([await signsIn(eva), await looks(evas)], [true, true]);
    await closeDealer(platform, operator, { dealer: "Print Partner", reason: "sold" });
    assert.deepEqual([await signsIn(eva), await looks(evas)], [false, false]);
    await reopenDealer(platform, operator, { dealer: "Print Partner" });
    assert.deepEqual([await signsIn(eva), await looks(evas)], [true, true]);
    await reopenCustomer(platform, operator, { customer: "Acme" });
    assert.deepEqual([await signsIn(ann), await looks(anns)], [true, true]);
  },
);
