/**
 * The program of the compiled file: starts the real scanner and the real resolver, with our stand-ins among their
 * modules, and prints what these could do.
 */
import { threadPermissions } from "../../../src/host/thread_room.ts";
import { netPermissions } from "../../../src/targets/address_space.ts";
import { parseTargets } from "../../../src/targets/parse_targets.ts";

const [folder = "", target = ""] = Deno.args;
const server = Deno.serve({ hostname: "0.0.0.0", port: 0, onListen() {} }, (request) => {
  if (request.headers.get("upgrade") === "websocket") return Deno.upgradeWebSocket(request).response;
  return new Response("export default 1", { headers: { "content-type": "text/javascript" } });
});
const { port } = server.addr as Deno.NetAddr;
const space = await parseTargets([target], {
  port,
  maxAddresses: 1,
  exclude: [],
  resolve: () => Promise.reject(new Error("no name is used here")),
  readTextFile: (path) => Deno.readTextFile(path),
});
const config = {
  space,
  seed: 1,
  // net-snmp, which the stand-in replaces, is loaded for these only.
  credentials: {
    rules: [{
      ranges: null,
      credentials: [
        { kind: "usm", name: "u", user: "u", level: "noAuthNoPriv", auth: null, priv: null, context: "" },
      ],
    }],
  },
  ratePerSecond: 0,
  timeoutMs: 100,
  retries: 0,
  deviceDeadlineMs: 1000,
  maxReading: 1,
  scope: "complete",
  capture: null,
};

async function probe(entry: string, net: string[] | true, ask: unknown, start?: unknown): Promise<unknown> {
  const name = JSON.stringify({ folder, target, port });
  const worker = new Worker(new URL(entry, import.meta.url).href, {
    type: "module",
    name,
    deno: { permissions: threadPermissions(net) },
  });
  if (start !== undefined) worker.postMessage(start);
  // Until the stand-in is loaded, nobody in the thread knows what it is asked.
  const asking = setInterval(() => worker.postMessage(ask), 200);
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => {
        if (data.type === "probed") resolve({ whileLoading: data.whileLoading, atWork: data.atWork });
        // What an attempt leaves to the thread itself is a refusal as well.
        if (data.type === "failed" && data.code === "start") reject(new Error(data.message));
      };
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
    });
  } finally {
    clearInterval(asking);
    worker.terminate();
  }
}

const scanner = await probe("scanner_entry.ts", netPermissions(space), { type: "last" }, { type: "start", config });
const resolver = await probe("resolver_entry.ts", true, { id: 1, name: "last" });
const unsealed = await probe("open_entry.ts", netPermissions(space), { type: "last" });
console.log(JSON.stringify({ scanner, resolver, unsealed }));
await server.shutdown();
