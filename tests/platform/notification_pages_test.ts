/** Pages of notifications and webhooks, over HTTPS. */
import assert from "node:assert/strict";
import { closeCustomer } from "../../platform/customers/close.ts";
import { listRules } from "../../platform/notifications/rules.ts";
import { createWebhook, listDeliveries, listWebhooks } from "../../platform/interfaces/webhooks.ts";
import { stopPathOf } from "../../platform/notifications/stop_links.ts";
import { setMail } from "../../platform/users/user_mails.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { portalScene } from "./portal_scene.ts";
import { operator } from "./users_fixture.ts";

const eva = "eva@partner.example";
const rule = {
  name: "Service desk",
  place: "",
  event: "printer",
  severity: "warning",
  percent: "",
  days: "",
  emails: "desk@partner.example\r\nboss@partner.example",
  language: "de",
  hours: "1",
  day: "1",
  from: "08:00",
  to: "17:00",
  zone: "Europe/Berlin",
  group: "15",
  digest: "",
  most: "5",
};

slowInPostgres("a rule is made, changed, tested, paused, resumed and removed by pages", async () => {
  await using scene = await portalScene();
  const user = await scene.signedIn(eva), { platform } = scene.platform;
  assert.match((await user.get("/notifications")).body, /sends no mails yet/);
  await platform.store.transaction((tx) => setMail(tx, "dca@partner.example"));
  assert.doesNotMatch((await user.get("/notifications")).body, /sends no mails yet/);
  const made = await user.post("/notifications", rule), path = made.location;
  assert.match(path, /^\/notifications\/rul-\w+$/);
  const page = (await user.get(path)).body;
  assert.match(page, /<textarea[^>]*>(desk@partner\.example\nboss|boss@partner\.example\ndesk)/);
  assert.match(page, /name="zone"[^>]*value="Europe\/Berlin"|value="Europe\/Berlin"[^>]*name="zone"/);
  const list = (await user.get("/notifications")).body;
  assert.match(list, /Service desk[\s\S]*Mon 08:00–17:00 \(Europe\/Berlin\)/);
  const changed = await user.post(path, { ...rule, name: "Desk", hours: "", digest: "07:30" });
  assert.match(changed.body, /The rule is saved/);
  assert.match((await user.get("/notifications")).body, /daily at 07:30 \(Europe\/Berlin\)/);
  assert.match(
    (await user.post(`${path}/test`)).body,
    /A test is on its way[\s\S]*desk@partner\.example[\s\S]*test[\s\S]*waits/,
  );
  await user.post(`${path}/pause`);
  assert.match((await user.get(path)).body, /Paused since[\s\S]*resume/);
  await user.post(`${path}/resume`);
  assert.match((await user.get(path)).body, /Active/);
  assert.equal((await user.post(`${path}/remove`)).location, "/notifications");
  assert.equal((await user.get(path)).status, 422);
  const actions = await scene.platform.queries.all<{ action: string; actor: string }>(
    "SELECT action, actor FROM audit_log WHERE action LIKE 'notification%' ORDER BY entry",
  );
  assert.deepEqual(
    actions.map(({ action }) => action.replace("notificationRule", "")),
    ["Created", "Changed", "Tested", "Paused", "Resumed", "Removed"],
  );
  assert(actions.every(({ actor }) => actor === `user:${eva}`));
});

slowInPostgres(
  "a rule can be of one site, and supplies have limits of their own or those of the customer",
  async () => {
    await using scene = await portalScene();
    const user = await scene.signedIn(eva), { platform } = scene.platform;
    const made = await user.post("/notifications", { ...rule, event: "supply", place: scene.acme, site: "berlin" });
    assert.match((await user.get(made.location)).body, /Acme: Berlin/);
    const [listed] = await listRules(platform, operator);
    assert.deepEqual([listed!.siteId, listed!.settings.percent, listed!.settings.days], [
      scene.berlin,
      undefined,
      undefined,
    ]);
    const wish = { ...rule, event: "supply", site: "Bonn", percent: "50" };
    assert.match((await user.post(made.location, wish)).body, /The rule is saved/);
    const [changed] = await listRules(platform, operator);
    // What it is for stays.
    assert.deepEqual([changed!.siteId, changed!.settings.percent], [scene.berlin, 50]);
    const theirs = await scene.signedIn("acme@acme.example", { customer: "Acme", grants: [{ role: "administrator" }] });
    assert.match(
      (await theirs.get((await theirs.post("/notifications", { ...rule, site: "Bonn" })).location)).body,
      /Acme: Bonn/,
    );
  },
);

Deno.test("a rule that makes no sense is refused with what was typed", async () => {
  await using scene = await portalScene();
  const user = await scene.signedIn(eva);
  const wrong: [Record<string, string>, RegExp][] = [
    [{ zone: "Mars/Olympus" }, /time zone/],
    [{ emails: "nobody" }, /e-mail address/],
    [{ emails: "" }, /tells nobody/],
    [{ event: "" }, /as an event/],
    [{ group: "soon" }, /a whole number from 0 to 1440/],
    [{ group: "99999" }, /from 0 to 1440/],
    [{ from: "17:00" }, /begin and end/],
    [{ place: scene.foreign }, /Cannot find this customer/],
    [{ site: "Berlin" }, /one site without its customer/],
    [{ place: scene.other, site: "Berlin" }, /Cannot find the site[\s\S]*value="Berlin"/],
    [{ percent: "51" }, /from 0 to 50/],
    [{ user: "usr-000000000000" }, /Cannot find the user/],
    [{ webhook: "hok-000000000000" }, /Cannot find the webhook/],
    [{ name: "" }, /Cannot use the name/],
  ];
  for (const [parts, message] of wrong) {
    const { status, body } = await user.post("/notifications", { ...rule, ...parts });
    assert.equal(status, 422, JSON.stringify(parts));
    assert.match(body, message);
    assert.match(body, /name="most"[^>]*value="5"|value="5"[^>]*name="most"/);
  }
  const { platform } = scene.platform;
  await closeCustomer(platform, operator, { customer: scene.other, reason: "moved", revokeAgents: true });
  const closed = await user.post("/notifications", { ...rule, place: scene.other });
  assert.equal(closed.status, 422);
  assert.match(closed.body, /Cannot make a rule of notifications as the customer &quot;.*&quot; is closed/);
  assert.deepEqual(await listRules(platform, operator), []);
});

slowInPostgres(
  "a webhook is made with its secret shown once, paused, tested and removed; dead letters are sent again",
  async () => {
    await using scene = await portalScene();
    const user = await scene.signedIn(eva),
      { platform } = scene.platform,
      url = "https://hooks.example.com/secret-path";
    const made = await user.post("/webhooks", { url, event: "agent.revoked", description: "ERP", place: scene.acme });
    const secret = /whsec_[\w+/=]+/.exec(made.body)![0];
    assert.doesNotMatch((await user.get("/webhooks")).body, /whsec_/);
    const [hook] = await listWebhooks(platform, operator), path = `/webhooks/${hook!.webhookId}`;
    assert.deepEqual([hook!.customerId, hook!.events, hook!.description], [scene.acme, ["agent.revoked"], "ERP"]);
    await user.post(`${path}/pause`);
    assert.match((await user.get(path)).body, /Paused since/);
    await user.post(`${path}/test`);
    const [delivery] = await listDeliveries(platform, operator, { webhookId: hook!.webhookId });
    assert.equal(delivery!.state, "waiting");
    await scene.platform.queries.run(
      "UPDATE webhook_deliveries SET state = 'dead', failure = 'the receiver answered 500'",
    );
    assert.match((await user.get(`${path}?state=dead`)).body, /the receiver answered 500[\s\S]*Send again/);
    assert.equal((await user.post(`${path}/resend`, { delivery: delivery!.delivery_id })).location, path);
    assert.equal((await listDeliveries(platform, operator, { webhookId: hook!.webhookId }))[0]!.state, "waiting");
    const rotated = await user.post(`${path}/rotate`);
    const other = /whsec_[\w+/=]+/.exec(rotated.body)![0];
    assert.notEqual(other, secret);
    await user.post(`${path}/resume`);
    assert.match((await user.get(path)).body, /Active/);
    assert.equal((await user.post(`${path}/remove`)).location, "/webhooks");
    assert.deepEqual(await listWebhooks(platform, operator), []);
    for (
      const wrong of [
        "javascript:alert(1)",
        "https://u:p@example.com/",
      ]
    ) {
      const refused = await user.post("/webhooks", { url: wrong, event: "agent.revoked", description: "", place: "" });
      assert.equal(refused.status, 422, wrong);
    }
    assert.equal((await user.post("/webhooks", { url, description: "", place: "" })).status, 422);
  },
);

Deno.test("nobody sees or changes rules and webhooks of another dealer, and a customer's people only their customer's", async () => {
  await using scene = await portalScene();
  const { platform } = scene.platform;
  const user = await scene.signedIn(eva);
  const theirs = await scene.signedIn("acme@acme.example", { customer: "Acme", grants: [{ role: "administrator" }] });
  const foreign = await scene.signedIn("eva@foreign.example", { dealer: "Foreign" });
  const wide = (await user.post("/notifications", { ...rule, name: "Of all" })).location;
  const own = (await theirs.post("/notifications", { ...rule, name: "Of Acme" })).location;
  const hook = async (more: object) =>
    (await createWebhook(platform, operator, {
      url: "https://hooks.example.com/x",
      events: ["device.new"],
      description: "",
      ...more,
    })).webhookId;
  const wideHook = `/webhooks/${await hook({ dealer: "Print Partner" })}`,
    ownHook = `/webhooks/${await hook({ customer: "Acme" })}`;
  const scopes = (await listRules(platform, operator)).map(({ customerId }) => customerId);
  assert.deepEqual(new Set(scopes), new Set([null, scene.acme]));
  assert.equal(scopes.length, 2);
  const all = (await user.get("/notifications")).body;
  for (const name of [/Of all/, /Of Acme/]) assert.match(all, name);
  const seen = (await theirs.get("/notifications")).body;
  assert.match(seen, /Of Acme/);
  assert.doesNotMatch(seen, /Of all|eva@partner/);
  for (const [visitor, paths] of [[theirs, [wide, wideHook]], [foreign, [wide, own, wideHook, ownHook]]] as const) {
    for (const path of paths) {
      assert.equal((await visitor.get(path)).status, 422, path);
      for (const change of ["", "/pause", "/resume", "/test", "/remove"]) {
        if (change === "" && path.startsWith("/webhooks")) continue;
        assert.equal((await visitor.post(`${path}${change}`, rule)).status, 422, path + change);
      }
    }
  }
  assert.equal((await theirs.get(ownHook)).status, 200);
  // A webhook that tells of all customers is not for a rule of one customer's people.
  const refused = await theirs.post(own, { ...rule, webhook: wideHook.split("/")[2]! });
  assert.equal(refused.status, 422);
  const me =
    (await platform.store.transaction((tx) =>
      tx.get<{ user_id: string }>("SELECT user_id FROM users WHERE email = :eva AND of_customer IS NULL", { eva })
    ))!.user_id;
  assert.equal((await theirs.post(own, { ...rule, user: me })).status, 422);
  // What the dealer has added stays.
  await user.post(own, { ...rule, name: "Of Acme", user: me, webhook: wideHook.split("/")[2]! });
  assert.equal((await theirs.post(own, { ...rule, name: "Changed" })).status, 200);
  const kept = (await listRules(platform, operator)).find(({ name }) => name === "Changed")!;
  assert(kept.recipients.some(({ userId }) => userId === me));
  assert.equal(kept.settings.webhookId, wideHook.split("/")[2]);
  assert.equal((await listRules(platform, operator)).length, 2);
});

slowInPostgres("the link of a mail asks before it ends them; a mail program may end them at once", async () => {
  await using scene = await portalScene();
  const user = await scene.signedIn(eva), { platform } = scene.platform;
  await user.post("/notifications", rule);
  const { recipients } = (await listRules(platform, operator))[0]!;
  const [first, second] = recipients.map(({ recipientId }) => stopPathOf(recipientId, platform.pepper));
  const visitor = scene.visitor();
  assert.match((await visitor.get(first!)).body, /Service desk[\s\S]*<form method="post"/);
  assert.match((await visitor.post(first!)).body, /You get no more mails/);
  assert.match((await visitor.get(first!)).body, /You get no more mails/);
  // RFC 8058: without a page, and so without an origin.
  const form = { "List-Unsubscribe": "One-Click" };
  assert.equal((await visitor.post(second!, form, { origin: "" })).status, 200);
  assert.equal((await visitor.post(`${second}x`, form, { origin: "" })).status, 404);
  assert.equal((await visitor.get("/notification-stop/rcp-000000000000/x")).status, 404);
  const after = (await listRules(platform, operator))[0]!.recipients;
  assert.deepEqual(after.map(({ isStopped }) => isStopped), [true, true]);
  assert.match((await user.get("/notifications")).body, /wants none of them/);
});
