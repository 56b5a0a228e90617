/** How long sessions by a provider last: until its own end, without a person, after it vouched; and unused users. */
import assert from "node:assert/strict";
import { deactivateInactive, warnInactive } from "../../platform/users/inactivity.ts";
import { setPortalOrigin } from "../../platform/users/manage_users.ts";
import { maybeViewer } from "../../platform/users/sessions.ts";
import { confirmEnrolment, enrolmentOf } from "../../platform/users/sign_in.ts";
import { totpCode } from "../../platform/users/second_factor.ts";
import { setMail } from "../../platform/users/user_mails.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { createSamlPeer } from "../fixtures/saml_peer.ts";
import { base32 } from "./base32.ts";
import { samlScene } from "./saml_scene.ts";
import { mia, secretOf, ssoScene } from "./sso_scene.ts";
import { client } from "./users_fixture.ts";

const minute = 60_000, day = 86_400_000;
const peer = await createSamlPeer();

slowInPostgres("the provider's own end of a session holds after the platform's second factor too", async () => {
  await using scene = await ssoScene({ needsFactor: true });
  const { platform, clock } = scene;
  const first = await scene.vouch({ ...mia, endsAt: clock.now().getTime() + 4 * minute });
  assert(first.kind === "enrolment");
  const { address } = (await enrolmentOf(platform, { secret: first.secret, step: "enrolment" }))!;
  const code = totpCode(base32(new URL(address).searchParams.get("secret")!), clock.now());
  const done = await confirmEnrolment(platform, { secret: first.secret, code, ...client });
  assert(done.kind === "full");
  clock.advance(4 * minute - 1);
  assert.notEqual(await maybeViewer(platform, done.secret), undefined);
  clock.advance(1);
  assert.equal(await maybeViewer(platform, done.secret), undefined);
});

slowInPostgres("a page that goes on by itself keeps no session for longer than an hour; a person does", async () => {
  await using saml = await samlScene(peer);
  const { scene } = saml, { clock } = scene.platform;
  const last = async (isAlone: boolean): Promise<number> => {
    const browser = scene.visitor();
    await saml.signIn(browser);
    for (let minutes = 15; minutes <= 75; minutes += 15) {
      clock.advance(15 * minute);
      const asked = isAlone ? await browser.get("/account", { "opendca-live": "1" }) : undefined;
      if (isAlone) assert.equal(asked!.headers["hx-refresh"], "true");
      const led = await browser.get("/account");
      if (!led.location.startsWith("/sign-in/with/")) return minutes;
      const begun = await saml.begin(browser, led.location);
      assert.equal((await saml.post(browser, saml.answer(begun.id))).location, "/account");
      assert.equal((await browser.get("/account")).status, 200);
    }
    return Infinity;
  };
  assert.equal(await last(true), 60);
  assert.equal(await last(false), Infinity);
});

Deno.test("a session by SAML counts from when the provider vouched, however long the browser waits with it", async () => {
  await using saml = await samlScene(peer);
  const { scene, root } = saml, { clock } = scene.platform, browser = scene.visitor(), path = new URL(root).pathname;
  const { id } = await saml.begin(browser);
  const response = saml.answer(id);
  const consumed = await scene.visitor().post(path, { SAMLResponse: response }, { origin: "https://idp.example.com" });
  clock.advance(4 * minute);
  assert.equal((await browser.get(consumed.location)).location, "/");
  assert.equal((await browser.get("/account")).status, 200);
  clock.advance(minute);
  assert.match((await browser.get("/account")).location, /^\/sign-in\/with\/.*again=1/);
  // Nor does it wait before it is sent.
  const kept = saml.answer((await saml.begin(browser)).id, { lifetimeSeconds: 900 });
  clock.advance(4 * minute);
  assert.equal((await saml.post(browser, kept)).status, 401);
});

slowInPostgres(
  "users of a provider are warned and deactivated as all others, and warned only where they can be",
  async () => {
    await using scene = await ssoScene();
    const { platform, clock, queries } = scene;
    await setPortalOrigin(platform, "https://portal.example");
    await platform.store.transaction((tx) => setMail(tx, "dca@partner.example"));
    await scene.vouch(mia);
    await scene.vouch({ ...mia, subject: "nobody-1", email: undefined });
    const mails = async () =>
      (await queries.all<{ recipient: string }>("SELECT recipient FROM mails")).map(({ recipient }) => recipient);
    clock.advance(76 * day);
    assert.equal(await warnInactive(platform), 1);
    assert.deepEqual(await mails(), ["mia@partner.example"]);
    // A sign-in at the provider is one, and starts the time anew.
    const secret = secretOf(await scene.vouch(mia));
    clock.advance(15 * day);
    assert.equal(await deactivateInactive(platform), 1);
    assert.equal((await scene.vouch({ ...mia, subject: "nobody-1" })).kind, "deactivated");
    assert.equal((await scene.vouch(mia)).kind, "full");
    clock.advance(91 * day);
    assert.equal(await deactivateInactive(platform), 1);
    assert.equal((await scene.vouch(mia)).kind, "deactivated");
    assert.equal(await maybeViewer(platform, secret), undefined);
  },
);
