/** Passkeys over HTTPS: what the pages offer, the cookie of a question, and each way by its forms. */
import assert from "node:assert/strict";
import { totpCode } from "../../platform/users/second_factor.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { base32 } from "./base32.ts";
import { portalScene, type Visitor } from "./portal_scene.ts";
import { type SoftPasskey, softPasskey } from "./soft_authenticator.ts";
import { password } from "./users_fixture.ts";

const eva = "eva@partner.example";

async function add(user: Visitor, passkey: SoftPasskey) {
  const options = JSON.parse((await user.post("/account/passkeys/options")).body);
  return await user.post("/account/passkeys", { name: "Key <1>", answer: passkey.create(options) });
}

async function used(user: Visitor, path: string, passkey: SoftPasskey) {
  const options = JSON.parse((await user.post(`${path.split("?")[0]}/options`)).body);
  return await user.post(path, { answer: passkey.get(options) });
}

slowInPostgres("a passkey is added, signs in alone and after the password, confirms, and is removed", async () => {
  await using scene = await portalScene();
  const user = await scene.signedIn(eva), passkey = softPasskey(scene);
  assert.match(
    (await user.get("/account/passkeys/new")).body,
    /<script src="\/passkey\.js"[\s\S]*data-passkey="create"/,
  );
  assert.equal((await add(user, passkey)).location, "/account");
  assert.match((await user.get("/account")).body, /Key &lt;1&gt;/);

  const browser = scene.visitor();
  const page = (await browser.get("/sign-in?next=/account")).body;
  assert.match(
    page,
    /action="\/passkey\?next=%2Faccount" data-passkey="get" data-options="\/passkey\/options"[^>]* hidden/,
  );
  const asked = await browser.post("/passkey/options");
  assert.match(
    [asked.headers["set-cookie"]].flat().join(),
    /^__Host-opendca-passkey=[\w-]{43}; Max-Age=300;.*HttpOnly; Secure; SameSite=Strict$/,
  );
  // An answer without the cookie of its question is another browser's.
  const answer = passkey.get(JSON.parse(asked.body));
  assert.equal((await scene.visitor().post("/passkey", { answer })).status, 401);
  assert.equal((await browser.post("/passkey?next=/account", { answer })).location, "/account");
  assert.equal((await browser.get("/account")).status, 200);
  assert.equal((await browser.post("/passkey", { answer })).status, 401);

  const other = scene.visitor();
  const first = await other.post("/sign-in?next=/account", { email: eva, password });
  assert.match((await other.get(first.location)).body, /data-options="\/second-factor\/passkey\/options"/);
  assert.equal((await used(other, "/second-factor/passkey?next=%2Faccount", passkey)).location, "/account");

  scene.platform.clock.advance(10 * 60_000);
  // The script is led to the proof, and the page then too.
  assert.match((await other.post("/account/passkeys/options")).location, /^\/confirm/);
  assert.match((await other.get("/confirm")).body, /data-options="\/confirm\/passkey\/options"/);
  const [, removal] = /action="(\/account\/passkeys\/[^"]+\/remove)"/.exec((await other.get("/account")).body)!;
  const { location } = await other.post(removal!);
  const query = location.split("?")[1];
  assert.equal((await used(other, `/confirm/passkey?${query}`, passkey)).location, "/account");
  assert.doesNotMatch((await other.get("/account")).body, /Key &lt;1&gt;/);
  const gone = await used(scene.visitor(), "/passkey", passkey);
  assert.equal(gone.status, 401);
  assert.match(gone.body, /This passkey is not accepted/);
});

Deno.test("a passkey is set up in place of the app, and the recovery codes are shown once", async () => {
  await using scene = await portalScene();
  const path = new URL(scene.platform.portal!.firstUser!).pathname, browser = scene.visitor();
  await browser.post(path, { email: eva, password });
  const page = (await browser.get("/set-up")).body;
  assert.match(page, /<svg[\s\S]*data-passkey="create"/);
  const passkey = softPasskey(scene), options = JSON.parse((await browser.post("/set-up/passkey/options")).body);
  const answer = passkey.create(options);
  assert.equal((await browser.post("/set-up/passkey", { answer, name: " " })).status, 422);
  const done = await browser.post("/set-up/passkey", { answer, name: "Key" });
  const codes = [...done.body.matchAll(/<li>([\w-]{11})<\/li>/g)].map(([, code]) => code!);
  assert.equal(codes.length, 10);
  assert.equal((await browser.get("/")).status, 200);
  const other = scene.visitor(), first = await other.post("/sign-in", { email: eva, password });
  assert.match((await other.get(first.location)).body, /One of your recovery codes/);
  assert.equal((await other.post(first.location, { code: codes[0]! })).location, "/");
  // The last one stays.
  const [, removal] = /action="(\/account\/passkeys\/[^"]+\/remove)"/.exec((await other.get("/account")).body)!;
  const refused = await other.post(removal!);
  assert.equal(refused.status, 422);
  assert.match(refused.body, /your last second factor/);
});

Deno.test("no passkey is offered at an address in place of a name, where browsers have none", async () => {
  await using scene = await portalScene({ portal: { host: "127.0.0.1", port: 0, origin: "https://127.0.0.1" } });
  const browser = scene.visitor();
  assert.doesNotMatch((await browser.get("/sign-in")).body, /data-passkey/);
  const { status } = await browser.post("/passkey/options", {}, { origin: "https://127.0.0.1" });
  assert.equal(status, 401);
});

/** What the app is given on this page. */
async function typedSecret(user: Visitor, path: string): Promise<Uint8Array> {
  const { body } = await user.get(path);
  return base32(/<code>([A-Z2-7 ]+)<\/code>/.exec(body)![1]!.replaceAll(" ", ""));
}

slowInPostgres(
  "whoever has passkeys alone adds an app later and makes recovery codes anew; the old ones end",
  async () => {
    await using scene = await portalScene();
    const { clock } = scene.platform;
    const path = new URL(scene.platform.portal!.firstUser!).pathname, browser = scene.visitor();
    await browser.post(path, { email: eva, password });
    const passkey = softPasskey(scene);
    const options = JSON.parse((await browser.post("/set-up/passkey/options")).body);
    const shown = await browser.post("/set-up/passkey", { name: "Key", answer: passkey.create(options) });
    const [old] = [...shown.body.matchAll(/<li>([\w-]{11})<\/li>/g)].map(([, code]) => code!);
    assert.match((await browser.get("/account")).body, /No app is set up[\s\S]*10 codes are left/);

    // Not without proving who it is, when the sign-in is some minutes old.
    clock.advance(11 * 60_000);
    for (const action of ["/account/app", "/account/recovery-codes"]) {
      assert.match((await browser.post(action, { code: "123456" })).location, /^\/confirm/);
    }
    assert.match((await browser.get("/account/app")).location, /^\/confirm/);
    assert.equal((await used(browser, "/confirm/passkey?next=%2Faccount", passkey)).location, "/account");

    const secret = await typedSecret(browser, "/account/app");
    assert.equal((await browser.post("/account/app", { code: "000000" })).status, 422);
    const code = totpCode(secret, clock.now());
    assert.equal((await browser.post("/account/app", { code })).location, "/account");
    assert.match((await browser.get("/account")).body, /An app is set up/);
    const other = scene.visitor();
    const signIn = () => other.post("/sign-in", { email: eva, password });
    await signIn();
    // The code that set it up is used up.
    assert.equal((await other.post("/second-factor", { code })).status, 401);
    clock.advance(30_000);
    assert.equal((await other.post("/second-factor", { code: totpCode(secret, clock.now()) })).location, "/");

    const renewed = await browser.post("/account/recovery-codes");
    const fresh = [...renewed.body.matchAll(/<li>([\w-]{11})<\/li>/g)].map(([, code]) => code!);
    assert.equal(fresh.length, 10);
    await signIn();
    assert.equal((await other.post("/second-factor", { code: old! })).status, 401);
    assert.equal((await other.post("/second-factor", { code: fresh[0]! })).location, "/");
    // Another app in its place ends the one before.
    const next = await typedSecret(browser, "/account/app");
    assert.equal((await browser.post("/account/app", { code: totpCode(next, clock.now()) })).location, "/account");
    clock.advance(60_000);
    await signIn();
    assert.equal((await other.post("/second-factor", { code: totpCode(secret, clock.now()) })).status, 401);
    assert.equal((await other.post("/second-factor", { code: totpCode(next, clock.now()) })).location, "/");
    const audited = await scene.platform.queries.all<{ action: string }>(
      "SELECT action FROM audit_log WHERE action IN ('secondFactorSet', 'recoveryCodesMade') ORDER BY entry",
    );
    assert.deepEqual(audited.map(({ action }) => action), ["secondFactorSet", "recoveryCodesMade", "secondFactorSet"]);
  },
);
