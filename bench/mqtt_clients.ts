/**
 * Agents of bench/mqtt.ts and bench/design_load.ts, which speak as much MQTT as they must: a line of JSON on standard input
 * says who they are and where to. It prints `connected N MS`, and then `got AGENT MS` for each message, by the machine's
 * monotonic time. Those that stay (`stays`) say that they are there, connect again after a loss, and print
 * `task AGENT TASK` instead, `open N` with each change of how many are connected, once a second at most, and `own JSON`.
 */
import { Buffer } from "node:buffer";
import tls, { type TLSSocket } from "node:tls";
import { mqttTopic } from "../common/protocol/mqtt.ts";
import { SignedTask, Task } from "../proto/gen/opendca/v1/task.ts";
import { mqttPause } from "./bench_session.ts";
import { watchSelf } from "./own_limits.ts";

interface Input {
  port: number;
  ca: string;
  keyPem: string;
  agents: { agentId: string; certificatePem: string }[];
  stays?: boolean;
}

/* Of all agents here: so many would otherwise begin at once that none comes to an end. */
const atOnce = 24;
/** A broker that does not answer to one of the steps, and a connection after which pauses are short again, as agents have it. */
const patienceMs = 15_000, steadyMs = 60_000, keepAliveSeconds = 45;
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
  const { port, ca, keyPem, stays = false } = input;
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: "localhost", port, ca, key: keyPem, cert: certificatePem });
    socket.on("error", (error) => {
      reject(error);
      socket.destroy();
    });
    const late = () => socket.destroy(new Error(`${agentId} got no answer`));
    let timer = setTimeout(late, patienceMs);
    socket.on("close", () => clearTimeout(timer)).on("close", () => reject(new Error(`${agentId} was closed`)));
    socket.on("secureConnect", () => {
      clearTimeout(timer);
      timer = setTimeout(late, patienceMs);
      socket.setNoDelay(true);
      if (!stays) return void socket.write(packet(0x10, text("MQTT"), Buffer.from([4, 0, 0, 250]), text(agentId)));
      // With a will, of QoS 1.
      const will = [text(mqttTopic(agentId, "presence")), text("offline")];
      socket.write(packet(0x10, text("MQTT"), Buffer.from([4, 0x0c, 0, keepAliveSeconds]), text(agentId), ...will));
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
        else if (type === 9) {
          if (stays) socket.write(packet(0x32, text(mqttTopic(agentId, "presence")), Buffer.from([0, 2]), online));
          clearTimeout(timer);
          resolve(socket);
        } else if (type === 3) {
          if (stays) sayTask(agentId, bytes.subarray(begins, begins + length));
          else console.log(`got ${agentId} ${now()}`);
          const topic = bytes.readUInt16BE(begins);
          socket.write(packet(0x40, bytes.subarray(begins + 2 + topic, begins + 4 + topic)));
        }
        at = begins + length;
      }
    });
  });
}

const online = Buffer.from("online");

function sayTask(agentId: string, publish: Buffer): void {
  const topic = publish.readUInt16BE(0);
  if (publish.subarray(2, 2 + topic).toString() !== mqttTopic(agentId, "task")) return;
  const { taskId } = Task.decode(SignedTask.decode(publish.subarray(4 + topic)).task);
  console.log(`task ${agentId} ${taskId}`);
}

const beganMs = performance.now();
const waiting = [...input.agents];
let connected = 0;
if (input.stays) await stay();
await Promise.all([...Array(atOnce)].map(async () => {
  for (let agent = waiting.shift(); agent !== undefined; agent = waiting.shift()) {
    await begin(agent).then(() => connected++, () => {});
  }
}));
console.log(`connected ${connected} ${performance.now() - beganMs}`);

/* Some at once; each loss, and each try that fails, waits as an agent does, and then for its turn. */
async function stay(): Promise<void> {
  let open = 0, said = -1;
  setInterval(() => {
    if (open !== said) console.log(`open ${said = open}`);
  }, 1000);
  const inTurn = input.agents.map((agent) => ({ agent, failures: 0, sinceMs: performance.now() }));
  let hasAllBegun = false;
  // The first time, all stand in line at once.
  const turnMs = () => hasAllBegun && inTurn.length > 0 ? Math.round(performance.now() - inTurn[0]!.sinceMs) : 0;
  watchSelf((own) => console.log(`own ${JSON.stringify(own)}`), turnMs);
  const again = (agent: Input["agents"][number], failures: number) =>
    setTimeout(() => inTurn.push({ agent, failures, sinceMs: performance.now() }), mqttPause(failures));
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (;;) {
      const next = inTurn.shift();
      hasAllBegun ||= inTurn.length === 0;
      if (next === undefined) await new Promise((resolve) => setTimeout(resolve, 100));
      else {
        const { agent, failures } = next, beganMs = performance.now();
        try {
          const socket = await begin(agent);
          open++;
          const keepAlive = setInterval(() => socket.write(packet(0xc0)), keepAliveSeconds * 1000);
          socket.on("close", () => {
            open--;
            clearInterval(keepAlive);
            again(agent, performance.now() - beganMs >= steadyMs ? 1 : failures + 1);
          });
        } catch {
          again(agent, failures + 1);
        }
      }
    }
  }));
}
