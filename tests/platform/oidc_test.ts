/** Sign-in by OpenID Connect through the portal, at a real provider. */
import assert from "node:assert/strict";
import { addProvider, changeProvider, setGroupRoles } from "../../platform/sso/manage_providers.ts";
import { recheckSessions } from "../../platform/sso/recheck.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { type OidcPeer, startOidcPeer } from "../fixtures/oidc_peer.ts";
import { freePort } from "../fixtures/free_port.ts";
import { type Answered, type PortalScene, portalScene, type Visitor } from "./portal_scene.ts";
import { operator, password } from "./users_fixture.ts";

const minute = 60_000;

interface OidcScene extends AsyncDisposable {
  scene: PortalScene;
  peer: OidcPeer;
  providerId: string;
  /** Where the browser is after the provider: an address of the portal. */
  toProvider(browser: Visitor, path?: string): Promise<string>;
  /** The whole sign-in. */
  signIn(browser: Visitor, path?: string): Promise<Answered>;
  said(): string;
}

async function oidcScene({ settings = {}, ...options }: {
  settings?: Record<string, string>;
  refreshTokens?: boolean;
} = {}): Promise<OidcScene> {
  await using built = new AsyncDisposableStack();
  const scene = built.use(await portalScene()), { platform } = scene.platform;
  const port = freePort();
  const { providerId } = await addProvider(platform, operator, {
    kind: "oidc",
    name: "Example",
    dealer: "Print Partner",
    domains: ["partner.example"],
    isShown: true,
    settings: { issuer: `https://localhost:${port}`, "client-id": "portal", "client-secret": "x" },
  });
  const redirect = `${scene.origin}/sign-in/oidc/${providerId}`;
  const peer = built.use(await startOidcPeer({ redirectOf: [redirect], port, ...options }));
  await changeProvider(platform, operator, { provider: providerId, settings: { ...peer.settings, ...settings } });
  await setGroupRoles(platform, operator, { provider: providerId, group: "techs", grants: [{ role: "technician" }] });
  await setGroupRoles(platform, operator, {
    provider: providerId,
    group: "admins",
    grants: [{ role: "administrator" }],
  });
  peer.people.set("mia-1", {
    email: "mia@partner.example",
    email_verified: true,
    name: "Mia",
    groups: ["techs", "all-staff"],
  });
  peer.next = { subject: "mia-1" };
  const path = `/sign-in/with/${providerId}`;
  const toProvider = async (browser: Visitor, from = path) => {
    const led = await browser.get(from);
    assert.equal(led.status, 302, led.body);
    return await peer.follow(led.location);
  };
  const all = built.move();
  return {
    scene,
    peer,
    providerId,
    toProvider,
    signIn: async (browser, from) => await browser.get(pathOf(await toProvider(browser, from))),
    said: () =>
      scene.platform.events.filter(({ event }) => event === "providerSignInFailed").map(({ fields }) =>
        fields["message"]
      )
        .join("\n"),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

const pathOf = (address: string) => new URL(address).pathname + new URL(address).search;

slowInPostgres("a person signs in at the provider, and has the roles of the groups there", async () => {
  await using oidc = await oidcScene();
  const { scene, peer } = oidc, browser = scene.visitor();
  const page = await browser.get("/sign-in?next=%2Faccount");
  assert.match(page.body, new RegExp(`href="/sign-in/with/${oidc.providerId}\\?next=%2Faccount">Sign in with Example`));
  const led = await browser.get(`/sign-in/with/${oidc.providerId}?next=%2Faccount`);
  assert.match(led.location, /code_challenge_method=S256/);
  assert.match(String(led.headers["set-cookie"]), /^__Host-opendca-flow=[\w-]{43};.*HttpOnly; Secure; SameSite=Lax$/);
  const back = await peer.follow(led.location);
  assert.match(back, new RegExp(`^${scene.origin}/sign-in/oidc/${oidc.providerId}\\?code=`));
  browser.cookies.set("__Host-opendca-session", "a".repeat(43));
  const done = await browser.get(pathOf(back));
  assert.equal(done.location, "/account", oidc.said());
  assert.notEqual(browser.cookies.get("__Host-opendca-session"), "a".repeat(43));
  assert.match((await browser.get("/account")).body, /Mia, mia@partner\.example/);
  assert.equal((await browser.get("/users")).status, 404);
  // The same answer once more, in the same browser and in another one.
  assert.equal((await browser.get(pathOf(back))).status, 401);
  assert.equal((await scene.visitor().get(pathOf(back))).status, 401);
  peer.people.get("mia-1")!["groups"] = ["admins"];
  assert.equal((await oidc.signIn(scene.visitor())).location, "/");
  assert.equal((await browser.get("/users")).status, 200);
});

Deno.test("an address leads to its company's provider; a form never leads to another origin", async () => {
  await using oidc = await oidcScene();
  const browser = oidc.scene.visitor();
  const found = await browser.post("/sign-in/company?next=%2Faccount", { company: "Mia@Partner.example" });
  assert.equal(found.headers["refresh"], `0; url=/sign-in/with/${oidc.providerId}?next=%2Faccount`);
  assert.equal((await browser.post("/sign-in/company", { company: "mia@elsewhere.example" })).status, 422);
});

Deno.test("an answer is only for the browser, the provider and the portal that it was asked by", async () => {
  await using oidc = await oidcScene();
  const { scene, providerId } = oidc, { platform } = scene.platform;
  const victim = scene.visitor(), attacker = scene.visitor();
  const path = pathOf(await oidc.toProvider(attacker));
  // Signing somebody else in as oneself (login CSRF).
  await oidc.toProvider(victim);
  assert.equal((await victim.get(path)).status, 401);
  // Mix-up: the answer of one provider at the address of another.
  const { providerId: other } = await addProvider(platform, operator, {
    kind: "oidc",
    name: "Other",
    dealer: "Print Partner",
    settings: { issuer: "https://other.example", "client-id": "portal", "client-secret": "x" },
  });
  assert.equal((await attacker.get(path.replace(providerId, other))).status, 401);
  for (
    const [what, wrong] of Object.entries({
      "another issuer": path.replace(/iss=[^&]*/, "iss=https%3A%2F%2Fother.example"),
      "another code": path.replace(/code=[^&]*/, "code=x"),
    })
  ) {
    const browser = scene.visitor();
    const own = pathOf(await oidc.toProvider(browser));
    const state = /state=([^&]*)/.exec(own)![1]!;
    const refused = await browser.get(wrong.replace(/state=[^&]*/, `state=${state}`));
    assert.equal(refused.status, 401, what);
    assert.equal(refused.headers["set-cookie"], undefined, what);
    // It is used up.
    assert.equal((await browser.get(own)).status, 401, what);
  }
  assert.equal((await scene.visitor().get(`/sign-in/with/idp-000000000000`)).status, 401);
});

Deno.test("whoever has no mapped group, is deactivated or cancels is told so, and nothing else", async () => {
  await using oidc = await oidcScene();
  const { scene, peer } = oidc;
  peer.people.get("mia-1")!["groups"] = ["all-staff"];
  const refused = await oidc.signIn(scene.visitor());
  assert.equal(refused.status, 403);
  assert.match(refused.body, /none of your groups has a role here/);
  peer.next = undefined;
  peer.cookies.clear();
  const cancelled = await oidc.signIn(scene.visitor());
  assert.match(cancelled.body, /Example did not sign you in/);
  peer.next = { subject: "mia-1" };
  peer.people.get("mia-1")!["groups"] = ["techs"];
  peer.people.get("mia-1")!["_claim_names"] = { groups: "src1" };
  const overage = await oidc.signIn(scene.visitor());
  assert.match(overage.body, /too many groups/);
  assert.match(oidc.said(), /Groups assigned to the application/);
});

Deno.test("an address that nobody has checked is not used, and an equal one takes nobody over", async () => {
  await using oidc = await oidcScene();
  const { scene, peer } = oidc;
  await scene.signedIn("eva@partner.example");
  peer.people.set("max-1", { email: "eva@partner.example", email_verified: false, name: "Max", groups: ["techs"] });
  peer.next = { subject: "max-1" };
  const browser = scene.visitor();
  assert.equal((await oidc.signIn(browser)).location, "/");
  const account = (await browser.get("/account")).body;
  assert.doesNotMatch(account, /eva@/);
  assert.match(account, /Max, [0-9a-f]{16}@idp-/);
});

Deno.test("a user with a password is linked by the password and a code, once", async () => {
  await using oidc = await oidcScene();
  const { scene } = oidc, mia = "mia@partner.example";
  await scene.signedIn("eva@partner.example");
  await scene.signedIn(mia);
  const browser = scene.visitor(), asked = await oidc.signIn(browser);
  assert.match(asked.location, new RegExp(`^/sign-in/link/${oidc.providerId}\\?id=`));
  assert.match((await browser.get(asked.location)).body, /mia@partner\.example/);
  assert.equal((await scene.visitor().get(asked.location)).status, 401);
  const wrong = await browser.post(asked.location, { password: "wrong", code: await scene.code(mia) });
  assert.equal(wrong.status, 401);
  const linked = await browser.post(asked.location, { password, code: await scene.code(mia) });
  assert.equal(linked.location, "/");
  assert.match((await browser.get("/account")).body, /Mia, mia@partner\.example/);
  assert.equal((await browser.post(asked.location, { password, code: await scene.code(mia) })).status, 401);
  assert.equal((await oidc.signIn(scene.visitor())).location, "/");
});

slowInPostgres("whoever is disabled at the provider is out within five minutes", async () => {
  await using oidc = await oidcScene();
  const { scene, peer } = oidc, { platform, clock } = scene.platform, browser = scene.visitor();
  await oidc.signIn(browser);
  for (let minutes = 0; minutes < 12; minutes += 3) {
    clock.advance(3 * minute);
    assert.equal(await recheckSessions(platform), 1);
    assert.equal((await browser.get("/account")).status, 200, `after ${minutes} minutes`);
  }
  peer.people.get("mia-1")!["groups"] = ["admins"];
  clock.advance(3 * minute);
  await recheckSessions(platform);
  assert.equal((await browser.get("/users")).status, 200);
  peer.people.delete("mia-1");
  clock.advance(3 * minute);
  await recheckSessions(platform);
  assert.equal((await browser.get("/account")).location, "/sign-in?next=%2Faccount");
  const audit = await scene.platform.queries.all<{ detail: string }>(
    "SELECT detail FROM audit_log WHERE action = 'userSessionsEnded'",
  );
  assert.match(audit[0]!.detail, /invalid_grant/);
});

Deno.test("a provider that is away ends no session at once, and a sign-in says so", async () => {
  await using oidc = await oidcScene();
  const { scene, peer } = oidc, { platform, clock } = scene.platform, browser = scene.visitor();
  await oidc.signIn(browser);
  await peer.close();
  clock.advance(3 * minute);
  await recheckSessions(platform);
  clock.advance(minute);
  assert.equal((await browser.get("/account")).status, 200);
  for (let step = 0; step < 30; step++) {
    clock.advance(minute / 2);
    await recheckSessions(platform);
  }
  assert.match((await browser.get("/account")).location, /^\/sign-in\/with\/.*again=1/);
});

slowInPostgres(
  "without refresh tokens, a session goes on by a sign-in without questions every five minutes",
  async () => {
    await using oidc = await oidcScene({ refreshTokens: false });
    const { scene, peer } = oidc, { platform, clock } = scene.platform, browser = scene.visitor();
    await oidc.signIn(browser);
    const before = browser.cookies.get("__Host-opendca-session");
    clock.advance(5 * minute);
    assert.equal(await recheckSessions(platform), 0);
    const asked = await browser.get("/account");
    assert.equal(asked.location, `/sign-in/with/${oidc.providerId}?again=1&next=%2Faccount`);
    assert.equal((await oidc.signIn(browser, asked.location)).location, "/account", oidc.said());
    assert.equal((await browser.get("/account")).status, 200);
    assert.notEqual(browser.cookies.get("__Host-opendca-session"), before);
    // A renewal is no proof: dangerous things need one.
    const sessions = await scene.platform.queries.all<{ ends_at: number; created_at: number }>(
      "SELECT ends_at, created_at FROM user_sessions",
    );
    assert.equal(sessions.length, 1);
    assert.equal(sessions[0]!.ends_at - sessions[0]!.created_at, 12 * 60 * minute - 5 * minute);
    // Signed out at the provider: without questions it does not work, and the session is over.
    peer.cookies.clear();
    clock.advance(5 * minute);
    const again = await browser.get("/account");
    assert.equal((await oidc.signIn(browser, again.location)).location, "/sign-in?next=%2Faccount");
    assert.equal((await browser.get("/account")).status, 303);
  },
);

Deno.test("before dangerous things the person proves anew who it is, at the provider", async () => {
  await using oidc = await oidcScene();
  const { scene, peer } = oidc, browser = scene.visitor();
  peer.people.get("mia-1")!["groups"] = ["admins"];
  await oidc.signIn(browser);
  const invitation = { email: "max2@partner.example", name: "Max", role: "viewer", customer: "" };
  const asked = await browser.post("/users", invitation);
  assert.match(asked.location, /^\/confirm\?/);
  const page = await browser.get(asked.location);
  const path = /href="(\/confirm\/with\/[^"]+)"/.exec(page.body)![1]!.replaceAll("&amp;", "&");
  const password = await browser.post(asked.location, { password: "x", code: "" });
  assert.doesNotMatch(password.location, /users/);
  // Somebody else signs in at the provider meanwhile.
  peer.people.set("max-1", { ...peer.people.get("mia-1"), email: "max@partner.example" });
  peer.next = { subject: "max-1" };
  peer.cookies.clear();
  const other = await oidc.signIn(browser, path);
  assert.equal(other.status, 401, other.location);
  peer.next = { subject: "mia-1" };
  peer.cookies.clear();
  // The form that waited goes on, once.
  const kept = (await oidc.signIn(browser, path)).location;
  assert.match(kept, /^\/confirm\/kept\?form=[\w-]{43}&next=/);
  assert.match((await browser.get(kept)).body, /max2@partner\.example[\s\S]*\/link\//);
  assert.doesNotMatch((await browser.get(kept)).body, /\/link\//);
});

Deno.test("a second factor of the provider can be required, by amr and by acr", async () => {
  await using oidc = await oidcScene({ settings: { "require-amr": "mfa hwk" } });
  const { scene, peer } = oidc;
  const refused = await oidc.signIn(scene.visitor());
  assert.equal(refused.status, 401);
  assert.match(refused.body, /did not ask for the second factor/);
  peer.cookies.clear();
  peer.next = { subject: "mia-1", amr: ["pwd", "mfa"] };
  assert.equal((await oidc.signIn(scene.visitor())).location, "/", oidc.said());
});

Deno.test("after a sign-in at a provider, nobody is led elsewhere", async () => {
  await using oidc = await oidcScene();
  for (const next of ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]) {
    const path = `/sign-in/with/${oidc.providerId}?next=${encodeURIComponent(next)}`;
    assert.equal((await oidc.signIn(oidc.scene.visitor(), path)).location, "/", next);
  }
});
