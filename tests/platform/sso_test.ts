/** Users from elsewhere: who they are, what they may, and how long a session lasts after the provider has said no. */
import assert from "node:assert/strict";
import { UsageError } from "../../common/core/errors.ts";
import { createCustomer } from "../../platform/customers/customers.ts";
import { closeCustomer } from "../../platform/customers/close.ts";
import { answerFlow, beginFlow, flowMs, lookAtFlow, maybeFlow } from "../../platform/sso/flows.ts";
import type { Rechecked } from "../../platform/sso/identity.ts";
import { linkByPassword, linkUser, unlinkUser } from "../../platform/sso/link_user.ts";
import { addProvider, changeProvider, removeProvider, setGroupRoles } from "../../platform/sso/manage_providers.ts";
import { listProviders, providerOfEmail, shownProviders } from "../../platform/sso/providers.ts";
import { recheckSessions } from "../../platform/sso/recheck.ts";
import { deactivateInactive } from "../../platform/users/inactivity.ts";
import { deactivateUser, reactivateUser, requestPassword } from "../../platform/users/manage_users.ts";
import { maybeStaleSession, maybeViewer } from "../../platform/users/sessions.ts";
import { signInByPassword, signInBySecondFactor } from "../../platform/users/sign_in.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { mia, oidcSettings, secretOf, type SsoScene, ssoScene } from "./sso_scene.ts";
import { client, operator, password } from "./users_fixture.ts";

const minute = 60_000, day = 86_400_000;

async function rolesOf(scene: SsoScene, secret: string): Promise<string[] | undefined> {
  const viewer = await maybeViewer(scene.platform, secret);
  return viewer?.grants.map(({ role }) => role);
}

const actionsOf = async ({ queries }: SsoScene) =>
  (await queries.all<{ action: string }>("SELECT action FROM audit_log ORDER BY entry")).map(({ action }) => action);

slowInPostgres(
  "whoever a provider vouches for is made a user, with the roles of the groups, anew each time",
  async () => {
    await using scene = await ssoScene();
    const first = secretOf(await scene.vouch(mia));
    assert.deepEqual(await rolesOf(scene, first), ["technician"]);
    const again = secretOf(
      await scene.vouch({ ...mia, groups: ["dca-admins", "else"], email: "mia.new@partner.example" }),
    );
    assert.deepEqual(await rolesOf(scene, again), ["administrator"]);
    // The session before has the new roles as well.
    assert.deepEqual(await rolesOf(scene, first), ["administrator"]);
    const users = await scene.queries.all<{ email: string; of_provider: string }>(
      "SELECT email, of_provider FROM users",
    );
    assert.deepEqual(users.map((user) => ({ ...user })), [{
      email: "mia.new@partner.example",
      of_provider: scene.providerId,
    }]);
    const actions = await actionsOf(scene);
    for (
      const action of ["identityProviderAdded", "groupRolesSet", "userAddedByProvider", "signedIn", "userRolesSet"]
    ) {
      assert(actions.includes(action), action);
    }
  },
);

slowInPostgres("without a mapped group nobody gets in, and who has lost the last one is out at once", async () => {
  await using scene = await ssoScene();
  assert.deepEqual(await scene.vouch({ ...mia, groups: ["DCA-technicians", "dca", ""] }), {
    kind: "noRole",
    groups: 3,
  });
  assert.equal((await scene.queries.all("SELECT 1 FROM users")).length, 0);
  const secret = secretOf(await scene.vouch(mia));
  assert.deepEqual(await scene.vouch({ ...mia, groups: [] }), { kind: "noRole", groups: 0 });
  assert.equal(await rolesOf(scene, secret), undefined);
  assert.equal((await scene.queries.all("SELECT 1 FROM user_roles")).length, 0);
});

slowInPostgres("an equal address takes nobody over: the person links both by password and code", async () => {
  await using scene = await ssoScene();
  const { platform } = scene;
  await scene.user("boss@partner.example");
  const local = await scene.user("mia@partner.example", { grants: [{ role: "administrator" }] });
  const taken = await scene.vouch(mia);
  assert.deepEqual(taken, { kind: "taken", userId: local.userId, email: "mia@partner.example" });
  assert.equal((await scene.queries.all("SELECT 1 FROM user_identities")).length, 0);
  const flow = { providerId: scene.providerId, id: "link-1", browserSecret: "browser" };
  const kept = { identity: mia, userId: local.userId, email: local.email };
  await beginFlow(platform, { ...flow, purpose: "link", kept, next: "/", source: client.source });
  scene.clock.advance(30_000);
  const link = async (parts: Record<string, string>) =>
    await linkByPassword(platform, {
      providerId: scene.providerId,
      id: "link-1",
      flowSecret: "browser",
      password,
      code: await scene.code(local.userId),
      ...client,
      ...parts,
    });
  assert.equal((await link({ flowSecret: "another browser" })).kind, "over");
  assert.equal((await link({ password: "wrong" })).kind, "refused");
  assert.equal((await link({ code: "000000" })).kind, "refused");
  const linked = await link({});
  // The roles are the provider's, and the sessions of before have ended.
  assert.deepEqual(await rolesOf(scene, secretOf(linked as never)), ["technician"]);
  assert.equal(await maybeViewer(platform, local.secret), undefined);
  assert.equal((await link({})).kind, "over");
  assert.equal((await signInByPassword(platform, { email: local.email, password, ...client })).kind, "refused");
  assert.equal(secretOf(await scene.vouch(mia)).length, 43);
  assert((await actionsOf(scene)).includes("userLinked"));
});

slowInPostgres("the last administrator with a password cannot be linked, deactivated or lose the role", async () => {
  await using scene = await ssoScene();
  const { platform, providerId: provider } = scene;
  const boss = await scene.user("boss@partner.example");
  secretOf(await scene.vouch({ ...mia, groups: ["dca-admins"] }));
  const link = { user: boss.email, provider, subject: "boss-1" };
  await assert.rejects(linkUser(platform, operator, link), /nobody would be left/);
  await assert.rejects(deactivateUser(platform, operator, { user: boss.email }), /nobody would be left/);
  await scene.user("second@partner.example");
  await linkUser(platform, operator, link);
  const signedIn = await scene.vouch({ ...mia, subject: "boss-1", email: boss.email });
  assert.deepEqual(await rolesOf(scene, secretOf(signedIn)), ["technician"]);
  // Users of the provider are not counted, so that they can be deactivated whatever they are.
  await deactivateUser(platform, operator, { user: "mia@partner.example" });
  await assert.rejects(linkUser(platform, operator, { ...link, user: "second@partner.example" }), UsageError);
  const back = await unlinkUser(platform, operator, { user: boss.email });
  assert.equal(back.token.length, 43);
  assert.equal((await scene.vouch({ ...mia, subject: "boss-1", email: undefined })).kind, "full");
});

slowInPostgres("an address of another dealer's user is neither told nor taken", async () => {
  await using scene = await ssoScene();
  const foreign = await scene.user("mia@partner.example", { dealer: "Foreign" });
  const viewer = await maybeViewer(scene.platform, secretOf(await scene.vouch(mia)));
  assert.deepEqual([viewer!.email, viewer!.name], ["mia@partner.example", "Mia"]);
  assert.notEqual(viewer!.userId, foreign.userId);
  assert.notEqual(viewer!.dealerId, (await maybeViewer(scene.platform, foreign.secret))!.dealerId);
});

slowInPostgres("users of a provider have no password: none is sent, guessed, or deactivates them", async () => {
  await using scene = await ssoScene();
  const { platform } = scene, secret = secretOf(await scene.vouch(mia));
  for (let attempt = 0; attempt < 6; attempt++) {
    assert.equal((await signInByPassword(platform, { email: mia.email!, password: "x", ...client })).kind, "refused");
  }
  await requestPassword(platform, { email: mia.email!, source: client.source });
  assert.equal((await scene.queries.all("SELECT 1 FROM user_links")).length, 0);
  assert.deepEqual(await rolesOf(scene, secret), ["technician"]);
});

slowInPostgres("a user that is deactivated here stays out, until an administrator lets it in again", async () => {
  await using scene = await ssoScene();
  const { platform } = scene, secret = secretOf(await scene.vouch(mia));
  await deactivateUser(platform, operator, { user: mia.email! });
  assert.equal(await rolesOf(scene, secret), undefined);
  assert.deepEqual(await scene.vouch(mia), { kind: "deactivated" });
  const link = await reactivateUser(platform, operator, { user: mia.email! });
  assert.deepEqual([link.isOfProvider, link.token, link.address], [true, "", undefined]);
  secretOf(await scene.vouch(mia));
  scene.clock.advance(91 * day);
  assert.equal(await deactivateInactive(platform), 1);
  assert.deepEqual(await scene.vouch(mia), { kind: "deactivated" });
});

slowInPostgres("nobody signs in by a provider of a closed customer, or one that is not active", async () => {
  await using scene = await ssoScene();
  const { platform } = scene;
  await createCustomer(platform, operator, { name: "Short", dealer: "Print Partner" });
  const { providerId } = await addProvider(platform, operator, {
    kind: "oidc",
    name: "Of Short",
    customer: "Short",
    settings: oidcSettings,
  });
  await setGroupRoles(platform, operator, { provider: providerId, group: "g", grants: [{ role: "viewer" }] });
  const [row] = await scene.queries.all<{ of_customer: string }>(
    "SELECT of_customer FROM provider_roles WHERE group_name = 'g'",
  );
  assert.match(row!.of_customer, /^cus-/);
  await assert.rejects(
    setGroupRoles(platform, operator, {
      provider: providerId,
      group: "g",
      grants: [{ role: "viewer", customerId: "Acme" }],
    }),
    /does not belong/,
  );
  const provider = (await scene.provider())!, ofShort = { ...provider, providerId };
  await closeCustomer(platform, operator, { customer: "Short" } as never);
  const { signInByProvider } = await import("../../platform/sso/sign_in_by_provider.ts");
  const closed = await signInByProvider(platform, {
    provider: ofShort,
    identity: { ...mia, groups: ["g"] },
    ...client,
  });
  assert.deepEqual(closed, { kind: "closed" });
  const secret = secretOf(await scene.vouch(mia));
  await changeProvider(platform, operator, { provider: "Example", isActive: false });
  assert.equal(await rolesOf(scene, secret), undefined);
  const away = await signInByProvider(platform, { provider, identity: mia, ...client });
  assert.deepEqual(away, { kind: "closed" });
});

slowInPostgres("a provider may leave the second factor to the platform", async () => {
  await using scene = await ssoScene({ needsFactor: true });
  const first = await scene.vouch(mia);
  assert.equal(first.kind, "enrolment");
  const other = await ssoScene();
  await using _ = other;
  assert.equal((await other.vouch(mia)).kind, "full");
  await changeProvider(other.platform, operator, { provider: "Example", needsFactor: true });
  const user = await other.queries.get<{ user_id: string }>("SELECT user_id FROM users");
  const { sealSecret } = await import("../../platform/users/second_factor.ts");
  await other.queries.run("UPDATE users SET totp_secret = :sealed", {
    sealed: sealSecret(new Uint8Array(20), { pepper: other.platform.pepper, userId: user!.user_id }),
  });
  const asked = await other.vouch(mia);
  assert.equal(asked.kind, "secondFactor");
  assert.equal(await maybeViewer(other.platform, (asked as { secret: string }).secret), undefined);
  const done = await signInBySecondFactor(other.platform, {
    secret: (asked as { secret: string }).secret,
    code: await other.code(user!.user_id),
    ...client,
  });
  const viewer = await maybeViewer(other.platform, (done as { secret: string }).secret);
  assert.equal(viewer!.providerId, other.providerId);
  other.clock.advance(5 * minute);
  assert.equal(await maybeViewer(other.platform, (done as { secret: string }).secret), undefined);
});

slowInPostgres(
  "a session ends within five minutes after its provider says no, and keeps up with the groups",
  async () => {
    await using scene = await ssoScene();
    const { platform, clock } = scene, secret = secretOf(await scene.vouch(mia)), asked: string[] = [];
    const says = (said: Rechecked) =>
      recheckSessions(platform, (_, __, { kept }) => {
        asked.push(kept);
        return Promise.resolve(said);
      });
    assert.equal(await says({ kind: "gone", reason: "x" }), 0);
    clock.advance(3 * minute);
    assert.equal(await says({ kind: "valid", identity: { ...mia, kept: "token 2", groups: ["dca-admins"] } }), 1);
    assert.deepEqual(await rolesOf(scene, secret), ["administrator"]);
    clock.advance(3 * minute);
    await says({ kind: "gone", reason: "disabled" });
    assert.equal(await rolesOf(scene, secret), undefined);
    assert.equal((await scene.queries.all("SELECT 1 FROM user_roles")).length, 0);
    assert.deepEqual(asked, ["token 1", "token 2"]);
    assert((await actionsOf(scene)).includes("userSessionsEnded"));
    // Nobody asks: the session ends by itself.
    const alone = secretOf(await scene.vouch(mia));
    clock.advance(5 * minute - 1);
    assert.deepEqual(await rolesOf(scene, alone), ["technician"]);
    clock.advance(1);
    assert.equal(await rolesOf(scene, alone), undefined);
    assert.equal((await maybeStaleSession(platform, alone))!.provider_id, scene.providerId);
  },
);

slowInPostgres("a provider that is away keeps sessions for a quarter of an hour, and no longer", async () => {
  await using scene = await ssoScene();
  const { platform, clock } = scene, secret = secretOf(await scene.vouch(mia));
  const look = () => recheckSessions(platform, () => Promise.reject(new Error("no route to host")));
  let lasted = 0;
  for (; lasted < 60 && await rolesOf(scene, secret) !== undefined; lasted++) {
    clock.advance(30_000);
    await look();
  }
  assert.equal(lasted / 2, 15);
});

slowInPostgres("two processes ask once, and what speaks of somebody else ends the session", async () => {
  await using scene = await ssoScene();
  const { platform, clock } = scene, secret = secretOf(await scene.vouch(mia));
  clock.advance(3 * minute);
  let asked = 0;
  const ask = () => {
    asked++;
    return Promise.resolve({ kind: "valid", identity: { ...mia, subject: "max-1" } } as const);
  };
  await Promise.all([recheckSessions(platform, ask), recheckSessions(platform, ask)]);
  assert.equal(asked, 1);
  assert.equal(await rolesOf(scene, secret), undefined);
});

slowInPostgres("a flow counts once, in its browser, for its provider, and until its end", async () => {
  await using scene = await ssoScene();
  const { platform, clock, providerId } = scene;
  const begin = (id: string) =>
    beginFlow(platform, {
      providerId,
      purpose: "signIn",
      id,
      browserSecret: "b",
      kept: { nonce: id },
      next: "/",
      source: "s",
    });
  await begin("one");
  const ask = (parts: object = {}) => maybeFlow(platform, { providerId, id: "one", browserSecret: "b", ...parts });
  assert.equal(await ask({ browserSecret: "c" }), undefined);
  assert.equal(await ask({ browserSecret: undefined }), undefined);
  assert.equal(await ask({ providerId: "idp-other" }), undefined);
  assert.equal(await ask({ id: "two" }), undefined);
  assert.deepEqual((await ask())!.kept, { nonce: "one" });
  assert.equal(await ask(), undefined);
  await begin("one");
  clock.advance(flowMs);
  assert.equal(await ask(), undefined);
  // An answer by a form of another origin, which has no cookie.
  await begin("three");
  assert.deepEqual((await lookAtFlow(platform, { providerId, id: "three" }))!.kept, { nonce: "three" });
  const answer = (id: string) =>
    answerFlow(platform, { providerId, id, nextId: `${id}-next`, kept: {}, assertion: { id: "a", endsAt: 1e15 } });
  assert.deepEqual(
    await Promise.all([answer("three"), answer("three")].map((done) => done.catch(() => false))).then((all) =>
      all.filter(Boolean).length
    ),
    1,
  );
  assert.equal((await maybeFlow(platform, { providerId, id: "three-next", browserSecret: "b" }))!.purpose, "signIn");
  await begin("four");
  assert.equal(await answer("four"), false, "the assertion was used before");
  // One source has a limited number of them; others go on.
  await scene.queries.run(
    `INSERT INTO provider_flows (flow, provider_id, purpose, browser, kept, next_path, source, ends_at)
     WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
     SELECT ${scene.platform.store.engine === "sqlite" ? "CAST(i AS BLOB)" : "CAST(CAST(i AS text) AS bytea)"},
       :provider, 'signIn', :empty, :empty, '/', 's', :end FROM n`,
    { provider: providerId, empty: new Uint8Array(), end: clock.now().getTime() + flowMs },
  );
  await assert.rejects(begin("one more"), /too many sign-ins are under way from s/);
  const flow = { providerId, purpose: "signIn", id: "other", browserSecret: "b", kept: {}, next: "/" } as const;
  await beginFlow(platform, { ...flow, source: "another" });
});

slowInPostgres(
  "a provider is found by name and e-mail domain; its secrets are shown nowhere; it goes with its users",
  async () => {
    await using scene = await ssoScene();
    const { platform } = scene;
    secretOf(await scene.vouch(mia));
    const add = (parts: object) =>
      addProvider(platform, operator, {
        kind: "oidc",
        name: "Other",
        dealer: "Foreign",
        settings: oidcSettings,
        ...parts,
      });
    await assert.rejects(add({ domains: ["PARTNER.example"] }), /leads to another one/);
    await assert.rejects(add({ settings: { ...oidcSettings, issuer: "http://login.example.com" } }), /as an address/);
    for (const tenant of ["common", "organizations", "consumers"]) {
      const settings = { ...oidcSettings, issuer: `https://login.microsoftonline.com/${tenant}/v2.0` };
      await assert.rejects(add({ settings }), /every organization/);
    }
    await assert.rejects(add({ settings: { issuer: "https://a.example" } }), /without the setting "client-id"/);
    await assert.rejects(add({ settings: { ...oidcSettings, secret: "x" } }), /as a setting/);
    await assert.rejects(add({ name: "example", dealer: "Print Partner" }), /has this name/);
    assert.deepEqual(await providerOfEmail(platform, " Max@Partner.Example "), {
      providerId: scene.providerId,
      name: "Example",
    });
    assert.equal(await providerOfEmail(platform, "max@elsewhere.example"), undefined);
    assert.deepEqual((await shownProviders(platform)).shown.map(({ name }) => name), ["Example"]);
    const listed = await listProviders(platform, operator);
    assert.equal(JSON.stringify(listed).includes("s3cret"), false);
    assert.equal(listed[0]!.users, 1);
    const dump = JSON.stringify(await scene.queries.all("SELECT settings, secrets FROM identity_providers"));
    assert.equal(dump.includes("s3cret"), false);
    assert.equal(JSON.stringify(await scene.queries.all("SELECT detail FROM audit_log")).includes("s3cret"), false);
    await assert.rejects(
      changeProvider(platform, operator, { provider: "Example", settings: { issuer: "https://evil.example" } }),
      /have signed in by it/,
    );
    await changeProvider(platform, operator, { provider: "Example", settings: { "groups-claim": "roles" } });
    assert.equal((await scene.provider()).settings["client-secret"], "s3cret");
    assert.deepEqual(await removeProvider(platform, operator, { provider: "Example" }), { name: "Example", users: 1 });
    const user = await scene.queries.get("SELECT state, of_provider FROM users");
    assert.deepEqual({ ...user as object }, { state: "deactivated", of_provider: null });
  },
);
