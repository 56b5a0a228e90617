/** Agents behind Debian's HAProxy with docs/haproxy.cfg: TLS ends at the platform, which counts them by their own addresses. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";
import { tryParseCidr } from "../../common/core/ip_range.ts";
import { haproxyAddress, startHaproxy } from "../fixtures/haproxy.ts";
import { peerTest } from "../fixtures/peers.ts";
import {
  activate,
  activatedAgent,
  call,
  connect,
  pollOf,
  startTestPlatform,
  type TestPlatform,
} from "../fixtures/platform_fixture.ts";
import { batchOf, readingOf, recordOf } from "../fixtures/platform_uploads.ts";
import { until } from "../fixtures/until.ts";

const proxies = [tryParseCidr(haproxyAddress)!];
const portOf = ({ target }: TestPlatform) => Number(target.split(":")[1]);
const behind = (platform: TestPlatform, port: number): TestPlatform => ({ ...platform, target: `localhost:${port}` });

async function sourcesOfWrongCodes({ queries }: TestPlatform): Promise<string[]> {
  const rows = await queries.all<{ detail: string }>(
    "SELECT detail FROM audit_log WHERE action = 'activationRejected'",
  );
  return rows.map(({ detail }) => JSON.parse(detail).source);
}

for (const sends of ["send-proxy", "send-proxy-v2"] as const) {
  peerTest(`agents behind HAProxy with ${sends} keep their certificates and addresses`, ["haproxy"], async () => {
    await using platform = await startTestPlatform({ proxies });
    await using haproxy = await startHaproxy({ platforms: [portOf(platform)], sends });
    const there = behind(platform, haproxy.agents);
    const agent = await activatedAgent(there, await platform.customer("Acme"));
    using client = connect(there, agent.identity);
    const answer = await call(client, { method: client.poll, request: pollOf(agent) });
    assert(answer.serverTime instanceof Date);
    // Of more than one segment.
    const records = Array.from({ length: 500 }, (_, n) => recordOf(readingOf({ total: n })));
    const upload = batchOf(agent, { sequence: 1, records });
    const { highestContiguousSequence } = await call(client, { method: client.upload, request: upload });
    assert.equal(highestContiguousSequence, 1n);
    await activate(there, { code: await wrongCode(platform) });
    assert.deepEqual(await sourcesOfWrongCodes(platform), ["127.0.0.1"]);
    // HAProxy's own connections, which ask whether the platform is there, are nobody's fault.
    assert.deepEqual(platform.events.filter(({ event }) => event === "proxyHeaderRefused"), []);

    const other = tls.connect({ port: haproxy.agents, servername: "other.example.com", rejectUnauthorized: false });
    const [error] = await once(other, "error");
    assert.match(String(error), /ECONNRESET|disconnected|EOF|EPIPE/i);
  });
}

/* Of the right form, and of no code. */
async function wrongCode(platform: TestPlatform): Promise<string> {
  const code = await platform.code(await platform.customer("Other"));
  await platform.queries.run("DELETE FROM activation_codes");
  return code;
}

peerTest("who holds connections behind HAProxy keeps no other one behind it out", ["haproxy"], async () => {
  const connections = { anonymousOfSource: 5, sureMs: 0, withoutCallMs: 60_000 };
  await using platform = await startTestPlatform({ proxies, connections });
  await using haproxy = await startHaproxy({ platforms: [portOf(platform)] });
  const there = behind(platform, haproxy.agents);
  const agent = await activatedAgent(there, await platform.customer("Acme"));
  let open = 0;
  const ca = platform.serverAuthority;
  const held: net.Socket[] = [];
  for (const localAddress of ["127.0.0.20", "127.0.0.21"]) {
    for (let i = 0; i < 20; i++) {
      const plain = net.connect({ host: "127.0.0.1", port: haproxy.agents, localAddress });
      const socket = tls.connect({ socket: plain, servername: "localhost", ca, ALPNProtocols: ["h2"] });
      open++;
      socket.on("error", () => {}).resume();
      plain.on("error", () => {}).on("close", () => open--);
      held.push(plain);
    }
  }
  await until("each address has five connections", () => open === 10);
  using client = connect(there, agent.identity);
  await call(client, { method: client.poll, request: pollOf(agent) });
  for (const socket of held) socket.destroy();
  await until("all are gone", () => open === 0);
});

peerTest(
  "of two platforms behind HAProxy one is gone: every agent and every page gets to the other",
  ["haproxy"],
  async () => {
    const portal = { host: "127.0.0.1", port: 0 };
    await using first = await startTestPlatform({ proxies, portal });
    const second = await first.another();
    await using haproxy = await startHaproxy({
      platforms: [portOf(first), portOf(second)],
      portals: [first.portal!.port, second.portal!.port],
    });
    const there = behind(first, haproxy.agents);
    const agent = await activatedAgent(there, await first.customer("Acme"));
    // Its checks have not failed yet: new connections are still given to it.
    await second[Symbol.asyncDispose]();
    for (let i = 0; i < 6; i++) {
      using client = connect(there, agent.identity);
      await call(client, { method: client.poll, request: pollOf(agent) });
      const ca = first.serverAuthority;
      const socket = tls.connect({ host: "127.0.0.1", port: haproxy.portal, servername: "localhost", ca });
      socket.write("GET /sign-in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
      const [answer] = await once(socket, "data");
      assert.match(String(answer), /^HTTP\/1\.1 200 /);
      socket.destroy();
    }
  },
);

const signature = Buffer.from("0d0a0d0a000d0a515549540a", "hex");
const attacks: { name: string; says: RegExp; bytes: Buffer; isSlow?: boolean }[] = [
  { name: "TLS without a header", bytes: Buffer.from([0x16, 3, 1, 2, 0, 1]), says: /does not begin with a PROXY/ },
  { name: "garbage", bytes: Buffer.from("\0\0\0\0garbage"), says: /does not begin with a PROXY/ },
  { name: "a line without an end", bytes: Buffer.from(`PROXY TCP4 ${"1".repeat(2000)}`), says: /too long/ },
  {
    name: "a header of 64 KiB",
    bytes: Buffer.concat([signature, Buffer.from([0x21, 0x11, 255, 255]), Buffer.alloc(9000)]),
    says: /at most 4096/,
  },
  {
    name: "half of a header",
    bytes: Buffer.concat([signature, Buffer.from([0x21])]),
    says: /does not end/,
    isSlow: true,
  },
  { name: "nothing", bytes: Buffer.alloc(0), says: /does not end/, isSlow: true },
];
for (const { name, says, bytes, isSlow = false } of attacks) {
  Deno.test(`a connection of the balancer's address with ${name} is closed, with a line in the log`, async () => {
    await using platform = await startTestPlatform({ proxies, proxyHeaderMs: isSlow ? 300 : 60_000 });
    const socket = net.connect({ host: "127.0.0.1", port: portOf(platform), localAddress: haproxyAddress });
    socket.on("error", () => {}).resume();
    socket.write(bytes);
    await once(socket, "close");
    const [refusal] = platform.events.filter(({ event }) => event === "proxyHeaderRefused");
    assert.equal(refusal?.fields.from, haproxyAddress);
    assert.match(String(refusal?.fields.why), says);
  });
}

const header = "PROXY TCP4 203.0.113.9 127.0.0.1 1000 8443\r\n";

Deno.test("a PROXY header of an address that is not listed is refused, and agents there need none", async () => {
  await using platform = await startTestPlatform({ proxies });
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  using client = connect(platform, agent.identity);
  await call(client, { method: client.poll, request: pollOf(agent) });
  const socket = net.connect({ host: "127.0.0.1", port: portOf(platform) });
  socket.on("error", () => {}).resume();
  socket.write(header);
  await once(socket, "close");
  const [refusal, ...more] = platform.events.filter(({ event }) => event === "proxyHeaderRefused");
  assert.match(String(refusal?.fields.why), /not one of --proxy-protocol/);
  // An attacker does not fill the log with them.
  const again = net.connect({ host: "127.0.0.1", port: portOf(platform) });
  again.on("error", () => {}).resume();
  again.write(header);
  await once(again, "close");
  assert.deepEqual(more, []);
  assert.equal(platform.events.filter(({ event }) => event === "proxyHeaderRefused").length, 1);
});

Deno.test("without --proxy-protocol, a connection that begins with a PROXY header is closed", async () => {
  await using platform = await startTestPlatform();
  const socket = net.connect({ host: "127.0.0.1", port: portOf(platform) });
  let bytes = 0;
  socket.on("error", () => {}).on("data", (data) => bytes += data.length);
  socket.write(header);
  await once(socket, "close");
  assert(bytes < 20, "more than an alert of TLS");
});
