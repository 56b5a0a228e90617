/**
 * The traffic of one session: connects each channel of the gateway to the session's address and port, within the
 * limits.
 */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "../../common/core/clock.ts";
import { formatDuration } from "../../common/core/duration.ts";
import { dial } from "../../common/host/dial.ts";
import type { IncomingChannel } from "./gateway_connection.ts";

export interface CarryLimits {
  idleMs: number;
  maxBytes: number;
  lastsMs: number;
  lastsBecause: string;
}

export interface Carried {
  toDevice: number;
  fromDevice: number;
  connections: number;
}

export interface SessionCarrier {
  readonly carried: Carried;
  take(channel: IncomingChannel): void;
  /** The limit of time from now on. */
  extend(limit: Pick<CarryLimits, "lastsMs" | "lastsBecause">): void;
  /** Cuts off all connections, and accepts no more. */
  end(why: string): void;
  /** Resolves with the reason: a reached limit, or that of `end`. */
  readonly ended: Promise<string>;
}

/** Maximum number of connections to the device; a browser opens six. */
const mostConnections = 16;
const connectTimeoutMs = 10_000;
const lookEveryMs = 500;

/** `connect` is for tests. */
export function carrySession(
  place: { address: string; port: number },
  { limits, clock, connect = connectDevice }: { limits: CarryLimits; clock: Clock; connect?: typeof connectDevice },
): SessionCarrier {
  const carried: Carried = { toDevice: 0, fromDevice: 0, connections: 0 };
  const ended = Promise.withResolvers<string>(), over = new AbortController();
  const open = new Set<{ destroy(): void }>();
  let lastMs = clock.monotonicMs(), untilMs = lastMs + limits.lastsMs, { lastsBecause } = limits, pending = 0;

  function end(why: string): void {
    if (over.signal.aborted) return;
    over.abort(new Error(why));
    for (const each of open) each.destroy();
    ended.resolve(why);
  }

  function count(key: "toDevice" | "fromDevice", bytes: number): void {
    lastMs = clock.monotonicMs();
    carried[key] += bytes;
    if (carried.toDevice + carried.fromDevice > limits.maxBytes) end("its byte limit was reached");
  }

  /** Checks the limits that depend on time only. */
  async function watch(): Promise<void> {
    while (!over.signal.aborted) {
      const nowMs = clock.monotonicMs();
      if (nowMs >= untilMs) return end(lastsBecause);
      if (nowMs - lastMs >= limits.idleMs) return end(`nothing was sent for ${formatDuration(limits.idleMs)}`);
      await clock.sleep(lookEveryMs, over.signal).catch(() => {}); // Ended.
    }
  }
  void watch();

  async function serve({ accept, reject }: IncomingChannel): Promise<void> {
    pending++;
    let socket: Socket;
    try {
      socket = await connect(place, over.signal);
    } catch {
      return reject(); // The gateway reports it to the user of the channel.
    } finally {
      pending--;
    }
    if (over.signal.aborted) {
      socket.destroy();
      return reject();
    }
    carried.connections++;
    join(accept(), socket, { open, count });
  }

  return {
    carried,
    end,
    ended: ended.promise,
    extend(limit) {
      untilMs = clock.monotonicMs() + limit.lastsMs;
      lastsBecause = limit.lastsBecause;
    },
    take(channel) {
      if (over.signal.aborted || open.size / 2 + pending >= mostConnections) return channel.reject();
      void serve(channel);
    },
  };
}

/** Both ways, until either side is closed; both are in `open` until then. */
function join(
  channel: Duplex,
  socket: Socket,
  { open, count }: { open: Set<{ destroy(): void }>; count(key: "toDevice" | "fromDevice", bytes: number): void },
): void {
  // Its user has left while the device was being connected to.
  if (channel.destroyed) return void socket.destroy();
  open.add(channel).add(socket);
  channel.once("close", () => {
    open.delete(channel);
    socket.destroy();
  });
  socket.once("close", () => {
    open.delete(socket);
    // The last bytes of the device are still sent.
    channel.end();
    if (socket.errored) channel.destroy();
  });
  channel.on("data", (chunk: Uint8Array) => count("toDevice", chunk.length));
  socket.on("data", (chunk: Uint8Array) => count("fromDevice", chunk.length));
  // `pipe` applies back-pressure from a slow reader.
  channel.pipe(socket);
  socket.pipe(channel);
}

/** TCP to exactly this address and port, never through a proxy. */
async function connectDevice(place: { address: string; port: number }, signal: AbortSignal): Promise<Socket> {
  const endpoint = { host: place.address, port: place.port };
  const socket = await dial(endpoint, { proxy: undefined, tls: null, stepTimeoutMs: connectTimeoutMs, signal });
  socket.setNoDelay(true);
  return socket;
}
