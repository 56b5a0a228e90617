/** Pages of identity providers: who may change what, and which words they have. */
import assert from "node:assert/strict";
import { addProvider } from "../../platform/sso/manage_providers.ts";
import { kinds } from "../../platform/sso/kinds.ts";
import type { Setting } from "../../platform/sso/setting.ts";
import { providerWords } from "../../platform/portal/words/provider_words.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { quickRsaKeys } from "../fixtures/rsa_keys.ts";
import { createSamlPeer } from "../fixtures/saml_peer.ts";
import { portalScene } from "./portal_scene.ts";
import { oidcSettings } from "./sso_scene.ts";
import { operator } from "./users_fixture.ts";

const settings = {
  "setting-issuer": "https://login.example.com",
  "setting-client-id": "portal",
  "setting-client-secret": "very secret",
  "setting-scopes": "openid",
  "setting-groups-claim": "groups",
};

Deno.test("every setting of every kind has words", () => {
  for (const { settings } of Object.values(kinds) as { settings: readonly Setting[] }[]) {
    for (const { name } of settings) assert(Object.hasOwn(providerWords, `setting_${name}`), name);
  }
});

slowInPostgres(
  "an administrator adds a provider, gives roles to groups, and removes it; the secret is never shown",
  async () => {
    await using scene = await portalScene();
    const admin = await scene.signedIn("eva@partner.example");
    assert.match((await admin.get("/users")).body, /href="\/identity-providers"/);
    const wrong = await admin.post("/identity-providers/new/oidc", {
      ...settings,
      name: "Example",
      "setting-issuer": "x",
    });
    assert.equal(wrong.status, 422);
    assert.match(wrong.body, /as an address[\s\S]*value="portal"/);
    assert.doesNotMatch(wrong.body, /very secret/);
    const added = await admin.post("/identity-providers/new/oidc", {
      ...settings,
      name: "Example",
      domains: "example.com, example.org",
      shown: "yes",
    });
    const page = added.location;
    assert.match(page, /^\/identity-providers\/idp-/);
    const shown = await admin.get(page);
    assert.match(shown.body, new RegExp(`${scene.origin}/sign-in/oidc/idp-[\\s\\S]*value="example.com example.org"`));
    assert.doesNotMatch(shown.body, /very secret/);
    await admin.post(`${page}/roles`, { group: "techs", role: "technician", customer: "" });
    await admin.post(`${page}/roles`, { group: "techs", role: "viewer", customer: scene.acme });
    assert.match((await admin.get(page)).body, /techs[\s\S]*technician[\s\S]*viewer: Acme/);
    const { "setting-client-secret": _, ...others } = settings;
    assert.equal((await admin.post(page, { ...others, name: "Renamed", domains: "example.com" })).location, page);
    const row = await scene.platform.queries.get<{ secrets: Uint8Array }>("SELECT secrets FROM identity_providers");
    assert(row!.secrets.length > 10);
    await admin.post(`${page}/stop`);
    assert.match((await admin.get(page)).body, /Renamed[\s\S]*Not active/);
    await admin.post(`${page}/roles`, { group: "techs" });
    assert.match((await admin.get(page)).body, /No group has a role/);
    assert.equal((await admin.post(`${page}/remove`)).location, "/identity-providers");
    assert.equal((await admin.get(page)).status, 422);
  },
);

Deno.test("a provider is its dealer's, or its customer's, and nobody gives or changes more than they have", async () => {
  await using scene = await portalScene();
  const admin = await scene.signedIn("eva@partner.example");
  const ofAcme = await scene.signedIn("ann@acme.example", { customer: "Acme", grants: [{ role: "administrator" }] });
  const foreign = await scene.signedIn("bob@foreign.example", { dealer: "Foreign" });
  const viewer = await scene.signedIn("max@partner.example", { grants: [{ role: "viewer" }] });
  const of = async (user: typeof admin, name: string) =>
    (await user.post("/identity-providers/new/oidc", { ...settings, name })).location;
  const dealers = await of(admin, "Of the dealer"), acmes = await of(ofAcme, "Of Acme");
  for (
    const [user, page, refused] of [
      [admin, dealers, 200],
      [admin, acmes, 200],
      [ofAcme, acmes, 200],
      [ofAcme, dealers, 422],
      [foreign, dealers, 422],
      [foreign, acmes, 422],
      [viewer, dealers, 404],
    ] as const
  ) {
    assert.equal((await user.get(page)).status, refused, page);
    if (refused === 200) continue;
    for (const what of ["", "/roles", "/stop", "/remove"]) {
      const { status } = await user.post(`${page}${what}`, { ...settings, name: "Stolen", group: "g", role: "viewer" });
      assert.equal(status, refused, what);
    }
  }
  const more = await ofAcme.post(`${acmes}/roles`, { group: "g", role: "viewer", customer: scene.other });
  assert.equal(more.status, 422);
  await ofAcme.post(`${acmes}/roles`, { group: "g", role: "administrator", customer: "" });
  const roles = await scene.platform.queries.all<{ of_customer: string }>("SELECT of_customer FROM provider_roles");
  assert.deepEqual(roles.map(({ of_customer }) => of_customer), [scene.acme]);
  assert.equal((await viewer.get("/identity-providers")).status, 404);
});

Deno.test("an administrator sees the portal's key for a provider of SAML, and makes another one", async () => {
  using _keys = quickRsaKeys();
  await using scene = await portalScene();
  const admin = await scene.signedIn("eva@partner.example"), { certificatePem } = await createSamlPeer();
  const added = await admin.post("/identity-providers/new/saml", {
    name: "AD FS",
    "setting-idp-issuer": "https://fs.example.com/trust",
    "setting-sign-in-address": "https://fs.example.com/adfs/ls/",
    "setting-certificate": certificatePem,
  });
  const page = added.location, metadata = `/sign-in/saml/${page.split("/").at(-1)}/metadata`;
  assert.match((await admin.get(page)).body, /Key of the portal<\/h2><p>There is none yet/);
  const shown = async () => /-----BEGIN CERTIFICATE-----[^<]*/.exec((await admin.get(page)).body)?.[0];
  const offered = async () => [...(await admin.get(metadata)).body.matchAll(/<ds:X509Certificate>/g)].length;
  assert.equal((await admin.post(`${page}/key`)).location, page);
  const first = await shown();
  scene.platform.clock.advance(1000);
  await admin.post(`${page}/key`);
  assert.match((await admin.get(page)).body, /The one before counts until /);
  assert.notEqual(await shown(), first);
  // Two that sign, one to encrypt for.
  assert.equal(await offered(), 3);
  scene.platform.clock.advance(1000);
  await admin.post(`${page}/key`, { atOnce: "yes" });
  assert.equal(await offered(), 2);
  assert.doesNotMatch((await admin.get(page)).body, /PRIVATE KEY|The one before/);
  // Only of what the viewer sees, and of no other kind.
  const other = await scene.signedIn("max@elsewhere.example", { dealer: "Foreign" });
  assert.equal((await other.post(`${page}/key`)).status, 422);
  const { location } = await admin.post("/identity-providers/new/oidc", { ...settings, name: "Other" });
  assert.match((await admin.post(`${location}/key`)).body, /only providers of the kind saml have one/);
  assert.doesNotMatch((await admin.get(location)).body, /Key of the portal/);
});

Deno.test("providers are changed only soon after a proof", async () => {
  await using scene = await portalScene();
  const admin = await scene.signedIn("eva@partner.example");
  scene.platform.clock.advance(10 * 60_000);
  const asked = await admin.post("/identity-providers/new/oidc", { ...settings, name: "Example" });
  assert.match(asked.location, /^\/confirm\?/);
  assert.equal((await scene.platform.queries.all("SELECT 1 FROM identity_providers")).length, 0);
});

slowInPostgres("the list of users says by which provider each signs in", async () => {
  await using scene = await portalScene();
  const { platform, queries } = scene.platform, admin = await scene.signedIn("eva@partner.example");
  const { providerId } = await addProvider(platform, operator, {
    kind: "oidc",
    name: "Entra <1>",
    dealer: "Print Partner",
    settings: oidcSettings,
    domains: [],
    isShown: true,
  });
  await scene.signedIn("max@partner.example", { grants: [{ role: "viewer" }] });
  await queries.run("UPDATE users SET of_provider = :id WHERE email = 'max@partner.example'", { id: providerId });
  const { body } = await admin.get("/users");
  assert.match(body, /eva@partner\.example(?:(?!<tr>)[\s\S])*password or passkey/);
  assert.match(body, /max@partner\.example(?:(?!<tr>)[\s\S])*Entra &lt;1&gt;/);
});
