/** Streams by which open pages know that they should look again. */
import assert from "node:assert/strict";
import { createTask } from "../../platform/tasks/manage_tasks.ts";
import { deactivateUser } from "../../platform/users/manage_users.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { inPostgres, slowInPostgres } from "../fixtures/each_database.ts";
import { until } from "../fixtures/until.ts";
import { openStream } from "./live_stream.ts";
import { type PortalScene, portalScene, type Visitor } from "./portal_scene.ts";
import { operator } from "./users_fixture.ts";

const eva = "eva@partner.example", max = "max@partner.example";
/** An hour is as good as never in a test. */
const never = 3_600_000;
const times = { watchMs: 30, heartbeatMs: never, leastMs: 20, spreadMs: 0, longestMs: never };

const liveScene = (liveTimes = times) => portalScene({ portal: { host: "127.0.0.1", port: 0, liveTimes } });

async function streamOf(scene: PortalScene, user: Visitor, part = "tasks", port = scene.platform.portal!.port) {
  const stream = await openStream({ port, path: `/customers/${scene.acme}/live/${part}`, cookies: user.cookies });
  await until("its first event", () => stream.changes() > 0);
  return stream;
}

async function ping(scene: PortalScene, customerId: string): Promise<void> {
  const { platform, queries } = scene.platform;
  const { agent_id: agentId } = (await queries.tenant(customerId).get<{ agent_id: string }>(
    "SELECT agent_id FROM agents WHERE customer_id = :customer",
  ))!;
  const payload = { $case: "ping", value: { target: "10.1.0.7", count: 1 } } as const;
  await createTask(platform, { ...operator, tenant: customerId }, { agentId, payload, validMs: 60_000 });
}

slowInPostgres("a stream tells of changes of its customer and its part, and of no other", async () => {
  await using scene = await liveScene();
  const user = await scene.signedIn(eva);
  await scene.devices(scene.acme, scene.berlin, [readingOf()]);
  const tasks = await streamOf(scene, user), sessions = await streamOf(scene, user, "sessions");
  const other = await openStream({
    port: scene.platform.portal!.port,
    path: `/customers/${scene.other}/live/tasks`,
    cookies: user.cookies,
  });
  await until("its first event", () => other.changes() > 0);
  const [before, of] = [tasks.changes(), [sessions.changes(), other.changes()]];
  await ping(scene, scene.acme);
  await until("the change", () => tasks.changes() > before);
  assert.deepEqual([sessions.changes(), other.changes()], of);
  // The stream carries no data of anybody.
  assert.match(tasks.text(), /^(event: changed\ndata: 1\n\n)+$/);
  for (const stream of [tasks, sessions, other]) stream.close();
});

inPostgres("a change that one process makes is told by the others", async () => {
  await using scene = await liveScene();
  const user = await scene.signedIn(eva);
  await scene.devices(scene.acme, scene.berlin, [readingOf()]);
  await using another = await scene.platform.another();
  const stream = await streamOf(scene, user, "tasks", another.portal!.port), before = stream.changes();
  await ping(scene, scene.acme);
  await until("the change", () => stream.changes() > before);
  stream.close();
});

slowInPostgres("a stream ends soon after sign-out, deactivation and the loss of the permission", async () => {
  await using scene = await liveScene();
  const user = await scene.signedIn(eva), other = await scene.signedIn(max, { grants: [{ role: "technician" }] });
  const { queries, platform } = scene.platform;
  const own = await streamOf(scene, user), stays = await streamOf(scene, other);
  const permitted = await streamOf(scene, other, "sessions");
  await user.post("/sign-out");
  await until("its end", own.isOver);
  // Its last word is that the page should look again: the page is led to the sign-in.
  assert.match(own.text(), /event: changed\ndata: 1\n\n$/);
  const gone = await user.get(`/customers/${scene.acme}/tasks`, { "opendca-live": "1" });
  assert.deepEqual([gone.status, gone.headers["hx-refresh"], gone.body], [200, "true", ""]);
  assert.equal(stays.isOver(), false);
  await queries.run("UPDATE user_roles SET role = 'viewer' WHERE role = 'technician'");
  await until("its end", permitted.isOver);
  assert.equal(stays.isOver(), false);
  await deactivateUser(platform, operator, { user: max });
  await until("its end", stays.isOver);
});

Deno.test("what a page asks for by itself is no sign of a person: the session ends an hour after the last page", async () => {
  await using scene = await liveScene();
  const user = await scene.signedIn(eva), path = `/customers/${scene.acme}/tasks`;
  assert.equal((await user.get(path)).status, 200);
  const stream = await streamOf(scene, user);
  for (let i = 0; i < 5; i++) {
    scene.platform.clock.advance(11 * 60_000);
    const { status, headers } = await user.get(path, { "opendca-live": "1" });
    assert.deepEqual([status, headers["hx-refresh"]], [200, undefined]);
  }
  assert.equal(stream.isOver(), false);
  scene.platform.clock.advance(6 * 60_000);
  await until("its end", stream.isOver);
  assert.match((await user.get(path)).location, /^\/sign-in/);
});

Deno.test("the fifth window of a browser takes the stream of the oldest, which does not come back by itself", async () => {
  await using scene = await liveScene();
  const user = await scene.signedIn(eva), first = await streamOf(scene, user);
  const others = [];
  for (let i = 0; i < 4; i++) others.push(await streamOf(scene, user));
  await until("its end", first.isOver);
  assert.match(first.text(), /event: replaced\ndata: 1\n\n$/);
  assert.deepEqual(others.map((stream) => stream.isOver()), [false, false, false, false]);
  for (const stream of others) stream.close();
});

Deno.test("a request for the head of a stream opens none", async () => {
  await using scene = await liveScene();
  const user = await scene.signedIn(eva), stream = await streamOf(scene, user);
  for (let i = 0; i < 5; i++) {
    const head = await openStream({
      port: scene.platform.portal!.port,
      path: `/customers/${scene.acme}/live/tasks`,
      cookies: user.cookies,
      method: "HEAD",
    });
    await until("its end", head.isOver);
    assert.equal(head.status, 200);
  }
  assert.equal(stream.isOver(), false);
  stream.close();
});

Deno.test("a server that stops ends its streams first", async () => {
  const scene = await liveScene();
  const stream = await streamOf(scene, await scene.signedIn(eva));
  await scene[Symbol.asyncDispose]();
  await until("its end", stream.isOver);
});
