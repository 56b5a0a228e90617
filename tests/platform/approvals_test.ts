/** Where a customer requires it, web access and tasks wait until a second person approves them. */
import assert from "node:assert/strict";
import {
  approvalMs,
  approve,
  askForSession,
  askForTask,
  refuseApproval,
  showApproval,
} from "../../platform/access/approvals.ts";
import { createSite } from "../../platform/customers/customers.ts";
import { openSession, type SessionWish, showSession } from "../../platform/access/manage_sessions.ts";
import { noteSent, takeMail, type TakenMail } from "../../platform/mail/mail_queue.ts";
import { setApprovalRules } from "../../platform/tasks/approval_rules.ts";
import { createTask } from "../../platform/tasks/manage_tasks.ts";
import { deactivateUser, setUserGrants } from "../../platform/users/manage_users.ts";
import { setMail } from "../../platform/users/user_mails.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { batchOf, readingOf, recordOf } from "../fixtures/platform_uploads.ts";
import { startSessionBench } from "../fixtures/ssh_sessions.ts";
import { type PortalScene, portalScene, type Visitor } from "./portal_scene.ts";
import { withPlatform } from "./commands.ts";
import { operator } from "./users_fixture.ts";

const eva = "eva@partner.example", max = "max@partner.example";
const ping = { $case: "ping", value: { target: "10.1.0.7", count: 1 } } as const;

async function agentAt(scene: PortalScene, site: string, address = "10.1.0.7"): Promise<string> {
  await scene.devices(scene.acme, site, [readingOf({ address, serial: address })]);
  const row = await scene.platform.queries.get<{ agent_id: string }>(
    "SELECT agent_id FROM agents WHERE site_id = :site",
    { site },
  );
  return row!.agent_id;
}

async function foreignSite({ platform: { platform }, foreign }: PortalScene): Promise<string> {
  return (await createSite(platform, { ...operator, tenant: foreign }, { name: "Rome" })).site_id;
}

const tasksOf = ({ platform: { queries } }: PortalScene) => queries.all<{ kind: string }>("SELECT kind FROM tasks");

slowInPostgres(
  "what needs an approval is done once somebody else has approved it, in the name of whoever asked",
  async () => {
    await using scene = await portalScene();
    const agentId = await agentAt(scene, scene.berlin), root = `/customers/${scene.acme}`;
    const admin = await scene.signedIn(eva),
      technician = await scene.signedIn(max, { grants: [{ role: "technician" }] });
    assert.equal((await admin.post(`${root}/approvals/rules`, { kind: "ping" })).location, `${root}/approvals`);
    assert.equal((await technician.post(`${root}/approvals/rules`, {})).status, 404);

    const asked = await technician.post(`${root}/agents/${agentId}/ping`, { target: "10.1.0.7" });
    assert.match(asked.location, /\/approvals\/apr-\w{12}\?lead=1$/);
    assert.equal((await tasksOf(scene)).length, 0);
    const [path] = asked.location.split("?"), list = `${root}/approvals`;
    // Pending shown to both: one may withdraw it, the other decides.
    const own = await technician.get(path!);
    assert.match(own.body, /waiting for a second person[\s\S]*10\.1\.0\.7[\s\S]*\/withdraw"/);
    assert.doesNotMatch(own.body, /\/approve"|data-lead/);
    assert.match((await admin.get(list)).body, /10\.1\.0\.7[\s\S]*<td >max@[\s\S]*\/approve"[\s\S]*\/refuse"/);
    assert.equal((await technician.post(`${path}/approve`)).status, 404);
    assert.equal((await tasksOf(scene)).length, 0);

    assert.equal((await admin.post(`${path}/approve`)).location, list);
    assert.deepEqual((await tasksOf(scene)).map(({ kind }) => kind), ["ping"]);
    assert.match((await technician.get(path!)).body, /approved[\s\S]*data-lead/);
    assert.match((await technician.get(path!)).body, new RegExp(`href="${root}/tasks/[\\w-]+" data-lead`));
    assert.equal((await admin.post(`${path}/approve`)).status, 422);
    assert.equal((await admin.post(`${path}/refuse`)).status, 422);
    assert.equal((await tasksOf(scene)).length, 1);
    const rows = await scene.platform.queries.all<{ action: string; actor: string; detail: string }>(
      "SELECT action, actor, detail FROM audit_log WHERE action LIKE 'approval%' OR action = 'taskCreated' ORDER BY entry",
    );
    assert.deepEqual(rows.map(({ action, actor }) => [action, actor]), [
      ["approvalRulesSet", `user:${eva}`],
      ["approvalAsked", `user:${max}`],
      ["taskCreated", `user:${max}`],
      ["approvalGiven", `user:${eva}`],
    ]);
    assert.equal(JSON.parse(rows[2]!.detail).approvedBy, `user:${eva}`);

    // Not required any more.
    await admin.post(`${root}/approvals/rules`, {});
    const done = await technician.post(`${root}/agents/${agentId}/ping`, { target: "10.1.0.7" });
    assert.match(done.location, /\/tasks\//);
  },
);

slowInPostgres("the overview and the tab say what waits for the viewer, and nothing else", async () => {
  await using scene = await portalScene();
  const agentId = await agentAt(scene, scene.berlin), root = `/customers/${scene.acme}`;
  const { platform, queries } = scene.platform;
  for (const tenant of [scene.acme, scene.foreign]) {
    await setApprovalRules(platform, { ...operator, tenant }, { kinds: ["ping"] });
  }
  await scene.devices(scene.foreign, await foreignSite(scene), [readingOf()]);
  const elsewhere = await queries.tenant(scene.foreign).get<{ agent_id: string }>(
    "SELECT agent_id FROM agents WHERE customer_id = :customer",
  );
  await askForTask(platform, { ...operator, tenant: scene.foreign }, {
    agentId: elsewhere!.agent_id,
    payload: ping,
    validMs: 60_000,
  });
  const admin = await scene.signedIn(eva);
  const bonn = await scene.signedIn("ben@partner.example", {
    grants: [{ role: "administrator", customerId: "Acme", siteId: "Bonn" }],
  });
  const berlin = await scene.signedIn("bea@acme.example", {
    customer: "Acme",
    grants: [{ role: "administrator", siteId: "Berlin", customerId: "Acme" }],
  });
  const technician = await scene.signedIn(max, { grants: [{ role: "technician" }] });
  const said = async (user: Visitor) => {
    const [, hint] = /([\w ]+ for your approval)\./.exec((await user.get("/")).body) ?? [];
    const [, tab] = /approvals"[^>]*>\s*Approvals\s*(\(\d+\))?\s*<\/a>/.exec((await user.get(`${root}/agents`)).body)!;
    return [hint, tab];
  };
  const ask = (user: Visitor) => user.post(`${root}/agents/${agentId}/ping`, { target: "10.1.0.7" });
  const nothing = [undefined, undefined], one = ["One request waits for your approval", "(1)"];
  for (const user of [admin, bonn, berlin, technician]) assert.deepEqual(await said(user), nothing);
  await ask(technician);
  const [path] = (await ask(admin)).location.split("?");
  assert.match((await admin.get("/")).body, new RegExp(`<a href="${root}/approvals">Acme: 1</a>`));
  assert.deepEqual(await said(admin), one);
  assert.deepEqual(await said(berlin), ["2 requests wait for your approval", "(2)"]);
  for (const user of [bonn, technician]) assert.deepEqual(await said(user), nothing);
  assert.equal((await berlin.post(`${path}/approve`)).status, 303);
  assert.deepEqual(await said(berlin), one);
  await queries.run("UPDATE approval_requests SET expires_at = asked_at");
  assert.deepEqual(await said(berlin), nothing);
});

slowInPostgres("whoever can approve a request is told of it by mail, once for a group of requests", async () => {
  await using scene = await portalScene();
  const agentId = await agentAt(scene, scene.berlin), root = `/customers/${scene.acme}`;
  const { platform, clock } = scene.platform, { store, pepper } = platform;
  await setApprovalRules(platform, { ...operator, tenant: scene.acme }, { kinds: ["ping"] });
  const administrator = { role: "administrator", customerId: "Acme" } as const;
  for (const siteId of ["Berlin", "Bonn"]) {
    await scene.signedIn(`${siteId.toLowerCase()}@partner.example`, { grants: [{ ...administrator, siteId }] });
  }
  await scene.signedIn("gone@partner.example", { grants: [administrator] });
  await deactivateUser(platform, operator, { user: "gone@partner.example" });
  await scene.signedIn("ugo@foreign.example", { dealer: "Foreign" });
  await scene.signedIn(eva);
  const technician = await scene.signedIn(max, { grants: [{ role: "technician" }] });
  const berlin = await scene.signedIn("berlin2@partner.example", { grants: [{ ...administrator, siteId: "Berlin" }] });
  const ask = async (user = technician) =>
    (await user.post(`${root}/agents/${agentId}/ping`, { target: "10.1.0.7" })).location.split("?")[0]!;
  const mails = async () => {
    const all: TakenMail[] = [];
    for (let mail; (mail = await takeMail(store, { pepper, at: clock.now() })) !== undefined;) {
      all.push(mail);
      await noteSent(store, mail.mailId);
    }
    return all.toSorted((a, b) => a.recipient < b.recipient ? -1 : 1);
  };
  await ask();
  assert.deepEqual(await mails(), [], "an installation without mail");
  await store.transaction((tx) => setMail(tx, "dca@partner.example"));
  clock.advance(10 * 60_000);
  const path = await ask(), told = await mails();
  assert.deepEqual(told.map(({ recipient }) => recipient), ["berlin2@partner.example", "berlin@partner.example", eva]);
  const { origin } = (await scene.platform.queries.get<{ origin: string }>(
    "SELECT origin FROM portal WHERE what = 'portal'",
  ))!;
  for (const { subject, text } of told) {
    assert.equal(subject, "Somebody waits for your approval");
    assert(text.includes(`\n${origin}${path}\n`), text);
    assert.match(text, /max@partner\.example has asked for something at Acme/);
  }
  await ask();
  assert.deepEqual(await mails(), [], "one mail for a group");
  clock.advance(10 * 60_000);
  await ask(berlin);
  assert.deepEqual((await mails()).map(({ recipient }) => recipient), ["berlin@partner.example", eva]);
});

slowInPostgres("nobody approves their own request, one of another customer or site, or one that is over", async () => {
  await using scene = await portalScene();
  const agentId = await agentAt(scene, scene.berlin), root = `/customers/${scene.acme}`;
  const { platform } = scene.platform, by = { ...operator, tenant: scene.acme };
  await setApprovalRules(platform, by, { kinds: ["ping"] });
  const admin = await scene.signedIn(eva),
    ask = () => admin.post(`${root}/agents/${agentId}/ping`, { target: "10.1.0.7" });
  const [path] = (await ask()).location.split("?"), requestId = path!.split("/").at(-1)!;
  const refused = await admin.post(`${path}/approve`);
  assert.equal(refused.status, 422);
  assert.match(refused.body, /you asked for it yourself/);
  const foreign = await scene.signedIn("ugo@foreign.example", { dealer: "Foreign" });
  const bonn = await scene.signedIn("ben@partner.example", {
    grants: [{ role: "administrator", customerId: "Acme", siteId: "Bonn" }],
  });
  assert.equal((await foreign.get(path!)).status, 404);
  assert.equal((await foreign.post(`${path}/approve`)).status, 404);
  assert.equal((await foreign.post(`/customers/${scene.foreign}/approvals/${requestId}/approve`)).status, 422);
  assert.equal((await bonn.get(path!)).status, 404);
  assert.equal((await bonn.post(`${path}/approve`)).status, 422);
  assert.doesNotMatch((await bonn.get(`${root}/approvals`)).body, new RegExp(requestId));
  assert.equal((await bonn.post(`${root}/approvals/rules`, {})).status, 422);
  await assert.rejects(
    approve(platform, { ...operator, tenant: scene.foreign }, { requestId }),
    /Cannot find the request/,
  );
  assert.equal((await tasksOf(scene)).length, 0);

  // Whoever may decide may also withdraw nothing of somebody else.
  const other = await scene.signedIn(max);
  assert.equal((await other.post(`${path}/withdraw`)).status, 422);
  assert.equal((await admin.post(`${path}/withdraw`)).location, `${root}/approvals`);
  assert.equal((await other.post(`${path}/approve`)).status, 422);
  const [late] = (await ask()).location.split("?");
  scene.platform.clock.advance(approvalMs);
  await assert.rejects(approve(platform, by, { requestId: late!.split("/").at(-1)! }), /its state is "expired"/);
  assert.equal((await tasksOf(scene)).length, 0);
});

slowInPostgres("what a user asked for who may not do it any more is not done", async () => {
  await using scene = await portalScene();
  const agentId = await agentAt(scene, scene.berlin), { platform } = scene.platform;
  const by = { ...operator, tenant: scene.acme };
  await setApprovalRules(platform, by, { kinds: ["ping"] });
  const changes: [name: string, change: (email: string) => Promise<unknown>][] = [
    ["deactivated", (user) => deactivateUser(platform, operator, { user })],
    ["of another role", (user) => setUserGrants(platform, operator, { user, grants: [{ role: "viewer" }] })],
    [
      "of another site",
      (user) =>
        setUserGrants(platform, operator, {
          user,
          grants: [{ role: "technician", customerId: "Acme", siteId: "Bonn" }],
        }),
    ],
  ];
  for (const [i, [name, change]] of changes.entries()) {
    const email = `tina${i}@partner.example`;
    const asker = await scene.signedIn(email, { grants: [{ role: "technician" }] });
    const asked = await asker.post(`/customers/${scene.acme}/agents/${agentId}/ping`, { target: "10.1.0.7" });
    const requestId = /apr-\w{12}/.exec(asked.location)![0];
    await change(email);
    await assert.rejects(approve(platform, by, { requestId }), /may no longer do this/, name);
    assert.equal((await showApproval(platform, by, { requestId })).state, "waiting");
    assert.equal((await tasksOf(scene)).length, 0, name);
  }
});

slowInPostgres("of two who approve at the same time, one does; no other way leads around the rule", async () => {
  await using scene = await portalScene();
  const agentId = await agentAt(scene, scene.berlin), { platform } = scene.platform;
  const by = { ...operator, tenant: scene.acme }, task = { agentId, payload: ping, validMs: 60_000 };
  await setApprovalRules(platform, by, { kinds: ["ping"] });
  await assert.rejects(createTask(platform, by, task), /requires the approval of a second person/);
  await assert.rejects(
    createTask(platform, { actor: { kind: "api-token", name: "tok-1" }, tenant: scene.acme }, task),
    /requires the approval/,
  );
  const asked = await askForTask(platform, by, task);
  assert("requestId" in asked);
  const others = [eva, max].map((name) => ({ actor: { kind: "user", name } as const, tenant: scene.acme }));
  const results = await Promise.allSettled(others.map((other) => approve(platform, other, asked)));
  assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  assert.equal((await tasksOf(scene)).length, 1);
});

slowInPostgres("web access that is approved is what was asked for, and of whoever asked", async () => {
  await using scene = await startSessionBench();
  const { platform, clock } = scene.bench.platform, { by } = scene;
  const wish: SessionWish = { device: "10.1.0.7", port: 8000, scheme: "http", lastsMs: 600_000 };
  await setApprovalRules(platform, by, { kinds: ["openWebAccess"] });
  await assert.rejects(openSession(platform, by, wish), /requires the approval/);
  // What could not be opened is not asked for either.
  await assert.rejects(askForSession(platform, by, { ...wish, port: 22 }), /allows others only/);
  const asked = await askForSession(platform, by, wish);
  assert("requestId" in asked);
  assert.equal((await scene.poll()).length, 0);
  clock.advance(1000);
  await scene.poll();
  const other = { ...by, actor: { kind: "user", name: eva } as const };
  const { made_id: sessionId } = await approve(platform, other, asked);
  const session = await showSession(platform, by, { sessionId: sessionId! });
  assert.deepEqual([session.port, session.opened_by], [8000, "operator:eva"]);
  assert.equal(session.ends_at, clock.now().getTime() + wish.lastsMs);
  assert.deepEqual((await scene.poll()).map(({ sessionId }) => sessionId), [sessionId]);
  // The device has another address than the one that was approved.
  const moved = await askForSession(platform, by, wish);
  assert("requestId" in moved);
  const records = [recordOf(readingOf({ address: "10.1.0.8" }), { deviceKey: "device-1" })];
  await scene.bench.upload(batchOf(scene.agent, { sequence: 2, records }));
  await assert.rejects(approve(platform, other, moved), /the device is at 10\.1\.0\.8/);
  assert.deepEqual((await scene.poll()).map(({ sessionId }) => sessionId), [sessionId]);
  await refuseApproval(platform, other, moved);
  wish.device = "10.1.0.8";
  // One that cannot be opened when it is approved goes on waiting.
  const next = await askForSession(platform, by, wish);
  assert("requestId" in next);
  await scene.poll({ webAccess: undefined });
  await assert.rejects(approve(platform, other, next), /has no web access/);
  assert.equal((await showApproval(platform, by, next)).state, "waiting");
});

slowInPostgres("`approval` shows, decides and sets the rules", async () => {
  await withPlatform(async (run) => {
    await run("customer", "create", "Acme");
    assert.equal((await run("approval", "rules")).stdout, "nothing needs an approval\n");
    assert.equal(
      (await run("approval", "rules", "diagnostics", "openWebAccess")).stdout,
      "openWebAccess\ndiagnostics\n",
    );
    assert.equal((await run("approval", "rules", "setConfig")).code, 64);
    assert.equal((await run("approval", "rules", "ping", "--none")).code, 64);
    assert.equal((await run("approval", "rules", "--none")).stdout, "nothing needs an approval\n");
    assert.match((await run("approval", "list")).stdout, /no requests yet/);
    assert.match((await run("approval", "approve", "apr-000000000000")).stderr, /Cannot find the request/);
  });
});
