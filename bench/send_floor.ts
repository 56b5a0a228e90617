/**
 * What sending costs by itself: the datagrams of a sweep, from a thread in the scanner's sandbox, with nothing around them.
 * `deno run … bench/send_floor.ts` prints `{ "packets", "wallSeconds", "cpuSeconds" }`; the start is not counted.
 */
import { cpuUsage } from "node:process";
import { communityProbe } from "../src/snmp/probe.ts";

const tries = 2, addresses = 65_536;

/** Addresses in order, as text, as the runtime wants them. */
function silentAddresses(): string[] {
  return Array.from({ length: addresses }, (_, i) => `127.78.${i >> 8}.${i & 255}`);
}

if (!import.meta.url.endsWith("#thread")) {
  const worker = new Worker(`${import.meta.url}#thread`, {
    type: "module",
    deno: { permissions: { net: ["127.78.0.0/16:161", "0.0.0.0:0"] } },
  });
  const told = () => new Promise<void>((resolve) => worker.onmessage = () => resolve());
  await told();
  const before = cpuUsage(), startedAt = performance.now();
  worker.postMessage("send");
  await told();
  const { user, system } = cpuUsage(before);
  const wallSeconds = (performance.now() - startedAt) / 1000;
  worker.terminate();
  console.log(JSON.stringify({ packets: tries * addresses, wallSeconds, cpuSeconds: (user + system) / 1e6 }));
} else {
  const scope = globalThis as unknown as { postMessage(word: string): void; onmessage: () => void };
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 0 });
  const list = silentAddresses();
  const { bytes } = communityProbe(1, "public");
  scope.onmessage = async () => {
    for (let round = 0; round < tries; round++) {
      for (const hostname of list) await socket.send(bytes, { transport: "udp", hostname, port: 161 });
    }
    scope.postMessage("done");
  };
  scope.postMessage("ready");
}
