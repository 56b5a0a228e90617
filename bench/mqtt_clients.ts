/**
 * Agents of bench/mqtt.ts, which speak as much MQTT as they must: a line of JSON on standard input says who they are and
 * where to. It prints `connected N MS`, and then `got AGENT MS` for each message, by the machine's monotonic time.
 */
import { Buffer } from "node:buffer";
import tls, { type TLSSocket } from "node:tls";
import { mqttTopic } from "../common/protocol/mqtt.ts";

interface Input {
  port: number;
  ca: string;
  keyPem: string;
  agents: { agentId: string; certificatePem: string }[];
}

const atOnce = 24;
/** A broker that does not answer. */
const patienceMs = 20_000;
const now = () => performance.timeOrigin + performance.now();
const input: Input = JSON.parse(new TextDecoder().decode(await readAll()));

async function readAll(): Promise<Uint8Array> {
  return new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer());
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

function packet(type: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length = body.length < 128 ? [body.length] : [body.length % 128 | 0x80, body.length >> 7];
  return Buffer.concat([Buffer.from([type, ...length]), body]);
}

function begin({ agentId, certificatePem }: Input["agents"][number]): Promise<TLSSocket> {
  const { port, ca, keyPem } = input;
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: "localhost", port, ca, key: keyPem, cert: certificatePem });
    socket.on("error", reject);
    setTimeout(() => reject(new Error(`${agentId} got no answer`)), patienceMs);
    socket.on("close", () => reject(new Error(`${agentId} was closed`)));
    socket.on("secureConnect", () => {
      socket.setNoDelay(true);
      socket.write(packet(0x10, text("MQTT"), Buffer.from([4, 0, 0, 250]), text(agentId)));
    });
    const topics = (["wake", "task"] as const).flatMap((kind) => [text(mqttTopic(agentId, kind)), Buffer.from([1])]);
    socket.on("data", (bytes: Buffer) => {
      for (let at = 0; at < bytes.length;) {
        const type = bytes[at]! >> 4;
        let length = 0, begins = at + 1;
        for (let shift = 1;; shift *= 128) {
          const byte = bytes[begins++]!;
          length += (byte & 0x7f) * shift;
          if (byte < 0x80) break;
        }
        if (type === 2) socket.write(packet(0x82, Buffer.from([0, 1]), ...topics));
        else if (type === 9) resolve(socket);
        else if (type === 3) {
          console.log(`got ${agentId} ${now()}`);
          const topic = bytes.readUInt16BE(begins);
          socket.write(packet(0x40, bytes.subarray(begins + 2 + topic, begins + 4 + topic)));
        }
        at = begins + length;
      }
    });
  });
}

const beganMs = performance.now();
const waiting = [...input.agents];
let connected = 0;
await Promise.all([...Array(atOnce)].map(async () => {
  for (let agent = waiting.shift(); agent !== undefined; agent = waiting.shift()) {
    await begin(agent).then(() => connected++, () => {});
  }
}));
console.log(`connected ${connected} ${performance.now() - beganMs}`);
