/**
 * An external broker, such as Mosquitto, which several processes of the platform may share. It must restrict each agent
 * to its own topics, by the name in its certificate: docs/mqtt-mosquitto.md.
 */
import { Buffer } from "node:buffer";
import { connect, type MqttClient } from "mqtt";
import { maxPacketFromAgent, mqttTopic, parseMqttTopic } from "../../../common/protocol/mqtt.ts";
import type { Platform } from "../../agents/platform.ts";
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
  /** `mqtts://HOST:PORT`. */
  url: string;
  /** PEM of the authorities for the broker's certificate; undefined: the system's. */
  ca: string | undefined;
}

export interface ExternalConnection extends ExternalOptions {
  /**
   * Issues the platform's client certificate. Not the authority of agents, as an agent could then pose as the platform.
   */
  authority: Authority;
}

/** The platform's name in the broker's access list. No agent has this name. */
const platformUser = "opendca-platform";
const certificateDays = 397;
const reconnectMs = 5000;

/** Returns at once: while the broker is unreachable, polls deliver tasks. */
export async function connectExternalBroker(
  platform: Platform,
  events: BrokerEvents,
  { url, ca, authority }: ExternalConnection,
): Promise<TaskBroker> {
  const client = connect(url, {
    ...await ownCertificate(authority, platform.clock.now()),
    ...(ca === undefined ? {} : { ca }),
    rejectUnauthorized: true,
    clientId: `${platformUser}-${crypto.randomUUID().slice(0, 8)}`,
    protocolVersion: 4,
    clean: true,
    keepalive: 45,
    reconnectPeriod: reconnectMs,
    resubscribe: false,
    // Not queued while the broker is unreachable: everything is in the store.
    queueQoSZero: false,
  });
  let isTold = false, isUp = false;
  client.on("connect", () => {
    platform.log("mqttBrokerConnected", { url });
    isTold = false;
    isUp = true;
    (client.stream as { setNoDelay?: (on: boolean) => void }).setNoDelay?.(true);
    // Shared subscriptions: each message goes to one of the processes that share the broker.
    const topics = (["presence", "progress"] as const).map((kind) => `$share/platform/${mqttTopic("+", kind)}`);
    client.subscribe(topics, { qos: 1 }, (error, granted) => {
      const refused = error ?? granted?.some(({ qos }) => qos >= 0x80);
      if (refused && client.connected) platform.log("mqttBrokerRefused", { url, user: platformUser });
    });
    events.onUp();
  });
  const failed = (message: string) => {
    // One line for each disconnection, not for each attempt.
    if (isTold) return;
    isTold = true;
    platform.log("mqttBrokerFailed", { url, message });
  };
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
    // The broker must refuse revoked certificates; nothing is sent to such an agent.
    checkAgain: () => {},
    async [Symbol.asyncDispose]() {
      isUp = false;
      client.removeAllListeners();
      client.on("error", () => {});
      dropUnacknowledged(client);
      await client.endAsync(true);
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

async function ownCertificate(authority: Authority, now: Date): Promise<{ cert: string; key: string }> {
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
