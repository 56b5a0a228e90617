/**
 * The platform's own broker. Agents only communicate with the platform: an agent subscribes to its own two topics and
 * publishes to its own two, and nothing is passed from one agent to another. Nothing is queued for a disconnected
 * agent: its open tasks are in the store, and are sent when it is back.
 */
import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { Aedes, type AedesOptions, type Client } from "aedes";
import { messageOf } from "../../../common/core/errors.ts";
import type { IpRange } from "../../../common/core/ip_range.ts";
import { agentReads, agentWrites, type MqttKind, mqttTopic, parseMqttTopic } from "../../../common/protocol/mqtt.ts";
import { CallError } from "../../agents/call_error.ts";
import { callerOf } from "../../agents/caller.ts";
import type { Platform } from "../../agents/platform.ts";
import type { CertificateFiles } from "../../keys/server_certificate.ts";
import type { GateLimits } from "../connections/connection_gate.ts";
import { type AgentConnection, type ListenAt, listenForAgents } from "./agent_listener.ts";
import type { BrokerEvents, TaskBroker } from "./task_broker.ts";

export interface EmbeddedOptions {
  certificate: CertificateFiles;
  tls?: ListenAt | undefined;
  wss?: ListenAt | undefined;
  connections?: Partial<GateLimits> | undefined;
  proxies?: readonly IpRange[] | undefined;
  /** Milliseconds between checks of the certificates of connected agents; default: 60,000. */
  checkEveryMs?: number | undefined;
}

export interface EmbeddedBroker extends TaskBroker {
  /** Null if it does not listen. */
  ports: { tls: number | null; wss: number | null };
}

/** Longest keep-alive in seconds: an agent that is silent for one and a half times this is disconnected. */
const longestKeepAlive = 300;
const maxUnacknowledged = 100;
/** CONNACK of 3.1.1 with return code 1; a client that started with MQTT 5 then tries 3.1.1. */
const unacceptableVersion = Buffer.from([0x20, 2, 0, 1]);

/** Throws UnavailableError if a port is in use. */
export async function startEmbeddedBroker(
  platform: Platform,
  events: BrokerEvents,
  options: EmbeddedOptions,
): Promise<EmbeddedBroker> {
  await using built = new AsyncDisposableStack();
  const connections = new WeakMap<object, AgentConnection>();
  const agentOf: AgentOf = (client) => client === null ? undefined : connections.get(client.conn);
  const broker = await Aedes.createBroker({
    keepaliveLimit: longestKeepAlive,
    connectTimeout: 10_000,
    drainTimeout: 30_000,
    maxClientsIdLength: 64,
    maxInflightInbound: 10,
    maxTopicLevels: 8,
    ...rulesFor(platform, events, agentOf),
  });
  built.defer(() => new Promise<void>((resolve) => broker.close(resolve)));
  const { clients, send } = knownClients(broker, events);
  const checks = built.use(startChecks(platform, { clients, agentOf, everyMs: options.checkEveryMs ?? 60_000 }));

  const listen = async (kind: "tls" | "wss", at: ListenAt | undefined) =>
    at === undefined ? null : built.use(
      await listenForAgents(platform, {
        ...at,
        kind,
        certificate: options.certificate,
        connections: options.connections,
        proxies: options.proxies,
        take(connection) {
          connections.set(connection.stream, connection);
          broker.handle(connection.stream as Duplex);
        },
      }),
    ).port;
  const ports = { tls: await listen("tls", options.tls), wss: await listen("wss", options.wss) };
  const stack = built.move();
  return {
    isShared: false,
    isUp: () => true,
    ports,
    send: (agentId, kind, payload) => Promise.resolve(send(agentId, kind, payload)),
    checkAgain(agentId) {
      const client = clients.get(agentId);
      if (client !== undefined) void checks.check(client);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The agent of a client, by its certificate. */
type AgentOf = (client: Client | null) => AgentConnection | undefined;

/** What an agent may do. */
function rulesFor(platform: Platform, events: BrokerEvents, agentOf: AgentOf): AedesOptions {
  /* Whether the agent may do it with the topic; what it may not do is logged, and in the audit log a thousand times a day. */
  function owns(client: Client | null, topic: string, kinds: readonly MqttKind[]): boolean {
    const connection = agentOf(client);
    const named = parseMqttTopic(topic);
    return connection !== undefined && named?.agentId === connection.agentId && kinds.includes(named.kind);
  }

  function refuse(client: Client | null, why: string): Error {
    const connection = agentOf(client);
    if (connection !== undefined) {
      platform.log("mqttRefused", { agentId: connection.agentId, peer: connection.peer, why });
      events.onRefused(connection.agentId, why);
    }
    return new Error(why);
  }

  return {
    preConnect(client, packet, callback) {
      if ((packet.protocolVersion ?? 4) > 4) {
        // The library would close the connection before sending the answer, so the agent would not know the reason.
        return void client.conn.end(unacceptableVersion);
      }
      const agentId = agentOf(client)?.agentId;
      const { will } = packet;
      if (agentId === undefined || packet.clientId !== agentId) {
        return callback(
          refuse(client, `the client id is not that of its certificate: ${shown(packet.clientId)}`),
          false,
        );
      }
      if (will !== undefined && (!owns(client, will.topic, ["presence"]) || will.retain)) {
        return callback(refuse(client, `it may not have a last will for ${shown(will.topic)}`), false);
      }
      callback(null, true);
    },
    authorizePublish(client, packet, callback) {
      if (packet.retain) return callback(refuse(client, "it may not keep a message in the broker"));
      if (!owns(client, packet.topic, agentWrites)) {
        return callback(refuse(client, `it may not publish to ${shown(packet.topic)}`));
      }
      callback(null);
    },
    authorizeSubscribe(client, subscription, callback) {
      if (owns(client, subscription.topic, agentReads)) return callback(null, subscription);
      refuse(client, `it may not subscribe to ${shown(subscription.topic)}`);
      // SUBACK 0x80.
      callback(null, null);
    },
    authorizeForward: (client, packet) => owns(client, packet.topic, agentReads) ? packet : null,
    published(packet, client, callback) {
      const connection = agentOf(client);
      if (connection !== undefined && parseMqttTopic(packet.topic)?.kind === "progress") {
        events.onProgress(connection.agentId, Buffer.from(packet.payload));
      }
      callback(null);
    },
  };
}

/** Agents that are connected, by id. */
function knownClients(broker: Aedes, events: BrokerEvents) {
  const clients = new Map<string, Client>();
  const unacknowledged = new WeakMap<Client, number>();
  broker.on("clientReady", (client) => {
    clients.set(client.id, client);
    events.onPresence(client.id, true);
  });
  broker.on("subscribe", (subscriptions, client) => {
    if (subscriptions.some(({ topic }) => topic === mqttTopic(client.id, "task"))) events.onReady(client.id);
  });
  broker.on("clientDisconnect", (client) => {
    // If an agent has two connections, the earlier one ends.
    if (clients.get(client.id) !== client) return;
    clients.delete(client.id);
    events.onPresence(client.id, false);
  });
  broker.on("ack", (_, client) => void unacknowledged.set(client, Math.max(0, (unacknowledged.get(client) ?? 0) - 1)));
  broker.on("clientError", () => {});
  broker.on("connectionError", () => {});

  function send(agentId: string, kind: MqttKind, payload: Uint8Array): boolean {
    const client = clients.get(agentId);
    const topic = mqttTopic(agentId, kind);
    if (client === undefined || client.closed) return false;
    // A client that never acknowledges gets no more messages; its polls deliver the tasks.
    const waiting = unacknowledged.get(client) ?? 0;
    if (waiting >= maxUnacknowledged) return false;
    unacknowledged.set(client, waiting + 1);
    const message = {
      cmd: "publish",
      topic,
      payload: Buffer.from(payload),
      qos: 1,
      retain: false,
      dup: false,
    } as const;
    client.publish(message, () => {});
    return true;
  }

  return { clients, send };
}

/** Ends connections of agents whose certificate is no longer accepted. */
function startChecks(
  platform: Platform,
  { clients, agentOf, everyMs }: { clients: ReadonlyMap<string, Client>; agentOf: AgentOf; everyMs: number },
) {
  async function check(client: Client): Promise<void> {
    const connection = agentOf(client);
    try {
      await callerOf(platform, connection?.certificate);
    } catch (error) {
      if (!(error instanceof CallError)) return platform.log("mqttFailed", { message: messageOf(error) });
      platform.log("mqttRefused", { agentId: client.id, peer: connection?.peer ?? "", why: error.message });
      client.close();
    }
  }

  async function checkAll(): Promise<void> {
    for (const client of [...clients.values()]) await check(client);
  }

  let checking: Promise<void> | undefined;
  const timer = setInterval(() => {
    checking ??= checkAll().finally(() => checking = undefined);
  }, everyMs);
  return {
    check,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await checking;
    },
  };
}

/** Shortens a text from a client; the log escapes it. */
function shown(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
