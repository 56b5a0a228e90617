/** What one connection can send while the database hangs: the memory of the platform, as a program, stays as it is. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mqttTopic } from "../../common/protocol/mqtt.ts";
import { peerTest, postgresServer } from "../fixtures/peers.ts";
import { activatedAgent, startTestPlatform } from "../fixtures/platform_fixture.ts";
import { startPostgres } from "../fixtures/postgres_server.ts";
import { startProgram } from "../fixtures/start_program.ts";

const megabyte = 1024 * 1024;
/** More than any buffer on the way, and more than the platform may grow by. */
const mostBytes = 400 * megabyte, mostGrowth = 300 * megabyte;

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

/** A packet of MQTT 3.1.1 of 128 octets to 16 KiB. */
function packet(type: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([type, body.length % 128 | 0x80, body.length >> 7]), body]);
}

/** A binary message of a WebSocket's client, masked with zeros. */
function webSocketFrame(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x82, 0xfe, bytes.length >> 8, bytes.length & 0xff, 0, 0, 0, 0]), bytes]);
}

function upgradeOf(path: string, host = "localhost"): Buffer {
  return Buffer.from(
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r
Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n`,
  );
}

/** A frame of HTTP/2 (RFC 9113, section 4.1). */
function http2Frame(
  type: number,
  { flags = 0, stream = 0 }: { flags?: number; stream?: number },
  body: Buffer,
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}

/** The start of a call with a message to follow. */
function callOf(method: string, stream: number): Buffer {
  const literal = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  const headers = Buffer.concat([
    Buffer.from([0x83, 0x87, 0x04]),
    literal(`/opendca.v1.AgentService/${method}`),
    Buffer.from([0x01]),
    literal("localhost"),
    Buffer.from([0x0f, 0x10]),
    literal("application/grpc"),
    Buffer.from([0x00]),
    literal("te"),
    literal("trailers"),
  ]);
  return http2Frame(1, { flags: 4, stream }, headers);
}

interface Flood {
  name: string;
  listener: "grpc" | "tls" | "wss" | "pages";
  isStranger?: boolean;
  /** Sent first, and then again and again. */
  first(agentId: string): Buffer;
  again(agentId: string, round: number): Buffer;
}

const publishes = (agentId: string) => packet(0x30, text(mqttTopic(agentId, "presence")), Buffer.alloc(8000, 0x78));
const connects = (agentId: string) =>
  packet(0x10, text("MQTT"), Buffer.from([4, 0, 0, 60]), text(agentId), Buffer.alloc(99));
const preface = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  http2Frame(4, {}, Buffer.alloc(0)),
]);
const message = Buffer.concat([Buffer.from([0, 0, 0x3f, 0xff, 0xff]), Buffer.alloc(16_000)]);

const floods: Flood[] = [
  { name: "MQTT", listener: "tls", first: connects, again: publishes },
  { name: "MQTT of a stranger", listener: "tls", isStranger: true, first: connects, again: publishes },
  {
    name: "MQTT in a WebSocket",
    listener: "wss",
    first: (agentId) => Buffer.concat([upgradeOf("/mqtt"), webSocketFrame(connects(agentId))]),
    again: (agentId) => webSocketFrame(publishes(agentId)),
  },
  {
    name: "the body of a request for the page of a printer",
    listener: "pages",
    isStranger: true,
    first: () =>
      Buffer.from(
        `POST / HTTP/1.1\r\nHost: ${"0".repeat(26)}.access.localhost\r\nContent-Length: ${2 * mostBytes}\r\n\r\n`,
      ),
    again: () => Buffer.alloc(16_000),
  },
  {
    name: "a WebSocket to a printer",
    listener: "pages",
    isStranger: true,
    first: () => upgradeOf("/", `${"0".repeat(26)}.access.localhost`),
    again: () => webSocketFrame(Buffer.alloc(8000)),
  },
  {
    name: "calls that send on, whatever the window",
    listener: "grpc",
    first: () => Buffer.concat([preface, callOf("Upload", 1)]),
    again: () => http2Frame(0, { stream: 1 }, message),
  },
  {
    name: "calls of a stranger that send on",
    listener: "grpc",
    isStranger: true,
    first: () => Buffer.concat([preface, callOf("Upload", 1)]),
    again: () => http2Frame(0, { stream: 1 }, message),
  },
  {
    name: "ever more calls",
    listener: "grpc",
    first: () => preface,
    again: (_, round) =>
      Buffer.concat([
        callOf("Poll", 2 * round + 1),
        http2Frame(0, { flags: 1, stream: 2 * round + 1 }, Buffer.alloc(5)),
      ]),
  },
];

/** Sends until it has sent all, the other end closes, or takes nothing more for some seconds; returns the octets. */
async function send(flood: Flood, { port, agentId, options }: {
  port: number;
  agentId: string;
  options: { caCerts: string[]; key?: string; cert?: string };
}): Promise<number> {
  const connection = await Deno.connectTls({ hostname: "localhost", port, ...options } as Deno.ConnectTlsOptions);
  let sent = 0, movedMs = performance.now();
  // Also what it answers is taken, so that it is not that which stops it.
  const reading = (async () => {
    const into = new Uint8Array(65_536);
    while (await connection.read(into) !== null);
  })().catch(() => {});
  const watch = setInterval(() => performance.now() - movedMs > 5_000 && connection.close(), 200);
  try {
    for (let round = 0, part = flood.first(agentId); sent < mostBytes; part = flood.again(agentId, round++)) {
      for (let at = 0; at < part.length;) {
        const taken = await connection.write(part.subarray(at));
        at += taken;
        sent += taken;
        movedMs = performance.now();
      }
    }
  } catch {
    // It was closed, by either end.
  } finally {
    clearInterval(watch);
    try {
      connection.close();
    } catch {
      // Closed by the watch.
    }
  }
  await reading;
  return sent;
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]) * 1024;
}

peerTest(
  "one connection costs little memory while the database hangs, whatever it sends",
  [postgresServer],
  async (t) => {
    await using server = await startPostgres();
    await using database = await server.database("own");
    await using platform = await startTestPlatform({ database, isForPrograms: true });
    const { agentId, identity } = await activatedAgent(platform, await platform.customer("Acme"));
    const listen = ["--listen", "--mqtt-listen", "--mqtt-wss-listen", "--ssh-listen", "--access-listen"]
      .flatMap((option) => [option, "127.0.0.1:0"]);
    await using program = startProgram(
      "platform/main.ts",
      [
        "--data",
        platform.folder,
        "--database",
        database.url,
        "serve",
        ...listen,
        "--access-domain",
        "access.localhost",
      ],
      {},
    );
    const ready = JSON.parse(await program.line((line) => line.includes('"ready"')));
    const ports: Record<Flood["listener"], number> = {
      grpc: ready.port,
      pages: ready.accessPort,
      ...ready.mqtt,
    };
    const rows = await server.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'opendca'");
    const hung = [server.pid(), ...rows.map(({ pid }) => Number(pid))];
    for (const pid of hung) Deno.kill(pid, "SIGSTOP");
    const before = residentBytes(program.pid);
    try {
      for (const flood of floods) {
        await t.step(flood.name, async () => {
          const own = flood.isStranger ? {} : { key: identity.privateKeyPem, cert: identity.chain };
          const options = { caCerts: [platform.serverAuthority], ...own };
          const sent = await send(flood, { port: ports[flood.listener], agentId, options });
          const grown = residentBytes(program.pid) - before;
          assert.ok(
            grown < mostGrowth,
            `it grew by ${Math.round(grown / megabyte)} MB for ${Math.round(sent / megabyte)} MB`,
          );
        });
      }
    } finally {
      for (const pid of hung) Deno.kill(pid, "SIGCONT");
    }
  },
);
