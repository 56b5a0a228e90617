/** Passkeys: alone, after the password, as a further proof; and what attackers and copies get, which is nothing. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { auditRows } from "../../platform/audit/audit_log.ts";
import { closeCustomer } from "../../platform/customers/close.ts";
import { setSignInPolicy } from "../../platform/users/inactivity.ts";
import { deactivateUser, inviteUser, reactivateUser } from "../../platform/users/manage_users.ts";
import {
  assertionOptions,
  confirmByPasskey,
  signInByPasskey,
  signInByPasskeyFactor,
} from "../../platform/users/passkey_sign_in.ts";
import { listPasskeys, registerPasskey, registrationOptions, removePasskey } from "../../platform/users/passkeys.ts";
import { maybeViewer } from "../../platform/users/sessions.ts";
import {
  confirmSession,
  signInByPassword,
  signInBySecondFactor,
  usePasswordLink,
} from "../../platform/users/sign_in.ts";
import { listUsers } from "../../platform/users/users.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { algorithm, type Change, keysOf, type SoftPasskey, softPasskey } from "./soft_authenticator.ts";
import { client, operator, password, type UsersScene, usersScene } from "./users_fixture.ts";

const origin = "https://portal.example.com:8443";
const eva = "eva@partner.example", max = "max@partner.example";
const at = { ...client, origin };
const minute = 60_000;

/** Adds a passkey to a signed-in user. */
async function added(
  { platform }: UsersScene,
  secret: string,
  passkey: SoftPasskey = softPasskey({ origin }),
  name = "Notebook",
): Promise<SoftPasskey> {
  const options = (await registrationOptions(platform, { secret, step: "full", ...at }))!;
  const done = await registerPasskey(platform, { secret, step: "full", answer: passkey.create(options), name, ...at });
  assert.equal(done.kind, "added");
  return passkey;
}

const browserKey = "b".repeat(43);

async function alone({ platform }: UsersScene, passkey: SoftPasskey, change: Change = {}, secret = browserKey) {
  const options = (await assertionOptions(platform, { use: "signIn", secret, ...at }))!;
  return await signInByPasskey(platform, { secret, answer: passkey.get(options, change), ...at });
}

async function afterPassword({ platform }: UsersScene, passkey: SoftPasskey, change: Change = {}, email = eva) {
  const first = await signInByPassword(platform, { email, password, ...client });
  assert(first.kind === "secondFactor");
  const { secret } = first;
  const options = (await assertionOptions(platform, { use: "secondFactor", secret, ...at }))!;
  return await signInByPasskeyFactor(platform, { secret, answer: passkey.get(options, change), ...at });
}

async function stateOf({ platform }: UsersScene, email: string) {
  const { state, reason } = (await listUsers(platform, operator, {})).find((user) => user.email === email)!;
  return [state, reason];
}

async function idOf({ platform }: UsersScene, userId: string): Promise<string> {
  return (await listPasskeys(platform, userId))[0]!.passkeyId;
}

const actionsOf = async ({ queries }: UsersScene) => (await auditRows(queries, {})).map(({ action }) => action);

for (const kind of Object.keys(algorithm) as (keyof typeof algorithm)[]) {
  Deno.test(`a passkey (${kind}) signs in alone, and after the password`, async () => {
    await using scene = await usersScene();
    const { secret, userId } = await scene.user(eva);
    const passkey = await added(scene, secret, softPasskey({ origin, kind }));
    const done = await alone(scene, passkey);
    assert(done.kind === "full");
    assert.equal((await maybeViewer(scene.platform, done.secret))?.userId, userId);
    assert.equal((await afterPassword(scene, passkey, { isVerified: false })).kind, "full");
  });
}

slowInPostgres("a passkey signs in alone as both factors, is named in the log, and its use is noted", async () => {
  await using scene = await usersScene();
  const { platform, clock, queries } = scene, { secret, userId } = await scene.user(eva);
  const passkey = await added(scene, secret);
  assert.deepEqual(
    await listPasskeys(platform, userId).then((rows) => rows.map(({ name, usedAt }) => [name, usedAt])),
    [
      ["Notebook", null],
    ],
  );
  clock.advance(minute);
  const done = await alone(scene, passkey);
  assert(done.kind === "full");
  assert.equal((await maybeViewer(platform, done.secret))?.isConfirmed, true);
  assert.equal((await listPasskeys(platform, userId))[0]!.usedAt, clock.now().getTime());
  const last = (await auditRows(queries, {})).at(-1)!;
  assert.deepEqual([last.action, JSON.parse(last.detail!).by], ["signedIn", "passkey"]);
  // One that does not count is as good.
  const telephone = await added(scene, secret, softPasskey({ origin, counts: false }), "Telephone");
  for (let i = 0; i < 3; i++) assert.equal((await alone(scene, telephone)).kind, "full");
});

slowInPostgres("a passkey is set up as the only second factor; recovery codes stand for it", async () => {
  await using scene = await usersScene();
  const { platform } = scene;
  const { token } = await inviteUser(platform, operator, {
    email: eva,
    name: "Eva",
    dealer: "Print Partner",
    grants: [{ role: "administrator" }],
  });
  const opened = await usePasswordLink(platform, { token, password, ...client });
  assert(opened.kind === "enrolment");
  const passkey = softPasskey({ origin }), wanted = { secret: opened.secret, step: "enrolment", ...at } as const;
  const options = (await registrationOptions(platform, wanted))!;
  const done = await registerPasskey(platform, { ...wanted, answer: passkey.create(options), name: "Key" });
  assert(done.kind === "full");
  assert.equal(done.recoveryCodes.length, 10);
  const viewer = (await maybeViewer(platform, done.secret))!;
  assert.equal((await listUsers(platform, operator, {}))[0]!.hasSecondFactor, true);
  assert.equal((await afterPassword(scene, passkey)).kind, "full");
  const again = await signInByPassword(platform, { email: eva, password, ...client });
  assert(again.kind === "secondFactor", "the password alone opens nothing");
  const code = done.recoveryCodes[0]!;
  assert.equal((await signInBySecondFactor(platform, { secret: again.secret, code, ...client })).kind, "full");
  assert.equal(await confirmSession(platform, { secret: done.secret, password, code: "", ...client }), false);
  // The last second factor stays, where the dealer requires one.
  const passkeyId = await idOf(scene, viewer.userId);
  await assert.rejects(removePasskey(platform, { viewer, passkeyId }), /last second factor/);
  await added(scene, done.secret, undefined, "Second");
  await removePasskey(platform, { viewer, passkeyId });
  assert.equal((await alone(scene, passkey)).kind, "refused");
  await setSignInPolicy(platform, operator, { dealer: "Print Partner", secondFactor: false });
  await removePasskey(platform, { viewer, passkeyId: await idOf(scene, viewer.userId) });
  assert.equal((await signInByPassword(platform, { email: eva, password, ...client })).kind, "full");
});

slowInPostgres("whoever began to set up a passkey adds none to what was set up meanwhile", async () => {
  await using scene = await usersScene();
  const { platform } = scene;
  const { token } = await inviteUser(platform, operator, {
    email: eva,
    name: "Eva",
    dealer: "Print Partner",
    grants: [{ role: "administrator" }],
  });
  const own = await usePasswordLink(platform, { token, password, ...client });
  const thief = await signInByPassword(platform, { email: eva, password, ...client });
  assert(own.kind === "enrolment" && thief.kind === "enrolment");
  const kinds: string[] = [];
  const step = "enrolment", asked = [own, thief].map(({ secret }) => ({ secret, step, ...at }) as const);
  const options = [];
  for (const wanted of asked) options.push((await registrationOptions(platform, wanted))!);
  for (const [i, wanted] of asked.entries()) {
    const answer = softPasskey({ origin }).create(options[i]!);
    kinds.push((await registerPasskey(platform, { ...wanted, answer, name: "Key" })).kind);
  }
  assert.deepEqual(kinds, ["full", "over"]);
});

const strange = keysOf("es256").privateKey;

/** What is changed, and whether the answer is refused as one of the user's own, which counts. */
const attacks: Record<string, Change> = {
  "a page on another site": { origin: "https://evil.example" },
  "a page on another port": { origin: "https://portal.example.com" },
  "a page of a host below": { origin: "https://x.portal.example.com:8443" },
  "a page by HTTP": { origin: "http://portal.example.com:8443" },
  "a passkey for another site": { rpId: "evil.example" },
  "a passkey for the domain above": { rpId: "example.com" },
  "an answer to another kind of question": { type: "webauthn.create" },
  "nobody verified": { isVerified: false },
  "nobody present": { isPresent: false },
  "the flag of the verification set afterwards": { isVerified: false, tamper: (data) => void (data[32]! |= 0x04) },
  "the counter changed afterwards": { tamper: (data) => void (data[36] = 99) },
  "the signature of another key": { key: strange },
  "the signature of a key of another kind": { key: keysOf("rs256").privateKey },
  "no user in the answer": { userHandle: undefined },
  "another user in the answer": { userHandle: Buffer.alloc(32, 1).toString("base64url") },
};

for (const [what, change] of Object.entries(attacks)) {
  Deno.test(`by passkey alone, ${what} signs nobody in, and counts as a failed attempt`, async () => {
    await using scene = await usersScene();
    await scene.user(max);
    const { secret } = await scene.user(eva), passkey = await added(scene, secret);
    for (let i = 0; i < 5; i++) {
      assert.deepEqual(await stateOf(scene, eva), ["active", null]);
      assert.deepEqual(await alone(scene, passkey, change), { kind: "refused" });
    }
    assert.deepEqual(await stateOf(scene, eva), ["deactivated", "failedAttempts"]);
    assert.deepEqual(await alone(scene, passkey), { kind: "refused" });
  });
}

slowInPostgres("a question is answered once, in time, by the browser that asked, for its purpose", async () => {
  await using scene = await usersScene();
  const { platform, clock } = scene, { secret } = await scene.user(eva);
  const passkey = await added(scene, secret);
  const ask = (use: "signIn" | "secondFactor" | "confirm", secret: string) =>
    assertionOptions(platform, { use, secret, ...at }) as Promise<object>;
  const answered = (answer: string, secret = browserKey) => signInByPasskey(platform, { secret, answer, ...at });
  const answer = passkey.get(await ask("signIn", browserKey));
  assert.equal((await answered(answer)).kind, "full");
  assert.equal((await answered(answer)).kind, "over", "again");
  assert.equal((await answered(passkey.get(await ask("signIn", "x".repeat(43))))).kind, "over", "another browser's");
  assert.equal((await answered(passkey.get({ challenge: "" }))).kind, "over", "none");
  assert.equal((await answered(passkey.get({ challenge: browserKey }))).kind, "over", "made up");
  const both = passkey.get(await ask("signIn", browserKey));
  assert.deepEqual((await Promise.all([answered(both), answered(both)])).map(({ kind }) => kind).sort(), [
    "full",
    "over",
  ]);
  // Of a session: neither for signing in alone, nor for another session, nor for a form that asks for a proof.
  const first = await signInByPassword(platform, { email: eva, password, ...client });
  const second = await signInByPassword(platform, { email: eva, password, ...client });
  assert(first.kind === "secondFactor" && second.kind === "secondFactor");
  const ofFirst = passkey.get(await ask("secondFactor", first.secret));
  assert.equal((await answered(ofFirst, first.secret)).kind, "over");
  assert.equal((await signInByPasskeyFactor(platform, { secret: second.secret, answer: ofFirst, ...at })).kind, "over");
  assert.equal((await confirmByPasskey(platform, { secret, answer: ofFirst, ...at })).kind, "over");
  assert.equal((await signInByPasskeyFactor(platform, { secret: first.secret, answer: ofFirst, ...at })).kind, "full");
  // Those who are not signed in, or not as far, ask for nothing.
  assert.equal(await ask("secondFactor", secret), undefined);
  assert.equal(await ask("confirm", second.secret), undefined);
  const late = passkey.get(await ask("signIn", browserKey));
  clock.advance(5 * minute);
  assert.equal((await answered(late)).kind, "over", "too late");
  assert.deepEqual(await stateOf(scene, eva), ["active", null]);
});

Deno.test("texts that are no answers are refused, and count for the source alone", async () => {
  await using scene = await usersScene();
  const { platform } = scene, { secret } = await scene.user(eva);
  await added(scene, secret);
  const bad = ["", "null", "[]", "{", "{}", '{"response":{}}', '{"id":1,"response":{"clientDataJSON":"e30"}}'];
  for (const answer of bad) {
    assert.equal((await signInByPasskey(platform, { secret: browserKey, answer, ...at })).kind, "over", answer);
    const wanted = { secret, step: "full", answer, name: "x", ...at } as const;
    assert.equal((await registerPasskey(platform, wanted)).kind, "refused", answer);
  }
  for (let i = bad.length; i < 30; i++) await signInByPasskey(platform, { secret: browserKey, answer: "", ...at });
  const waits = await signInByPasskey(platform, { secret: browserKey, answer: "", ...at });
  assert.equal(waits.kind, "wait");
  assert.deepEqual(await stateOf(scene, eva), ["active", null]);
});

slowInPostgres("the passkey of another user is no second factor, and no proof", async () => {
  await using scene = await usersScene();
  const { platform } = scene;
  const maxs = await scene.user(max), evas = await scene.user(eva);
  const passkey = await added(scene, maxs.secret);
  await added(scene, evas.secret);
  assert.equal((await afterPassword(scene, passkey)).kind, "refused");
  // As a security key that does not say whose it is.
  assert.equal((await afterPassword(scene, passkey, { userHandle: undefined })).kind, "refused");
  const { secret } = evas;
  const options = (await assertionOptions(platform, { use: "confirm", secret, ...at }))!;
  assert.equal((await confirmByPasskey(platform, { secret, answer: passkey.get(options), ...at })).kind, "refused");
  const viewer = (await maybeViewer(platform, secret))!;
  const passkeyId = await idOf(scene, maxs.userId);
  await assert.rejects(removePasskey(platform, { viewer, passkeyId }), /Cannot find/);
});

slowInPostgres(
  "a copy of a passkey is noticed by its counter; then neither is accepted, and the other ways remain",
  async () => {
    await using scene = await usersScene();
    const { secret, userId } = await scene.user(eva), { platform } = scene;
    const passkey = await added(scene, secret);
    assert.equal((await alone(scene, passkey, { counter: 9 })).kind, "full");
    assert.equal((await alone(scene, passkey, { counter: 9 })).kind, "refused");
    assert.equal((await alone(scene, passkey, { counter: 12 })).kind, "refused");
    assert.deepEqual((await listPasskeys(platform, userId)).map(({ isSetAside }) => isSetAside), [true]);
    assert((await actionsOf(scene)).includes("passkeySetAside"));
    assert.equal((await afterPassword(scene, passkey, { counter: 20 })).kind, "refused");
    assert.notEqual(await scene.signIn(eva), undefined);
    // From counting to not counting is back as well.
    const other = await added(scene, secret, softPasskey({ origin }), "Other");
    assert.equal((await alone(scene, other, { counter: 0 })).kind, "refused");
  },
);

Deno.test("a stranger learns nothing of anybody's passkeys, and fills no store by asking", async () => {
  await using scene = await usersScene();
  const { platform, queries } = scene, { secret } = await scene.user(eva);
  const passkey = await added(scene, secret);
  const options = await assertionOptions(platform, { use: "signIn", secret: browserKey, ...at }) as {
    allowCredentials?: { id: string }[];
    userVerification: string;
    rpId: string;
  };
  assert.deepEqual(options.allowCredentials ?? [], []);
  assert.deepEqual([options.userVerification, options.rpId], ["required", "portal.example.com"]);
  const first = await signInByPassword(platform, { email: eva, password, ...client });
  assert(first.kind === "secondFactor");
  const known = await assertionOptions(platform, {
    use: "secondFactor",
    secret: first.secret,
    ...at,
  }) as typeof options;
  assert.deepEqual(known.allowCredentials!.map(({ id }) => id), [passkey.id]);
  for (let i = 0; i < 250; i++) await assertionOptions(platform, { use: "signIn", secret: browserKey, ...at });
  const { count } = (await queries.get<{ count: number }>("SELECT count(*) AS count FROM user_challenges"))!;
  assert.equal(count, 200);
  assert.equal((await alone(scene, passkey)).kind, "full");
  // Where browsers have no passkeys, none are asked for.
  const byAddress = { ...at, origin: "https://127.0.0.1:8443" };
  assert.equal(await assertionOptions(platform, { use: "signIn", secret: browserKey, ...byAddress }), undefined);
});

slowInPostgres("who is deactivated, invited anew, or of a closed customer signs in by no passkey", async () => {
  await using scene = await usersScene();
  const { platform } = scene;
  await scene.user(max);
  const { secret } = await scene.user(eva), passkey = await added(scene, secret);
  const ann = await scene.user("ann@acme.example", { customer: "Acme" });
  const anns = await added(scene, ann.secret);
  await closeCustomer(platform, operator, { customer: "Acme", reason: "ended" });
  assert.equal((await alone(scene, anns)).kind, "refused");
  await deactivateUser(platform, operator, { user: eva });
  assert.equal((await alone(scene, passkey)).kind, "refused");
  const { token } = await reactivateUser(platform, operator, { user: eva });
  assert.equal((await alone(scene, passkey)).kind, "refused");
  assert.equal((await usePasswordLink(platform, { token, password, ...client })).kind, "secondFactor");
  assert.equal((await alone(scene, passkey)).kind, "full");
  await reactivateUser(platform, operator, { user: eva, resetSecondFactor: true });
  assert.equal((await listUsers(platform, operator, {})).find(({ email }) => email === eva)!.hasSecondFactor, false);
});

Deno.test("whoever signs in by a provider of identities does not pass it by with a passkey", async () => {
  await using scene = await usersScene();
  const { platform, queries } = scene, { secret } = await scene.user(eva);
  await scene.user(max);
  const passkey = await added(scene, secret);
  await queries.run("UPDATE users SET of_provider = 'idp-1' WHERE email = :eva", { eva });
  for (let i = 0; i < 6; i++) assert.equal((await alone(scene, passkey)).kind, "refused");
  const options = (await assertionOptions(platform, { use: "confirm", secret, ...at }))!;
  assert.equal((await confirmByPasskey(platform, { secret, answer: passkey.get(options), ...at })).kind, "refused");
  assert.deepEqual(await stateOf(scene, eva), ["active", null]);
});

slowInPostgres("a passkey proves again who somebody is, if it verified the person", async () => {
  await using scene = await usersScene();
  const { platform, clock } = scene, { secret } = await scene.user(eva);
  const passkey = await added(scene, secret);
  const confirm = async (change: Change = {}) => {
    const options = (await assertionOptions(platform, { use: "confirm", secret, ...at }))!;
    return (await confirmByPasskey(platform, { secret, answer: passkey.get(options, change), ...at })).kind;
  };
  clock.advance(10 * minute);
  assert.equal(await confirm({ isVerified: false }), "refused");
  assert.equal((await maybeViewer(platform, secret))?.isConfirmed, false);
  assert.equal(await confirm(), "full");
  assert.equal((await maybeViewer(platform, secret))?.isConfirmed, true);
});

slowInPostgres("strangers cannot keep the last administrator from signing in by passkey, in any browser", async () => {
  await using scene = await usersScene();
  const { secret } = await scene.user(eva), passkey = await added(scene, secret), { platform } = scene;
  const stranger = { source: "203.0.113.9", browser: "curl" };
  for (let i = 0; i < 5; i++) await signInByPassword(platform, { email: eva, password: "wrong", ...stranger });
  assert.equal((await signInByPassword(platform, { email: eva, password, ...client })).kind, "refused");
  assert.equal((await alone(scene, passkey)).kind, "full");
});

const certificate = new Map<string, unknown>([["alg", -7], ["sig", new Uint8Array(8)], ["x5c", [new Uint8Array(8)]]]);

for (
  const [what, change] of Object.entries<Change>({
    "from another site": { origin: "https://evil.example" },
    "for another site": { rpId: "evil.example" },
    "as an answer to another kind of question": { type: "webauthn.get" },
    "in a frame of another site": { crossOrigin: true },
    "without a person": { isPresent: false },
    "with an algorithm that nobody asked for (RS1)": { alg: -65535 },
    "with an algorithm of a key of another kind": { alg: -257 },
    "with a certificate": { format: "packed", statement: certificate },
    "with a format that loads lists from elsewhere": { format: "android-key", statement: certificate },
    "with an id that is not its own": { id: Buffer.alloc(32).toString("base64url") },
  })
) {
  Deno.test(`a passkey ${what} is not registered`, async () => {
    await using scene = await usersScene();
    const { platform } = scene, { secret, userId } = await scene.user(eva);
    const options = (await registrationOptions(platform, { secret, step: "full", ...at }))!;
    const passkey = softPasskey({ origin }), answer = passkey.create(options, change);
    const done = await registerPasskey(platform, { secret, step: "full", answer, name: "Key", ...at });
    assert.equal(done.kind, "refused");
    assert.deepEqual(await listPasskeys(platform, userId), []);
  });
}

slowInPostgres("a registration is of one session, one step, once, and of one user", async () => {
  await using scene = await usersScene();
  const { platform } = scene, maxs = await scene.user(max), evas = await scene.user(eva);
  const step = "full", ask = async (secret: string) => (await registrationOptions(platform, { secret, step, ...at }))!;
  const give = async (secret: string, answer: string, step: "full" | "enrolment" = "full") =>
    (await registerPasskey(platform, { secret, step, answer, name: "Key", ...at })).kind;
  const passkey = softPasskey({ origin }), answer = passkey.create(await ask(evas.secret));
  assert.equal(await give(maxs.secret, answer), "over");
  assert.equal(await give(evas.secret, answer, "enrolment"), "over");
  assert.equal(await registrationOptions(platform, { secret: evas.secret, step: "enrolment", ...at }), undefined);
  assert.equal(await give(evas.secret, answer), "added");
  assert.equal(await give(evas.secret, answer), "over");
  // The credential of somebody else is not taken over.
  assert.equal(await give(maxs.secret, passkey.create(await ask(maxs.secret))), "refused");
  const { excludeCredentials, user } = await ask(evas.secret) as {
    excludeCredentials: { id: string; transports: string[] }[];
    user: { id: string };
  };
  assert.deepEqual(excludeCredentials.map(({ id, transports }) => [id, transports]), [[passkey.id, ["internal"]]]);
  const handle = Buffer.from(user.id, "base64url");
  assert.equal(handle.length, 32);
  assert(!handle.toString("latin1").includes("usr-"));
  for (const name of ["", " ", "x".repeat(61), "a\u0000b"]) {
    const wanted = { secret: evas.secret, step: "full", answer, name, ...at } as const;
    await assert.rejects(async () => await registerPasskey(platform, wanted), /1 to 60/);
  }
});
