/**
 * Channels from a port of the gateway's loopback, which other programs of that machine could connect to: the platform
 * proves itself first, and is told when the device is connected. See `common/protocol/forward_hello.ts`.
 */
import type { Duplex } from "node:stream";
import { createAnswer, helloBytes, maybeHelloKind } from "../../common/protocol/forward_hello.ts";
import type { IncomingChannel } from "./gateway_connection.ts";

export interface GreetedOptions {
  key: Uint8Array;
  /** Receives the connections that are for the device. */
  take(channel: IncomingChannel): void;
  /** The platform has closed the connection that it keeps open for the session. */
  onEnd(): void;
  /** Time for the hello. */
  helloMs?: number;
}

/** Maximum number of connections that have sent no hello yet. */
const mostSilent = 16;

export function greetedChannels({ key, take, onEnd, helloMs = 10_000 }: GreetedOptions): IncomingChannelTaker {
  let silent = 0, hasSession = false;

  async function greet(duplex: Duplex): Promise<void> {
    silent++;
    const hello = await firstOctets(duplex, helloBytes, helloMs).finally(() => silent--);
    const kind = hello && maybeHelloKind(hello, key);
    const answer = () => void duplex.write(createAnswer(hello!, key));
    if (kind === undefined || kind === "session" && hasSession) return void duplex.destroy();
    if (kind === "device") {
      return take({
        accept() {
          answer();
          return duplex;
        },
        reject: () => void duplex.destroy(),
      });
    }
    hasSession = true;
    duplex.once("close", onEnd).once("end", onEnd);
    duplex.resume();
    answer();
  }

  return (channel) => {
    if (silent >= mostSilent) return channel.reject();
    void greet(channel.accept());
  };
}

export type IncomingChannelTaker = (channel: IncomingChannel) => void;

/** Leaves what follows in the stream. Undefined if they do not come in time. */
function firstOctets(duplex: Duplex, count: number, withinMs: number): Promise<Uint8Array | undefined> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
  const timer = setTimeout(() => resolve(undefined), withinMs);
  const onReadable = () => {
    const octets: Uint8Array | null = duplex.read(count);
    if (octets !== null) resolve(octets);
  };
  const onEnd = () => resolve(undefined);
  duplex.on("readable", onReadable).once("end", onEnd).once("close", onEnd);
  return promise.finally(() => {
    clearTimeout(timer);
    duplex.off("readable", onReadable).off("end", onEnd).off("close", onEnd);
  });
}
