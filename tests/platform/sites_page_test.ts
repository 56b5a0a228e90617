/** Customers and sites in the portal: made, renamed, closed, reopened, by whoever may and nobody else. */
import assert from "node:assert/strict";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { portalScene } from "./portal_scene.ts";

slowInPostgres("a dealer makes a customer with a site, renames them, and closes and reopens them", async () => {
  await using scene = await portalScene();
  const user = await scene.signedIn("eva@partner.example");
  const made = await user.post("/customers", { name: "New <b>" });
  const [, root] = /^(\/customers\/cus-\w{12})\/sites$/.exec(made.location)!;
  assert.match((await user.get("/customers")).body, /New &lt;b&gt;/);
  assert.doesNotMatch((await user.get("/customers")).body, /Elsewhere/);
  assert.equal((await user.post("/customers", { name: "new <B>" })).status, 422);
  assert.equal((await user.post("/customers", { name: " " })).status, 422);
  assert.equal((await user.post(`${root}/sites`, { name: "Rome" })).location, `${root}/sites`);
  const page = (await user.get(`${root}/sites`)).body;
  const [, site] = /action="([^"]+\/sites\/sit-\w{12})\/rename"/.exec(page)!;
  assert.equal((await user.post(`${site}/rename`, { name: "Roma" })).location, `${root}/sites`);
  assert.equal((await user.post(`${site}/close`, { reason: " " })).status, 422);
  assert.equal((await user.post(`${site}/close`, { reason: "moved" })).location, `${root}/sites`);
  assert.match((await user.get(`${root}/sites`)).body, /Roma[\s\S]*closed since/);
  assert.equal((await user.post(`${site}/reopen`)).location, `${root}/sites`);
  assert.equal((await user.post(`${root}/rename`, { name: "Newer" })).location, `${root}/sites`);
  const reopen = new RegExp(`action="${root}/reopen"`), close = new RegExp(`action="${root}/close"`);
  const ways = async () => {
    const { body } = await user.get(`${root}/sites`);
    return [close.test(body), reopen.test(body)];
  };
  assert.deepEqual(await ways(), [true, false]);
  assert.equal((await user.post(`${root}/close`, { reason: "ended" })).location, `${root}/sites`);
  assert.deepEqual(await ways(), [false, true]);
  assert.match((await user.get("/customers")).body, /Newer[\s\S]*closed since/);
  assert.equal((await user.post(`${root}/sites`, { name: "Milan" })).status, 422);
  assert.equal((await user.post(`${root}/reopen`)).location, `${root}/sites`);
});

slowInPostgres("a site with an agent is closed only along with it, and only after a further proof", async () => {
  await using scene = await portalScene();
  await scene.devices(scene.acme, scene.berlin, [readingOf()]);
  const user = await scene.signedIn("eva@partner.example"), site = `/customers/${scene.acme}/sites/${scene.berlin}`;
  const refused = await user.post(`${site}/close`, { reason: "moved" });
  assert.equal(refused.status, 422);
  assert.match(refused.body, /1 active agent/);
  assert.equal((await user.post(`${site}/close`, { reason: "moved", revoke: "1" })).status, 303);
  scene.platform.clock.advance(10 * 60_000);
  assert.match((await user.post(`/customers/${scene.acme}/close`, { reason: "x" })).location, /^\/confirm/);
});

slowInPostgres(
  "a customer's own people change its sites and not itself; people of a site that site alone",
  async () => {
    await using scene = await portalScene();
    const root = `/customers/${scene.acme}`;
    const ofAcme = await scene.signedIn("ann@acme.example", { customer: "Acme" });
    assert.equal((await ofAcme.get("/customers")).status, 404);
    assert.equal((await ofAcme.post("/customers", { name: "Own" })).status, 404);
    assert.doesNotMatch((await ofAcme.get("/")).body, /href="\/customers"/);
    assert.equal((await ofAcme.post(`${root}/sites`, { name: "Rome" })).status, 303);
    for (const change of ["rename", "close", "reopen"]) {
      const answer = await ofAcme.post(`${root}/${change}`, { name: "Mine", reason: "x" });
      assert.equal(answer.status, 422, change);
      assert.equal((await ofAcme.post(`/customers/${scene.other}/${change}`, { name: "x", reason: "x" })).status, 404);
    }
    const ofBerlin = await scene.signedIn("max@partner.example", {
      grants: [{ role: "administrator", customerId: "Acme", siteId: "Berlin" }],
    });
    assert.doesNotMatch((await ofBerlin.get(`${root}/sites`)).body, /Bonn/);
    assert.equal((await ofBerlin.post(`${root}/sites`, { name: "Milan" })).status, 422);
    assert.equal((await ofBerlin.post(`${root}/sites/${scene.bonn}/rename`, { name: "Mine" })).status, 422);
    assert.equal((await ofBerlin.post(`${root}/rename`, { name: "Mine" })).status, 422);
    assert.equal((await ofBerlin.post(`${root}/sites/${scene.berlin}/rename`, { name: "Spandau" })).status, 303);
    const sites = await scene.platform.queries.all<{ name: string }>("SELECT name FROM sites ORDER BY name");
    assert.deepEqual(sites.map(({ name }) => name), ["Bonn", "Rome", "Spandau"]);
  },
);
