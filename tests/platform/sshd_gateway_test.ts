/** Sessions of web access through Debian's sshd as docs/gateway-openssh.md has it. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import net from "node:net";
import type { Duplex } from "node:stream";
import { createHello, forwardKeyOf } from "../../common/protocol/forward_hello.ts";
import { revokeAgent } from "../../platform/agents/manage_agents.ts";
import { sayHere } from "../../platform/access/gateways.ts";
import { closeSession, openSession, showSession } from "../../platform/access/manage_sessions.ts";
import { authorizedKey, startSshdGateway } from "../../platform/edge/ssh/sshd_gateway.ts";
import { UsageError } from "../../common/core/errors.ts";
import { docBlock } from "../fixtures/doc_block.ts";
import { peerTest } from "../fixtures/peers.ts";
import { startTestPlatform } from "../fixtures/platform_fixture.ts";
import { sshdUser } from "../fixtures/sshd_peer.ts";
import { listens, privateKeyOf, sshdPrograms, startSshdScene } from "../fixtures/sshd_scene.ts";
import { createPrivateKey, publicKeyOf } from "../../common/host/ssh2.ts";
import { startSessionBench, tunnelOf, webAccess } from "../fixtures/ssh_sessions.ts";
import { until } from "../fixtures/until.ts";
import { get, isOpen, page, type Scene } from "../fixtures/web_access_scene.ts";

const programs = sshdPrograms;

const refusals = ({ bench }: Scene) =>
  bench.bench.platform.events.filter(({ event }) => event === "accessRefused").map(({ fields }) => fields.reason);

peerTest("a session goes through OpenSSH's sshd to the device and back, until it is closed", programs, async () => {
  await using at = await startSshdScene();
  const { scene } = at, { bench } = scene;
  const order = await scene.order(), run = scene.run(order), { sessionId } = order;
  const tunnel = await tunnelOf(bench, sessionId);
  await isOpen(scene, sessionId);
  const answers = await Promise.all(["/a", "/b", "/c"].map(async (path) => await get(await tunnel.open(), path)));
  assert.ok(answers.every((answer, at) => answer.includes(page) && answer.includes(`x-path: /${"abc"[at]}`)));
  assert.equal(scene.connections(), 3);
  const { platform } = bench.bench.platform;
  assert.equal((await showSession(platform, bench.by, { sessionId })).state, "open");
  await closeSession(platform, bench.by, { sessionId, reason: "done" });
  assert.equal(await tunnel.closed, "done");
  assert.match((await run).end, /the gateway closed the session/);
  await until("it is written down", async () => {
    const { bytes_from_device: bytes } = await showSession(platform, bench.by, { sessionId });
    return bytes > 3 * page.length;
  });
});

peerTest(
  "sshd takes the key of a session once, until the session ends, and no other key (slow)",
  programs,
  async () => {
    await using at = await startSshdScene();
    const { scene } = at, { bench } = scene;
    await assert.rejects(at.signIn(createPrivateKey()), "any key");
    const order = await scene.order(), run = scene.run(order), { sessionId } = order;
    const privateKey = privateKeyOf(scene, order);
    const tunnel = await tunnelOf(bench, sessionId);
    await assert.rejects(at.signIn(privateKey), "while it is open");
    scene.access.kill(sessionId);
    assert.match((await run).end, /the administrator ended it/);
    assert.equal(await tunnel.closed, "the agent closed the connection");
    await assert.rejects(at.signIn(privateKey), "after it was closed");
    const late = await scene.order({}, { lastsMs: 60_000 });
    bench.bench.platform.clock.advance(60_001);
    await assert.rejects(at.signIn(privateKeyOf(scene, late)), "a session that is over");
    assert.deepEqual(
      new Set(refusals(scene)),
      new Set([
        "there is no such session",
        "the key was used before",
        "the session is closed",
        "the session has expired",
      ]),
    );
    const audit = await bench.bench.platform.queries.all<{ action: string }>(
      "SELECT DISTINCT action FROM audit_log WHERE action LIKE 'access%' ORDER BY action",
      {},
    );
    assert.deepEqual(audit.map(({ action }) => action), [
      "accessKeyRefused",
      "accessSessionEnded",
      "accessSessionOpened",
      "accessSessionStarted",
    ]);
  },
);

peerTest("of two agents with one key, one gets the session (slow)", programs, async () => {
  await using at = await startSshdScene();
  const { scene } = at, order = await scene.order(), { forwardPort: port, sessionId } = order;
  // It has the key, and the port before the other; it does not say the words of an agent.
  const other = await at.signIn(privateKeyOf(scene, order));
  other.on(
    "tcp connection",
    (_: unknown, accept: () => Duplex) => void accept().on("error", () => {}).end("x".repeat(99)),
  );
  assert.ok(await listens(other, port));
  await assert.rejects(scene.run(order), /refuses the remote forward/);
  assert.equal(scene.bench.gateway.tunnels.of(sessionId), undefined);
  other.end();
});

peerTest(
  "a program at the gateway that takes the port of a session, or connects to it, reaches nothing (slow)",
  programs,
  async () => {
    await using at = await startSshdScene();
    const { scene } = at, { bench } = scene;
    const taken = await scene.order();
    const heard: Uint8Array[] = [];
    const server = net.createServer((socket) => {
      socket.on("error", () => {}).on("data", (part: Uint8Array) => {
        heard.push(part);
        // Of the right length.
        socket.write(new Uint8Array(32));
      });
    }).listen(taken.forwardPort, "127.0.0.1");
    await once(server, "listening");
    await assert.rejects(scene.run(taken), /refuses the remote forward/);
    await until("the platform has connected", () => heard.length > 0);
    assert.equal(bench.gateway.tunnels.of(taken.sessionId), undefined);
    server.close();

    const order = await scene.order(), run = scene.run(order);
    const tunnel = await tunnelOf(bench, order.sessionId);
    for (
      const hello of [
        new Uint8Array(49),
        heard[0]!,
        createHello("device", forwardKeyOf("another session")),
        new TextEncoder().encode(`GET / HTTP/1.0\r\n\r\n${" ".repeat(99)}`),
      ]
    ) {
      const socket = net.connect(order.forwardPort, "127.0.0.1");
      socket.on("error", () => {}).write(hello);
      for await (const part of socket) assert.fail(`it was answered with ${part.length} octets`);
    }
    assert.equal(scene.connections(), 0);
    assert.ok((await get(await tunnel.open())).includes(page));
    tunnel.close("done");
    await run;
  },
);

peerTest("a device that does not answer, and one that ends, are seen through sshd (slow)", programs, async () => {
  await using at = await startSshdScene({ onConnection: (socket) => void socket.end() });
  const { scene } = at, order = await scene.order(), run = scene.run(order);
  const tunnel = await tunnelOf(scene.bench, order.sessionId);
  assert.equal(await get(await tunnel.open()), "");
  scene.access.kill();
  await run;
  await tunnel.closed;
  await assert.rejects(tunnel.open(), /The session has ended: the agent closed the connection/);
});

peerTest(
  "there is no session through sshd for an agent that does not know it, or without a free port (slow)",
  programs,
  async () => {
    await using at = await startSshdScene({ ports: 1 });
    const { scene } = at, { bench } = scene;
    const wish = { device: "10.1.0.7", port: 80, scheme: "http", lastsMs: 600_000 } as const;
    const open = () => openSession(bench.bench.platform.platform, bench.by, wish);
    await bench.poll({ webAccess: { ...webAccess, knowsSshd: false } });
    await assert.rejects(open(), (error) => error instanceof UsageError && /does not know/.test(error.message));
    await bench.poll({ webAccess });
    await open();
    await assert.rejects(open(), (error) => error instanceof UsageError && /all 1 ports/.test(error.message));
  },
);

const keysAt = {
  ...{ host: "127.0.0.1", port: 0, hosts: [{ host: "localhost", port: 22 }], user: sshdUser, lookMs: 50 },
  ...{ firstPort: 20_000, lastPort: 20_000 },
};

Deno.test("a key is answered at its gateway alone, while its agent is active, and its port is free some time later", async () => {
  const hostKey = publicKeyOf(createPrivateKey());
  const start = (platform: Parameters<typeof startSshdGateway>[0]) =>
    startSshdGateway(platform, { ...keysAt, hostKey });
  await using bench = await startSessionBench({ startGateway: start });
  const { by, agent, gateway, bench: { platform: { platform, clock } } } = bench;
  await bench.poll();
  const ask = async (port: number, privateKey: string) => {
    const key = encodeURIComponent(Buffer.from(publicKeyOf(privateKey)).toString("base64"));
    const answer = await fetch(`http://127.0.0.1:${port}/authorized-keys?key=${key}`);
    await answer.body?.cancel();
    return answer.status;
  };
  const open = async () => {
    await bench.poll();
    // The clock is ahead of what the gateway does by itself.
    const here = { gatewayId: gateway.gatewayId, hosts: [], hostKey };
    await platform.store.transaction((tx) => sayHere(tx, { gateway: here, at: clock.now() }));
    return await bench.open();
  };
  const { privateKey, sessionId } = await open();
  {
    await using other = await start(platform);
    assert.equal(await ask(other.port, privateKey), 404);
  }
  assert.equal(await ask(gateway.port, privateKey), 200);
  await closeSession(platform, by, { sessionId, reason: "done" });
  assert.equal(await ask(gateway.port, privateKey), 404);
  await assert.rejects(open(), /all 1 ports/);
  // Just after the time that it could have lasted, sshd may still have its connection.
  clock.advance(1_260_000);
  await assert.rejects(open(), /all 1 ports/);
  clock.advance(120_000);
  const second = await open();
  await revokeAgent(platform, by, { agentId: agent.agentId, reason: "test" });
  assert.equal(await ask(gateway.port, second.privateKey), 404);
});

Deno.test("the line of a key is as docs/gateway-openssh.md has it", async () => {
  const line = docBlock(await Deno.readTextFile(new URL("../../docs/gateway-openssh.md", import.meta.url)), "restrict");
  const key = publicKeyOf(createPrivateKey()).toString("base64");
  const own = authorizedKey(key, { port: 20_417, endsAt: new Date("2026-03-02T08:30:00.999Z") });
  assert.equal(own.replace(key, ""), line.trim().replace(/AAAA.*/, ""));
});

Deno.test("what is no question for a key is answered by 404, and the next question is answered", async () => {
  await using platform = await startTestPlatform();
  const hostKey = publicKeyOf(createPrivateKey());
  await using gateway = await startSshdGateway(platform.platform, { ...keysAt, hostKey });
  for (const target of ["//", "http://[", "/authorized-keys", "/authorized-keys?key=%", "*"]) {
    await using connection = await Deno.connect({ port: gateway.port });
    await connection.write(new TextEncoder().encode(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`));
    const answer = await new Response(connection.readable).text();
    assert.match(answer, /^HTTP\/1.1 4\d\d |^$/, target);
  }
});
