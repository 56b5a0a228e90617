/** The REST interface over HTTPS: its document, who may what, paging, and requests that come twice. */
import assert from "node:assert/strict";
import Ajv2020 from "ajv/dist/2020.js";
import { Validator } from "@seriousme/openapi-schema-validator";
import { restRoot, restRoutes } from "../../platform/edge/rest/rest_app.ts";
import { addTask } from "../../platform/tasks/tasks.ts";
import { addSession } from "../../platform/access/sessions.ts";
import { createRule } from "../../platform/notifications/rules.ts";
import { defaultRule } from "../../platform/notifications/settings.ts";
import { createCode } from "../../platform/agents/activation_codes.ts";
import { revokeToken } from "../../platform/users/api_tokens.ts";
import { type Permission, permissions, type Place } from "../../platform/users/permissions.ts";
import type { SignedTask } from "../../proto/gen/opendca/v1/task.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { type Answer, type Program, type ProgramsScene, programsScene } from "./programs_scene.ts";
import { sessionOf } from "./tenant_scene.ts";
import { operator } from "./users_fixture.ts";

const api = (path: string) => `${restRoot}${path}`;

/** What a customer has: a device, its agent, a task, a session and a code. */
async function filled(scene: ProgramsScene, customer: string, siteId: string, net = 1) {
  const { platform } = scene, tenant = platform.queries.tenant(customer), at = new Date();
  const [device] = await scene.devices(customer, siteId, [
    readingOf({ address: `10.${net}.0.7`, serial: `ABC1234${net}` }),
  ]);
  const row = await tenant.get<{ agent_id: string }>(
    "SELECT agent_id FROM devices WHERE customer_id = :customer AND device_id = :id",
    { id: device! },
  );
  const agent = row!.agent_id, task = crypto.randomUUID(), session = `ses-${task.slice(0, 12)}`;
  const signed = { task: new Uint8Array(1), signature: new Uint8Array(64), keyId: "k" } as unknown as SignedTask;
  const expiresAt = new Date(at.getTime() + 3_600_000);
  await addTask(tenant, { taskId: task, agentId: agent, kind: "ping", signed, at, expiresAt });
  await addSession(tenant, { ...sessionOf(session), agent_id: agent, device_id: device!, task_id: task });
  const by = { ...operator, tenant: customer };
  const { codeId } = await createCode(platform.platform, by, { site: siteId, validMs: 86_400_000 });
  const { ruleId } = await createRule(platform.platform, operator, {
    name: "Service desk",
    customer,
    users: [],
    emails: ["desk@partner.example"],
    settings: defaultRule,
  });
  return { customer, agent, device: device!, task, session, code: codeId, rule: ruleId };
}

type Ids = Awaited<ReturnType<typeof filled>>;

function pathOf({ path, query }: (typeof restRoutes)[number], ids: Ids): string {
  const period = query?.from !== undefined && !query.from.safeParse(undefined).success;
  return api(path.replace(/\{(\w+)\}/g, (_, name) => ids[name as keyof Ids])) +
    (period ? "?from=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00Z" : "");
}

const desk = { name: "Desk", emails: ["desk@partner.example"], digest: "07:30" };
const bodies: Record<string, (ids: Ids) => unknown> = {
  "/customers": () => ({ name: `Made ${crypto.randomUUID()}` }),
  "/customers/{customer}/sites": () => ({ name: `Made ${crypto.randomUUID()}` }),
  "/customers/{customer}/tasks": ({ agent }) => ({ kind: "ping", agentId: agent, target: "10.1.0.7" }),
  "/customers/{customer}/access-sessions": ({ device }) => ({ deviceId: device }),
  "/customers/{customer}/activation-codes": () => ({ siteId: "sit-000000000000" }),
  "/customers/{customer}/agents/{agent}/revoke": () => ({ reason: "test" }),
  "/notification-rules": () => desk,
  "/notification-rules/{rule}": () => desk,
  "/customers/{customer}/notification-rules": () => desk,
  "/customers/{customer}/notification-rules/{rule}": () => desk,
};

const call = (program: Program, route: (typeof restRoutes)[number], ids: Ids): Promise<Answer> =>
  route.method === "get"
    ? program.get(pathOf(route, ids))
    : program.send(route.method.toUpperCase(), pathOf(route, ids), bodies[route.path]?.(ids));

/** Not refused for who calls; what then fails, fails as of the work itself. */
function opens({ status }: Answer): boolean {
  assert.notEqual(status, 429);
  return ![401, 403, 404].includes(status);
}

Deno.test("the OpenAPI document is valid, complete, and open to everybody", async () => {
  await using scene = await programsScene();
  const { json, status } = await scene.anybody().get(api("/openapi.json"));
  assert.equal(status, 200);
  const result = await new Validator().validate(json);
  assert(result.valid, JSON.stringify(result.errors));
  assert.equal(json.openapi, "3.1.0");
  const described = Object.entries(json.paths).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => `${method} ${path}`)
  );
  assert.deepEqual(described.toSorted(), restRoutes.map(({ method, path }) => `${method} ${api(path)}`).toSorted());
  for (const [path, methods] of Object.entries<Record<string, Record<string, unknown>>>(json.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      assert(operation.summary && operation.operationId && operation.security, `${method} ${path}`);
      assert(Object.keys(operation.responses as object).includes("401"), `${method} ${path}`);
    }
  }
});

slowInPostgres("each route answers as the document says", async () => {
  await using scene = await programsScene();
  const ids = await filled(scene, scene.acme, scene.berlin), program = await scene.program();
  const document = (await program.get(api("/openapi.json"))).json;
  const ajv = new Ajv2020.default({ strict: false, validateFormats: false });
  ajv.addSchema(document, "doc");
  let checked = 0;
  // What ends something comes last.
  const order = restRoutes.toSorted((a, b) =>
    Number(/revoke|withdraw|cancel/.test(a.path) || a.method === "delete") -
    Number(/revoke|withdraw|cancel/.test(b.path) || b.method === "delete")
  );
  for (const route of order) {
    const answer = await call(program, route, ids), what = `${route.method} ${route.path}`;
    const described = document.paths[api(route.path)][route.method].responses[answer.status];
    assert(described !== undefined, `${what}: ${answer.status} ${answer.body}`);
    if (answer.status === 204) continue;
    const type = String(answer.headers["content-type"]).split(";")[0]!;
    const schema = described.content?.[type]?.schema;
    assert(schema !== undefined, `${what}: ${type}`);
    if (type === "application/x-ndjson") continue;
    const at = `doc#/paths/${
      api(route.path).replaceAll("/", "~1").replaceAll("{", "%7B").replaceAll("}", "%7D")
    }/${route.method}/responses/${answer.status}/content/${type.replaceAll("/", "~1")}/schema`;
    const validate = ajv.getSchema(at);
    assert(validate !== undefined, `${what}: no schema at ${at}`);
    assert(validate(answer.json), `${what}: ${JSON.stringify(validate.errors)} of ${answer.body}`);
    if (answer.status < 300) checked++;
  }
  assert(checked >= 17, String(checked));
});

const widths: { name: string; places: (scene: ProgramsScene) => Place[]; isWhole: boolean; isDealer: boolean }[] = [
  { name: "a dealer", places: () => [], isWhole: true, isDealer: true },
  { name: "a customer", places: ({ acme }) => [{ customerId: acme }], isWhole: true, isDealer: false },
  {
    name: "a site",
    places: ({ acme, berlin }) => [{ customerId: acme, siteId: berlin }],
    isWhole: false,
    isDealer: false,
  },
];

for (const { name, places, isWhole, isDealer } of widths) {
  Deno.test(`each route is open to tokens of ${name} with its permission, and to no other`, async () => {
    await using scene = await programsScene();
    const own = await filled(scene, scene.acme, scene.berlin);
    await scene.platform.queries.tenant(scene.foreign).run(
      "INSERT INTO sites (customer_id, site_id, name, created_at) VALUES (:customer, 'sit-elsewhere', 'Rome', 0)",
    );
    const foreign = await filled(scene, scene.foreign, "sit-elsewhere");
    for (const permission of Object.keys(permissions) as Permission[]) {
      const program = await scene.programHere({ permissions: [permission], places: places(scene) });
      for (const route of restRoutes) {
        // Each ends what the next one needs.
        if (route.path.endsWith("/revoke") || route.method === "delete") continue;
        // A token has 20 calls a second.
        scene.platform.clock.advance(1000);
        const what = `${permission} of ${name}: ${route.method} ${route.path}`;
        const may = route.access === "token" || permission === route.permission &&
            (route.access !== "whole" || isWhole) && (route.access !== "dealer" || isDealer);
        const answer = await call(program, route, own);
        // A code is made for a site that does not exist.
        const isOpen = opens(answer) || /Cannot find the site/.test(answer.body);
        assert.equal(isOpen, may, `${what}: ${answer.status} ${answer.body}`);
        // Whom it refuses at the own customer, it asks no further.
        if (!route.path.includes("{") || !may) continue;
        assert.equal(opens(await call(program, route, foreign)), false, `${what} of another dealer`);
        if (!route.path.includes("{customer}")) continue;
        const mixed = { ...foreign, customer: own.customer };
        if (/\{(?!customer)/.test(route.path)) {
          assert.equal(opens(await call(program, route, mixed)), false, `${what}, mixed`);
        }
        assert.equal(opens(await call(program, route, { ...own, customer: "cus-000000000000" })), false, what);
      }
    }
  });
}

slowInPostgres("a token of one site sees this site alone, in lists and by id", async () => {
  await using scene = await programsScene();
  const berlin = await filled(scene, scene.acme, scene.berlin), bonn = await filled(scene, scene.acme, scene.bonn, 2);
  const program = await scene.program({ places: [{ customerId: scene.acme, siteId: scene.berlin }] });
  const root = api(`/customers/${scene.acme}`);
  for (const list of ["devices", "glpi", "agents", "tasks", "access-sessions", "activation-codes", "meters", "sites"]) {
    const { body, json } = await program.get(`${root}/${list}`);
    assert(json.items.length > 0, list);
    for (const id of [bonn.device, bonn.agent, bonn.task, bonn.session, bonn.code, scene.bonn]) {
      assert(!body.includes(id), `${list} ${body}`);
    }
  }
  for (
    const path of [
      `devices/${bonn.device}`,
      `agents/${bonn.agent}`,
      `tasks/${bonn.task}`,
      `access-sessions/${bonn.session}`,
      `devices/${bonn.device}/meter-samples`,
    ]
  ) assert.equal((await program.get(`${root}/${path}`)).status, 404, path);
  const task = { kind: "ping", agentId: bonn.agent, target: "10.1.0.7" };
  assert.equal((await program.send("POST", `${root}/tasks`, task)).status, 404);
  assert.equal((await program.get(`${root}/devices/${berlin.device}`)).json.serial, "ABC12341");
  const exported = await program.get(`${root}/meter-samples?from=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00Z`);
  assert(exported.body.includes(berlin.device) && !exported.body.includes(bonn.device));
});

slowInPostgres("pages have every row once, while rows come and go", async () => {
  await using scene = await programsScene();
  const readings = (net: number, count: number) =>
    Array.from(
      { length: count },
      (_, i) => readingOf({ address: `10.${net}.0.${i + 1}`, serial: `SN${net}X${i + 1000}` }),
    );
  const first = await scene.devices(scene.acme, scene.berlin, readings(1, 23));
  const program = await scene.program(), seen: string[] = [];
  const root = api(`/customers/${scene.acme}/devices`);
  let next: string | null = null, pages = 0;
  do {
    const { json } = await program.get(`${root}?limit=7${next === null ? "" : `&cursor=${next}`}`);
    seen.push(...json.items.map(({ deviceId }: { deviceId: string }) => deviceId));
    next = json.next;
    if (++pages === 1) await scene.devices(scene.acme, scene.bonn, readings(2, 10));
  } while (next !== null);
  assert.equal(new Set(seen).size, seen.length);
  for (const id of first) assert(seen.includes(id));
  const one = (await program.get(`${root}?limit=2`)).json;
  for (
    const wrong of [
      `${root}?limit=2&cursor=${one.next}&site=${scene.berlin}`,
      `${root}?limit=2&cursor=${one.next.slice(0, -2)}AA`,
      `${root}?limit=2&cursor=x`,
      api(`/customers/${scene.other}/devices?cursor=${one.next}`),
      api(`/customers/${scene.acme}/agents?cursor=${one.next}`),
    ]
  ) assert.equal((await program.get(wrong)).status, 400, wrong);
});

slowInPostgres("the newest rows come first, page after page", async () => {
  await using scene = await programsScene();
  const { agent } = await filled(scene, scene.acme, scene.berlin);
  const program = await scene.program(), root = api(`/customers/${scene.acme}`);
  for (let i = 0; i < 5; i++) {
    const made = await program.send("POST", `${root}/tasks`, { kind: "ping", agentId: agent, target: `10.1.0.${i}` });
    assert.equal(made.status, 201, made.body);
    if (i % 2 === 0) scene.platform.clock.advance(1000);
  }
  for (const list of ["tasks", "audit"]) {
    const all = (await program.get(`${root}/${list}?limit=1000`)).json.items, seen: unknown[] = [];
    let next: string | null = null;
    do {
      const { json }: Answer = await program.get(`${root}/${list}?limit=2${next === null ? "" : `&cursor=${next}`}`);
      seen.push(...json.items);
      next = json.next;
    } while (next !== null);
    assert.deepEqual(seen, all, list);
    assert(all.length >= 5);
  }
});

slowInPostgres(
  "a request with the same Idempotency-Key does its work once, and a different one is refused",
  async () => {
    await using scene = await programsScene();
    const { agent } = await filled(scene, scene.acme, scene.berlin);
    const program = await scene.program(),
      root = api(`/customers/${scene.acme}`),
      key = { "idempotency-key": "order-17" };
    const body = { kind: "ping", agentId: agent, target: "10.1.0.7" };
    const before = (await program.get(`${root}/tasks`)).json.items.length;
    const answers = await Promise.all([1, 2, 3, 4].map(() => program.send("POST", `${root}/tasks`, body, key)));
    assert.deepEqual(new Set(answers.map(({ status, body }) => `${status} ${body}`)).size, 1, JSON.stringify(answers));
    assert.equal(answers[0]!.status, 201);
    assert.equal((await program.get(`${root}/tasks`)).json.items.length, before + 1);
    assert.equal((await program.send("POST", `${root}/tasks`, { ...body, count: 2 }, key)).status, 409);
    const other = await scene.program();
    assert.notEqual((await other.send("POST", `${root}/tasks`, body, key)).json.taskId, answers[0]!.json.taskId);
    // A secret is the same one again, and is nowhere in the store.
    const code = () =>
      program.send("POST", `${root}/activation-codes`, { siteId: scene.berlin }, { "idempotency-key": "c" });
    const made = await code(), again = await code();
    assert.equal(made.json.code, again.json.code);
    assert.equal(again.headers["idempotent-replayed"], "true");
    const kept = await scene.platform.queries.all<{ body: Uint8Array }>("SELECT body FROM api_answers");
    assert(kept.every(({ body }) => !new TextDecoder().decode(body).includes(made.json.code)));
    const several = await program.send("POST", `${root}/activation-codes`, { siteId: scene.berlin, uses: 3 });
    assert.equal(several.json.uses, 3);
    const codes: { codeId: string }[] = (await program.get(`${root}/activation-codes`)).json.items;
    const { mostUses, usesLeft } = Object(codes.find(({ codeId }) => codeId === several.json.codeId));
    assert.deepEqual([mostUses, usesLeft], [3, 3]);
    const tooMany = await program.send("POST", `${root}/activation-codes`, { siteId: scene.berlin, uses: 1001 });
    assert.equal(tooMany.status, 422);
    // What failed was not done, and may be tried again.
    const wrong = { ...body, agentId: "agt-000000000000" }, failed = { "idempotency-key": "f" };
    assert.equal((await program.send("POST", `${root}/tasks`, wrong, failed)).status, 404);
    assert.equal((await program.send("POST", `${root}/tasks`, body, failed)).status, 201);
  },
);

Deno.test("nobody is known by a cookie, by Basic, or by a wrong token, and too many tries have to wait", async () => {
  await using scene = await programsScene();
  const user = await scene.signedIn("ann@partner.example");
  const cookie = [...user.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  const path = api("/customers"), program = await scene.program();
  assert.equal((await scene.anybody().get(path, { cookie })).status, 401);
  assert.equal((await user.post(path, { name: "Forged" })).status, 401);
  const basic = `Basic ${btoa(`x:${program.text}`)}`;
  for (const header of [basic, program.text, "Bearer", "Bearer x", `Bearer ${program.text.slice(0, -1)}`, "é"]) {
    const refused = await scene.anybody(header).get(path);
    assert.equal(refused.status, 401, header);
    assert.match(String(refused.headers["content-type"]), /^application\/problem\+json/);
    assert.match(String(refused.headers["www-authenticate"]), /^Bearer/);
  }
  assert.equal((await program.get(path)).status, 200);
  let waits = 0;
  for (let i = 0; i < 40; i++) if ((await scene.anybody("Bearer x").get(path)).status === 429) waits++;
  assert(waits > 0);
  assert.equal((await program.get(path)).status, 200, "a good token is not held up by others' wrong ones");
});

Deno.test("a token that calls too often has to wait, and others do not", async () => {
  await using scene = await programsScene();
  const program = await scene.program(), other = await scene.program(), path = api("/token");
  const answers = await Promise.all(Array.from({ length: 140 }, () => program.get(path)));
  const waiting = answers.filter(({ status }) => status === 429);
  assert(waiting.length > 0 && waiting.length < 30, String(waiting.length));
  assert.match(String(waiting[0]!.headers["retry-after"]), /^\d+$/);
  assert.equal((await other.get(path)).status, 200);
});

slowInPostgres("a token that is revoked ends at once, also in the middle of an export", async () => {
  await using scene = await programsScene();
  const { device } = await filled(scene, scene.acme, scene.berlin);
  const tenant = scene.platform.queries.tenant(scene.acme), rows = 25_000;
  await tenant.insertMany(
    {
      table: "samples",
      key: [],
      columns: ["device_id", "kind", "name", "observed_at", "origin", "value", "unit", "level"],
    },
    Array.from({ length: rows }, (_, i) => ({
      device_id: device,
      kind: "meter",
      name: "total",
      observed_at: i,
      origin: "",
      value: i,
      unit: "impressions",
      level: "",
    })),
  );
  const program = await scene.program();
  const path = api(`/customers/${scene.acme}/meter-samples?from=1970-01-01T00:00:00Z&until=1970-01-02T00:00:00Z`);
  const whole = (await program.get(path)).body.trim().split("\n");
  assert.equal(whole.length, rows);
  assert.deepEqual(JSON.parse(whole[7]!), {
    deviceId: device,
    name: "total",
    at: "1970-01-01T00:00:00.007Z",
    value: 7,
    unit: "impressions",
  });
  const { port } = scene.platform.portal!;
  const { request } = await import("node:https");
  const got = await new Promise<{ bytes: number; isWhole: boolean }>((resolve, reject) => {
    const asked = request({
      host: "localhost",
      port,
      ca: scene.platform.serverAuthority,
      path,
      agent: false,
      headers: { authorization: `Bearer ${program.text}` },
    }, (response) => {
      let bytes = 0, isFirst = true;
      response.on("data", async (part: Uint8Array) => {
        bytes += part.length;
        if (!isFirst) return;
        isFirst = false;
        response.pause();
        await revokeToken(scene.platform.platform, operator, { tokenId: program.tokenId });
        response.resume();
      });
      response.on("close", () => resolve({ bytes, isWhole: response.complete }));
      response.on("error", () => {});
    });
    asked.on("error", reject);
    asked.end();
  });
  assert(!got.isWhole && got.bytes < whole.join("\n").length, JSON.stringify(got));
  assert.equal((await program.get(path)).status, 401);
});

Deno.test("bad requests are told what is wrong, as problem details, and change nothing", async () => {
  await using scene = await programsScene();
  const { agent } = await filled(scene, scene.acme, scene.berlin);
  const program = await scene.program(), root = api(`/customers/${scene.acme}`);
  const ping = { kind: "ping", agentId: agent, target: "10.1.0.7" };
  const cases: [status: number, method: string, path: string, body?: unknown, headers?: Record<string, string>][] = [
    [400, "GET", `${root}/devices?limit=0`],
    [400, "GET", `${root}/devices?limit=1001`],
    [400, "GET", `${root}/devices?limit=1e2x`],
    [400, "GET", `${root}/devices?nonsense=1`],
    [400, "GET", `${root}/devices?silent=maybe`],
    [400, "GET", `${root}/devices?seenSince=yesterday`],
    [400, "GET", `${root}/meter-samples?from=2020-01-01`],
    [404, "GET", api("/nowhere")],
    [404, "PUT", `${root}/devices`],
    [400, "POST", `${root}/tasks`, "{"],
    [422, "POST", `${root}/tasks`, {}],
    [422, "POST", `${root}/tasks`, { ...ping, more: 1 }],
    [422, "POST", `${root}/tasks`, { ...ping, count: 11 }],
    [422, "POST", `${root}/tasks`, { ...ping, kind: "setConfig" }],
    [422, "POST", `${root}/tasks`, []],
    [422, "POST", `${root}/tasks`, null],
    [415, "POST", `${root}/tasks`, ping, { "content-type": "text/plain" }],
    [413, "POST", `${root}/tasks`, "x".repeat(70_000)],
    [400, "POST", `${root}/tasks`, ping, { "idempotency-key": "a b" }],
    [422, "POST", api("/customers"), { name: "Acme" }],
    [422, "POST", api("/customers"), { name: "a\u0000b" }],
    [404, "GET", `${root}/devices/${encodeURIComponent("' OR 1=1 --")}`],
  ];
  const before = await scene.platform.queries.all("SELECT task_id FROM tasks");
  for (const [status, method, path, body, headers] of cases) {
    const answer = await program.send(method, path, body, headers ?? {}),
      what = `${method} ${path} ${JSON.stringify(body)?.slice(0, 100)}`;
    assert.equal(answer.status, status, `${what}: ${answer.body}`);
    assert.equal(answer.headers["content-type"], "application/problem+json", what);
    assert.equal(answer.json.status, status);
    assert.doesNotMatch(answer.body, /at file:|node_modules|SELECT/, what);
  }
  assert.deepEqual(await scene.platform.queries.all("SELECT task_id FROM tasks"), before);
});

Deno.test("what has not changed is not sent again", async () => {
  await using scene = await programsScene();
  const program = await scene.program(), path = api("/customers");
  const { headers } = await program.get(path);
  const again = await program.get(path, { "if-none-match": String(headers.etag) });
  assert.deepEqual([again.status, again.body], [304, ""]);
  await program.send("POST", path, { name: "New" });
  assert.equal((await program.get(path, { "if-none-match": String(headers.etag) })).status, 200);
});

slowInPostgres("a text that no database keeps is refused, wherever it is", async () => {
  await using scene = await programsScene();
  const { agent } = await filled(scene, scene.acme, scene.berlin);
  const program = await scene.program(), root = api(`/customers/${scene.acme}`), odata = "/odata/v1";
  const cases: [method: string, path: string, body?: unknown][] = [
    ["GET", `${root}/devices/a%00b`],
    ["GET", `${root}/devices?serial=a%00b`],
    ["GET", `${api("/customers")}/a%00b/devices`],
    ["GET", `${root}/tasks/%00`],
    ["POST", `${root}/tasks`, { kind: "ping", agentId: "a\0b", target: "10.1.0.7" }],
    ["POST", `${root}/tasks`, { kind: "ping", agentId: agent, target: "\\\0" }],
    ["GET", `${odata}/Devices(CustomerId='a%00b',DeviceId='x')`],
    ["GET", `${odata}/Devices?$filter=${encodeURIComponent("Serial eq 'a\0b'")}`],
    ["GET", `${odata}/Devices?$orderby=%00`],
  ];
  for (const [method, path, body] of cases) {
    const answer = await program.send(method, path, body);
    assert.equal(answer.status, body === undefined ? 400 : 422, `${method} ${path}: ${answer.body}`);
  }
  // This one has none.
  const fine = await program.send("POST", `${root}/tasks`, {
    kind: "ping",
    agentId: "\\u0000 %00",
    target: "10.1.0.7",
  });
  assert.equal(fine.status, 404, fine.body);
});
