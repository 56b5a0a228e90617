/** Device Web Access with an agent of its own process, under its real permissions, and a platform whose tunnels a test holds. */
import assert from "node:assert/strict";
import http from "node:http";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { systemClock } from "../../common/core/clock.ts";
import { openSession, type ShownSession, showSession } from "../../platform/access/manage_sessions.ts";
import type { Tunnels } from "../../platform/access/tunnels.ts";
import type { OpenPlatform } from "../../platform/agents/platform.ts";
import type { TenantBy } from "../../platform/audit/use_case.ts";
import { openPlatform, serve } from "../../platform/compose.ts";
import type { PlatformServeOptions } from "../../platform/edge/cli/host.ts";
import { listCustomers } from "../../platform/customers/customers.ts";
import { type AgentScene, startScene } from "../fixtures/agent_fixture.ts";
import { parseFleet } from "../../simulator/fleet_file.ts";
import { startSimulator } from "../../simulator/simulator.ts";
import { port as snmpPort } from "../fixtures/scan_fixture.ts";
import { freePort } from "../fixtures/free_port.ts";
import { peerTest } from "../fixtures/peers.ts";
import type { RunningProgram } from "../fixtures/start_program.ts";
import { createHostKeyFile, forwardPorts, sshdUser, startSshd } from "../fixtures/sshd_peer.ts";
import { until } from "../fixtures/until.ts";

interface WebScene extends AsyncDisposable {
  scene: AgentScene;
  platform: OpenPlatform;
  tunnels: Tunnels;
  by: TenantBy;
  /** Connections that printers have had. */
  connections(): number;
  /** A session that the agent is told of with its first poll, and its agent. */
  open(address: string): Promise<{ sessionId: string; agent: RunningProgram }>;
  shown(sessionId: string): Promise<ShownSession>;
}

async function startWebScene(network: number, webAccess = "", hasSshd = false): Promise<WebScene> {
  await using stack = new AsyncDisposableStack();
  const { sshPort, gateway } = hasSshd ? await sshdGateway(stack) : ownGateway();
  const webPort = freePort();
  let connections = 0;
  const web = http.createServer((request, response) => response.end(`page of ${request.socket.localAddress}`));
  web.on("connection", () => connections++);
  web.listen(webPort, "0.0.0.0");
  await once(web, "listening");
  stack.defer(() => void web.close());
  const scene = stack.use(
    await startScene({
      network,
      printers: 2,
      more: `policy:
  ports: { webAccess: [${webPort}], sshGateway: [${sshPort}] }
  features: { webAccess: true }
  webAccess: { ${webAccess} }`,
    }),
  );
  const platform = stack.use(
    await openPlatform({ dataDirectory: `${scene.folder}/platform`, clock: systemClock, log() {}, pollSeconds: 30 }),
  );
  const at = { host: "127.0.0.1", port: scene.port, names: ["localhost"] };
  const server = stack.use(await serve(platform, { ...at, ...gateway }));
  const actor = { kind: "operator", name: "eva" } as const;
  const [customer] = await listCustomers(platform, { actor }, {});
  const by: TenantBy = { actor, tenant: customer!.customer_id };
  {
    await using agent = await scene.startAgent();
    await until(
      "the printers are known",
      () =>
        platform.store.transaction(async (tx) =>
          (await tx.tenant(by.tenant).all("SELECT 1 FROM devices WHERE customer_id = :customer")).length === 2
        ),
    );
    await agent.kill("SIGTERM");
  }
  const moved = stack.move();
  return {
    scene,
    platform,
    tunnels: server.tunnels!,
    by,
    connections: () => connections,
    async open(device) {
      const wish = { device, port: webPort, scheme: "http", lastsMs: 600_000 } as const;
      const { sessionId } = await openSession(platform, by, wish);
      return { sessionId, agent: await scene.startAgent() };
    },
    shown: (sessionId) => showSession(platform, by, { sessionId }),
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

interface ServedGateway {
  sshPort: number;
  gateway: Pick<PlatformServeOptions, "ssh" | "sshd">;
}

function ownGateway(): ServedGateway {
  const sshPort = freePort();
  return {
    sshPort,
    gateway: { ssh: { host: "127.0.0.1", port: sshPort, hosts: [{ host: "localhost", port: sshPort }] } },
  };
}

/** Debian's sshd, which lives as long as the stack. */
async function sshdGateway(stack: AsyncDisposableStack): Promise<ServedGateway> {
  const hostKey = stack.use(await createHostKeyFile()), port = freePort();
  const { port: sshPort } = stack.use(await startSshd(hostKey, { keysPort: port }));
  const forwards = { user: sshdUser, ...forwardPorts() };
  const hosts = [{ host: "localhost", port: sshPort }];
  return { sshPort, gateway: { sshd: { host: "127.0.0.1", port, hosts, hostKey: hostKey.publicKey, ...forwards } } };
}

async function get(duplex: Duplex): Promise<string> {
  duplex.write("GET / HTTP/1.1\r\nHost: printer\r\nConnection: close\r\n\r\n");
  let text = "";
  for await (const chunk of duplex) text += chunk;
  return text;
}

Deno.test("the page of a printer comes through the agent, which listens nowhere, shows the session, and ends it when told", async () => {
  await using web = await startWebScene(113);
  const { scene, tunnels } = web;
  const { sessionId, agent } = await web.open("127.113.0.1");
  await using _ = agent;
  await until("the session is open", () => tunnels.of(sessionId) !== undefined);
  const tunnel = tunnels.of(sessionId)!;
  const answers = await Promise.all([1, 2, 3].map(async () => await get(await tunnel.open())));
  for (const answer of answers) assert.match(answer, /page of 127\.113\.0\.1/);
  const ss = new Deno.Command("ss", { args: ["-Hltnup"] }).outputSync();
  const own = new TextDecoder().decode(ss.stdout).split("\n").filter((line) =>
    line.includes(`pid=${agent.pid},`) && line.startsWith("tcp")
  );
  assert.deepEqual(own, []);
  const listed = async () => JSON.parse((await scene.opendca("sessions", "--json")).out).sessions;
  // The agent writes it a moment after the gateway knows.
  await until("it is shown as open", async () => (await listed())[0]?.step === "open");
  const [session] = await listed();
  assert.deepEqual([session.id, session.address], [sessionId, "127.113.0.1"]);
  assert.match((await scene.opendca("sessions")).out, /^ses-\w+ {2}open +127\.113\.0\.1:\d+ .* by operator:eva /);
  assert.equal((await scene.opendca("sessions", "kill", "ses-000000000000")).code, 64);
  assert.equal((await scene.opendca("sessions", "kill", "--all")).out, `ended ${sessionId}\n`);
  assert.equal(await tunnel.closed, "the agent closed the connection");
  assert.equal((await scene.opendca("sessions")).out, "there are no sessions\n");
  const { out } = await scene.opendca("ledger");
  assert.match(out, /session +Opened session ses-\w+ to 127\.113\.0\.1:\d+ for operator:eva through localhost:\d+/);
  assert.match(out, /session +Closed session ses-\w+, as the administrator \w+ ended it: 3 connections, \d+ bytes/);
  await until("the platform knows", async () => (await web.shown(sessionId)).task_state === "succeeded");
  assert.equal((await web.shown(sessionId)).state, "closed");
});

Deno.test("another device at the address is found out before anything is dialled, and the platform is told", async () => {
  await using web = await startWebScene(114);
  const { scene } = web;
  await scene.simulator[Symbol.asyncDispose]();
  const devices = parseFleet(`
printers:
  - { name: other, address: 127.114.0.1, port: ${snmpPort}, maker: Example, model: Laser 9000, serial: NEW12345 }
`);
  await using _simulator = await startSimulator({ devices });
  const { sessionId, agent } = await web.open("127.114.0.1");
  await using _agent = agent;
  await until("it is refused", async () => (await web.shown(sessionId)).state === "refused");
  assert.match((await web.shown(sessionId)).reason!, /another device is at 127\.114\.0\.1: its serial number is NEW/);
  assert.equal(web.connections(), 0);
  assert.match((await scene.opendca("ledger")).out, /session +Refused session/);
});

Deno.test("an agent that is killed with a session open is noticed at once, and the session is not taken up again", async () => {
  await using web = await startWebScene(115);
  const { sessionId, agent } = await web.open("127.115.0.2");
  {
    await using _ = agent;
    await until("the session is open", () => web.tunnels.of(sessionId) !== undefined);
    const tunnel = web.tunnels.of(sessionId)!;
    const channel = await tunnel.open();
    const closed = once(channel.resume(), "close");
    await agent.kill("SIGKILL");
    assert.equal(await tunnel.closed, "the agent closed the connection");
    await closed;
  }
  await until("it is closed", async () => (await web.shown(sessionId)).state === "closed");
  await using _again = await web.scene.startAgent();
  await until("the platform knows", async () => (await web.shown(sessionId)).task_state === "failed");
  assert.equal(web.tunnels.of(sessionId), undefined);
  assert.equal((await web.scene.opendca("sessions")).out, "there are no sessions\n");
});

Deno.test("a standing approval outlives the agent that it was given to, and is taken back", async () => {
  await using web = await startWebScene(116, "approval: true");
  const { scene, tunnels } = web;
  {
    await using agent = await scene.startAgent();
    const { code, out, err } = await scene.opendca("sessions", "approve", "--for", "1h", "--device", "127.116.0.1");
    assert.equal(code, 0, err);
    assert.match(out, /^approved web pages of .* at 127\.116\.0\.1 until .*Z, by \w+\n$/);
    await agent.kill("SIGKILL");
  }
  const { sessionId, agent } = await web.open("127.116.0.1");
  await using _ = agent;
  await until("the session is open", () => tunnels.of(sessionId) !== undefined);
  assert.match((await scene.opendca("sessions")).out, /^approved: web pages of .* at 127\.116\.0\.1 until/m);
  assert.equal((await scene.opendca("sessions", "approve", "--withdraw")).code, 0);
  await tunnels.of(sessionId)?.closed;
  // The agent writes the list a moment later.
  await until("none is shown", async () => (await scene.opendca("sessions")).out === "there are no sessions\n");
  const { out } = await scene.opendca("ledger");
  assert.match(out, /session +Approved sessions until \S+Z by \w+: web pages of .* at 127\.116\.0\.1\n/);
  assert.match(out, /session +Opened session ses-\w+ .*, as \w+ approved sessions until/);
  assert.match(out, /session +Closed session ses-\w+, as its standing approval is over/);
  assert.match(out, /session +Withdrew the approval until/);
});

peerTest(
  "an agent under its real permissions opens a session through OpenSSH's sshd, and is missed when it is killed",
  ["sshd", "ssh-keygen", "curl"],
  async () => {
    await using web = await startWebScene(117, "", true);
    const { sessionId, agent } = await web.open("127.117.0.1");
    {
      await using _ = agent;
      await until("the session is open", () => web.tunnels.of(sessionId) !== undefined);
      const tunnel = web.tunnels.of(sessionId)!;
      const answers = await Promise.all([1, 2, 3].map(async () => await get(await tunnel.open())));
      for (const answer of answers) assert.match(answer, /page of 127\.117\.0\.1/);
      const channel = await tunnel.open(), closed = once(channel.resume(), "close");
      await agent.kill("SIGKILL");
      assert.equal(await tunnel.closed, "the agent closed the connection");
      await closed;
    }
    await until("it is closed", async () => (await web.shown(sessionId)).state === "closed");
    assert.match((await web.scene.opendca("ledger")).out, /session +Opened session ses-\w+ to 127\.117\.0\.1:\d+/);
  },
);
