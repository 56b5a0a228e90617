/** Thread entry of a scanner: seals the thread, loads the scanner into it, hands messages to it, nothing else. */
import { scannerSeal } from "../src/host/scanner_seal.ts";
import { sealThread } from "../src/host/thread_seal.ts";
import type { ToScanner } from "../src/scan/worker_messages.ts";

const scope = globalThis as unknown as { onmessage: (event: MessageEvent<ToScanner>) => void };

sealThread(scannerSeal);
// Those that come while the scanner is being loaded.
const early: MessageEvent<ToScanner>[] = [];
scope.onmessage = (event) => early.push(event);
const { onMessage } = await import("../src/host/scanner_thread.ts");
early.forEach(onMessage);
scope.onmessage = onMessage;
