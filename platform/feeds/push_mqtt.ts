/** A round of a feed to a broker of MQTT: one connection, on which everything is retained and acknowledged. */
import type { Buffer } from "node:buffer";
import { MqttClient } from "mqtt";
import { guardedConnect } from "../../common/host/guarded_socket.ts";
import { feedTarget, settingOf } from "./feed_kinds.ts";
import { homeAssistant, type HomeAssistantOptions, type Publication } from "./home_assistant.ts";
import type { Pusher, PusherOptions } from "./pusher.ts";

/** A broker that sends more does not only acknowledge. */
const mostRead = 16 * 1024 * 1024;
/** Messages that are not acknowledged: brokers take twenty, or more (receive maximum). */
const atOnce = 10;

export async function mqttPusher(options: PusherOptions): Promise<Pusher> {
  const { feed, settings, timeoutMs } = options;
  const setting = (name: string) => settingOf("mqtt", settings, name)!;
  const how: HomeAssistantOptions = {
    prefix: setting("prefix"),
    discovery: setting("discovery"),
    hasLinks: setting("links") === "yes",
    // Two refreshes that are missed are no accident.
    expireSeconds: Math.round((2 * feed.refresh_ms + 2 * feed.every_ms) / 1000) + 3600,
  };
  const { client, ended } = await connected(options, 5).catch((error) => {
    // Version 4 does not tell that a topic is not permitted.
    if (/protocol version/i.test(error.message)) return connected(options, 4);
    throw error;
  });

  async function publish(publications: readonly Publication[]): Promise<void> {
    for (let i = 0; i < publications.length; i += atOnce) {
      const all = Promise.all(
        publications.slice(i, i + atOnce)
          .map(({ topic, payload }) => client.publishAsync(topic, payload, { qos: 1, retain: true })),
      );
      await within(Promise.race([all, ended]), timeoutMs);
    }
  }

  return {
    atOnce: 20,
    itemOf(device) {
      const payload = homeAssistant(device, how);
      const { customerId, deviceId } = device;
      return { customerId, deviceId, text: JSON.stringify(payload), kept: payload.map(({ topic }) => topic), payload };
    },
    async send(items, before) {
      await publish(items.flatMap(({ kept, payload }, i) => [
        ...(before[i] ?? []).filter((topic) => !kept.includes(topic)).map((topic) => ({ topic, payload: "" })),
        ...payload as Publication[],
      ]));
      return new Map();
    },
    forget: (kept) => publish(kept.map((topic) => ({ topic, payload: "" }))),
    async [Symbol.asyncDispose]() {
      client.removeAllListeners("close");
      await within(client.endAsync(), timeoutMs).catch(() => {});
      client.end(true);
      client.stream.destroy();
    },
  };
}

async function connected(
  { feed, secrets, settings, timeoutMs, guard, signal }: PusherOptions,
  protocolVersion: 4 | 5,
): Promise<{ client: MqttClient; ended: Promise<never> }> {
  const { ca = guard.ca, certificate, user } = settings;
  const socket = await guardedConnect(feedTarget("mqtt", feed.address), {
    ...guard,
    ca,
    certificate,
    key: secrets.key,
    timeoutMs,
    signal,
  });
  const ended = Promise.withResolvers<never>(), opened = Promise.withResolvers<void>();
  ended.promise.catch(() => {});
  let read = 0;
  const end = (error: Error) => {
    ended.reject(error);
    client.end(true);
    socket.destroy();
  };
  const client = new MqttClient(() => {
    socket.on("data", (bytes: Uint8Array) => {
      read += bytes.length;
      if (read > mostRead) end(new Error(`the broker sent more than ${mostRead} bytes`));
    });
    return socket;
  }, {
    // At most 23 characters, which every broker takes.
    clientId: `odca-${feed.feed_id}`,
    protocolVersion,
    clean: true,
    keepalive: 45,
    reconnectPeriod: 0,
    connectTimeout: timeoutMs,
    queueQoSZero: false,
    ...(user === undefined ? {} : { username: user, password: secrets.password as unknown as Buffer ?? "" }),
  });
  const closed = () => end(new Error("the broker closed the connection"));
  client.on("connect", () => opened.resolve());
  client.on("error", (error) => end(new Error(`the broker refused: ${error.message}`)));
  client.on("close", closed);
  // The library would keep waiting after the other end has closed.
  socket.on("end", closed);
  socket.on("close", closed);
  signal.addEventListener("abort", () => end(new Error("Cannot continue as it was stopped")), { once: true });
  try {
    await within(Promise.race([opened.promise, ended.promise]), timeoutMs);
  } catch (error) {
    end(error as Error);
    throw error;
  }
  return { client, ended: ended.promise };
}

function within<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const timer = setTimeout(() => reject(new Error(`no answer of the broker within ${timeoutMs / 1000} s`)), timeoutMs);
  work.then(resolve, reject);
  return promise.finally(() => clearTimeout(timer));
}
