/** Streams of the portal: a thousand of them, readers that take nothing, and a database that goes away. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { createTask } from "../../platform/tasks/manage_tasks.ts";
import { secretDigest } from "../../platform/users/second_factor.ts";
import { mostStreams } from "../../platform/portal/page/live_streams.ts";
import { peerTest, postgresServer } from "../fixtures/peers.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { startPostgres } from "../fixtures/postgres_server.ts";
import { until } from "../fixtures/until.ts";
import { type OpenedStream, openStream } from "../platform/live_stream.ts";
import { type PortalScene, portalScene, type Visitor } from "../platform/portal_scene.ts";
import { operator } from "../platform/users_fixture.ts";

async function ping(scene: PortalScene): Promise<void> {
  const { platform, queries } = scene.platform;
  const { agent_id: agentId } = (await queries.tenant(scene.acme).get<{ agent_id: string }>(
    "SELECT agent_id FROM agents WHERE customer_id = :customer",
  ))!;
  const payload = { $case: "ping", value: { target: "10.1.0.7", count: 1 } } as const;
  await createTask(platform, { ...operator, tenant: scene.acme }, { agentId, payload, validMs: 60_000 });
}

const pathOf = ({ acme }: PortalScene) => `/customers/${acme}/live/tasks`;

/** Sessions of this many users, without signing each of them in. */
async function manyUsers(scene: PortalScene, user: Visitor, count: number): Promise<ReadonlyMap<string, string>[]> {
  const { queries } = scene.platform;
  const [name, secret] = [...user.cookies].find(([name]) => name.includes("session"))!;
  const row = (await queries.get<Record<string, never>>("SELECT * FROM user_sessions WHERE digest = :digest", {
    digest: secretDigest(secret),
  }))!;
  const owner =
    (await queries.get<Record<string, never>>("SELECT * FROM users WHERE user_id = :id", { id: row.user_id! }))!;
  const roles = await queries.all<Record<string, never>>("SELECT * FROM user_roles WHERE user_id = :id", {
    id: row.user_id!,
  });
  const insert = (table: string, values: object) => {
    const keys = Object.keys(values);
    const sql = `INSERT INTO ${table} (${keys.join()}) VALUES (${keys.map((key) => `:${key}`).join()})`;
    return queries.run(sql, values as Record<string, string>);
  };
  const cookies = [];
  for (let i = 0; i < count; i++) {
    const own = `${i}`.padStart(43, "x");
    await insert("users", { ...owner, user_id: `usr-${i}`, email: `user-${i}@partner.example`, passkey_handle: null });
    for (const role of roles) await insert("user_roles", { ...role, user_id: `usr-${i}` });
    await insert("user_sessions", { ...row, digest: secretDigest(own), session_id: `sgn-${i}`, user_id: `usr-${i}` });
    cookies.push(new Map([[name, own]]));
  }
  return cookies;
}

Deno.test("a thousand streams are told of a change, one more is told to come later, and pages are served meanwhile", async () => {
  await using scene = await portalScene();
  const user = await scene.signedIn("eva@partner.example");
  await scene.devices(scene.acme, scene.berlin, [readingOf()]);
  const { port } = scene.platform.portal!, each = 4;
  const users = await manyUsers(scene, user, mostStreams.all / each);
  const streams: OpenedStream[] = [];
  for (const [i, cookies] of users.entries()) {
    // An office has one address, and a limited number of connections.
    const localAddress = `127.0.1.${i % 8 + 1}`;
    const open = () => openStream({ port, path: pathOf(scene), cookies, localAddress });
    streams.push(...await Promise.all(Array.from({ length: each }, open)));
  }
  assert(streams.every(({ status }) => status === 200));
  await until("the first event of all", () => streams.every((stream) => stream.changes() > 0));
  const extra = await openStream({ port, path: pathOf(scene), cookies: user.cookies, localAddress: "127.0.2.1" });
  await until("its end", extra.isOver);
  assert.match(extra.text(), /^event: later/);
  const before = streams.map((stream) => stream.changes());
  await ping(scene);
  await until("the change", () => streams.every((stream, i) => stream.changes() > before[i]!));
  for (let i = 0; i < 5; i++) assert.equal((await user.get(`/customers/${scene.acme}/tasks`)).status, 200);
  // Nobody was cut off for another one, and whoever is signed out is ended among all of them.
  assert.equal(streams.filter((stream) => stream.isOver()).length, 0);
  await scene.platform.queries.run("DELETE FROM user_sessions WHERE session_id = 'sgn-7'");
  await until("the ends", () => streams.filter((stream) => stream.isOver()).length === each);
  for (const stream of streams) stream.close();
  await until("there is room again", async () => {
    const next = await openStream({ port, path: pathOf(scene), cookies: user.cookies });
    await until("an event", () => next.text() !== "");
    next.close();
    return next.changes() > 0;
  });
});

peerTest("streams outlive a restart of the database, and tell of changes after it", [postgresServer], async () => {
  await using server = await startPostgres({ isDurable: true });
  await using database = await server.database("own");
  await using scene = await portalScene({ database });
  const user = await scene.signedIn("eva@partner.example");
  await scene.devices(scene.acme, scene.berlin, [readingOf()]);
  const { port } = scene.platform.portal!;
  const stream = await openStream({ port, path: pathOf(scene), cookies: user.cookies });
  await until("the first event", () => stream.changes() > 0);
  await server.stop("immediate");
  assert.equal((await user.get(`/customers/${scene.acme}/tasks`)).status, 503);
  await server.start();
  // What happened meanwhile is not known: every page looks again.
  await until("an event after the restart", () => stream.changes() > 1);
  await until("pages are back", async () => (await user.get("/")).status === 200);
  const before = stream.changes();
  await ping(scene);
  await until("the change", () => stream.changes() > before);
  assert.equal(stream.isOver(), false);
  await user.post("/sign-out");
  await until("its end", stream.isOver);
});

Deno.test("streams whose readers take nothing hold up neither the others nor the end of the server", async () => {
  await using scene = await portalScene();
  const user = await scene.signedIn("eva@partner.example");
  await scene.devices(scene.acme, scene.berlin, [readingOf()]);
  const { port } = scene.platform.portal!, users = await manyUsers(scene, user, 50);
  const slow: TLSSocket[] = [];
  for (const cookies of users) {
    const socket = connectTls({ host: "127.0.0.1", port, servername: "localhost", rejectUnauthorized: false });
    socket.on("error", () => {});
    await once(socket, "secureConnect");
    socket.pause();
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    socket.write(`GET ${pathOf(scene)} HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\n\r\n`);
    slow.push(socket);
  }
  const stream = await openStream({ port, path: pathOf(scene), cookies: user.cookies });
  for (let i = 0; i < 5; i++) {
    const before = stream.changes();
    await ping(scene);
    await until("the change", () => stream.changes() > before);
  }
  assert.equal((await user.get(`/customers/${scene.acme}/tasks`)).status, 200);
  stream.close();
  for (const socket of slow) socket.destroy();
});
