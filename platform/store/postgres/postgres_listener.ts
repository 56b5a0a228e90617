/**
 * Notifications of PostgreSQL, on a separate connection that is open while there are listeners. Notifications during a
 * connection loss are lost: after each LISTEN, listeners are told that any row may have changed.
 */
// @ts-types="@types/pg"
import type pg from "pg";
import { systemClock } from "../../../common/core/clock.ts";
import { createListeners } from "../listeners.ts";
import type { Store } from "../store.ts";

/** PostgreSQL's channel for all channels of the platform. */
export const channel = "opendca";

const retryMs = 1000;
const probeTimeoutMs = 10_000;
const farewellMs = 1000;

export interface PostgresListener extends AsyncDisposable {
  listen: Store["listen"];
}

/** Every `probeMs` a query checks the connection: otherwise its loss would not be noticed. */
export function postgresListener(createClient: () => pg.Client, { probeMs = 30_000 } = {}): PostgresListener {
  const listeners = createListeners();
  let current: { stop: AbortController; ended: Promise<void>; isListening: boolean } | undefined;
  let lastEnd: Promise<void> = Promise.resolve();

  async function hear(hearing: { isListening: boolean }, signal: AbortSignal): Promise<void> {
    const client = createClient();
    const { promise: lost, resolve: lose } = Promise.withResolvers<void>();
    client.on("error", () => lose());
    client.on("end", () => lose());
    client.on("notification", ({ payload = "" }) => listeners.tell(payload));
    signal.addEventListener("abort", () => lose(), { once: true });
    let probe: ReturnType<typeof setInterval> | undefined;
    try {
      await client.connect();
      await client.query(`LISTEN ${channel}`);
      hearing.isListening = true;
      listeners.tellAll();
      const question = { text: "SELECT 1", query_timeout: Math.min(probeMs, probeTimeoutMs) };
      probe = setInterval(() => client.query(question).catch(() => lose()), probeMs);
      await lost;
    } catch {
      // Tried again; the transactions report what is wrong with the database.
    } finally {
      hearing.isListening = false;
      clearInterval(probe);
      await farewell(client);
    }
  }

  function start() {
    const stop = new AbortController();
    const hearing = { stop, isListening: false, ended: Promise.resolve() };
    hearing.ended = (async () => {
      while (!stop.signal.aborted) {
        await hear(hearing, stop.signal);
        await systemClock.sleep(retryMs, stop.signal).catch(() => {});
      }
    })();
    return hearing;
  }

  function stop(): void {
    if (current === undefined) return;
    current.stop.abort();
    lastEnd = Promise.all([lastEnd, current.ended]).then(() => {});
    current = undefined;
  }

  return {
    listen(channel, listener) {
      const added = listeners.add(channel, listener);
      current ??= start();
      if (current.isListening) added.tell();
      return () => {
        added.remove();
        if (listeners.isEmpty()) stop();
      };
    },
    async [Symbol.asyncDispose]() {
      stop();
      await lastEnd;
    },
  };
}

/* A server that hangs does not close the connection. */
async function farewell(client: pg.Client): Promise<void> {
  const timer = setTimeout(() => client.connection.stream.destroy(), farewellMs);
  await client.end().catch(() => {});
  clearTimeout(timer);
}
