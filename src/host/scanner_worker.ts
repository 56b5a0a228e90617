import type { FromScanner } from "../scanner/worker_messages.ts";
import type { ScannerWorker } from "../supervisor/supervise_scan.ts";

/** Entry of the scanner's thread; `deno compile` bundles it by `--include`. */
const scannerEntry = new URL("../../workers/scanner.ts", import.meta.url);

/**
 * Starts a scanner thread whose sandbox permits sending to exactly `net` and nothing else: no files, no programs, no
 * environment, no foreign code. A worker with `ffi` or `run` could get round its net list.
 */
export function startScannerWorker(net: string[], entry: URL = scannerEntry): ScannerWorker {
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
    terminate: () => worker.terminate(),
  };
  worker.onmessage = ({ data }: MessageEvent<FromScanner>) => scannerWorker.onMessage(data);
  worker.onerror = (event) => {
    event.preventDefault();
    scannerWorker.onCrash(event.message);
  };
  return scannerWorker;
}
