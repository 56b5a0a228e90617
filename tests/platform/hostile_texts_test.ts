/** What agents and printers say is text on every page of a customer, and forms set nothing that they do not ask for. */
import assert from "node:assert/strict";
import { AgentStatus } from "../../proto/gen/opendca/v1/agent_service.ts";
import { RefusalReason, Task, TaskResult, TaskState } from "../../proto/gen/opendca/v1/task.ts";
import { addSession } from "../../platform/access/sessions.ts";
import { routes } from "../../platform/portal/portal_app.tsx";
import { createTask } from "../../platform/tasks/manage_tasks.ts";
import { noteTaskResult } from "../../platform/tasks/tasks.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { type PortalScene, portalScene } from "./portal_scene.ts";
import { sessionOf } from "./tenant_scene.ts";
import { operator, password } from "./users_fixture.ts";

const eva = "eva@partner.example";
/** The kind of text, and a mark that says where it is from. */
const hostile = (mark: string) => `${mark}"><script>alert(1)</script><img src=x onerror=alert(2)>'&#x27;</title>`;
const marks = [
  "hostname",
  "version",
  "fault",
  "config",
  "refusal",
  "taskMessage",
  "pingSaid",
  "sessionReason",
  "requestPath",
  "updateMessage",
  "alertGroup",
  "historyAfter",
  "location",
  "approvalTarget",
] as const;
type Mark = (typeof marks)[number];

interface Ids {
  customer: string;
  device: string;
  agent: string;
  task: string;
}

/** Each text that an agent sets, hostile, in rows as the platform keeps them. */
async function hostileScene(scene: PortalScene): Promise<Ids> {
  const { platform: { platform, queries }, acme } = scene, tenant = queries.tenant(acme);
  const [device] = await scene.devices(acme, scene.berlin, [readingOf()]);
  const { agent_id: agent } = (await tenant.get<{ agent_id: string }>(
    "SELECT agent_id FROM agents WHERE customer_id = :customer",
  ))!;
  const text = (mark: Mark) => hostile(mark), at = scene.platform.clock.now();
  const status = AgentStatus.fromPartial({
    agentVersion: text("version"),
    faults: [{ code: text("fault"), message: text("fault"), lastAt: at, count: 1 }],
    updateTarget: text("version"),
  });
  await tenant.run(
    `UPDATE agents SET hostname = :hostname, version = :version, status = :status, config_refusals = :refusals,
       effective_config = :config, update_told = :update WHERE customer_id = :customer`,
    {
      hostname: text("hostname"),
      version: text("version"),
      status: AgentStatus.encode(status).finish(),
      update: JSON.stringify(["0.2.0", 7, text("updateMessage")]),
      refusals: JSON.stringify([text("refusal")]),
      config: JSON.stringify({ sites: [{ name: text("config"), networks: [text("config")] }] }),
    },
  );
  await tenant.run("UPDATE devices SET location = :text WHERE customer_id = :customer", { text: text("location") });
  const payload = { $case: "ping", value: { target: "10.1.0.7", count: 1 } } as const;
  const by = { ...operator, tenant: acme };
  const { taskId: task } = await createTask(platform, by, { agentId: agent, payload, validMs: 60_000 });
  const ping = { address: text("pingSaid"), sent: 1, received: 0, roundTripMs: [], said: text("pingSaid") };
  const result = TaskResult.fromPartial({
    taskId: task,
    state: TaskState.REFUSED,
    refusal: RefusalReason.POLICY,
    message: text("taskMessage"),
    output: { $case: "ping", value: ping },
  });
  assert.equal(await noteTaskResult(tenant, { agentId: agent, result, at }), "taken");
  const session = { ...sessionOf("ses-000000000001"), agent_id: agent, device_id: device!, task_id: task };
  await addSession(tenant, session);
  await tenant.run(
    "UPDATE access_sessions SET state = 'closed', end_reason = :text WHERE customer_id = :customer",
    { text: text("sessionReason") },
  );
  await tenant.run(
    `INSERT INTO access_requests (customer_id, session_id, request_id, at, method, path, query_length, status, bytes_in,
       bytes_out, ms) VALUES (:customer, 'ses-000000000001', '1', 0, :text, :text, 0, 200, 0, 1, 1)`,
    { text: text("requestPath") },
  );
  await tenant.run(
    `INSERT INTO raised_alerts (customer_id, alert_id, kind, device_id, agent_id, alert_key, alert_group, severity,
       description, detail, began_at, raised_at)
     VALUES (:customer, 'alr-000000000001', 'printer', :device, :agent, '', :text, 'warning', :text, '{}', 0, 0)`,
    { device: device!, agent, text: text("alertGroup") },
  );
  await tenant.run(
    `INSERT INTO device_history (customer_id, device_id, at, kind, before, after)
     VALUES (:customer, :device, 0, 'location', :text, :text)`,
    { device: device!, text: text("historyAfter") },
  );
  await tenant.run(
    `INSERT INTO approval_requests (customer_id, request_id, kind, agent_id, target, wish, state, asked_by, asked_at,
       expires_at) VALUES (:customer, 'apr-000000000001', 'ping', :agent, :text, :wish, 'refused', 'user:x', 0, 0)`,
    { agent, text: text("approvalTarget"), wish: JSON.stringify(Task.toJSON(Task.create({}))) },
  );
  return { customer: acme, device: device!, agent, task };
}

function addressOf(path: string, { customer, device, agent, task }: Ids): string {
  return path.replace(":customer", customer).replace(/:device(\{[^}]*\})?/, device).replace(":agent", agent)
    .replace(":task", task).replace(":session", "ses-000000000001").replace(":alert", "alr-000000000001")
    .replace(":approval", "apr-000000000001");
}

Deno.test("every text that an agent sets is text on every page of its customer", async () => {
  await using scene = await portalScene();
  const ids = await hostileScene(scene), user = await scene.signedIn(eva), seen = new Set<string>();
  const pages = routes.filter(({ method, access, isStream }) => method === "GET" && access === "customer" && !isStream);
  assert(pages.length > 15);
  for (const { path } of pages) {
    const { body, status, headers } = await user.get(addressOf(path, ids));
    if (status !== 200 || !String(headers["content-type"]).startsWith("text/html")) {
      assert(status < 500, `${path}: ${status}`);
      continue;
    }
    assert.doesNotMatch(body, /<script(?! src="\/[\w.-]+" defer)|<img|<\/title>[^<]*&lt;|" onerror|'onerror/, path);
    for (const mark of marks) if (new RegExp(`${mark}\\\\?&quot;&gt;&lt;script&gt;`).test(body)) seen.add(mark);
  }
  // Otherwise the pages would not have been tried with it.
  assert.deepEqual(marks.filter((mark) => !seen.has(mark)), []);
});

eachDatabase("a form sets what it asks for, and nothing else that its sender adds", async () => {
  await using scene = await portalScene();
  const { queries } = scene.platform, user = await scene.signedIn(eva);
  const more = {
    state: "active",
    state_reason: "",
    of_customer: scene.foreign,
    customer_id: scene.foreign,
    dealer: "Foreign",
    dealer_id: "Foreign",
    grants: '[{"role":"administrator"}]',
    role_id: "administrator",
    permissions: "manageUsers",
    user_id: "usr-000000000000",
    second_factor: "0",
    confirmed_at: "99999999999999",
    isConfirmed: "1",
    "grants[0][role]": "administrator",
    __proto__: "x",
    constructor: "x",
  };
  const wanted = { email: "max@partner.example", name: "Max", role: "viewer", customer: scene.acme };
  const { body } = await user.post("/users", { ...more, ...wanted });
  const [, link] = new RegExp(`${scene.origin}(/link/[\\w-]{43})`).exec(body)!;
  const dealer =
    (await queries.get<{ dealer_id: string }>("SELECT dealer_id FROM dealers WHERE name = 'Print Partner'"))!;
  const rowOf = async () => {
    const row = await queries.get<Record<string, unknown>>(
      "SELECT state, of_customer, dealer_id, email, totp_secret FROM users WHERE name = 'Max'",
    );
    const roles = await queries.all<{ role: string; of_customer: string }>(
      "SELECT r.role, r.of_customer FROM user_roles r JOIN users u ON u.user_id = r.user_id WHERE u.name = 'Max'",
    );
    return { ...row, roles: roles.map(({ role, of_customer }) => `${role} ${of_customer}`) };
  };
  const asked = {
    of_customer: null,
    dealer_id: dealer.dealer_id,
    email: wanted.email,
    totp_secret: null,
    roles: [`viewer ${scene.acme}`],
  };
  assert.deepEqual(await rowOf(), { state: "invited", ...asked });
  const max = scene.visitor();
  assert.equal(
    (await max.post(link!, { ...more, password, email: "other@foreign.example", role: "administrator" })).location,
    "/set-up",
  );
  assert.deepEqual(await rowOf(), { state: "active", ...asked });
  // Nor does it get past the second factor, or past a confirmation.
  assert.match((await max.post("/account/language", { ...more, language: "de" })).location, /^\/sign-in/);
  scene.platform.clock.advance(11 * 60_000);
  assert.match((await user.post("/users", { ...more, ...wanted, email: "x@partner.example" })).location, /^\/confirm/);
  assert.equal((await user.post("/account/language", { ...more, language: "de" })).location, "/account");
  assert.deepEqual(await rowOf(), { state: "active", ...asked });
});
