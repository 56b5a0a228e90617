/** What a bad network does to connections, one trick each, at random bytes and in random order. */
import { Buffer } from "node:buffer";
import net from "node:net";
import type { DoorVisit } from "../fixtures/door.ts";

export type Trick =
  /** Ends at some byte of a request or an answer. */
  | "cut"
  /** The platform does what it was asked, and its answer is lost. */
  | "mute"
  /** The request arrives long after the client has given up, behind what it asked later. */
  | "late"
  /** Chunks are torn, and come after those of other connections that were sent later. */
  | "slow"
  /** Everything that the client says comes to the platform once more on a connection of its own. */
  | "twice";

export const tricks: readonly Trick[] = ["cut", "mute", "late", "slow", "twice"];

export interface UnrulyOptions {
  /** 0 to 1. */
  random: () => number;
  target: number;
  /** A trick was played to its end. */
  onPlayed(trick: Trick): void;
}

/** Bytes that a TLS handshake takes in each direction, about: some tricks are for what comes behind it. */
const handshakeBytes = 2000;
/** A poll or a small batch and its answer, about. */
const callBytes = 1000;
const longestDelayMs = 20;

/** Returns what the door does with its visitors, and `release`, which lets go of all that is still held back. */
export function unrulyNetwork(options: UnrulyOptions): { visit(visit: DoorVisit): void; release(): void } {
  const { random, target, onPlayed } = options;
  let held: (() => void)[] = [];
  const between = (least: number, most: number) => Math.floor(least + random() * (most - least));
  const deck: Trick[] = [];

  function nextTrick(): Trick {
    if (deck.length === 0) deck.push(...tricks.toSorted(() => random() - 0.5));
    return deck.pop()!;
  }

  function cut({ client, server }: DoorVisit): void {
    let left = between(0, 2 * handshakeBytes + 4 * callBytes);
    const through = (to: net.Socket) => (chunk: Buffer) => {
      to.write(chunk.subarray(0, left));
      left -= chunk.length;
      if (left > 0) return;
      client.destroy();
      onPlayed("cut");
    };
    client.on("data", through(server));
    server.on("data", through(client));
  }

  function mute({ client, server }: DoorVisit): void {
    let passes = between(handshakeBytes, handshakeBytes + callBytes), asked = false;
    client.on("data", (chunk: Buffer) => {
      server.write(chunk);
      asked ||= passes <= 0;
    });
    server.on("data", (chunk: Buffer) => {
      if (passes > 0) client.write(chunk);
      passes -= chunk.length;
      if (!asked) return;
      client.destroy();
      onPlayed("mute");
    });
  }

  function late(visit: DoorVisit): void {
    const { client, server } = visit;
    let passes = between(handshakeBytes, handshakeBytes + 3 * callBytes);
    const kept: Buffer[] = [];
    client.on("data", (chunk: Buffer) => {
      if (passes > 0) return void ((passes -= chunk.length), server.write(chunk));
      kept.push(chunk);
      if (kept.length > 1) return;
      visit.linked = false;
      setTimeout(() => client.destroy(), longestDelayMs);
      held.push(() => {
        server.write(Buffer.concat(kept));
        server.once("data", () => onPlayed("late"));
        setTimeout(() => server.destroy(), 10 * longestDelayMs);
      });
    });
    server.on("data", (chunk: Buffer) => void client.write(chunk));
  }

  function slow({ client, server }: DoorVisit): void {
    let left = 2 * handshakeBytes + between(0, 6 * callBytes);
    const through = (to: net.Socket) => {
      let before = Promise.resolve();
      return (chunk: Buffer) => {
        const at = between(0, chunk.length);
        for (const part of [chunk.subarray(0, at), chunk.subarray(at)]) {
          before = before.then(() => new Promise((resolve) => setTimeout(resolve, between(0, longestDelayMs))))
            .then(() => void to.write(part));
        }
        left -= chunk.length;
        if (left < 0) before.then(() => client.destroy()).then(() => onPlayed("slow"));
      };
    };
    client.on("data", through(server));
    server.on("data", through(client));
  }

  function twice({ client, server }: DoorVisit): void {
    let left = handshakeBytes + between(0, 4 * callBytes);
    const again = net.connect(target, "127.0.0.1");
    again.on("error", () => {}); // TLS does not believe a word of it.
    again.resume();
    client.on("data", (chunk: Buffer) => {
      server.write(chunk);
      again.write(chunk);
      left -= chunk.length;
      if (left > 0) return;
      client.destroy();
      again.destroy();
      onPlayed("twice");
    });
    client.on("close", () => again.destroy());
    server.on("data", (chunk: Buffer) => void client.write(chunk));
  }

  const plays: Record<Trick, (visit: DoorVisit) => void> = { cut, mute, late, slow, twice };
  function release(): void {
    for (const give of held) give();
    held = [];
  }
  return {
    visit(visit) {
      // What was held back comes when others have said more since.
      if (held.length > 1) release();
      plays[nextTrick()](visit);
    },
    release,
  };
}
