/** Notifications: supplies, updates and ends, webhooks, whose rules they are, and how they are stopped. */
import assert from "node:assert/strict";
import { UpdatePhase } from "../../proto/gen/opendca/v1/update.ts";
import { LevelKind, Reading, Supply } from "../../proto/gen/opendca/v1/reading.ts";
import { setAlertLimits } from "../../platform/alerts/alert_limits.ts";
import { closeCustomer } from "../../platform/customers/close.ts";
import { createWebhook, listDeliveries } from "../../platform/interfaces/webhooks.ts";
import {
  changeRule,
  createRule,
  findRule,
  listRules,
  pauseRule,
  removeRule,
  resumeRule,
} from "../../platform/notifications/rules.ts";
import { listSent, testRule } from "../../platform/notifications/sent_notifications.ts";
import { defaultRule } from "../../platform/notifications/settings.ts";
import { startNotifications } from "../../platform/notifications/start_notifications.ts";
import { maybeStopLink, stopMails } from "../../platform/notifications/stop_links.ts";
import { UsageError } from "../../common/core/errors.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { until } from "../fixtures/until.ts";
import { notificationScene, type Place } from "./notification_scene.ts";
import { operator } from "./users_fixture.ts";

const minute = 60_000, hour = 60 * minute;
const berlin = { zone: "Europe/Berlin" } as const;
/** A Wednesday, in working hours. */
const wednesday = "2026-03-04T10:00:00Z";

/** The level that was read of the one supply of a device. */
async function setSupply(
  { tenant, deviceId, agentId }: Place,
  { percent, now }: { percent: number; now: number },
): Promise<void> {
  const level = { kind: percent === 0 ? LevelKind.EMPTY : LevelKind.EXACT, percent, level: percent, capacity: 100 };
  const supply = Supply.fromPartial({ index: "1.1", kind: "toner", colorant: "black", partNumber: "TN-1", level });
  await tenant.run(
    `INSERT INTO device_state (customer_id, device_id, agent_id, observed_at, received_at, time_basis, scope, record, supplies,
       supplies_at, low)
     VALUES (:customer, :deviceId, :agentId, :now, :now, '', '', :supplies, :supplies, :now, :low)
     ON CONFLICT (customer_id, device_id) DO UPDATE SET supplies = excluded.supplies, low = excluded.low`,
    {
      deviceId,
      agentId,
      now,
      supplies: Reading.encode(Reading.fromPartial({ supplies: [supply] })).finish(),
      low: percent <= 20 ? 1 : 0,
    },
  );
}

eachDatabase(
  "supplies are told by the limits of the rule, once until they are well above; those replaced before are not",
  async () => {
    await using scene = await notificationScene();
    scene.goTo(wednesday);
    const { tenant, deviceId } = scene.berlinPlace;
    const setLevel = (percent: number) => setSupply(scene.berlinPlace, { percent, now: scene.clock.now().getTime() });
    const ruleId = await scene.rule({}, { ...berlin, events: ["supply"], percent: 20, days: 5, groupMinutes: 0 });
    await scene.rule({ emails: ["ten@partner.example"] }, {
      ...berlin,
      events: ["supply"],
      percent: 10,
      days: undefined,
      groupMinutes: 30,
    });
    const at = async (percent: number) => {
      await setLevel(percent);
      await scene.look(true);
      return (await scene.mails()).map(({ recipient, text }) =>
        `${recipient.split("@")[0]} ${/\d+ %/.exec(text)?.[0]}`
      );
    };
    assert.deepEqual(await at(21), []);
    assert.deepEqual(await at(20), ["desk 20 %"]);
    // It wavers.
    for (const percent of [21, 19, 24, 18]) assert.deepEqual(await at(percent), [], String(percent));
    assert.deepEqual(await at(10), []);
    // Replaced within the time to group: nobody is told, and the next one is told again.
    assert.deepEqual(await at(100), []);
    scene.clock.advance(31 * minute);
    assert.deepEqual(await at(100), []);
    assert.deepEqual(await at(9), ["desk 9 %"]);
    scene.clock.advance(31 * minute);
    assert.deepEqual(await at(9), ["ten 9 %"]);
    // By days, of a supply that is not low yet.
    await at(80);
    await tenant.run(
      `INSERT INTO supply_forecasts (customer_id, device_id, supply, name, part_number, made_at, forecast, empties_at)
     VALUES (:customer, :deviceId, '1.1', 'black toner', 'TN-1', 0, '{}', :at)`,
      { deviceId, at: scene.clock.now().getTime() + 4 * 24 * hour },
    );
    await scene.look(true);
    const [mail, ...more] = await scene.mails();
    assert.deepEqual(more, []);
    assert.match(mail!.text, /Supply low: “black toner” \(TN-1\) empty about Mar 8, 2026/);
    assert.equal((await listSent(scene.platform, operator, { ruleId })).length, 3);
  },
);

eachDatabase("a rule without limits tells by those of each customer, before those of its dealer", async () => {
  await using scene = await notificationScene();
  scene.goTo(wednesday);
  const { platform } = scene, days = (count: number) => scene.clock.now().getTime() + count * 24 * hour;
  await scene.rule({}, { ...berlin, events: ["supply"], groupMinutes: 0 });
  await scene.rule({ emails: ["own@partner.example"] }, {
    ...berlin,
    events: ["supply"],
    percent: 50,
    groupMinutes: 0,
  });
  const look = async () => {
    await scene.look(true);
    const lines = (await scene.mails()).flatMap(({ recipient, text }) =>
      [...text.matchAll(/10\.1\.0\.\d|\d+ %|empty about/g)].map(([part]) => `${recipient.split("@")[0]} ${part}`)
    );
    return lines.sort();
  };
  const { berlinPlace: acme, otherPlace: other } = scene;
  await setSupply(acme, { percent: 35, now: 0 });
  await setSupply(other, { percent: 21, now: 0 });
  assert.deepEqual(await look(), ["own 10.1.0.1", "own 10.1.0.3", "own 21 %", "own 35 %"]);
  await setAlertLimits(platform, operator, { dealer: "Print Partner", changes: { lowPercent: 25 } });
  assert.deepEqual(await look(), ["desk 10.1.0.3", "desk 21 %"]);
  await setAlertLimits(platform, operator, { customer: scene.acme, changes: { lowPercent: 40, emptyDays: 30 } });
  assert.deepEqual(await look(), ["desk 10.1.0.1", "desk 35 %"]);
  // By days as well, and only where the customer says so; the rule with a limit of its own does not look at days.
  for (const { tenant, deviceId } of [acme, other]) {
    await tenant.run(
      `INSERT INTO supply_forecasts (customer_id, device_id, supply, name, part_number, made_at, forecast, empties_at)
       VALUES (:customer, :deviceId, '1.2', 'cyan toner', 'TN-2', 0, '{}', :at)`,
      { deviceId, at: days(29) },
    );
  }
  assert.deepEqual(await look(), ["desk 10.1.0.1", "desk empty about"]);
});

eachDatabase("an update that failed is told once for each version", async () => {
  await using scene = await notificationScene();
  scene.goTo(wednesday);
  await scene.rule({}, { ...berlin, events: ["updateFailed"], groupMinutes: 0 });
  const { tenant, agentId } = scene.berlinPlace;
  const fail = (version: string) =>
    tenant.run(
      `INSERT INTO agent_updates (customer_id, agent_id, version, offered_at, phase, message, failed_at)
       VALUES (:customer, :agentId, :version, 0, :phase, 'disk full', :now)
       ON CONFLICT (customer_id, agent_id, version) DO UPDATE SET failed_at = excluded.failed_at`,
      { agentId, version, phase: UpdatePhase.FAILED, now: scene.clock.now().getTime() },
    );
  const look = async () => {
    await scene.look(true);
    return (await scene.mails()).map(({ text }) => /could not be updated: (.*)/.exec(text)?.[1]);
  };
  await fail("0.2.0");
  assert.deepEqual(await look(), ["0.2.0 “disk full”"]);
  scene.clock.advance(hour);
  await fail("0.2.0");
  assert.deepEqual(await look(), []);
  await fail("0.2.1");
  assert.deepEqual(await look(), ["0.2.1 “disk full”"]);
});

eachDatabase("an alert that became worse is told again, and its end if the rule says so", async () => {
  await using scene = await notificationScene();
  scene.goTo(wednesday);
  await scene.rule({}, { ...berlin, groupMinutes: 0, ends: true });
  await scene.raise(scene.berlinPlace, { description: "Jam" });
  await scene.look();
  assert.match((await scene.mails())[0]!.text, /“Jam”\n/);
  scene.clock.advance(hour);
  await scene.endAll(scene.berlinPlace);
  await scene.look();
  assert.match((await scene.mails())[0]!.text, /“Jam” – has ended\n/);
  // One that ended before it was told was never there.
  await scene.raise(scene.berlinPlace, { description: "Door" });
  scene.clock.advance(minute);
  await scene.endAll(scene.berlinPlace);
  await scene.look();
  assert.deepEqual(await scene.mails(), []);
});

eachDatabase("a webhook is told of each customer by itself, and only one of the same dealer can be named", async () => {
  await using scene = await notificationScene();
  scene.goTo(wednesday);
  const { platform } = scene, at = { url: "https://hooks.example.com/x", events: ["alert.raised"], description: "" };
  const hook = await createWebhook(platform, operator, { ...at, dealer: "Print Partner" });
  const foreign = await createWebhook(platform, operator, { ...at, dealer: "Foreign" });
  await assert.rejects(scene.rule({ emails: [] }, { webhookId: foreign.webhookId }), UsageError);
  await scene.rule({ emails: [] }, { ...berlin, groupMinutes: 0, webhookId: hook.webhookId });
  await scene.raise(scene.berlinPlace, { description: "one" });
  await scene.raise(scene.otherPlace, { description: "two" });
  assert.equal(await scene.look(), 2);
  const bodies = (await listDeliveries(platform, operator, { webhookId: hook.webhookId })).map(({ body }) =>
    JSON.parse(body)
  );
  assert.deepEqual(
    bodies.map(({ type, data }) => [type, data.customerId, data.items[0].description]).sort(),
    [
      ["notification", scene.acme, "one"],
      ["notification", scene.other, "two"],
    ].sort(),
  );
});

eachDatabase("who may be told and whose rules can be seen: those of the dealer, and of the customer", async () => {
  await using scene = await notificationScene();
  const { platform } = scene;
  await scene.user("theirs@acme.example", { customer: "Acme" });
  await scene.user("foreign@else.example", { customer: "Elsewhere" });
  await assert.rejects(scene.rule({ users: ["foreign@else.example"] }), UsageError);
  await assert.rejects(scene.rule({ users: ["theirs@acme.example"] }), /of another customer/);
  await assert.rejects(scene.rule({ customer: "Elsewhere" }), UsageError);
  await assert.rejects(scene.rule({ customer: "Acme", site: "Hamburg" }), UsageError);
  await assert.rejects(scene.rule({ emails: [] }), /tells nobody/);
  for (
    const email of ["a@b", "a@example.com\r\nBcc: x@example.com", "a@example.com, b@example.com", "<a@example.com>"]
  ) {
    await assert.rejects(scene.rule({ emails: [email] }), UsageError, email);
  }
  const mine = await scene.rule({ customer: "Acme", users: ["theirs@acme.example"] }), wide = await scene.rule();
  const { dealerId } = await findRule(platform, operator, { ruleId: mine });
  const seen = async (whose: object) => (await listRules(platform, operator, whose)).map(({ ruleId }) => ruleId);
  assert.deepEqual(await seen({ dealerId, customerId: scene.acme }), [mine]);
  assert.deepEqual((await seen({ dealerId })).sort(), [mine, wide].sort());
  assert.deepEqual(await seen({ dealerId: "dea-000000000000" }), []);
  const whose = { dealerId, customerId: scene.acme };
  const wish = { name: "x", users: [], emails: ["a@example.com"], settings: defaultRule };
  for (
    const refused of [
      () => findRule(platform, operator, { ruleId: wide, whose }),
      () => pauseRule(platform, operator, { ruleId: wide, whose }),
      () => resumeRule(platform, operator, { ruleId: wide, whose }),
      () => removeRule(platform, operator, { ruleId: wide, whose }),
      () => changeRule(platform, operator, { ruleId: wide, whose, ...wish }),
      () => testRule(platform, operator, { ruleId: wide, whose }),
      () => listSent(platform, operator, { ruleId: wide, whose }),
      () => findRule(platform, operator, { ruleId: mine, whose: { dealerId: "dea-000000000000" } }),
    ]
  ) await assert.rejects(refused(), /Cannot find the rule/);
});

eachDatabase("a test is sent at once; whoever stops the mails by the link of one gets no more of them", async () => {
  await using scene = await notificationScene();
  scene.goTo("2026-03-07T22:00:00Z");
  const { platform } = scene;
  const ruleId = await scene.rule({ emails: ["one@example.com", "two@example.com"] }, {
    ...berlin,
    hours: undefined,
    groupMinutes: 0,
  });
  assert.equal(await testRule(platform, operator, { ruleId }), 2);
  const tests = await scene.mails();
  assert.deepEqual(tests.map(({ subject }) => subject), Array(2).fill("OpenDCA: test of “Printers”"));
  const one = tests.find(({ recipient }) => recipient === "one@example.com")!;
  const [, recipientId, proof] = /notification-stop\/(rcp-\w+)\/([\w-]+)/.exec(one.unsubscribe!)!;
  const link = { recipientId: recipientId!, proof: proof! };
  assert.deepEqual(await maybeStopLink(platform, link), { rule: "Printers", isStopped: false });
  for (
    const wrong of [{ ...link, proof: `${proof}x` }, { ...link, recipientId: "rcp-000000000000" }, {
      ...link,
      proof: "",
    }]
  ) {
    assert.equal(await maybeStopLink(platform, wrong), undefined);
    await assert.rejects(stopMails(platform, wrong), UsageError);
  }
  await stopMails(platform, link);
  assert.equal((await maybeStopLink(platform, link))!.isStopped, true);
  await scene.raise(scene.berlinPlace);
  await scene.look();
  assert.deepEqual((await scene.mails()).map(({ recipient }) => recipient), ["two@example.com"]);
  // It stays so when the rule is changed, and not when the address is given anew.
  const change = (emails: string[]) =>
    changeRule(platform, operator, { ruleId, name: "P", users: [], emails, settings: defaultRule });
  await change(["One@example.com"]);
  assert.deepEqual((await findRule(platform, operator, { ruleId })).recipients.map(({ isStopped }) => isStopped), [
    true,
  ]);
  await change(["three@example.com"]);
  await change(["one@example.com"]);
  assert.deepEqual((await findRule(platform, operator, { ruleId })).recipients.map(({ isStopped }) => isStopped), [
    false,
  ]);
});

eachDatabase("a customer that was closed meanwhile is told of nothing more; old rows are forgotten", async () => {
  await using scene = await notificationScene();
  scene.goTo(wednesday);
  const ruleId = await scene.rule({}, { ...berlin, groupMinutes: 10 });
  await scene.raise(scene.berlinPlace, { description: "of Acme" });
  await scene.raise(scene.otherPlace, { description: "of Other" });
  await scene.look();
  await closeCustomer(scene.platform, operator, { customer: "Acme", reason: "a test", revokeAgents: true });
  scene.clock.advance(10 * minute);
  await scene.look();
  const [mail] = await scene.mails();
  assert.match(mail!.text, /of Other/);
  assert.doesNotMatch(mail!.text, /of Acme/);
  scene.clock.advance(31 * 24 * hour);
  await scene.look(true);
  assert.deepEqual(await listSent(scene.platform, operator, { ruleId }), []);
  assert.equal((await scene.queries.get<{ n: number }>("SELECT count(*) AS n FROM notification_items"))!.n, 0);
});

eachDatabase("the limit of rules holds", async () => {
  await using scene = await notificationScene();
  const made = Array.from({ length: 21 }, (_, n) => `a${n}@example.com`);
  await assert.rejects(scene.rule({ emails: made }), /more than 20/);
  await assert.rejects(
    createRule(scene.platform, operator, {
      name: " \n",
      users: [],
      emails: ["a@example.com"],
      settings: defaultRule,
      dealer: "Print Partner",
    }),
    /Cannot use the name/,
  );
});

eachDatabase("the running platform tells by itself what is raised", async () => {
  await using scene = await notificationScene();
  scene.goTo(wednesday);
  await scene.rule({}, { ...berlin, groupMinutes: 0 });
  await using _ = startNotifications(scene.platform);
  await scene.raise(scene.berlinPlace);
  await until(
    "the mail waits",
    async () => (await scene.queries.get("SELECT 1 FROM mails WHERE recipient = 'desk@partner.example'")) !== undefined,
  );
});
