import { UnavailableError } from "../core/errors.ts";
import { maybeShortage } from "../core/shortage.ts";
import { hasFreeDescriptors } from "./udp_port.ts";
import type { FromScanner } from "../scanner/worker_messages.ts";
import type { ScannerWorker } from "../supervisor/supervise_scan.ts";

/** Entry of the scanner's thread; `deno compile` bundles it by `--include`. */
const scannerEntry = new URL("../../workers/scanner.ts", import.meta.url);

/** File descriptors of a thread: 7 of the runtime, two sockets, and the files that it reads at once while it loads. */
const perThread = 20;
/** Those of the process beside its threads: what is written while they run. */
const spared = 4;
/** Threads that have been started and not said a word, so that they may not have taken their descriptors yet. */
let starting = 0;

const { hint } = maybeShortage(Object.assign(new Error(), { code: "EMFILE" }))!;

/**
 * Starts a scanner thread whose sandbox permits sending to exactly `net` and nothing else: no files, no programs, no
 * environment, no foreign code. A worker with `ffi` or `run` could get round its net list. Throws `UnavailableError`
 * where the process has no room for a thread.
 */
export function startScannerWorker(net: string[], entry: URL = scannerEntry): ScannerWorker {
  // A thread for which there are too few ends the whole process, as the runtime panics.
  if (!hasFreeDescriptors((starting + 1) * perThread + spared)) {
    throw new UnavailableError("Cannot start a scanner thread as the process has too few free file descriptors", hint);
  }
  starting++;
  let isStarting = true;
  const started = () => {
    if (isStarting) starting--;
    isStarting = false;
  };
  const worker = new Worker(entry.href, {
    type: "module",
    deno: {
      permissions: { net, read: false, write: false, env: false, run: false, ffi: false, sys: false, import: false },
    },
  });
  const scannerWorker: ScannerWorker = {
    post: (message) => worker.postMessage(message),
    onMessage: () => {},
    onCrash: () => {},
    terminate() {
      started();
      worker.terminate();
    },
  };
  worker.onmessage = ({ data }: MessageEvent<FromScanner>) => {
    started();
    scannerWorker.onMessage(data);
  };
  worker.onerror = (event) => {
    started();
    event.preventDefault();
    scannerWorker.onCrash(event.message);
  };
  return scannerWorker;
}
