/** A round of a feed to a Zabbix server or proxy: a connection for each message, as zabbix_sender does it. */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { guardedConnect } from "../../common/host/guarded_socket.ts";
import { feedTarget, settingOf } from "./feed_kinds.ts";
import type { FeedItem, Pusher, PusherOptions } from "./pusher.ts";
import { maybeZabbixText, parseProcessed, type Processed, zabbixFrame } from "./zabbix_frames.ts";
import {
  addDiscovered,
  deviceValues,
  type Discovery,
  discoveryValues,
  wordsOf,
  type ZabbixValue,
} from "./zabbix_values.ts";

/** Of a message: Zabbix takes no more than 128 MiB. */
const mostBytes = 64 * 1024 * 1024, mostOfAnswer = 64 * 1024;
const none = (): Discovery => ({ printers: [], meters: [], supplies: [] });

export function zabbixPusher({ feed, secrets, settings, timeoutMs, guard, signal, now }: PusherOptions): Pusher {
  const target = feedTarget("zabbix", feed.address);
  const hostOf = (customerId: string) =>
    settingOf("zabbix", settings, "host")!.replaceAll("{customer}", customerId).slice(0, 128);
  let discovery = none();

  async function call(values: readonly ZabbixValue[]): Promise<Processed> {
    const at = now().getTime();
    const json = JSON.stringify({
      request: "sender data",
      data: values,
      clock: Math.floor(at / 1000),
      ns: (at % 1000) * 1_000_000,
    });
    if (json.length > mostBytes) throw new Error("the printers of a customer are too many for one host of Zabbix");
    const { ca = guard.ca, certificate } = settings;
    const options = { ...guard, ca, certificate, key: secrets.key, timeoutMs, signal };
    const socket = await guardedConnect(target, options);
    try {
      return parseProcessed(await answerTo(socket, zabbixFrame(json), { timeoutMs, signal }));
    } finally {
      socket.destroy();
    }
  }

  return {
    atOnce: 25,
    itemOf(device) {
      const { customerId, deviceId } = device, host = hostOf(customerId);
      const payload = deviceValues(device, host, now().getTime());
      const text = JSON.stringify(payload.map(({ key, value }) => [key, value]));
      return { customerId, deviceId, text, kept: wordsOf(device), payload };
    },
    summary: {
      keptOf: wordsOf,
      add: (deviceId, kept) => addDiscovered(discovery, deviceId, kept),
      take(customerId) {
        const payload = discoveryValues(discovery, hostOf(customerId), now().getTime());
        discovery = none();
        return {
          customerId,
          deviceId: "",
          text: JSON.stringify(payload.map(({ value }) => value)),
          kept: [],
          payload,
        };
      },
    },
    async send(items: readonly FeedItem[]) {
      const values = items.flatMap(({ payload }) => payload as ZabbixValue[]);
      const { processed, failed } = await call(values);
      if (failed === 0 && processed === values.length) return new Map();
      // Zabbix does not say which: all of them come again.
      const why = `it took ${processed} of ${values.length} values; the others have no item yet: ` +
        `link the template to the host "${values[0]!.host}"`;
      return new Map(items.map((_, i) => [i, why]));
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function answerTo(
  socket: Socket,
  frame: Uint8Array,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const end = () => socket.destroy(new Error("Cannot continue as it was stopped"));
  const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
  signal.addEventListener("abort", end, { once: true });
  let read: Uint8Array = new Uint8Array();
  socket.on("data", (part: Uint8Array) => {
    read = Buffer.concat([read, part]);
    try {
      const text = maybeZabbixText(read, mostOfAnswer);
      if (text !== undefined) resolve(text);
    } catch (error) {
      socket.destroy(error as Error);
    }
  });
  socket.on("error", reject);
  socket.on("close", () => reject(new Error("the connection was closed before an answer")));
  socket.write(frame);
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  });
}
