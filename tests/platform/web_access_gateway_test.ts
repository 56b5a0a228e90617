/** Web access in the browser with the platform's store, the SSH gateway and a simulated printer's page. */
import assert from "node:assert/strict";
import net from "node:net";
import tls from "node:tls";
import { UsageError } from "../../common/core/errors.ts";
import { closeSession } from "../../platform/access/manage_sessions.ts";
import { createLink, createWebSessions, listRequests } from "../../platform/access/web_sessions.ts";
import { defaultRetention, dropOld } from "../../platform/devices/retention.ts";
import { setLegacyTls } from "../../platform/access/legacy_tls_permission.ts";
import { mergeDevice, undoDeviceChange } from "../../platform/devices/merge_device.ts";
import { showDevice } from "../../platform/devices/show_device.ts";
import { batchOf, readingOf, recordOf } from "../fixtures/platform_uploads.ts";
import { startWebAccess } from "../../platform/edge/http/start_web_access.ts";
import { createServerCertificate } from "../../platform/keys/server_certificate.ts";
import { startSimulator } from "../../simulator/simulator.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { forward, signIn, startSessionBench, tunnelOf } from "../fixtures/ssh_sessions.ts";
import { freePort } from "../fixtures/free_port.ts";
import { soon, until } from "../fixtures/until.ts";
import { parseAnswer, simulatedPrinter } from "./web_access_fixture.ts";

const domain = "access.test.localhost";

/** The platform's web server; `tunnelsOf` are those of a gateway that is started after it. */
async function startPages() {
  await using built = new AsyncDisposableStack();
  const simulator = built.use(await startSimulator({ devices: [simulatedPrinter], web: { port: 0, tlsPort: 0 } }));
  const port = freePort();
  const scene = built.use(await startSessionBench({ web: `${domain}:${port}` }));
  const { platform } = scene.bench.platform;
  const sessions = built.use(createWebSessions(platform));
  const pages = built.use(
    await startWebAccess({
      host: "127.0.0.1",
      port,
      domain,
      certificate: await createServerCertificate(platform.serverAuthority, {
        names: [`*.${domain}`],
        now: new Date(),
      }),
      sessions,
      tunnels: scene.gateway.tunnels,
      now: () => platform.clock.now(),
      log: platform.log,
    }),
  );
  const ca = platform.serverAuthority.certificate.toString("pem");
  const all = built.move();
  return {
    simulator,
    scene,
    platform,
    pages,
    async get(link: string, headers: Record<string, string> = {}, to = port) {
      const { hostname: servername, host, pathname, search } = new URL(link);
      const lines = Object.entries({ Host: host, Connection: "close", ...headers });
      const text = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
      const wire = new Promise<string>((resolve, reject) => {
        let answer = "";
        const socket = tls.connect({ port: to, host: "127.0.0.1", servername, ca });
        socket.write(`GET ${pathname}${search} HTTP/1.1\r\n${text}\r\n`);
        socket.setEncoding("latin1").on("data", (part: string) => answer += part);
        socket.on("close", () => resolve(answer)).on("error", reject);
      });
      return parseAnswer(await soon("the end of the gateway's answer", wire, 60_000));
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

slowInPostgres(
  "a page at a process without the tunnel leads to the one that has it, for the session's user only",
  async () => {
    await using at = await startPages();
    const { scene, platform } = at, other = "other.test.localhost", port = freePort();
    await using sessions = createWebSessions(platform);
    await using _ = await startWebAccess({
      host: "127.0.0.1",
      port,
      domain: other,
      certificate: await createServerCertificate(platform.serverAuthority, { names: [`*.${other}`], now: new Date() }),
      sessions,
      tunnels: { of: () => undefined },
      now: () => platform.clock.now(),
      log: platform.log,
      limits: { tunnelMs: 50 },
    });
    const session = await scene.open(), { sessionId } = session;
    const link = (await createLink(platform, scene.by, { sessionId })).link;
    const there = link.replace(/\.access\.test\.localhost:\d+/, `.${other}:${port}`);
    const started = await at.get(there, {}, port);
    const cookie = started.headers["set-cookie"]!.split(";")[0]!, page = new URL("/", there).href;
    assert.equal((await at.get(page, { cookie }, port)).status, 503, "the agent is not there yet");
    await forward(await signIn(scene, session), (channel) => {
      const socket = net.connect(Number(new URL(at.simulator.endpoints[0]!.web!).port), "127.0.0.1");
      socket.on("error", () => {});
      channel.pipe(socket).pipe(channel);
    });
    const stranger = await at.get(page, {}, port);
    assert.deepEqual([stranger.status, stranger.headers["location"]], [403, undefined]);
    const image = await at.get(page, { cookie, "sec-fetch-dest": "image" }, port);
    assert.deepEqual([image.status, image.headers["location"]], [503, undefined]);
    const moved = await at.get(page, { cookie }, port);
    assert.equal(moved.status, 303);
    assert.match(moved.headers["location"]!, new RegExp(`^https://\\w+\\.${domain}:\\d+/\\.opendca/start\\?token=`));
    const arrived = await at.get(moved.headers["location"]!);
    const own = arrived.headers["set-cookie"]!.split(";")[0]!;
    assert.equal((await at.get(new URL("/", moved.headers["location"]).href, { cookie: own })).status, 200);
    assert.equal((await at.get(moved.headers["location"]!)).status, 403, "once");
  },
);

slowInPostgres(
  "a link leads through the agent's tunnel to the printer's page, for one browser, until the end",
  async () => {
    await using at = await startPages();
    const { scene, platform } = at, { by } = scene;
    const session = await scene.open();
    const { sessionId } = session;
    const { link } = await createLink(platform, by, { sessionId });
    assert.match(
      link,
      new RegExp(`^https://${session.label}\\.access\\.test\\.localhost:\\d+/\\.opendca/start\\?token=[\\w-]{43}$`),
    );
    const home = link.replace(/\.opendca.*/, "");
    assert.equal((await at.get(home)).status, 403);
    const started = await at.get(link);
    assert.equal(started.status, 200);
    const cookie = started.headers["set-cookie"]!.split(";")[0]!;
    assert.equal((await at.get(link)).status, 403);
    assert.equal((await at.get(home, { Cookie: cookie })).status, 503);

    const client = await signIn(scene, session);
    const { hostname, port } = new URL(at.simulator.endpoints[0]!.web!);
    await forward(client, (channel) => {
      const device = net.connect(Number(port), hostname);
      device.on("error", () => channel.end());
      channel.pipe(device).pipe(channel);
    });
    await tunnelOf(scene, sessionId);
    const page = await at.get(home, { Cookie: cookie });
    assert.equal(page.status, 200);
    assert.match(page.body, /SERIAL7/);
    // Another session of the same user, and its cookie.
    const other = await scene.open();
    const otherLink = (await createLink(platform, by, { sessionId: other.sessionId })).link;
    const otherCookie = (await at.get(otherLink)).headers["set-cookie"]!.split(";")[0]!;
    assert.equal((await at.get(home, { Cookie: otherCookie })).status, 403);
    assert.equal((await at.get(otherLink.replace(/\.opendca.*/, ""), { Cookie: cookie })).status, 403);
    // A token of one session at the host of another.
    const fresh = (await createLink(platform, by, { sessionId: other.sessionId })).link;
    assert.equal((await at.get(home + fresh.slice(fresh.indexOf(".opendca")))).status, 403);

    await closeSession(platform, by, { sessionId, reason: "done" });
    await until("the browser is told", async () => (await at.get(home, { Cookie: cookie })).status === 410);
    assert.match((await at.get(home, { Cookie: cookie })).body, /done/);
    await assert.rejects(createLink(platform, by, { sessionId }), UsageError);
    await until("they are noted", async () => (await listRequests(platform, by, { sessionId })).length >= 9);
    const requests = await listRequests(platform, by, { sessionId });
    assert.deepEqual(requests.slice(0, 3).map(({ method, path, status }) => [method, path, status]), [
      ["GET", "/", 403],
      ["GET", "/.opendca/start", 200],
      ["GET", "/.opendca/start", 403],
    ]);
    assert.ok(requests.some(({ status, bytesOut }) => status === 200 && bytesOut > 400));
    const entries = await scene.bench.platform.queries.all<{ action: string }>(
      "SELECT action FROM audit_log WHERE action = 'accessLinkMade'",
      {},
    );
    assert.equal(entries.length, 3);
    client.end();
  },
);

slowInPostgres("a connection that the printer has closed while it was idle is not used again", async () => {
  await using at = await startPages();
  const { scene, platform } = at, { by } = scene;
  const session = await scene.open(), { sessionId } = session;
  const { link } = await createLink(platform, by, { sessionId });
  const cookie = (await at.get(link)).headers["set-cookie"]!.split(";")[0]!;
  const client = await signIn(scene, session);
  let connections = 0;
  const device = net.createServer((socket) => {
    connections++;
    socket.on("error", () => {}).on("data", () => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok");
      setTimeout(() => socket.end(), 100);
    });
  });
  await new Promise<void>((resolve) => device.listen(0, "127.0.0.1", resolve));
  const ends: Promise<unknown>[] = [];
  await forward(client, (channel) => {
    const socket = net.connect((device.address() as net.AddressInfo).port, "127.0.0.1");
    ends.push(new Promise((resolve) => socket.once("close", resolve)));
    // As the agent does it.
    socket.once("close", () => channel.end());
    channel.once("close", () => socket.destroy());
    channel.pipe(socket).pipe(channel);
  });
  await tunnelOf(scene, sessionId);
  const home = link.replace(/\.opendca.*/, "");
  for (let i = 1; i <= 3; i++) {
    assert.equal((await at.get(home, { Cookie: cookie })).status, 200);
    assert.equal(connections, i);
    await Promise.all(ends);
  }
  client.end();
  await new Promise((resolve) => device.close(resolve));
});

slowInPostgres("links end, and what is kept of them opens nothing", async () => {
  await using at = await startPages();
  const { scene, platform } = at, { by } = scene;
  const { sessionId } = await scene.open({ lastsMs: 1_800_000 });
  const { link } = await createLink(platform, by, { sessionId });
  scene.bench.platform.clock.advance(10 * 60_000 + 1);
  const late = await at.get(link);
  assert.equal(late.status, 403);
  const kept = await scene.bench.platform.queries.all("SELECT * FROM access_links", {});
  assert.ok(!JSON.stringify(kept).includes(link.slice(-43)));
  await until("it is noted", async () => (await listRequests(platform, by, { sessionId })).length === 1);
  const later = (days: number) => new Date(platform.clock.now().getTime() + days * 86_400_000);
  await dropOld(platform.store, { now: later(1000), retention: defaultRetention });
  assert.equal((await listRequests(platform, by, { sessionId })).length, 1);
  await dropOld(platform.store, { now: later(1100), retention: defaultRetention });
  assert.deepEqual(await listRequests(platform, by, { sessionId }), []);
  assert.deepEqual(await scene.bench.platform.queries.all("SELECT * FROM access_links", {}), []);
  await assert.rejects(createLink(platform, by, { sessionId: "ses-000000000000" }), /Cannot find the session/);
  await assert.rejects(listRequests(platform, by, { sessionId: "ses-000000000000" }), /Cannot find the session/);
});

slowInPostgres("certificates of printers are kept by device and port", async () => {
  await using at = await startPages();
  const { scene, platform } = at, { by } = scene;
  const session = await scene.open({ port: 443, scheme: "https" });
  const { link } = await createLink(platform, by, { sessionId: session.sessionId });
  const cookie = (await at.get(link)).headers["set-cookie"]!.split(";")[0]!;
  const client = await signIn(scene, session);
  const { hostname, port } = new URL(at.simulator.endpoints[0]!.webTls!);
  await forward(client, (channel) => channel.pipe(net.connect(Number(port), hostname)).pipe(channel));
  await tunnelOf(scene, session.sessionId);
  const home = link.replace(/\.opendca.*/, "");
  assert.match((await at.get(home, { Cookie: cookie })).body, /SERIAL7/);
  const [row, ...others] = await scene.bench.platform.queries.all<
    { device_id: string; port: number; fingerprint: string }
  >(
    "SELECT device_id, port, fingerprint FROM access_certificates",
    {},
  );
  assert.deepEqual([row!.device_id, row!.port, others.length], [session.deviceId, 443, 0]);
  assert.match(row!.fingerprint, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  await platform.store.transaction((tx) =>
    tx.tenant(by.tenant).run(
      "UPDATE access_certificates SET fingerprint = :fingerprint WHERE customer_id = :customer",
      { fingerprint: "00:11" },
    )
  );
  const other = await scene.open({ port: 443, scheme: "https" });
  const second = (await createLink(platform, by, { sessionId: other.sessionId })).link;
  const otherCookie = (await at.get(second)).headers["set-cookie"]!.split(";")[0]!;
  const otherClient = await signIn(scene, other);
  await forward(otherClient, (channel) => channel.pipe(net.connect(Number(port), hostname)).pipe(channel));
  await tunnelOf(scene, other.sessionId);
  const refused = await at.get(second.replace(/\.opendca.*/, ""), { Cookie: otherCookie });
  assert.equal(refused.status, 502);
  assert.match(refused.body, /certificate has changed/);
  client.end();
  otherClient.end();
});

slowInPostgres("certificates and the permission of old TLS follow a merge of devices, and its end", async () => {
  await using at = await startPages();
  const { scene, platform } = at, { by, agent } = scene;
  const other = readingOf({ serial: "ZZZ98765", address: "10.1.0.8" });
  const records = [recordOf(other, { deviceKey: "device-2" })];
  await scene.bench.upload(batchOf(agent, { sequence: 2, records }));
  const [kept, merged] = await Promise.all(["10.1.0.7", "10.1.0.8"].map(async (device) => {
    const { view } = await showDevice(platform, by, { device });
    return view.row.device_id;
  })) as [string, string];
  const session = await scene.open({ port: 443, scheme: "https" });
  await using sessions = createWebSessions(platform);
  const found = (await sessions.find(session.label))!;
  assert.equal(found.deviceId, kept);
  // What was seen of the other device before.
  await sessions.pin({ ...found, deviceId: merged }, "AA:BB", "first use");
  await setLegacyTls(platform, by, { device: merged, isAllowed: true });
  const seen = async () => [await sessions.pinned(found), await sessions.allowsLegacyTls(found)];
  assert.deepEqual(await seen(), [undefined, false]);
  const { changeId } = await mergeDevice(platform, by, { device: kept, other: merged });
  assert.deepEqual(await seen(), ["AA:BB", true]);
  assert.equal(await sessions.pinned({ ...found, port: 8443 }), undefined);
  // Of several, the last that was accepted counts.
  scene.bench.platform.clock.advance(1000);
  await sessions.pin(found, "CC:DD", "user");
  assert.deepEqual(await seen(), ["CC:DD", true]);
  await undoDeviceChange(platform, by, { changeId });
  assert.deepEqual(await seen(), ["CC:DD", false]);
  assert.equal(await sessions.pinned({ ...found, deviceId: merged }), "AA:BB");
});
