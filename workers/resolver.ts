/**
 * Thread entry of name resolution. The system's resolver blocks a thread of the pool for each name that it waits for, and
 * each worker has a pool of its own: names that nobody answers then hold up no file and no connection of the agent.
 */
import { lookup, resolve4, resolve6 } from "node:dns/promises";
import { messageOf } from "../src/core/errors.ts";
import type { FromResolver, ToResolver } from "../src/host/look_up.ts";

const scope = globalThis as unknown as {
  postMessage(message: FromResolver): void;
  onmessage: ((event: MessageEvent<ToResolver>) => void) | null;
};

scope.onmessage = async ({ data: { id, name } }) => {
  try {
    const addresses = (await lookup(name, { all: true })).map(({ address }) => address);
    scope.postMessage({ id, addresses, ttlSeconds: await maybeTtl(name, addresses) });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    scope.postMessage({ id, code, message: messageOf(error) });
  }
};

/** The system's resolver tells no time to live, so DNS is asked for it; null where it says something else, or nothing. */
async function maybeTtl(name: string, addresses: readonly string[]): Promise<number | null> {
  const ask = addresses.some((address) => !address.includes(":")) ? resolve4 : resolve6;
  try {
    const records = (await ask(name, { ttl: true })).filter(({ address }) => addresses.includes(address));
    return records.length === 0 ? null : Math.min(...records.map(({ ttl }) => ttl));
  } catch {
    // A name of the hosts file, or of the local domain.
    return null;
  }
}
