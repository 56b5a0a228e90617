/** Sign-out of OpenID Connect: the browser is led to the provider, and logout tokens end sessions here. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type JWTPayload, SignJWT } from "jose";
import { addProvider, changeProvider, setGroupRoles } from "../../platform/sso/manage_providers.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { type HandmadeOidc, startHandmadeOidc } from "../fixtures/handmade_oidc.ts";
import { newRsaKeys } from "../fixtures/rsa_keys.ts";
import { type PortalScene, portalScene, type Visitor } from "./portal_scene.ts";
import { operator } from "./users_fixture.ts";

const event = "http://schemas.openid.net/event/backchannel-logout";

interface SignOutScene extends AsyncDisposable {
  scene: PortalScene;
  peer: HandmadeOidc;
  path: string;
  signIn(claims: JWTPayload): Promise<Visitor>;
  isIn(browser: Visitor): Promise<boolean>;
  /** A logout token as it should be. */
  claims(changed?: JWTPayload): JWTPayload;
  /** As the provider sends it. */
  send(token: string): Promise<number>;
}

async function signOutScene(settings: Record<string, string> = {}): Promise<SignOutScene> {
  await using built = new AsyncDisposableStack();
  const scene = built.use(await portalScene()), { platform } = scene.platform;
  let nonce = "", changed: JWTPayload = {}, count = 0;
  const peer = built.use(await startHandmadeOidc({ nonce: () => nonce }));
  peer.description["end_session_endpoint"] = `${peer.issuer}/logout?tenant=1`;
  peer.idToken = (claims) => peer.sign({ ...claims, ...changed });
  const { providerId } = await addProvider(platform, operator, {
    kind: "oidc",
    name: "Handmade",
    dealer: "Print Partner",
    settings: { ...peer.settings, ...settings },
  });
  await setGroupRoles(platform, operator, { provider: providerId, group: "techs", grants: [{ role: "technician" }] });
  const all = built.move(), path = `/sign-out/oidc/${providerId}`;
  return {
    scene,
    peer,
    path,
    async signIn(claims) {
      const browser = scene.visitor();
      const led = new URL((await browser.get(`/sign-in/with/${providerId}`)).location);
      nonce = led.searchParams.get("nonce")!;
      changed = claims;
      const done = await browser.get(`/sign-in/oidc/${providerId}?code=c&state=${led.searchParams.get("state")}`);
      assert.equal(done.status, 303, done.body);
      return browser;
    },
    isIn: async (browser) => (await browser.get("/account")).status === 200,
    claims: (claims = {}) => ({
      iss: peer.issuer,
      aud: "portal",
      iat: Math.floor(scene.platform.clock.now().getTime() / 1000),
      jti: `jti-${++count}`,
      events: { [event]: {} },
      sub: "mia-1",
      ...claims,
    }),
    // A server sends it: without an origin, and without cookies.
    send: async (token) => (await scene.visitor().post(path, { logout_token: token }, { origin: "" })).status,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

slowInPostgres("a logout token of the provider ends sessions by person and by session, once", async () => {
  await using signOut = await signOutScene();
  const { scene, peer, claims, send, isIn } = signOut;
  const desk = await signOut.signIn({ sid: "s-desk" }), phone = await signOut.signIn({ sid: "s-phone" });
  const max = await signOut.signIn({ sub: "max-1", email: "max@partner.example", sid: "s-max" });
  const token = await peer.sign(claims({ sid: "s-desk" }), { typ: "logout+jwt" });
  assert.equal(await send(token), 200);
  assert.deepEqual([await isIn(desk), await isIn(phone), await isIn(max)], [false, true, true]);
  assert.equal(await send(token), 400, "a token counts once");
  // By the session alone.
  const { sub: _, ...nobody } = claims({ sid: "s-max" });
  assert.equal(await send(await peer.sign(nobody)), 200);
  assert.deepEqual([await isIn(phone), await isIn(max)], [true, false]);
  assert.equal(await send(await peer.sign({ ...nobody, jti: "other", sid: "gone" })), 200);
  assert.equal(await send(await peer.sign(claims({ sub: "nobody" }))), 200);
  assert(await isIn(phone));
  assert.equal(await send(await peer.sign(claims())), 200);
  assert(!await isIn(phone));
  assert.equal(peer.asked.filter((path) => path === "/jwks").length, 2, "once to sign in, once for all tokens");
  const said = scene.platform.events.filter(({ event }) => event === "providerSignOutFailed");
  assert.match(String(said[0]!.fields["message"]), /used before/);
});

Deno.test("a logout token with anything wrong ends nothing", async () => {
  await using signOut = await signOutScene();
  const { scene, peer, claims, send, isIn } = signOut, other = await newRsaKeys();
  const browser = await signOut.signIn({ sid: "s-1" });
  const without = (name: string) => ({ ...claims(), [name]: undefined }) as JWTPayload;
  const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const wrong: Record<string, string | Promise<string>> = {
    "another issuer": peer.sign(claims({ iss: "https://other.example" })),
    "no issuer": peer.sign(without("iss")),
    "another client": peer.sign(claims({ aud: "another" })),
    "no client": peer.sign(without("aud")),
    "old": peer.sign(claims({ iat: claims().iat! - 500 })),
    "of the future": peer.sign(claims({ iat: claims().iat! + 500 })),
    "no time": peer.sign(without("iat")),
    "expired": peer.sign(claims({ exp: claims().iat! - 100 })),
    "no id": peer.sign(without("jti")),
    "an ID token": peer.sign(without("events")),
    "other events": peer.sign(claims({ events: { "http://schemas.openid.net/event/other": {} } })),
    "events that are a text": peer.sign(claims({ events: event })),
    "a nonce": peer.sign(claims({ nonce: "x" })),
    "nobody": peer.sign(without("sub")),
    "an empty name": peer.sign(claims({ sub: "" })),
    "an access token": peer.sign(claims(), { typ: "at+jwt" }),
    "the key of another": new SignJWT(claims()).setProtectedHeader({ alg: "RS256", kid: "one" }).sign(other.privateKey),
    "another key id": peer.sign(claims(), { kid: "two" }),
    "alg none": `${base64({ alg: "none" })}.${base64(claims())}.`,
    "HS256 with the public key": peer.signWith(claims(), new TextEncoder().encode(peer.publicKeyPem)),
    "HS256 with the client's secret": peer.signWith(claims(), new TextEncoder().encode("a secret of the portal")),
    "no JWT": "x.y.z",
    "nothing": "",
    "too long": "x".repeat(20_000),
  };
  for (const [what, token] of Object.entries(wrong)) assert.equal(await send(await token), 400, what);
  assert.equal((await scene.visitor().post("/sign-out/oidc/idp-0", { logout_token: "x" }, { origin: "" })).status, 400);
  assert.equal((await scene.visitor().post(signOut.path, { x: "x".repeat(40_000) }, { origin: "" })).status, 413);
  // Nor do keys that nobody knows make the platform ask for them again and again.
  const before = peer.asked.length;
  for (let i = 0; i < 20; i++) assert.equal(await send(await peer.sign(claims(), { kid: `no-${i}` })), 400);
  assert.equal(peer.asked.length, before);
  assert(await isIn(browser));
  assert.equal(await send(await peer.sign(claims())), 200);
  assert(!await isIn(browser));
});

Deno.test("keys of logout tokens are asked for as the provider is set up now", async () => {
  await using signOut = await signOutScene();
  const { peer, claims, send } = signOut, { platform } = signOut.scene.platform;
  peer.description["jwks_uri"] = `${peer.issuer.replace("localhost", "127.0.0.1")}/jwks`;
  assert.equal(await send(await peer.sign(claims())), 400);
  await changeProvider(platform, operator, { provider: "Handmade", settings: { hosts: "127.0.0.1" } });
  assert.equal(await send(await peer.sign(claims())), 200);
});

Deno.test("signing out of the portal leads to the provider where that is set", async () => {
  await using signOut = await signOutScene({ "sign-out-there": "yes" });
  const { scene, peer } = signOut;
  const leave = async (browser: Visitor) => {
    const left = await browser.post("/sign-out");
    assert(!await signOut.isIn(browser));
    const address = /^0; url=(.*)$/.exec(String(left.headers["refresh"]))?.[1];
    return address === undefined ? left.location : new URL(address);
  };
  const there = await leave(await signOut.signIn({ sid: "s-1" })) as URL;
  assert.equal(there.origin + there.pathname, `${peer.issuer}/logout`);
  const { tenant, client_id, post_logout_redirect_uri, id_token_hint } = Object.fromEntries(there.searchParams);
  assert.deepEqual([tenant, client_id, post_logout_redirect_uri], ["1", "portal", `${scene.origin}/sign-in`]);
  assert.equal(JSON.parse(Buffer.from(id_token_hint!.split(".")[1]!, "base64url").toString()).sid, "s-1");
  // A token that fits into no address stays away.
  const large = await leave(await signOut.signIn({ note: "x".repeat(3000) })) as URL;
  assert(!large.searchParams.has("id_token_hint"));
});

Deno.test("signing out of the portal stays here where the provider is not to be told", async () => {
  await using signOut = await signOutScene();
  const browser = await signOut.signIn({});
  assert.equal((await browser.post("/sign-out")).location, "/sign-in");
  await using wrong = await signOutScene({ "sign-out-there": "yes" });
  wrong.peer.description["end_session_endpoint"] = "javascript:alert(1)";
  const other = await wrong.signIn({});
  assert.equal((await other.post("/sign-out")).location, "/sign-in");
});
