/** The page of feeds: what it shows, who may change what, and whose feeds nobody sees. */
import assert from "node:assert/strict";
import { createFeed, listFeeds } from "../../platform/feeds/feeds.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { operator } from "./feed_scene.ts";
import { portalScene } from "./portal_scene.ts";

const address = "https://glpi.invalid/front/inventory.php";

slowInPostgres("a feed is added, paused, resumed and removed on its page", async () => {
  await using scene = await portalScene();
  const { platform } = scene.platform;
  const user = await scene.signedIn("eva@partner.example");
  assert.match((await user.get("/")).body, /href="\/feeds"/);
  const empty = await user.get("/feeds");
  assert.match(empty.body, /None\./);
  const form = { kind: "glpi", address, customer: scene.acme, user: "dca", secret: "s3cret-word" };
  assert.equal((await user.post("/feeds", form)).location, "/feeds");
  const [feed] = await listFeeds(platform, operator);
  assert.deepEqual([feed!.address, feed!.customerId, feed!.settings], [address, scene.acme, { user: "dca" }]);
  const { body } = await user.get("/feeds");
  for (const text of [address, "GLPI", "Acme", "active"]) assert(body.includes(text), text);
  assert(!body.includes("s3cret-word"));
  const state = async () => (await listFeeds(platform, operator))[0]?.state;
  const press = async (change: string) => (await user.post(`/feeds/${feed!.feedId}/${change}`)).location;
  assert.deepEqual([await press("pause"), await state()], ["/feeds", "paused"]);
  assert.match((await user.get("/feeds")).body, /\/resume"/);
  assert.deepEqual([await press("resume"), await state()], ["/feeds", "active"]);
  assert.equal(await press("refresh"), "/feeds");
  assert.equal(await press("remove"), "/feeds");
  const again = await user.post(`/feeds/${feed!.feedId}/pause`);
  assert.equal(again.status, 422);
  assert.match(again.body, /Cannot find the feed/);
  const hostile = `"><script>alert(1)</script>`;
  const refused = await user.post("/feeds", { ...form, address: hostile, user: hostile });
  assert.equal(refused.status, 422);
  assert(!refused.body.includes("<script>alert"));
  assert(!refused.body.includes("s3cret-word"));
  for (const wrong of [{ kind: "nagios" }, { customer: scene.foreign }, { customer: "Elsewhere" }]) {
    assert.equal((await user.post("/feeds", { ...form, ...wrong })).status, 422, JSON.stringify(wrong));
  }
});

Deno.test("feeds of other dealers and of other customers are neither seen nor changed", async () => {
  await using scene = await portalScene();
  const { platform } = scene.platform;
  const made = async (wish: { dealer?: string; customer?: string }, host: string) =>
    (await createFeed(platform, operator, { kind: "glpi", address: `https://${host}/`, ...wish })).feedId;
  const foreign = await made({ dealer: "Foreign" }, "foreign.invalid");
  const all = await made({ dealer: "Print Partner" }, "all.invalid");
  const other = await made({ customer: "Other" }, "other.invalid"),
    acme = await made({ customer: "Acme" }, "acme.invalid");
  const grants = [{ role: "administrator", customerId: scene.acme }];
  const ofAcme = await scene.signedIn("ann@acme.example", { customer: "Acme", grants });
  const seen = (page: string) => [...page.matchAll(/https:\/\/(\w+)\.invalid\/</g)].map(([, name]) => name).sort();
  assert.deepEqual(seen((await ofAcme.get("/feeds")).body), ["acme"]);
  const ofDealer = await scene.signedIn("eva@partner.example");
  assert.deepEqual(seen((await ofDealer.get("/feeds")).body), ["acme", "all", "other"]);
  for (const [user, ids] of [[ofAcme, [foreign, all, other]], [ofDealer, [foreign]]] as const) {
    for (const id of ids) {
      for (const change of ["pause", "resume", "refresh", "remove"]) {
        assert.equal((await user.post(`/feeds/${id}/${change}`)).status, 422, `${id} ${change}`);
      }
    }
  }
  assert.equal((await ofAcme.post(`/feeds/${acme}/pause`)).location, "/feeds");
  const form = { kind: "glpi", address, customer: "", user: "", secret: "" };
  assert.equal((await ofAcme.post("/feeds", form)).status, 422, "for all customers");
  const states = (await listFeeds(platform, operator)).map(({ feedId, state }) => [feedId, state]);
  assert.deepEqual(states.filter(([, state]) => state !== "active"), [[acme, "paused"]]);
  assert.equal(states.length, 4);
});
