/** Agents that send by MQTT for ever: the memory of the platform, as a program, does not grow with what they send. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import tls from "node:tls";
import { mqttTopic } from "../../common/protocol/mqtt.ts";
import { mqttClient } from "../fixtures/mqtt_client.ts";
import { activatedAgent, startTestPlatform } from "../fixtures/platform_fixture.ts";
import { startProgram } from "../fixtures/start_program.ts";
import { soon } from "../fixtures/until.ts";

const megabyte = 1024 * 1024;
/** After which everything is warm. */
const firstBytes = 60 * megabyte;
const allBytes = 300 * megabyte;

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

/** A packet of MQTT 3.1.1 of less than 16 KiB. */
function packet(type: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([type, body.length % 128 | 0x80, body.length >> 7]), body]);
}

/** A binary message of a WebSocket's client, masked with zeros. */
function frame(bytes: Buffer): Buffer {
  const head = [0x82, 0xfe, bytes.length >> 8, bytes.length & 0xff, 0, 0, 0, 0];
  return Buffer.concat([Buffer.from(head), bytes]);
}

const upgrade = [
  "GET /mqtt HTTP/1.1",
  "Host: localhost",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
  "Sec-WebSocket-Protocol: mqtt",
  "\r\n",
].join("\r\n");

interface Flood {
  kind: "tls" | "wss";
  agentId: string;
  options: tls.ConnectionOptions;
}

interface Flooding extends Disposable {
  /** Rejects when the connection fails. */
  ended: Promise<never>;
}

/** Calls `sent` with the bytes that the system has taken, until disposed of. */
function flood(
  { kind, agentId, options }: Flood,
  sent: (bytes: number) => void,
): Disposable & { ended: Promise<never> } {
  const wire = kind === "tls" ? (bytes: Buffer) => bytes : frame;
  const connect = wire(packet(0x10, text("MQTT"), Buffer.from([4, 0, 0, 60]), text(agentId)));
  const one = wire(packet(0x30, text(mqttTopic(agentId, "presence")), Buffer.alloc(8000, 0x78)));
  const part = Buffer.concat(Array(8).fill(one));
  const ended = Promise.withResolvers<never>();
  const socket = tls.connect({ host: "localhost", ...options });
  let bytes = 0;
  const pump = () =>
    void socket.write(part, () => {
      if (socket.destroyed) return;
      sent(bytes += part.length);
      pump();
    });
  // The answer to CONNECT.
  const begin = () => {
    socket.once("data", pump);
    socket.write(connect);
  };
  socket.on("error", ended.reject);
  socket.on("close", () => ended.reject(new Error("The platform closed the connection")));
  socket.once("secureConnect", () => {
    if (kind === "tls") return begin();
    socket.once("data", begin);
    socket.write(upgrade);
  });
  ended.promise.catch(() => {});
  return { ended: ended.promise, [Symbol.dispose]: () => void socket.destroy() };
}

/** WebSocket pings for ever, by a peer that reads no answer. */
function floodPings({ agentId, options }: Omit<Flood, "kind">, sent: (bytes: number) => boolean): Flooding {
  const { ca, key, cert, port } = options as Record<"ca" | "key" | "cert", string> & { port: number };
  const ended = Promise.withResolvers<never>();
  // Not by node:tls, which reads on when it is paused.
  const opening = Deno.connectTls({ hostname: "localhost", port, caCerts: [ca], key, cert });
  async function run(): Promise<void> {
    const connection = await opening;
    const write = async (bytes: Uint8Array) => {
      for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
    };
    await write(Buffer.from(upgrade));
    await connection.read(new Uint8Array(4096));
    await write(frame(packet(0x10, text("MQTT"), Buffer.from([4, 0, 0, 60]), text(agentId))));
    const ping = Buffer.concat([Buffer.from([0x89, 0x80 | 125, 0, 0, 0, 0]), Buffer.alloc(125)]);
    const part = Buffer.concat(Array(500).fill(ping));
    for (let bytes = part.length; sent(bytes); bytes += part.length) await write(part);
  }
  run().catch(ended.reject);
  ended.promise.catch(() => {});
  return { ended: ended.promise, [Symbol.dispose]: () => void opening.then((it) => it.close(), () => {}) };
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]) * 1024;
}

Deno.test({
  name: "an agent that sends for ever over TLS or WebSockets, or only pings, costs no memory, and others are served",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using platform = await startTestPlatform({ isForPrograms: true });
    const customer = await platform.customer("Acme");
    const agent = await activatedAgent(platform, customer), other = await activatedAgent(platform, customer);
    const listen = ["--listen", "--mqtt-listen", "--mqtt-wss-listen"].flatMap((option) => [option, "127.0.0.1:0"]);
    await using program = startProgram("platform/main.ts", ["--data", platform.folder, "serve", ...listen], {});
    const ready = await program.line((line) => line.includes('"ready"'));
    const ports: Record<"tls" | "wss", number> = JSON.parse(ready).mqtt;
    const ca = platform.serverAuthority;
    const identityOf = ({ identity }: typeof agent) => ({ ca, key: identity.privateKeyPem, cert: identity.chain });
    for (const kind of ["tls", "wss", "pings"] as const) {
      const done = Promise.withResolvers<number>();
      let first: number | undefined;
      const sent = (bytes: number) => {
        if (bytes >= firstBytes) first ??= residentBytes(program.pid);
        if (bytes >= allBytes) done.resolve(residentBytes(program.pid) - first!);
        return bytes < allBytes;
      };
      const options = { ...identityOf(agent), port: ports[kind === "tls" ? "tls" : "wss"] };
      using flooding = kind === "pings"
        ? floodPings({ agentId: agent.agentId, options }, sent)
        : flood({ kind, agentId: agent.agentId, options }, sent);
      const grown = await soon("it has sent it all", Promise.race([done.promise, flooding.ended])) / megabyte;
      assert.ok(
        grown < 120,
        `${kind}: it grew by ${Math.round(grown)} MB while ${(allBytes - firstBytes) / megabyte} MB came`,
      );
      const url = kind === "tls" ? `mqtts://localhost:${ports.tls}` : `wss://localhost:${ports.wss}/mqtt`;
      await using served = await mqttClient(url, { ...identityOf(other), clientId: other.agentId });
      assert.deepEqual(await served.subscribe(mqttTopic(other.agentId, "task")), [1]);
    }
  },
});
