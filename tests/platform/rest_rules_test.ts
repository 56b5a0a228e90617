/** Rules of notifications by REST. Who may what, and whether answers are as described: rest_test.ts. */
import assert from "node:assert/strict";
import { restRoot } from "../../platform/edge/rest/rest_app.ts";
import { closeCustomer, closeDealer, closeSite } from "../../platform/customers/close.ts";
import { createWebhook } from "../../platform/interfaces/webhooks.ts";
import { createRule, listRules } from "../../platform/notifications/rules.ts";
import { defaultRule } from "../../platform/notifications/settings.ts";
import { setMail } from "../../platform/users/user_mails.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { owner, programsScene } from "./programs_scene.ts";
import { operator } from "./users_fixture.ts";

const root = `${restRoot}/notification-rules`;
const desk = { name: "Service desk", emails: ["desk@partner.example"], users: [owner] };

slowInPostgres("a program makes, changes, pauses, tests and deletes a rule", async () => {
  await using scene = await programsScene();
  const program = await scene.program(), { platform } = scene.platform;
  await platform.store.transaction((tx) => setMail(tx, "dca@partner.example"));
  const { webhookId } = await createWebhook(platform, operator, {
    url: "https://hooks.example.com/x",
    events: ["device.new"],
    description: "",
    customer: "Acme",
  });
  const key = { "idempotency-key": "rule-1" }, wish = { ...desk, customerId: scene.acme, siteId: scene.berlin };
  const made = await program.send("POST", root, wish, key), again = await program.send("POST", root, wish, key);
  assert.equal(made.status, 201, made.body);
  assert.equal(again.body, made.body);
  assert.equal((await program.send("POST", root, desk, key)).status, 409);
  const path = `${root}/${made.json.ruleId}`;
  const rule = (await program.get(path)).json;
  assert.deepEqual([rule.customerId, rule.siteId, rule.pausedAt], [scene.acme, scene.berlin, null]);
  assert.deepEqual(rule.hours, { days: [1, 2, 3, 4, 5], from: "08:00", to: "17:00" });
  assert.deepEqual(rule.recipients.map(({ email }: { email: string }) => email).sort(), [...desk.emails, owner].sort());
  const listed = (await program.get(root)).json;
  assert.deepEqual(listed, { items: [rule], next: null });
  const changes = { hours: null, digest: "07:30", percent: 5, events: ["supply"], language: "it", webhookId };
  const changed = await program.send("PUT", path, { name: "Desk", emails: desk.emails, ...changes });
  const { digest, hours, percent, days, recipients, siteId, events, ...others } = changed.json;
  assert.deepEqual([digest, hours, percent, days, siteId, events], ["07:30", null, 5, null, scene.berlin, ["supply"]]);
  assert.deepEqual([others.name, others.language, others.webhookId], ["Desk", "it", webhookId]);
  assert.equal(recipients.length, 1);
  assert.equal((await program.send("POST", `${path}/pause`)).status, 204);
  assert.notEqual((await program.get(path)).json.pausedAt, null);
  assert.equal((await program.send("POST", `${path}/resume`)).status, 204);
  assert.equal((await program.get(path)).json.pausedAt, null);
  for (let i = 0; i < 2; i++) {
    const { status, json } = await program.send("POST", `${path}/test`, undefined, { "idempotency-key": "test-1" });
    assert.deepEqual([status, json], [200, { notifications: 2 }]);
  }
  assert.equal((await scene.platform.queries.all("SELECT 1 FROM notifications")).length, 2);
  assert.equal((await program.send("DELETE", path)).status, 204);
  for (const method of ["GET", "DELETE"]) assert.equal((await program.send(method, path)).status, 404);
  const audited = await scene.platform.queries.all<{ action: string; actor: string }>(
    "SELECT action, actor FROM audit_log WHERE action LIKE 'notification%' ORDER BY entry",
  );
  assert.deepEqual(
    audited.map(({ action }) => action.replace("notificationRule", "")),
    ["Created", "Changed", "Paused", "Resumed", "Tested", "Removed"],
  );
  assert(audited.every(({ actor }) => actor === `api-token:${program.tokenId}`));
});

slowInPostgres(
  "of a customer, a program sees and makes rules of this customer alone, and names nobody else",
  async () => {
    await using scene = await programsScene();
    const { platform } = scene.platform, wide = await scene.program();
    const narrow = await scene.program({ places: [{ customerId: scene.acme }] });
    const own = `${restRoot}/customers/${scene.acme}/notification-rules`;
    const ofAll = (await wide.send("POST", root, desk)).json.ruleId;
    const ofOther = (await wide.send("POST", root, { ...desk, customerId: scene.other })).json.ruleId;
    const made = await narrow.send("POST", own, { ...desk, users: [], siteId: scene.bonn });
    assert.equal(made.status, 201, made.body);
    const { items } = (await narrow.get(own)).json;
    assert.deepEqual(items.map((rule: { ruleId: string }) => rule.ruleId), [made.json.ruleId]);
    assert.deepEqual([items[0].customerId, items[0].siteId], [scene.acme, scene.bonn]);
    assert.equal((await narrow.get(root)).status, 403);
    assert.equal((await narrow.send("POST", root, { ...desk, customerId: scene.acme })).status, 403);
    const { webhookId } = await createWebhook(platform, operator, {
      url: "https://hooks.example.com/x",
      events: ["device.new"],
      description: "",
      dealer: "Print Partner",
    });
    const before = await listRules(platform, operator);
    for (const ruleId of [ofAll, ofOther, "rul-000000000000"]) {
      for (const program of [narrow, wide]) {
        for (
          const [method, path] of [["GET", ""], ["PUT", ""], ["DELETE", ""], ["POST", "/pause"], ["POST", "/test"]]
        ) {
          const body = method === "PUT" ? { ...desk, users: [] } : undefined;
          assert.equal((await program.send(method!, `${own}/${ruleId}${path}`, body)).status, 404, `${method} ${path}`);
        }
      }
    }
    // Whom and what only the dealer may name.
    for (const more of [{ users: [owner] }, { users: [], webhookId }, { users: [], customerId: scene.other }]) {
      assert.equal((await narrow.send("POST", own, { ...desk, ...more })).status, 422, JSON.stringify(more));
    }
    assert.deepEqual(await listRules(platform, operator), before);
  },
);

slowInPostgres("what a rule has sent is listed page by page, to those alone who see the rule", async () => {
  await using scene = await programsScene();
  const program = await scene.program(), { platform, queries } = scene.platform;
  await platform.store.transaction((tx) => setMail(tx, "dca@partner.example"));
  const { ruleId } = (await program.send("POST", root, { ...desk, customerId: scene.acme })).json;
  const path = `${root}/${ruleId}/sent`;
  assert.deepEqual((await program.get(path)).json, { items: [], next: null });
  await program.send("POST", `${root}/${ruleId}/test`);
  // Of one moment, as those of one round are. What is older than a month would go meanwhile.
  const hourAgo = Date.now() - 3_600_000;
  await queries.run(
    `INSERT INTO notifications (notification_id, rule_id, batch_id, recipient, at, items, failure)
     WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 7)
     SELECT 'not-' || CAST(i AS TEXT), :ruleId, 'one', 'desk@partner.example', CAST(:hourAgo AS BIGINT) + 1000 * (i / 4), i, 'no such host' FROM n`,
    { ruleId, hourAgo },
  );
  const got: Record<string, unknown>[] = [];
  let cursor: string | null = "";
  for (let pages = 0; cursor !== null; pages++) {
    assert(pages < 6);
    const { json, status, body } = await program.get(`${path}?limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`);
    assert.equal(status, 200, body);
    got.push(...json.items);
    cursor = json.next;
  }
  assert.deepEqual(got, (await program.get(path)).json.items);
  assert.deepEqual(got.map(({ isTest, state }) => [isTest, state]).slice(0, 2), [[true, "waiting"], [true, "waiting"]]);
  assert.deepEqual(
    got.slice(2).map(({ notificationId, at, events, state, failure }) => [notificationId, at, events, state, failure]),
    [4, 5, 6, 7, 1, 2, 3].map((i) => [
      `not-${i}`,
      new Date(hourAgo + (i < 4 ? 0 : 1000)).toISOString(),
      i,
      "failed",
      "no such host",
    ]),
  );
  const other = (await program.send("POST", root, desk)).json.ruleId;
  const { next } = (await program.get(`${path}?limit=2`)).json;
  assert.equal((await program.get(`${root}/${other}/sent?cursor=${next}`)).status, 400);
  for (const wrong of ["limit=0", "limit=1001", "cursor=abc", "more=1"]) {
    assert([400, 422].includes((await program.get(`${path}?${wrong}`)).status), wrong);
  }
  const narrow = await scene.program({ places: [{ customerId: scene.other }] });
  assert.equal((await narrow.get(path)).status, 403);
  for (const rule of [ruleId, other, "rul-000000000000"]) {
    const own = `${restRoot}/customers/${scene.other}/notification-rules/${rule}/sent`;
    for (const each of [narrow, program]) assert.equal((await each.get(own)).status, 404, rule);
  }
});

slowInPostgres("no rule is made for what is closed", async () => {
  await using scene = await programsScene();
  const program = await scene.program(),
    { platform } = scene.platform,
    closing = { reason: "moved", revokeAgents: true };
  const refused = async (wish: object, pattern: RegExp, path = root) => {
    const { status, json } = await program.send("POST", path, { ...desk, users: [], ...wish });
    assert.equal(status, 422);
    assert.match(json.detail, pattern);
  };
  await closeSite(platform, { ...operator, tenant: scene.acme }, { site: scene.berlin, ...closing });
  const ofSite = /^Cannot make a rule of notifications as the site "Berlin" is closed/;
  await refused({ customerId: scene.acme, siteId: scene.berlin }, ofSite);
  await closeCustomer(platform, operator, { customer: scene.acme, ...closing });
  const ofCustomer = /^Cannot make a rule of notifications as the customer "Acme" is closed/;
  await refused({ customerId: scene.acme }, ofCustomer);
  await refused({}, ofCustomer, `${restRoot}/customers/${scene.acme}/notification-rules`);
  assert.equal((await program.send("POST", root, { ...desk, customerId: scene.other })).status, 201);
  await closeDealer(platform, operator, { dealer: "Print Partner", ...closing });
  await assert.rejects(
    createRule(platform, operator, {
      name: "Desk",
      emails: desk.emails,
      users: [],
      settings: defaultRule,
      dealer: "Print Partner",
    }),
    /as the dealer "Print Partner" is closed/,
  );
});

Deno.test("a rule that cannot be is refused, and nothing is kept of it", async () => {
  await using scene = await programsScene();
  const program = await scene.program(),
    wrong: Record<string, unknown>[] = [
      { name: "" },
      { name: "a\u0000b" },
      { emails: ["nobody"] },
      { emails: [], users: [] },
      { users: ["usr-000000000000"] },
      { users: Array.from({ length: 21 }, (_, i) => `u${i}@partner.example`) },
      { events: [] },
      { events: ["everything"] },
      { severity: "unknown" },
      { percent: -1 },
      { percent: 5.5 },
      { days: 0 },
      { days: 61 },
      { hours: { days: [], from: "08:00", to: "17:00" } },
      { hours: { days: [1], from: "08:00", to: "08:00" } },
      { hours: { days: [8], from: "08:00", to: "17:00" } },
      { hours: { days: [1], from: "8 am", to: "17:00" } },
      { zone: "Mars/Olympus" },
      { digest: "25:00" },
      { groupMinutes: 1441 },
      { mostPerHour: 0 },
      { language: "fr" },
      { webhookId: "hok-000000000000" },
      { customerId: scene.foreign },
      { customerId: "Elsewhere" },
      { siteId: scene.berlin },
      { customerId: scene.other, siteId: scene.berlin },
      { more: 1 },
    ];
  for (const parts of wrong) {
    const { status, body } = await program.send("POST", root, { ...desk, ...parts });
    assert.equal(status, 422, `${JSON.stringify(parts)}: ${body}`);
  }
  assert.deepEqual(await listRules(scene.platform.platform, operator), []);
});
