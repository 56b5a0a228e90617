/**
 * Thread entry of name resolution. The system's resolver blocks a thread of the pool for each name that it waits for, and
 * each worker has a pool of its own: names that nobody answers then hold up no file and no connection of the agent.
 */
import { lookup, resolve4, resolve6 } from "node:dns/promises";
import { messageOf } from "../common/core/errors.ts";
import type { FromResolver, ToResolver } from "../src/host/look_up.ts";
import { sealImports, sealThread } from "../src/host/thread_seal.ts";
import { countFreeDescriptors } from "../src/host/udp_port.ts";

// The runtime checks a lookup by its name, and names come as they come: so `net` names nothing, and the thread is left
// without any means to send to another than a name server.
sealThread({ deno: ["build", "errors", "inspect", "version"], imports: [], requires: [] });
sealImports();

const scope = globalThis as unknown as {
  postMessage(message: FromResolver): void;
  onmessage: ((event: MessageEvent<ToResolver>) => void) | null;
};

/** Of the system's resolver for one name: its files, and a connection to a name server. */
const perName = 4;
/** How often there were too few, for a moment at least. */
let shortages = 0;

/**
 * A resolver that can open neither its files nor a socket says what it says of a name that does not exist. Counting takes
 * descriptors away from the other names that are under way.
 */
function wasShort(since: number): boolean {
  if (countFreeDescriptors(perName) < perName) shortages++;
  return shortages > since;
}

scope.onmessage = async ({ data: { id, name } }) => {
  const since = shortages;
  try {
    const addresses = (await lookup(name, { all: true })).map(({ address }) => address);
    scope.postMessage({ id, addresses, ttlSeconds: await maybeTtl(name, addresses) });
  } catch (error) {
    const said = error instanceof Error && "code" in error ? String(error.code) : "";
    const code = wasShort(since) ? "EMFILE" : said;
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
