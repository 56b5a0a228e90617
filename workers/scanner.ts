/** Thread entry of a scanner: seals the thread, loads the scanner into it, hands messages to it, nothing else. */
import { sealThread } from "../src/host/thread_seal.ts";
import type { ScannerConfig, ToScanner } from "../src/scan/worker_messages.ts";

const scope = globalThis as unknown as { onmessage: (event: MessageEvent<ToScanner>) => void };

// What a scanner and the packages in it cannot do without.
sealThread({
  deno: ["build", "errors", "inspect", "listenDatagram", "permissions", "version"],
  imports: ["buffer", "crypto", "events"],
  requires: ["assert", "buffer", "crypto", "dgram", "events", "fs", "net", "path", "perf_hooks", "stream", "util"],
});
// Those that come while the scanner is being loaded.
const early: MessageEvent<ToScanner>[] = [];
const configured = Promise.withResolvers<ScannerConfig>();
scope.onmessage = (event) => {
  early.push(event);
  if (event.data.type === "start") configured.resolve(event.data.config);
};
const { credentials: { rules } } = await configured.promise;
const speaksUsm = rules.some(({ credentials }) => credentials.some(({ kind }) => kind === "usm"));
const { onMessage } = speaksUsm
  ? await import("../src/host/usm_scanner_thread.ts")
  : await import("../src/host/scanner_thread.ts");
early.forEach(onMessage);
scope.onmessage = onMessage;
