/** One connection to a broker: opened like every other one, then MQTT over TLS or in WebSockets. */
import type { Duplex } from "node:stream";
import type { Socket } from "node:net";
import { type IClientOptions, MqttClient } from "mqtt";
import { createWebSocketStream, WebSocket } from "ws";
import { messageOf } from "../../common/core/errors.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import { dial, type Endpoint, within } from "../../common/host/dial.ts";
import { type Proxy, proxyFor } from "../../common/host/proxy.ts";
import { type ClientCertificate, secureContextOf, type TrustConfig } from "../../common/host/trust.ts";
import {
  agentReads,
  answerPings,
  maxPacketToAgent,
  mqttFrameWatch,
  type MqttKind,
  mqttSubprotocol,
  mqttTopic,
  parseMqttTopic,
} from "../../common/protocol/mqtt.ts";
import { BrokerError } from "./broker_error.ts";

export interface MqttEndpoint extends Endpoint {
  readonly kind: "wss" | "mqtts";
  /** Path of the WebSocket. */
  readonly path: string | null;
}

export interface MqttConnectionOptions {
  trust: TrustConfig;
  proxy: Proxy | null;
  certificate: ClientCertificate | undefined;
  agentId: string;
  /** 4 is MQTT 3.1.1. */
  version: MqttVersion;
  /** Timeout of each step. */
  stepTimeoutMs: number;
  signal: AbortSignal;
  /**
   * Handles a message, which is acknowledged when this returns. An error ends the connection. `isAgain`: the broker says
   * that it sends it once more, as it does when an acknowledgement was lost.
   */
  onMessage(kind: "wake" | "task", payload: Uint8Array, how: { isAgain: boolean }): void;
}

export type MqttVersion = 4 | 5;

export interface MqttConnection {
  /** Resolves with the reason when the connection has ended. */
  ended: Promise<Error>;
  /** Publishes with QoS 1; lost if not acknowledged before the connection ends. */
  publish(kind: "presence" | "progress", payload: Uint8Array | string): void;
  /** Publishes that the agent goes offline, and closes the connection. */
  close(): Promise<void>;
}

/** Firewalls and routers drop flows without traffic for a minute. */
const keepAliveSeconds = 45;
/** How long a broker keeps the subscriptions of a disconnected agent. */
const sessionSeconds = 86_400;
/** Limit of received messages: a burst, then per minute; a platform sends a few tasks a day. */
const mostMessages = { atOnce: 200, perMinute: 60 };
/** The same of all packets: acknowledgements and answers as well, some of which the library answers again. */
const mostPackets = { atOnce: 1000, perMinute: 600 };

/** Rejects with the failure; nothing stays open then. */
export async function connectMqtt(endpoint: MqttEndpoint, options: MqttConnectionOptions): Promise<MqttConnection> {
  const { trust, certificate, stepTimeoutMs, signal } = options;
  const socket = await dial(endpoint, {
    proxy: proxyFor(endpoint, options.proxy),
    tls: { trust, context: secureContextOf(trust, certificate), protocol: null },
    stepTimeoutMs,
    signal,
  });
  try {
    const stream = endpoint.path === null
      ? socket
      : await within(openWebSocket(socket, endpoint, endpoint.path), { timeoutMs: stepTimeoutMs, signal });
    return await startSession(stream, options);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function openWebSocket(socket: Socket, { host, port }: Endpoint, path: string): Promise<Duplex> {
  const authority = formatEndpoint(host, port);
  const opened = Promise.withResolvers<void>();
  // With "ws:", as TLS is already established.
  const webSocket = new WebSocket(`ws://${authority}${path}`, [mqttSubprotocol], {
    createConnection: () => socket,
    perMessageDeflate: false,
    autoPong: false,
    followRedirects: false,
    maxPayload: 2 * maxPacketToAgent,
  });
  answerPings(webSocket);
  webSocket.on("open", () => opened.resolve());
  webSocket.on("error", (error) => opened.reject(new BrokerError(error.message)));
  webSocket.on("unexpected-response", (_, answer) => {
    opened.reject(new BrokerError(`It answers ${answer.statusCode} to a WebSocket at ${path}`));
    webSocket.terminate();
  });
  webSocket.on("close", () => opened.reject(new BrokerError("The connection was closed")));
  await opened.promise;
  return createWebSocketStream(webSocket);
}

async function startSession(stream: Duplex, options: MqttConnectionOptions): Promise<MqttConnection> {
  const { agentId, stepTimeoutMs: timeoutMs, signal } = options;
  const ended = Promise.withResolvers<Error>();
  const end = (error: Error) => {
    ended.resolve(error);
    client.end(true);
    stream.destroy();
    // The library goes on with thousands of packets that it has read already; each answer would be an error with a stack.
    stream.write = () => false;
  };
  const packets = createBucket(mostPackets);
  const watch = mqttFrameWatch(maxPacketToAgent, () => {
    if (!packets.take()) throw new BrokerError(`It sends more than ${mostPackets.atOnce} packets at once`);
  });
  const client = new MqttClient(() => {
    stream.on("data", (bytes: Uint8Array) => {
      try {
        watch(bytes);
      } catch (error) {
        end(error as Error);
      }
    });
    return stream;
  }, clientOptions(options));
  client.on("error", (error) => end(brokerError(error)));
  const closed = () => end(new BrokerError("The connection was closed"));
  client.on("close", closed);
  // The library would keep waiting after the other end has closed.
  stream.on("end", closed);
  stream.on("close", closed);
  client.on("disconnect", ({ reasonCode }) => end(new BrokerError(`It ended the session: reason ${reasonCode}`)));
  client.handleMessage = messageHandler(options, end);
  try {
    const ready = Promise.race([
      subscribed(client, agentId),
      ended.promise.then((error) => Promise.reject(error)),
    ]);
    await within(ready, { timeoutMs, signal });
  } catch (error) {
    end(error as Error);
    throw error;
  }
  const publish = (kind: MqttKind, payload: Uint8Array | string) =>
    void client.publish(mqttTopic(agentId, kind), payload as string, { qos: 1 }, () => {});
  publish("presence", "online");
  return {
    ended: ended.promise,
    publish,
    async close() {
      if (!client.connected) return end(new Error("The agent closed the connection"));
      publish("presence", "offline");
      const closed = client.endAsync();
      await within(closed, { timeoutMs: 1000, signal: undefined }).catch(() => {});
      end(new Error("The agent closed the connection"));
    },
  };
}

function clientOptions({ agentId, version, stepTimeoutMs }: MqttConnectionOptions): IClientOptions {
  return {
    clientId: agentId,
    protocolVersion: version,
    // The session outlives the connection.
    clean: false,
    keepalive: keepAliveSeconds,
    // The caller opens the next connection.
    reconnectPeriod: 0,
    connectTimeout: stepTimeoutMs,
    resubscribe: false,
    queueQoSZero: false,
    will: { topic: mqttTopic(agentId, "presence"), payload: "offline" as unknown as Buffer, qos: 1, retain: false },
    ...(version === 5
      ? {
        properties: {
          sessionExpiryInterval: sessionSeconds,
          receiveMaximum: 20,
          maximumPacketSize: maxPacketToAgent,
        },
      }
      : {}),
  };
}

/** Resolves when the broker has accepted the agent and its subscriptions. */
async function subscribed(client: MqttClient, agentId: string): Promise<void> {
  if (!client.connected) await new Promise<void>((resolve) => client.once("connect", () => resolve()));
  const granted = await new Promise<readonly number[]>((resolve, reject) =>
    client.subscribe(agentReads.map((kind) => mqttTopic(agentId, kind)), { qos: 1 }, (error, _, packet) => {
      if (packet?.granted !== undefined) resolve(packet.granted as number[]);
      else reject(error ?? new BrokerError("It did not answer to a subscription"));
    })
  );
  if (granted.some((code) => code >= 0x80)) {
    throw new BrokerError(`It refuses the topics of ${agentId}: see the broker's access list`);
  }
}

type Handle = MqttClient["handleMessage"];

/** Passes on only messages for this agent; a flood of messages ends the connection. */
function messageHandler(
  { agentId, onMessage }: MqttConnectionOptions,
  end: (error: Error) => void,
): Handle {
  const messages = createBucket(mostMessages);
  return (packet, done) => {
    if (!messages.take()) return end(new BrokerError(`It sends more than ${mostMessages.atOnce} messages at once`));
    const named = parseMqttTopic(packet.topic);
    const kind = named?.agentId === agentId ? named.kind : undefined;
    // The platform sends no retained messages.
    if ((kind === "wake" || kind === "task") && !packet.retain) {
      try {
        const payload = typeof packet.payload === "string" ? new TextEncoder().encode(packet.payload) : packet.payload;
        onMessage(kind, payload, { isAgain: packet.dup });
      } catch (error) {
        return end(error instanceof Error ? error : new Error(messageOf(error)));
      }
    }
    done();
  };
}

function createBucket(most: { atOnce: number; perMinute: number }) {
  let tokens = most.atOnce, atMs = performance.now();
  return {
    take(): boolean {
      const nowMs = performance.now();
      tokens = Math.min(most.atOnce, tokens + (nowMs - atMs) * most.perMinute / 60_000) - 1;
      atMs = nowMs;
      return tokens >= 0;
    },
  };
}

/** 3.1.1 section 3.2.2.3, and the codes of 5 from 0x80. */
const connectRefusals: Record<number, string> = {
  1: "it does not speak this version of MQTT",
  2: "it does not accept the agent's id",
  3: "it is not available",
  4: "it asks for a password",
  5: "it does not accept the agent's certificate",
  0x84: "it does not speak this version of MQTT",
  0x85: "it does not accept the agent's id",
  0x86: "it asks for a password",
  0x87: "it does not accept the agent's certificate",
  0x88: "it is not available",
  0x89: "it is busy",
};

function brokerError(error: Error): Error {
  const code = "code" in error && typeof error.code === "number" ? error.code : undefined;
  if (code === undefined) return error;
  return new BrokerError(
    `The broker refuses the session as ${connectRefusals[code] ?? `of code ${code}`}`,
    code === 1 || code === 0x84,
  );
}
