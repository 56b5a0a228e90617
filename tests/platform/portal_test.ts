/** The portal: who sees what, and texts that printers set. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { AlertSeverity, LevelKind, type Reading } from "../../proto/gen/opendca/v1/reading.ts";
import { routes } from "../../platform/portal/portal_app.tsx";
import {
  type Grant,
  isPermitted,
  type Permission,
  permissions,
  permittedSites,
  roles,
} from "../../platform/users/permissions.ts";
import { watchAlerts } from "../../platform/alerts/alert_watch.ts";
import { deactivateUser, inviteUser } from "../../platform/users/manage_users.ts";
import { createPasswordHasher } from "../../platform/users/password_hasher.ts";
import { saveOwnRole } from "../../platform/users/own_roles.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { until } from "../fixtures/until.ts";
import { openStream } from "./live_stream.ts";
import { type PortalScene, portalScene, type Visitor } from "./portal_scene.ts";
import { sessionOf } from "./tenant_scene.ts";
import { operator, password } from "./users_fixture.ts";
import { addSession } from "../../platform/access/sessions.ts";
import { addTask } from "../../platform/tasks/tasks.ts";
import { type SignedTask, TaskResult } from "../../proto/gen/opendca/v1/task.ts";

const eva = "eva@partner.example";

function lowPrinter(address: string, serial: string): Reading {
  return {
    ...readingOf({ address, serial }),
    supplies: [{
      index: "1.1",
      kind: "toner",
      colorant: "black",
      description: "Black Toner",
      partNumber: "TN-1",
      serial: undefined,
      level: { kind: LevelKind.EXACT, percent: 4, level: 4, capacity: 100, unit: "percent" },
      source: undefined,
    }],
  } as unknown as Reading;
}

slowInPostgres("a user signs in by password and app, looks at the fleet, and signs out", async () => {
  await using scene = await portalScene();
  const [device] = await scene.devices(scene.acme, scene.berlin, [lowPrinter("10.1.0.7", "ABC12345")]);
  await scene.signedIn(eva);
  const browser = scene.visitor();
  assert.equal((await browser.get("/")).location, "/sign-in");
  const wanted = `/customers/${scene.acme}/devices`;
  const asked = await browser.get(wanted);
  assert.equal(asked.location, `/sign-in?next=${encodeURIComponent(wanted)}`);
  const first = await browser.post(asked.location, { email: eva, password });
  assert.match(first.location, /^\/second-factor\?next=/);
  assert.equal((await browser.get("/")).location, "/sign-in");
  const second = await browser.post(first.location, { code: await scene.code(eva) });
  assert.equal(second.location, wanted);
  const overview = (await browser.get("/")).body;
  assert.match(overview, /Acme/);
  assert.doesNotMatch(overview, /Elsewhere/);
  assert.match((await browser.get(wanted)).body, /Example LX-100[\s\S]*10\.1\.0\.7[\s\S]*black toner 4 %/);
  const page = await browser.get(`${wanted}/${device}`);
  assert.match(page.body, /TN-1/);
  assert.match(page.body, /1\.3\.6\.1\.2\.1\.43\.10\.2\.1\.4\.1\.1/);
  const json = await browser.get(`${wanted}/${device}.json`);
  assert.equal(JSON.parse(json.body).serial, "ABC12345");
  assert.match((await browser.get(`/customers/${scene.acme}/supplies`)).body, /TN-1/);
  assert.match((await browser.get(`${wanted}?format=csv`)).body, /^\ufeffdevice_id,[\s\S]*ABC12345/);
  assert.equal((await browser.post("/sign-out")).location, "/sign-in");
  assert.equal((await browser.get("/")).location, "/sign-in");
});

slowInPostgres("the first start has a link, by which its holder becomes the first administrator", async () => {
  using passwords = createPasswordHasher();
  await using scene = await portalScene({ portal: { host: "127.0.0.1", port: 0, passwords } });
  const { firstUser } = scene.platform.portal!, path = new URL(firstUser!).pathname, browser = scene.visitor();
  assert.match((await browser.get(path)).body, /name="email"/);
  assert.equal((await browser.post(path, { email: "not an address", password })).status, 422);
  assert.equal((await browser.post(path, { email: eva, password: "short" })).status, 422);
  assert.equal((await browser.post(path, { email: eva, password })).location, "/set-up");
  assert.equal((await scene.visitor().get(path)).status, 404);
  assert.match((await browser.get("/set-up")).body, /<svg[\s\S]*eva%40|<svg/);
});

/** A user for each role and each width, and which of the routes they may use. */
const widths: { name: string; grant: (scene: PortalScene) => Omit<Grant, "role"> }[] = [
  { name: "dealer", grant: () => ({}) },
  { name: "customer", grant: ({ acme }) => ({ customerId: acme }) },
  { name: "site", grant: ({ acme, berlin }) => ({ customerId: acme, siteId: berlin }) },
];

function pathOf(path: string, ids: { customer: string; device: string; agent: string; role?: string }): string {
  return path.replace(":customer", ids.customer).replace(
    /:device(\{[^}]*\})?/,
    (_, json) => `${ids.device}${json ? ".json" : ""}`,
  )
    .replace(":user", "usr-000000000000").replace("sessions/:session/", "sessions/ses-000000000001/")
    .replace(/sessions\/:session$/, "sessions/ses-000000000001").replace(":task", "tsk-1").replace(":token", "x")
    .replace(":alert", "alr-000000000001").replace(":agent", ids.agent).replace(":code", "cod-000000000000")
    .replace(":rule", "rul-000000000000").replace(":webhook", "hok-000000000000")
    .replace(":approval", "apr-000000000001").replace(":number", "1").replace(":form", "csv").replace(
      ":correction",
      "cor-000000000000",
    ).replace(
      ":role",
      ids.role ?? "rol-000000000000",
    );
}

const opens = ({ status, location }: { status: number; location: string }) =>
  status !== 404 && !location.startsWith("/sign-in");

/** A role of its own for each permission, each in one of the tests. */
async function rolesOf({ platform: { platform } }: PortalScene, width: number): Promise<Omit<Grant, "siteId">[]> {
  const own: Grant[] = [];
  for (const permission of Object.keys(permissions).filter((_, i) => i % widths.length === width)) {
    const role = { name: `only ${permission}`, permissions: [permission], dealer: "Print Partner" };
    const made = await saveOwnRole(platform, operator, role);
    own.push({ role: made.roleId, ownRole: made });
  }
  return [...Object.keys(roles).map((role) => ({ role })), ...own];
}

for (const [width, { name, grant }] of widths.entries()) {
  Deno.test(`each route is open to those roles of a ${name} that have its permission, and to nobody else`, async () => {
    await using scene = await portalScene();
    const [device] = await scene.devices(scene.acme, scene.berlin, [readingOf()]);
    const agent = await withWork(scene, device!);
    const [foreignDevice] = await scene.devices(scene.foreign, await siteOf(scene, scene.foreign), [readingOf()]);
    const { platform } = scene.platform;
    const used = { name: "used", permissions: ["readFleet"], dealer: "Print Partner" };
    const { roleId } = await saveOwnRole(platform, operator, used);
    const grantOfUsed = { dealer: "Print Partner", name: "U", grants: [{ role: "Used" }] };
    await inviteUser(platform, operator, { ...grantOfUsed, email: "used@partner.example" });
    for (const each of await rolesOf(scene, width)) {
      const grants = [{ ...each, ...grant(scene) }], role = each.ownRole?.name.replace(" ", ".") ?? each.role;
      const user = scene.here(await scene.signedIn(`${role}@partner.example`, { grants }));
      for (const route of routes) {
        if (route.access === "public" || route.path === "/account/sessions/end-others") continue;
        const try_ = (customer: string, id: string) =>
          send(user, route.method, pathOf(route.path, { customer, device: id, agent, role: roleId }));
        const what = `${role} of a ${name}: ${route.method} ${route.path}`;
        const may = mayUse(route, grants, scene.acme);
        assert.equal(opens(await try_(scene.acme, device!)), may, what);
        // Whom it refuses at the own customer, it asks no further.
        if (route.access !== "customer" || !may) continue;
        assert.equal(opens(await try_(scene.foreign, foreignDevice!)), false, `${what} of another dealer`);
        assert.equal(opens(await try_(scene.acme, foreignDevice!)), !route.path.includes(":device"), `${what}, mixed`);
        assert.equal(opens(await try_("cus-000000000000", device!)), false, `${what} of nobody`);
      }
    }
  });
}

/** A session of web access and a task with an archive, of the device's agent. */
async function withWork({ platform, acme }: PortalScene, deviceId: string): Promise<string> {
  const tenant = platform.queries.tenant(acme), at = new Date();
  const { agent_id: agentId } = (await tenant.get<{ agent_id: string }>(
    "SELECT agent_id FROM devices WHERE customer_id = :customer AND device_id = :id",
    { id: deviceId },
  ))!;
  const session = { ...sessionOf("ses-000000000001"), agent_id: agentId, device_id: deviceId, task_id: "tsk-1" };
  await addSession(tenant, session);
  const signed = { task: new Uint8Array(1), signature: new Uint8Array(64), keyId: "k" } as unknown as SignedTask;
  await addTask(tenant, { taskId: "tsk-1", agentId, kind: "diagnostics", signed, at, expiresAt: at });
  await tenant.run(
    `INSERT INTO raised_alerts (customer_id, alert_id, kind, device_id, agent_id, alert_key, alert_group, severity,
       description, detail, began_at, raised_at)
     VALUES (:customer, 'alr-000000000001', 'deviceSilent', :device_id, :agent_id, '', '', 'warning', '', '{}', 0, 0)`,
    { device_id: deviceId, agent_id: agentId },
  );
  await tenant.run(
    `INSERT INTO approval_requests (customer_id, request_id, kind, agent_id, target, wish, state, asked_by, asked_at,
       expires_at)
     VALUES (:customer, 'apr-000000000001', 'ping', :agent_id, '', '{}', 'refused', 'user:nobody', 0, 0)`,
    { agent_id: agentId },
  );
  const result = TaskResult.fromPartial({ output: { $case: "diagnostics", value: { bundle: Buffer.alloc(3) } } });
  await tenant.run("UPDATE tasks SET state = 'succeeded', result = :result WHERE customer_id = :customer", {
    result: TaskResult.encode(result).finish(),
  });
  return agentId;
}

function mayUse(route: (typeof routes)[number], grants: Grant[], customerId: string): boolean {
  if (route.access === "public" || route.access === "signedIn" || route.access === "fleet") return true;
  const permission: Permission = route.permission;
  assert(permission in permissions);
  if (route.access === "dealer") return isPermitted(grants, permission, {});
  return permittedSites(grants, permission, customerId).length > 0;
}

async function siteOf(scene: PortalScene, customer: string): Promise<string> {
  const tenant = scene.platform.queries.tenant(customer);
  await tenant.run(
    "INSERT INTO sites (customer_id, site_id, name, created_at) VALUES (:customer, 'sit-elsewhere', 'Rome', 0)",
  );
  return "sit-elsewhere";
}

const send = (user: Visitor, method: "GET" | "POST", path: string) =>
  method === "GET" ? user.get(path) : user.post(path);

Deno.test("without a session, nothing but the public pages is shown", async () => {
  await using scene = await portalScene();
  for (const route of routes) {
    const { status, location } = await send(
      scene.visitor(),
      route.method,
      pathOf(route.path, { customer: scene.acme, device: "dev-1", agent: "agt-1" }),
    );
    if (route.access === "public") assert(status !== 500, route.path);
    // The page looks again, and is led to the sign-in.
    else if (route.isStream) {
      const path = pathOf(route.path, { customer: scene.acme, device: "dev-1", agent: "agt-1" });
      const stream = await openStream({ port: scene.platform.portal!.port, path, cookies: new Map() });
      await until("its end", stream.isOver);
      assert.equal(stream.text(), "event: changed\ndata: 1\n\n", route.path);
    } else assert.match(location, /^\/sign-in/, `${route.method} ${route.path}`);
  }
});

Deno.test("whoever may see one site sees this site alone, whatever the address asks for", async () => {
  await using scene = await portalScene();
  await scene.devices(scene.acme, scene.berlin, [lowPrinter("10.1.0.7", "BERLIN1")]);
  const [bonn] = await scene.devices(scene.acme, scene.bonn, [lowPrinter("10.2.0.7", "BONN123")]);
  const user = await scene.signedIn(eva, { grants: [{ role: "viewer", customerId: "Acme", siteId: "Berlin" }] });
  const root = `/customers/${scene.acme}`;
  for (
    const path of [
      "devices",
      `devices?site=${scene.bonn}`,
      "devices?site=",
      "devices?format=csv",
      "supplies",
      "agents",
      "alerts",
    ]
  ) {
    const { body, status } = await user.get(`${root}/${path}`);
    assert.equal(status, 200, path);
    assert.doesNotMatch(body, /BONN123|10\.2\.0\.7|Bonn/, path);
  }
  assert.match((await user.get(`${root}/devices`)).body, /BERLIN1/);
  assert.equal((await user.get(`${root}/devices/${bonn}`)).status, 404);
  assert.equal((await user.get(`${root}/devices/${bonn}.json`)).status, 404);
  assert.match((await user.get("/")).body, /<strong>1<\/strong> Device</);
});

/** The id of an alert, after a look at what printers report. */
async function raisedOf({ platform: { platform, queries }, acme }: PortalScene): Promise<string> {
  await watchAlerts(platform, { isSlow: true });
  const row = await queries.tenant(acme).get<{ alert_id: string }>(
    "SELECT alert_id FROM raised_alerts WHERE customer_id = :customer AND kind = 'printer'",
  );
  return row!.alert_id;
}

const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>'&#x27;`;

Deno.test("texts that a printer or a person sets are texts, on every page", async () => {
  await using scene = await portalScene();
  const reading = lowPrinter("10.1.0.7", "ABC12345");
  reading.model = hostile;
  reading.manufacturer = hostile;
  reading.location = hostile;
  reading.status!.panel = hostile;
  reading.supplies[0]!.description = hostile;
  reading.supplies[0]!.kind = "other";
  reading.supplies[0]!.partNumber = hostile;
  reading.alerts = [{
    severity: AlertSeverity.CRITICAL,
    code: 1,
    group: hostile,
    description: hostile,
    since: undefined,
  }] as unknown as Reading["alerts"];
  const [device] = await scene.devices(scene.acme, scene.berlin, [reading]);
  const user = await scene.signedIn(eva, { name: hostile });
  const root = `/customers/${scene.acme}`;
  const pages = [
    "/",
    "/users",
    "/account",
    "/audit",
    `${root}/devices`,
    `${root}/supplies`,
    `${root}/alerts`,
    `${root}/agents`,
    `${root}/devices/${device}`,
    `${root}/alerts?view=reported`,
    `${root}/supplies?view=days`,
    `${root}/alerts?kind=printer&group=${encodeURIComponent(hostile)}`,
    `${root}/alerts/${await raisedOf(scene)}`,
  ];
  const history = await user.get(`${root}/devices/${device}/history.json?meter=${encodeURIComponent(hostile)}`);
  assert.match(String(history.headers["content-type"]), /^application\/json/);
  let shown = 0;
  for (const path of [...pages, `${root}/devices?model=${encodeURIComponent(hostile)}`]) {
    const { body, status } = await user.get(path);
    assert.equal(status, 200, path);
    assert.doesNotMatch(body, /<script(?! src="\/[\w.-]+" defer)|<img|" onerror|'onerror/, path);
    if (body.includes("&lt;script&gt;")) shown++;
  }
  assert(shown >= 5, String(shown));
  const csv = (await user.get(`${root}/devices?format=csv`)).body;
  assert.doesNotMatch(csv, /(^|,)"?[=+\-@]/m);
});

slowInPostgres(
  "an administrator invites, deactivates and lets in again; a customer's one no more than its own",
  async () => {
    await using scene = await portalScene();
    const admin = await scene.signedIn(eva);
    const ofAcme = await scene.signedIn("ann@acme.example", { customer: "Acme", grants: [{ role: "administrator" }] });
    const invited = await admin.post("/users", {
      email: "max@partner.example",
      name: "Max",
      role: "viewer",
      customer: "",
    });
    assert.match(invited.body, new RegExp(`${scene.origin}/link/[\\w-]{43}`));
    const users = await scene.platform.queries.all<{ user_id: string; email: string }>(
      "SELECT user_id, email FROM users",
    );
    const idOf = (email: string) => users.find((user) => user.email === email)!.user_id;
    const refused: [what: string, answered: Promise<{ status: number; body: string }>][] = [
      [
        "a role for the whole dealer",
        ofAcme.post("/users", { email: "x@acme.example", name: "X", role: "viewer", customer: "" }),
      ],
      [
        "another customer",
        ofAcme.post("/users", { email: "x@acme.example", name: "X", role: "viewer", customer: scene.other }),
      ],
      ["an unknown role", admin.post("/users", { email: "x@acme.example", name: "X", role: "root", customer: "" })],
      [
        "another dealer's customer",
        admin.post("/users", { email: "x@acme.example", name: "X", role: "viewer", customer: scene.foreign }),
      ],
      ["a user of the dealer", ofAcme.post(`/users/${idOf(eva)}/deactivate`)],
      ["the only administrator", admin.post(`/users/${idOf(eva)}/deactivate`)],
    ];
    for (const [what, answered] of refused.slice(1)) assert.equal((await answered).status, 422, what);
    // Without a customer, a customer's administrator invites for the own one.
    assert.match((await refused[0]![1]).body, /role="status"/);
    assert.equal((await admin.post(`/users/${idOf("ann@acme.example")}/deactivate`)).location, "/users");
    assert.equal((await ofAcme.get("/")).location, "/sign-in");
    assert.match((await admin.get("/users")).body, /deactivated: by an administrator/);
    assert.match((await admin.get(`/audit?of=${scene.acme}`)).body, /userDeactivated/);
    const ofUsers = (await admin.get("/audit")).body;
    assert.match(ofUsers, /max@partner\.example/);
    assert.doesNotMatch(ofUsers, /ann@acme\.example/);
    assert.match((await admin.get("/audit?of=users&format=csv")).body, /^\ufeffat,actor,/);
    const foreign = await scene.signedIn("boss@foreign.example", { dealer: "Foreign" });
    assert.doesNotMatch((await foreign.get("/audit")).body, /max@partner\.example/);
  },
);

Deno.test("users are changed only soon after password and code were given", async () => {
  await using scene = await portalScene();
  const user = await scene.signedIn(eva);
  scene.platform.clock.advance(10 * 60_000);
  const invitation = { email: "max@partner.example", name: "Max", role: "viewer", customer: "" };
  const asked = await user.post("/users", invitation);
  assert.match(asked.location, /^\/confirm\?next=%2Fusers&form=[\w-]{43}$/);
  const wrong = await user.post(asked.location, { password: "wrong", code: await scene.code(eva) });
  assert.equal(wrong.status, 401);
  const users = () => scene.platform.queries.all("SELECT 1 FROM users");
  assert.equal((await users()).length, 2);
  // The form is sent again, from the address that the page of the second attempt has.
  const [, action] = /action="(\/confirm\?[^"]+)"/.exec(wrong.body)!;
  const done = await user.post(action!.replaceAll("&amp;", "&"), { password, code: await scene.code(eva) });
  assert.match(done.body, /max@partner\.example[\s\S]*\/link\//);
  assert.equal((await users()).length, 3);
});

Deno.test("a user that is deactivated is out with the next page", async () => {
  await using scene = await portalScene();
  const user = await scene.signedIn(eva, { grants: [{ role: "viewer" }] });
  assert.equal((await user.get("/")).status, 200);
  await deactivateUser(scene.platform.platform, operator, { user: eva });
  assert.equal((await user.get("/")).location, "/sign-in");
});

Deno.test("the portal speaks the language that the browser asks for, then that of the account", async () => {
  await using scene = await portalScene();
  const page = await scene.visitor().get("/sign-in", { "accept-language": "fr, de;q=0.8" });
  assert.match(page.body, /<html lang="de">[\s\S]*Anmelden/);
  const user = await scene.signedIn(eva);
  await user.post("/account/language", { language: "it" });
  assert.match((await user.get("/", { "accept-language": "de" })).body, /<html lang="it">[\s\S]*Panoramica/);
  await user.post("/account/language", { language: "de" });
  assert.match((await user.get("/users")).body, /<div>Administrator<[\s\S]*>Nur ansehen</);
  assert.match((await user.get("/identity-providers")).body, /LDAP-Verzeichnis hinzufügen/);
  await scene.devices(scene.acme, scene.berlin, [readingOf()]);
  const agents = async () => (await user.get(`/customers/${scene.acme}/agents`)).body;
  assert.match(await agents(), />hat sich noch nicht gemeldet</);
  const { queries, clock } = scene.platform, at = clock.now().getTime();
  const ago = 3 * 3_600_000;
  await queries.run("UPDATE agents SET created_at = :at", { at: at - ago });
  assert.match(await agents(), />hat sich seit der Aktivierung nie gemeldet \(3 Stunden\): opendca status/);
  await queries.run("UPDATE agents SET last_seen_at = :at", { at: at - ago });
  assert.match(await agents(), />hat sich nicht gemeldet \(3 Stunden, 36 Abfragen\): opendca status/);
});

/** Without scripts, the page is loaded again. */
const refresh = /<noscript><meta http-equiv="refresh" content="3"><\/noscript>/;

slowInPostgres("a technician makes a code, starts and cancels a task, and revokes an agent with a reason", async () => {
  await using scene = await portalScene();
  const [device] = await scene.devices(scene.acme, scene.berlin, [readingOf()]);
  const root = `/customers/${scene.acme}`, user = await scene.signedIn(eva, { grants: [{ role: "technician" }] });
  const made = await user.post(`${root}/codes`, { site: scene.berlin });
  const [, code] = /<code>([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})<\/code>/.exec(made.body)!;
  assert.match(made.body, new RegExp(`${code} [|] sudo -u opendca opendca activate`));
  const codes = (await user.get(`${root}/codes`)).body;
  assert(codes.includes(`${code!.slice(0, 4)}`) && !codes.includes(code!));
  const [, withdrawal] = /action="([^"]+\/withdraw)"/.exec(codes)!;
  await user.post(withdrawal!);
  assert.match((await user.get(`${root}/codes`)).body, /withdrawn/);
  const forFive = await user.post(`${root}/codes`, { site: scene.berlin, uses: "5" });
  assert.match(forFive.body, /works for 5 agents[\s\S]*>5\/5</);
  for (const uses of ["0", "1001", "1.5", "many"]) {
    const wrong = await user.post(`${root}/codes`, { site: scene.berlin, uses });
    assert.deepEqual([wrong.status, /it is for 1 to 1000/.test(wrong.body)], [422, true], uses);
  }

  const { location: task } = await user.post(`${root}/devices/${device}/read`);
  assert.match(task, /^\/customers\/[\w-]+\/tasks\/[\w-]+$/);
  assert.match((await user.get(task)).body, /waiting for the agent[\s\S]*10\.1\.0\.7/);
  const tasks = await user.get(`${root}/tasks`);
  assert.match(tasks.body, /Scan[\s\S]*waiting/);
  assert.match(tasks.body, refresh);
  const [, cancellation] = /action="([^"]+\/cancel)"/.exec(tasks.body)!;
  await user.post(cancellation!);
  const after = await user.get(`${root}/tasks`);
  assert.match(after.body, /cancelled/);
  assert.doesNotMatch(after.body, refresh);

  const [, agent] = /href="([^"]+\/agents\/[^"]+)"/.exec((await user.get(`${root}/agents`)).body)!;
  const [, revocation] = /action="([^"]+\/revoke)"/.exec((await user.get(agent!)).body)!;
  assert.equal((await user.post(revocation!, { reason: " " })).status, 422);
  assert.equal((await user.post(revocation!, { reason: "sold" })).location, agent);
  assert.match((await user.get(`${root}/agents`)).body, /revoked/);
  // Without a gateway, the page says what is missing.
  const opened = await user.post(`${root}/devices/${device}/open`, { port: "80" });
  assert.equal(opened.status, 422);
});

Deno.test("whoever works at one site can do nothing at another", async () => {
  await using scene = await portalScene();
  const [device] = await scene.devices(scene.acme, scene.bonn, [readingOf()]);
  const agent = (await scene.platform.queries.get<{ agent_id: string }>("SELECT agent_id FROM agents"))!.agent_id;
  const user = await scene.signedIn(eva, {
    grants: [
      { role: "technician", customerId: "Acme", siteId: "Berlin" },
      { role: "viewer", customerId: "Acme" },
    ],
  });
  const root = `/customers/${scene.acme}`;
  assert.equal((await user.get(`${root}/devices/${device}`)).status, 200);
  for (const path of ["devices/DEVICE/read", "devices/DEVICE/ping", "devices/DEVICE/open"]) {
    assert.equal((await user.post(`${root}/${path.replace("DEVICE", device!)}`)).status, 404, path);
  }
  for (
    const path of [
      `agents/${agent}/scan`,
      `agents/${agent}/ping`,
      `agents/${agent}/revoke`,
      `agents/${agent}/diagnostics`,
    ]
  ) {
    assert.equal((await user.post(`${root}/${path}`, { reason: "x", target: "10.1.0.7" })).status, 422, path);
  }
  assert.equal((await user.post(`${root}/codes`, { site: scene.bonn })).status, 422);
  const open = "SELECT 1 FROM activation_codes WHERE state = 'open'";
  assert.equal((await scene.platform.queries.all(open)).length, 0);
  assert.equal((await scene.platform.queries.all("SELECT 1 FROM tasks")).length, 0);
});
