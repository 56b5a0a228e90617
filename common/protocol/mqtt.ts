/**
 * Messages between agent and platform over MQTT. Each agent has four topics:
 *
 *     opendca/v1/a/<agent>/wake       to the agent, empty: poll now
 *     opendca/v1/a/<agent>/task       to the agent: a SignedTask, the bytes that a poll would bring
 *     opendca/v1/a/<agent>/presence   from the agent: "online", and "offline" as its last will
 *     opendca/v1/a/<agent>/progress   from the agent: a TaskResult
 *
 * All have QoS 1, none is retained. The client id of an agent is its agent id.
 */
import { maxTaskBytes } from "./limits.ts";

export const mqttKinds = ["wake", "task", "presence", "progress"] as const;
export type MqttKind = (typeof mqttKinds)[number];
/** Topics that an agent may subscribe to, and those that it may publish to. */
export const agentReads: readonly MqttKind[] = ["wake", "task"];
export const agentWrites: readonly MqttKind[] = ["presence", "progress"];

const prefix = "opendca/v1/a/";

/** `agentId` may be `+` for a subscription of the platform. */
export function mqttTopic(agentId: string, kind: MqttKind): string {
  return `${prefix}${agentId}/${kind}`;
}

/** Undefined for other topics, such as those with a wildcard or more levels. */
export function parseMqttTopic(topic: string): { agentId: string; kind: MqttKind } | undefined {
  if (!topic.startsWith(prefix) || topic.length > 200) return undefined;
  const [agentId = "", kind, ...more] = topic.slice(prefix.length).split("/");
  if (more.length > 0 || !/^[0-9A-Za-z-]{1,64}$/.test(agentId)) return undefined;
  const known = mqttKinds.find((each) => each === kind);
  return known === undefined ? undefined : { agentId, kind: known };
}

/** Limit of a packet to an agent, with its header: a task of maximum size, its signature and its topic. */
export const maxPacketToAgent = maxTaskBytes + 1024;
/** Limit of a packet from an agent: progress is a few numbers and a sentence. */
export const maxPacketFromAgent = 16 * 1024;

/** WebSocket: the path and the subprotocol. */
export const mqttPath = "/mqtt";
export const mqttSubprotocol = "mqtt";

export class MqttFrameError extends Error {
  override readonly name = "MqttFrameError";
}

/**
 * Watches the bytes of one direction and throws `MqttFrameError` for data that is not MQTT or packets larger than
 * `maxBytes`: the libraries buffer a packet of any announced length until it is complete (MQTT 3.1.1 section 2.2: type,
 * then the remaining length in one to four bytes of seven bits). `onPacket` is called at the header of each packet, and
 * may throw as well.
 */
export function mqttFrameWatch(maxBytes: number, onPacket?: () => void): (bytes: Uint8Array) => void {
  let left = 0, header = 0, length = 0;
  return (bytes) => {
    for (let at = 0; at < bytes.length;) {
      if (left > 0) {
        const step = Math.min(left, bytes.length - at);
        left -= step;
        at += step;
        continue;
      }
      const byte = bytes[at++]!;
      if (header === 0) {
        // Type 0 is reserved, in 3.1.1 and 5.
        if (byte >> 4 === 0) throw new MqttFrameError("The peer does not speak MQTT");
        header = 1;
        length = 0;
        continue;
      }
      length += (byte & 0x7f) * 128 ** (header - 1);
      if (byte >= 0x80) {
        if (++header > 4) throw new MqttFrameError("The peer does not speak MQTT");
        continue;
      }
      if (length + header + 1 > maxBytes) {
        throw new MqttFrameError(`The peer sends a packet of ${length} bytes, at most ${maxBytes} are taken`);
      }
      left = length;
      header = 0;
      onPacket?.();
    }
  };
}

/** The part of a WebSocket that answers pings. */
export interface PingedWebSocket {
  readonly bufferedAmount: number;
  on(event: "ping", listener: (data: Uint8Array) => void): unknown;
  pong(data: Uint8Array): void;
}

const mostUnreadBytes = 64 * 1024;

/**
 * Answers pings while the other end reads the answers: the library queues any number of them, so that a peer that only
 * sends could fill the memory. For WebSockets that are opened with `autoPong: false`.
 */
export function answerPings(webSocket: PingedWebSocket): void {
  webSocket.on("ping", (data) => {
    if (webSocket.bufferedAmount < mostUnreadBytes) webSocket.pong(data);
  });
}
