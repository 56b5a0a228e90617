/** Forms that wait for a further proof: whose they are, how long they wait, and where they lead. */
import assert from "node:assert/strict";
import { keepForm, takeForm } from "../../platform/users/kept_forms.ts";
import { maybeViewer } from "../../platform/users/sessions.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { type PortalScene, portalScene, type Visitor } from "./portal_scene.ts";
import { password, usersScene } from "./users_fixture.ts";

const eva = "eva@partner.example", max = "max@partner.example";
const invitation = { email: "new@partner.example", name: "Nö & <b>", role: "viewer", customer: "" };

const form = { path: "/users?x=1", contentType: "text/plain", body: new TextEncoder().encode("a=1\nb=\u0000ü") };

slowInPostgres(
  "a form is taken once, by the session that sent it, for ten minutes, and the oldest make place",
  async () => {
    await using scene = await usersScene();
    const { platform, clock, queries } = scene;
    const sessionOf = async ({ secret }: { secret: string }) => (await maybeViewer(platform, secret))!.sessionId;
    const sessionId = await sessionOf(await scene.user(eva)), other = await sessionOf(await scene.user(max));
    const token = await keepForm(platform, { sessionId, form });
    const row = (await queries.get<{ form: Uint8Array }>("SELECT form FROM kept_forms"))!;
    assert(!new TextDecoder("latin1").decode(row.form).includes("a=1"));
    assert.equal(await takeForm(platform, { sessionId: other, token }), undefined);
    assert.equal(await takeForm(platform, { sessionId, token: "x".repeat(43) }), undefined);
    assert.deepEqual(await takeForm(platform, { sessionId, token }), form);
    assert.equal(await takeForm(platform, { sessionId, token }), undefined);
    const tokens: string[] = [];
    for (let i = 0; i < 6; i++) {
      tokens.push(await keepForm(platform, { sessionId, form }));
      clock.advance(1000);
    }
    assert.equal(await takeForm(platform, { sessionId, token: tokens[0]! }), undefined);
    assert.deepEqual(await takeForm(platform, { sessionId, token: tokens[1]! }), form);
    clock.advance(10 * 60_000);
    assert.equal(await takeForm(platform, { sessionId, token: tokens[5]! }), undefined);
  },
);

/** A signed-in user who must prove who it is, and where that is asked for after the form. */
async function asked(scene: PortalScene, email = eva): Promise<{ user: Visitor; location: string }> {
  const user = await scene.signedIn(email);
  scene.platform.clock.advance(10 * 60_000);
  const { location } = await user.post("/users", invitation);
  return { user, location };
}

const users = ({ platform }: PortalScene) => platform.queries.all("SELECT 1 FROM users");

slowInPostgres("a form goes on after the proof with all that was in it, and only once", async () => {
  await using scene = await portalScene();
  const { user, location } = await asked(scene);
  assert.match((await user.get(location)).body, /right after that/);
  const proof = { password, code: await scene.code(eva) };
  const done = await user.post(location, proof);
  assert.equal(done.status, 200);
  assert.match(done.body, /new@partner\.example[\s\S]*Nö &amp; &lt;b&gt;/);
  assert.equal((await users(scene)).length, 3);
  const again = await user.post(location, { password, code: await scene.code(eva) });
  assert.deepEqual([again.status, again.location], [303, "/users"]);
  assert.equal((await users(scene)).length, 3);
});

Deno.test("a form of another session, and one without a proof, never goes on", async () => {
  await using scene = await portalScene();
  const { location } = await asked(scene), attacker = await asked(scene, max);
  // Somebody else's proof with this form's address: it is for nothing.
  const other = await attacker.user.post(location, { password, code: await scene.code(max) });
  assert.deepEqual([other.status, other.location], [303, "/users"]);
  assert.equal((await users(scene)).length, 3);
  // A page elsewhere can neither leave a form nor send the proof.
  const victim = await asked(scene, "ann@partner.example");
  const headers = { origin: "https://evil.example" };
  const proof = { password, code: await scene.code("ann@partner.example") };
  assert.equal((await victim.user.post(victim.location, proof, headers)).status, 403);
  assert.equal((await victim.user.post("/users", invitation, headers)).status, 403);
  // Signed out in the meantime.
  await victim.user.post("/sign-out");
  assert.match((await victim.user.post(victim.location, proof)).location, /^\/sign-in/);
  assert.equal((await users(scene)).length, 4);
});

Deno.test("the address of the proof leads to no other site, whatever is in it", async () => {
  await using scene = await portalScene();
  const user = await scene.signedIn(eva);
  for (const query of ["next=//evil.example", "next=https://evil.example/", `form=${"x".repeat(43)}`, "form=../x"]) {
    const { status, location } = await user.post(`/confirm?${query}`, { password, code: await scene.code(eva) });
    assert.deepEqual([status, location], [303, "/"], query);
  }
  scene.platform.clock.advance(10 * 60_000);
  assert.equal((await user.get("/account/passkeys/new")).location, "/confirm?next=%2Faccount%2Fpasskeys%2Fnew");
});

Deno.test("the rights are those at the time of the proof: a form that is not permitted any more does nothing", async () => {
  await using scene = await portalScene();
  await scene.signedIn(max);
  const { user, location } = await asked(scene);
  await scene.platform.queries.run(
    "UPDATE user_roles SET role = 'viewer' WHERE user_id = (SELECT user_id FROM users WHERE email = :eva)",
    { eva },
  );
  assert.equal((await user.post(location, { password, code: await scene.code(eva) })).status, 404);
  assert.equal((await users(scene)).length, 3);
});
