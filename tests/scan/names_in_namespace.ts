/**
 * Runs within network and mount namespaces of its own (tests/scan/host_names_test.ts): asks for names as the agent does, sees what
 * a name server that says nothing holds up, and prints what it found.
 */
import { systemClock } from "../../common/core/clock.ts";
import { lookUp } from "../../src/host/look_up.ts";
import { createHostNames, type ResolvedName } from "../../src/targets/host_names.ts";

export interface NamesFindings {
  resolved: Record<string, ResolvedName>;
  /** Seconds, of the first one. */
  ttl: number | null;
  /** Whether a file was read while the names were under way. */
  readMeanwhile: boolean;
  /** Datagrams that the silent name server got. */
  questions: number;
}

async function explore(names: readonly string[], silent: boolean): Promise<NamesFindings> {
  using server = silent ? listen() : undefined;
  const { resolve } = createHostNames({ lookUp, clock: systemClock });
  let open = names.length;
  const asking = Promise.all(names.map(async (name): Promise<[string, ResolvedName]> => {
    const found = await resolve(name);
    open--;
    return [name, found];
  }));
  await Deno.readTextFile("/etc/hosts");
  const readMeanwhile = open === names.length;
  const resolved = Object.fromEntries(await asking);
  const ttl = silent ? null : (await lookUp(names[0]!)).ttlSeconds;
  return { resolved, ttl, readMeanwhile, questions: server?.questions() ?? 0 };
}

function listen(): Disposable & { questions(): number } {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.9", port: 53 });
  let count = 0;
  void (async () => {
    for await (const _ of socket) count++;
  })();
  return { questions: () => count, [Symbol.dispose]: () => socket.close() };
}

if (import.meta.main) {
  const [names, silent] = JSON.parse(Deno.args[0]!);
  console.log(JSON.stringify(await explore(names, silent)));
}
