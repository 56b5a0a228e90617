/** Notifications: who is told of what, when and how often; with a clock of the test's own. */
import assert from "node:assert/strict";
import { findRule, listRules, pauseRule, removeRule, resumeRule } from "../../platform/notifications/rules.ts";
import { listSent } from "../../platform/notifications/sent_notifications.ts";
import { lookAtNotifications } from "../../platform/notifications/start_notifications.ts";
import { noteFailed } from "../../platform/mail/mail_queue.ts";
import { setMail } from "../../platform/users/user_mails.ts";
import { deactivateUser, setUserGrants } from "../../platform/users/manage_users.ts";
import { erasePerson } from "../../platform/trust/erase_data.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { type NotificationScene, notificationScene, portal } from "./notification_scene.ts";
import { operator } from "./users_fixture.ts";

const minute = 60_000, hour = 60 * minute;
const berlin = { zone: "Europe/Berlin" } as const;
/** A Wednesday, in working hours. */
const wednesday = "2026-03-04T10:00:00Z";

async function told(scene: NotificationScene): Promise<string[]> {
  return (await scene.mails()).map(({ recipient, subject }) => `${recipient}: ${subject}`);
}

eachDatabase(
  "what happens within the time to group is one mail, by customer and device, with links and why",
  async () => {
    await using scene = await notificationScene();
    scene.goTo(wednesday);
    const ruleId = await scene.rule({ name: "Service desk" }, { ...berlin, language: "de" });
    await scene.raise(scene.berlinPlace, { description: "Tray 2 empty" });
    assert.equal(await scene.look(), 0);
    scene.clock.advance(5 * minute);
    await scene.raise(scene.berlinPlace, { description: "Door open", severity: "critical" });
    await scene.raise(scene.otherPlace, { kind: "agentSilent", severity: "critical" });
    assert.equal(await scene.look(), 0);
    scene.clock.advance(5 * minute);
    assert.equal(await scene.look(), 1);
    const [mail, ...more] = await scene.mails();
    assert.deepEqual(more, []);
    assert.deepEqual([mail!.recipient, mail!.subject], ["desk@partner.example", "OpenDCA: Service desk (3)"]);
    assert.match(
      mail!.text,
      /Acme: Berlin\n-+\nExample, LX-100, SERIAL1, 10\.1\.0\.1\n {2}04\.03\.2026, 11:00 {2}Vom Drucker gemeldet: “Tray 2 empty”\n {2}04\.03\.2026, 11:05 {2}Vom Drucker gemeldet: “Door open” \[kritisch\]\n {2}https:\/\/portal\.example\.com\/customers\/cus-\w+\/devices\/dev-000000000001\n/,
    );
    assert.match(mail!.text, /Other: Hamburg\n-+\nhost3\n.*Der Agent meldet sich nicht \[kritisch\]/);
    assert.match(mail!.text, /Sie erhalten diese E-Mail durch die Regel „Service desk“/);
    assert(mail!.text.includes(`${portal}/notifications/${ruleId}\n`));
    assert.match(mail!.html!, /<h2>Acme: Berlin<\/h2>[\s\S]*<li>/);
    assert.equal(await scene.look(), 0);
    scene.clock.advance(hour);
    assert.equal(await scene.look(), 0);
    assert.deepEqual(await told(scene), []);
    const [sent] = await listSent(scene.platform, operator, { ruleId });
    assert.deepEqual([sent!.items, sent!.state, sent!.recipient], [3, "sent", "desk@partner.example"]);
  },
);

eachDatabase(
  "over a weekend it is held until Monday, also where the clock changes; what has ended is not told",
  async () => {
    await using scene = await notificationScene();
    // Friday evening; on Sunday the clock is put forward.
    scene.goTo("2026-03-27T17:30:00Z");
    await scene.rule({}, berlin);
    await scene.rule({ emails: ["urgent@partner.example"] }, { ...berlin, urgent: true });
    await scene.raise(scene.berlinPlace, { description: "Jam" });
    await scene.raise(scene.otherPlace, { description: "Fuser failed", severity: "critical" });
    scene.clock.advance(11 * minute);
    assert.equal(await scene.look(), 1);
    assert.deepEqual(await told(scene), ["urgent@partner.example: OpenDCA: Printers (1) – Other"]);
    scene.goTo("2026-03-28T12:00:00Z");
    await scene.endAll(scene.berlinPlace);
    for (
      const time of ["2026-03-29T00:59:00Z", "2026-03-29T01:00:00Z", "2026-03-29T12:00:00Z", "2026-03-30T05:59:59Z"]
    ) {
      scene.goTo(time);
      assert.equal(await scene.look(), 0, time);
    }
    scene.goTo("2026-03-30T06:00:00Z");
    assert.equal(await scene.look(), 1);
    const [mail, ...more] = await scene.mails();
    assert.deepEqual([mail!.recipient, more], ["desk@partner.example", []]);
    assert.match(mail!.text, /Fuser failed/);
    assert.doesNotMatch(mail!.text, /Jam/);
    // In autumn the clock is put back, and in Kolkata people begin half an hour beside the hour.
    scene.goTo("2026-10-23T17:00:00Z");
    await scene.rule({ emails: ["kolkata@partner.example"] }, { zone: "Asia/Kolkata" });
    await scene.raise(scene.berlinPlace, { description: "Autumn" });
    for (
      const [time, expected] of [
        ["2026-10-26T02:29:59Z", []],
        ["2026-10-26T02:30:00Z", ["kolkata@partner.example: OpenDCA: Printers (1) – Acme"]],
        ["2026-10-26T06:59:59Z", []],
        [
          "2026-10-26T07:00:00Z",
          [
            "desk@partner.example: OpenDCA: Printers (1) – Acme",
            "urgent@partner.example: OpenDCA: Printers (1) – Acme",
          ],
        ],
      ] as const
    ) {
      scene.goTo(time);
      await scene.look();
      assert.deepEqual((await told(scene)).sort(), expected, time);
    }
  },
);

eachDatabase("a digest tells once a day what was, also what has ended", async () => {
  await using scene = await notificationScene();
  scene.goTo("2026-03-04T08:00:00Z");
  await scene.rule({}, { ...berlin, hours: undefined, digest: "18:00" });
  await scene.raise(scene.berlinPlace, { description: "Jam" });
  scene.clock.advance(2 * hour);
  await scene.endAll(scene.berlinPlace);
  await scene.raise(scene.bonnPlace, { description: "Door open" });
  scene.goTo("2026-03-04T16:59:59Z");
  assert.equal(await scene.look(), 0);
  scene.goTo("2026-03-04T17:00:00Z");
  assert.equal(await scene.look(), 1);
  const [mail] = await scene.mails();
  assert.equal(mail!.subject, "OpenDCA: Printers, of the day (2) – Acme");
  assert.match(mail!.text, /“Jam” – was, and has ended/);
  assert.match(mail!.text, /“Door open”\n/);
  scene.goTo("2026-03-05T17:00:00Z");
  assert.equal(await scene.look(), 0);
});

eachDatabase("what is more than the most per hour waits and is told together", async () => {
  await using scene = await notificationScene();
  scene.goTo(wednesday);
  await scene.rule({}, { ...berlin, groupMinutes: 0, mostPerHour: 2 });
  let sent = 0;
  for (let n = 0; n < 10; n++) {
    await scene.raise(scene.berlinPlace, { description: `Alert ${n}` });
    sent += await scene.look();
    scene.clock.advance(5 * minute);
  }
  assert.equal(sent, 2);
  assert.equal((await scene.mails()).length, 2);
  // The first two were told at 10:00 and 10:05; it is 10:50.
  scene.clock.advance(10 * minute);
  assert.equal(await scene.look(), 1);
  const [mail] = await scene.mails();
  for (let n = 2; n < 10; n++) assert.match(mail!.text, new RegExp(`Alert ${n}`));
});

eachDatabase(
  "a rule of a customer, a site, a severity or a kind is told of these alone, and no other dealer of any",
  async () => {
    await using scene = await notificationScene();
    scene.goTo(wednesday);
    const of = (email: string, parts: object, settings: object = {}) =>
      scene.rule({ emails: [`${email}@partner.example`], ...parts }, { ...berlin, groupMinutes: 0, ...settings });
    await of("customer", { customer: "Acme" });
    await of("site", { customer: "Acme", site: "Bonn" });
    await of("critical", {}, { severity: "critical" });
    await of("silent", {}, { events: ["deviceSilent"] });
    await scene.raise(scene.berlinPlace, { description: "one" });
    await scene.raise(scene.bonnPlace, { description: "two", severity: "critical" });
    await scene.raise(scene.otherPlace, { description: "three", kind: "deviceSilent" });
    await scene.raise(scene.foreignPlace, { description: "foreign", severity: "critical" });
    await scene.look();
    const said = Object.fromEntries(
      (await scene.mails()).map(({ recipient, text }) => [
        recipient.split("@")[0],
        ["one", "two", "three", "foreign", "answer"].filter((word) => text.includes(word)),
      ]),
    );
    assert.deepEqual(said, {
      customer: ["one", "two"],
      site: ["two"],
      critical: ["two", "three", "answer"],
      silent: ["three", "answer"],
    });
  },
);

eachDatabase("a user is told in the own language of what the user may see, and nothing once deactivated", async () => {
  await using scene = await notificationScene();
  scene.goTo(wednesday);
  const site = await scene.user("bonn@partner.example", {
    language: "it",
    grants: [{ role: "viewer", customerId: "Acme", siteId: "Bonn" }],
  });
  const all = await scene.user("all@partner.example", { language: "de" });
  await scene.mails();
  const ruleId = await scene.rule({ emails: [], users: [site.email, all.userId] }, { ...berlin, groupMinutes: 0 });
  const both = async () => {
    await scene.raise(scene.berlinPlace, { description: "of Berlin" });
    await scene.raise(scene.bonnPlace, { description: "of Bonn" });
    await scene.look();
    return await scene.mails();
  };
  const mails = await both();
  const text = (email: string) => mails.find(({ recipient }) => recipient === email)!.text;
  assert.match(text("bonn@partner.example"), /Segnalato dalla stampante: “of Bonn”/);
  assert.doesNotMatch(text("bonn@partner.example"), /of Berlin/);
  assert.match(text("all@partner.example"), /Vom Drucker gemeldet: “of Berlin”[\s\S]*“of Bonn”/);
  // Whoever may not see the fleet any more is told nothing of it.
  await setUserGrants(scene.platform, operator, {
    user: site.userId,
    grants: [{ role: "viewer", customerId: "Other" }],
  });
  assert.deepEqual((await both()).map(({ recipient }) => recipient), ["all@partner.example"]);
  await scene.user("keeper@partner.example");
  await deactivateUser(scene.platform, operator, { user: all.userId });
  await scene.mails();
  assert.deepEqual(await both(), []);
  assert.deepEqual(
    (await findRule(scene.platform, operator, { ruleId })).recipients.map(({ isActive }) => isActive).sort(),
    [false, true],
  );
  await erasePerson(scene.platform, operator, { userId: all.userId, reason: "a test" });
  const { recipients } = await findRule(scene.platform, operator, { ruleId });
  assert.deepEqual(recipients.map(({ userId }) => userId), [site.userId]);
});

eachDatabase("what printers name themselves makes no header, no line and no markup", async () => {
  await using scene = await notificationScene();
  scene.goTo(wednesday);
  const evil =
    "Jam\r\nBcc: all@evil.example\r\n\r\n<script>alert(1)</script>\u2028\u202egpj.exe\u0000\u200b{count} ${x}";
  await scene.berlinPlace.tenant.run(
    "UPDATE devices SET model = :evil, serial = :evil, manufacturer = :evil WHERE customer_id = :customer",
    { evil: evil.replaceAll("\0", "") },
  );
  await scene.rule({ name: '<b>"Rule"</b> {count}' }, { ...berlin, groupMinutes: 0 });
  await scene.raise(scene.berlinPlace, { description: evil });
  await scene.raise(scene.berlinPlace, { description: "x".repeat(5000) });
  await scene.look();
  const [mail] = await scene.mails();
  assert.equal(mail!.subject, 'OpenDCA: <b>"Rule"</b> {count} (2) – Acme');
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(`${mail!.subject}${mail!.text}${mail!.html}`, /[\u0000-\u0009\u000b-\u001f\u2028\u202e\u200b]/);
  for (const line of mail!.text.split("\n")) assert.doesNotMatch(line, /^\s*Bcc:/);
  assert.doesNotMatch(mail!.html!, /<script|<b>/);
  assert.match(mail!.html!, /&lt;script&gt;alert\(1\)&lt;\/script&gt; gpj\.exe \{count\} \$\{x\}/);
  assert(mail!.text.length < 5000);
});

eachDatabase("a mail server that is away loses nothing and gets nothing twice; failures are shown", async () => {
  await using scene = await notificationScene();
  scene.goTo(wednesday);
  const ruleId = await scene.rule({}, { ...berlin, groupMinutes: 0 });
  const stateOf = async () => {
    const { state, failure } = (await listSent(scene.platform, operator, { ruleId }))[0]!;
    return `${state}: ${failure}`;
  };
  await scene.raise(scene.berlinPlace);
  await scene.look();
  const { store } = scene.platform;
  for (let n = 0; n < 3; n++) {
    const [mail, ...more] = await scene.tried();
    assert.deepEqual(more, []);
    await noteFailed(store, { mail: mail!, failure: "connection refused", isFinal: false, at: scene.clock.now() });
    scene.clock.advance(16 * minute);
    assert.equal(await scene.look(), 0);
    assert.equal(await stateOf(), "waiting: connection refused");
  }
  assert.equal((await scene.mails()).length, 1);
  assert.equal(await stateOf(), "sent: null");
  scene.clock.advance(hour);
  await scene.look();
  assert.deepEqual(await scene.mails(), []);
  // Where no mails are sent at all, this is said.
  await store.transaction((tx) => setMail(tx, undefined));
  await scene.raise(scene.berlinPlace);
  await scene.look();
  assert.equal(await stateOf(), "failed: this installation sends no mails");
});

eachDatabase("several processes at once put each alert into the queue once, and send each once", async () => {
  await using scene = await notificationScene();
  scene.goTo(wednesday);
  await scene.rule({}, { ...berlin, groupMinutes: 0 });
  await scene.rule({ emails: ["two@partner.example"], customer: "Acme" }, { ...berlin, groupMinutes: 0 });
  for (let n = 0; n < 20; n++) {
    await scene.raise(n % 2 ? scene.berlinPlace : scene.otherPlace, { description: `A${n}!` });
  }
  const looks = await Promise.all(
    Array.from({ length: 6 }, () => lookAtNotifications(scene.platform, { isSlow: true })),
  );
  assert.equal(looks.reduce((sum, sent) => sum + sent), 2);
  const mails = await scene.mails();
  assert.deepEqual(mails.map(({ recipient }) => recipient).sort(), ["desk@partner.example", "two@partner.example"]);
  // Twenty for the rule of all customers, ten for the one of Acme.
  assert.equal((await scene.queries.get<{ n: number }>("SELECT count(*) AS n FROM notification_items"))!.n, 30);
  const text = mails.find(({ recipient }) => recipient === "desk@partner.example")!.text;
  for (let n = 0; n < 20; n++) assert.equal(text.split(`A${n}!`).length, 2);
});

eachDatabase("what fails for one customer or one rule holds up no other", async () => {
  await using scene = await notificationScene();
  scene.goTo(wednesday);
  const rules = [
    await scene.rule({ customer: "Acme", emails: ["acme@partner.example"] }, { ...berlin, groupMinutes: 0 }),
    await scene.rule({ customer: "Other", emails: ["other@partner.example"] }, { ...berlin, groupMinutes: 0 }),
  ];
  const places = [scene.berlinPlace, scene.otherPlace];
  const customers = places.map(({ customerId }) => customerId);
  const recipients = async () => (await scene.mails()).map(({ recipient }) => recipient);
  const set = (rule: number, settings: string) =>
    scene.queries.run("UPDATE notification_rules SET settings = :settings WHERE rule_id = :id", {
      id: rules[rule]!,
      settings,
    });
  const { settings } = (await scene.queries.get<{ settings: string }>(
    "SELECT settings FROM notification_rules WHERE rule_id = :id",
    { id: rules[0]! },
  ))!;
  const raiseBoth = async () => {
    for (const place of places) await scene.raise(place);
  };
  // The customer that is looked at first.
  const bad = customers[0]! < customers[1]! ? 0 : 1, names = ["acme@partner.example", "other@partner.example"];
  await set(bad, "{");
  await raiseBoth();
  await assert.rejects(scene.look());
  assert.deepEqual(await recipients(), [names[1 - bad]]);
  await set(bad, settings);
  await scene.look();
  assert.deepEqual(await recipients(), [names[bad]]);
  // The rule that is sent first.
  const first = rules[0]! < rules[1]! ? 0 : 1;
  await set(first, JSON.stringify({ ...JSON.parse(settings), zone: "Nowhere/None", hours: undefined }));
  await raiseBoth();
  await assert.rejects(scene.look());
  assert.deepEqual(await recipients(), [names[1 - first]]);
});

eachDatabase("a paused rule tells nothing, and later nothing of what happened meanwhile", async () => {
  await using scene = await notificationScene();
  scene.goTo(wednesday);
  const ruleId = await scene.rule({}, { ...berlin, groupMinutes: 10 });
  const { platform } = scene;
  await scene.raise(scene.berlinPlace, { description: "before" });
  await scene.look();
  await pauseRule(platform, operator, { ruleId });
  scene.clock.advance(hour);
  await scene.raise(scene.berlinPlace, { description: "meanwhile" });
  assert.equal(await scene.look(), 0);
  scene.clock.advance(hour);
  await resumeRule(platform, operator, { ruleId });
  await scene.raise(scene.berlinPlace, { description: "after" });
  await scene.look();
  scene.clock.advance(10 * minute);
  await scene.look();
  const [mail, ...more] = await scene.mails();
  assert.deepEqual(more, []);
  assert.match(mail!.text, /after/);
  assert.doesNotMatch(mail!.text, /before|meanwhile/);
  await removeRule(platform, operator, { ruleId });
  assert.deepEqual(await listRules(platform, operator), []);
  for (const table of ["notification_items", "notification_recipients", "notifications"]) {
    assert.equal((await scene.queries.get<{ n: number }>(`SELECT count(*) AS n FROM ${table}`))!.n, 0, table);
  }
});
