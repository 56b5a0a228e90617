/**
 * An external broker, which several processes of the platform may share. It must restrict each agent to its own topics, by
 * the name in its certificate: docs/mqtt-mosquitto.md, docs/mqtt-rabbitmq.md.
 */
import { Buffer } from "node:buffer";
import { connect, type IClientOptions, type MqttClient } from "mqtt";
import { messageOf } from "../../../common/core/errors.ts";
import { maxPacketFromAgent, mqttTopic, parseMqttTopic } from "../../../common/protocol/mqtt.ts";
import type { Platform } from "../../agents/platform.ts";
import { customerOfAgent } from "../../agents/presence.ts";
import {
  algorithm,
  type Authority,
  issueCertificate,
  pemOf,
  privateKeyPem,
  validityFrom,
} from "../../keys/authority.ts";
import type { BrokerEvents, TaskBroker } from "./task_broker.ts";

export interface ExternalOptions {
  /** `mqtts://HOST:PORT` of each of its nodes, tried in turn; at least one. */
  urls: readonly string[];
  /** PEM of the authorities for the broker's certificate; undefined: the system's. */
  ca: string | undefined;
  /** The file that lists revoked certificates for it; undefined: none. */
  crl?: string | undefined;
  /** The file that says what agents may do there; undefined: none. */
  acl?: string | undefined;
}

export interface ExternalConnection extends ExternalOptions {
  /**
   * Issues the platform's client certificate. Not the authority of agents, as an agent could then pose as the platform.
   */
  authority: Authority;
}

/** The platform's name in the broker's access list. No agent has this name. */
export const platformUser = "opendca-platform";
const certificateDays = 397;
const reconnectMs = 5000;
const endMs = 10_000;

/** Returns at once: while the broker is unreachable, polls deliver tasks. */
export async function connectExternalBroker(
  platform: Platform,
  events: BrokerEvents,
  { urls, ca, authority }: ExternalConnection,
): Promise<TaskBroker> {
  const options: IClientOptions = {
    ...await ownCertificate(authority, platform.clock.now()),
    ...(ca === undefined ? {} : { ca }),
    protocol: "mqtts",
    servers: urls.map((url) => {
      const { hostname, port } = new URL(url);
      return { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port), protocol: "mqtts" as const };
    }),
    rejectUnauthorized: true,
    protocolVersion: 4,
    clean: true,
    keepalive: 45,
    resubscribe: false,
    // Not queued while the broker is unreachable: everything is in the store.
    queueQoSZero: false,
  };
  const client = connect({
    ...options,
    clientId: `${platformUser}-${crypto.randomUUID().slice(0, 8)}`,
    reconnectPeriod: reconnectMs,
  });
  const url = urls.join(", ");
  const reports = reportsOf(client, () => platform.log("mqttBrokerRefused", { url, user: platformUser }));
  let isTold = false, isUp = false;
  client.on("connect", () => {
    platform.log("mqttBrokerConnected", { url });
    isTold = false;
    isUp = true;
    (client.stream as { setNoDelay?: (on: boolean) => void }).setNoDelay?.(true);
    reports.subscribe();
    events.onUp();
  });
  const failed = (message: string) => {
    // One line for each disconnection, not for each attempt.
    if (isTold) return;
    isTold = true;
    platform.log("mqttBrokerFailed", { url, message });
  };
  const sessions = endedSessions(platform, options, failed);
  client.on("error", (error) => failed(error.message));
  client.on("close", () => {
    isUp = false;
    dropUnacknowledged(client);
    failed("The connection was closed");
  });
  client.on("message", (topic, payload, { retain }) => {
    const named = parseMqttTopic(topic);
    if (named === undefined || retain || payload.length > maxPacketFromAgent) return;
    if (named.kind === "progress") events.onProgress(named.agentId, payload);
    if (named.kind !== "presence") return;
    const isOnline = payload.toString() === "online";
    events.onPresence(named.agentId, isOnline);
    if (isOnline) events.onReady(named.agentId);
  });
  return {
    isShared: true,
    isUp: () => isUp,
    async send(agentId, kind, payload) {
      if (!isUp) return false;
      const { promise, resolve } = Promise.withResolvers<boolean>();
      client.publish(mqttTopic(agentId, kind), Buffer.from(payload), { qos: 1 }, (error) => resolve(!error));
      return await promise;
    },
    // The broker must refuse its next connection; nothing is sent to it in any case.
    checkAgain: (agentId) => void sessions.end(agentId),
    async [Symbol.asyncDispose]() {
      isUp = false;
      client.removeAllListeners();
      client.on("error", () => {});
      dropUnacknowledged(client);
      await Promise.all([sessions.stop(), client.endAsync(true)]);
    },
  };
}

/**
 * Drops unacknowledged messages: the library would send them again on its next connection, when another process may
 * already have sent them.
 */
function dropUnacknowledged(client: MqttClient): void {
  for (const [id, { cmd }] of Object.entries(client.outgoing)) {
    if (cmd === "publish") client.removeOutgoingMessage(Number(id));
  }
}

/** Of the platform, for itself. */
export async function ownCertificate(authority: Authority, now: Date): Promise<{ cert: string; key: string }> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await issueCertificate(authority, {
    commonName: platformUser,
    publicKey: keys.publicKey,
    usage: "client",
    names: [{ type: "url", value: "urn:opendca:platform" }],
    ...validityFrom(now, certificateDays),
  });
  return { cert: pemOf(certificate), key: await privateKeyPem(keys.privateKey) };
}

/** What agents report, which is subscribed to on each connection. */
function reportsOf(client: MqttClient, refused: () => void): { subscribe(): void } {
  /**
   * Shared subscriptions: each message goes to one of the processes that share the broker. A broker without them refuses
   * these topics, or ends the connection; then each process gets all messages, and what it stores of them is the same.
   */
  let isSharing = true;
  function subscribe(): void {
    const wasSharing = isSharing, prefix = wasSharing ? "$share/platform/" : "";
    const topics = (["presence", "progress"] as const).map((kind) => `${prefix}${mqttTopic("+", kind)}`);
    client.subscribe(topics, { qos: 1 }, (error, granted, packet) => {
      const codes = packet?.granted ?? granted?.map(({ qos }) => qos) ?? [];
      if (error === null && codes.every((code) => Number(code) < 0x80)) return;
      isSharing = !wasSharing;
      // Otherwise with the next connection.
      if (!client.connected) return;
      if (wasSharing) subscribe();
      else refused();
    });
  }
  return { subscribe };
}

function endedSessions(platform: Platform, options: IClientOptions, failed: (message: string) => void) {
  /** Sessions that are being ended, by agent. */
  const ending = new Map<string, MqttClient>();

  /** Takes over the session of a revoked agent, which ends its connection, and ends it. */
  async function end(agentId: string): Promise<void> {
    const found = await platform.store.transaction((tx) => customerOfAgent(tx, agentId), { readOnly: true });
    if (found !== undefined || ending.has(agentId)) return;
    const other = connect({ ...options, clientId: agentId, reconnectPeriod: 0, connectTimeout: endMs });
    ending.set(agentId, other);
    other.on("error", (error) => failed(error.message));
    other.on("connect", () => other.end());
    other.on("close", () => ending.delete(agentId));
  }
  return {
    end: (agentId: string) => end(agentId).catch((error) => failed(messageOf(error))),
    stop: () => Promise.all([...ending.values()].map((each) => each.endAsync(true))),
  };
}
