import { UnavailableError } from "../../common/core/errors.ts";
import { descriptorShortage } from "../../common/core/shortage.ts";
import { decodePosted, type PostedByScanner } from "../scan/worker_messages.ts";
import type { ScannerWorker } from "../scan/supervise_scan.ts";
import { perThread, threadPermissions, type ThreadRoom, threadRoom } from "./thread_room.ts";
import { countFreeDescriptors } from "./udp_port.ts";

/** Entry of the scanner's thread; `deno compile` bundles it by `--include`. */
const scannerEntry = new URL("../../workers/scanner.ts", import.meta.url);

/** Started threads without a first message: they may not have opened their descriptors yet. */
let starting = 0;
/**
 * The result for all threads that one scan starts in one turn: counting again while the first one loads could take its
 * descriptors.
 */
let room: ThreadRoom & { yetToStart: number } | undefined;

/**
 * Starts a scanner thread whose sandbox permits sending to exactly `net` and nothing else (docs/permissions.md).
 * `ofThese`: number of threads that the caller starts in this turn, including this one. Throws `UnavailableError` if
 * the process cannot start it.
 */
export function startScannerWorker(net: string[], ofThese = 1, entry: URL = scannerEntry): ScannerWorker {
  const furtherSockets = takeRoom(ofThese);
  starting++;
  let isStarting = true;
  const started = () => {
    if (isStarting) starting--;
    isStarting = false;
  };
  const worker = new Worker(entry.href, {
    type: "module",
    deno: { permissions: threadPermissions(net) },
  });
  const scannerWorker: ScannerWorker = {
    post: (message) => worker.postMessage(message.type === "start" ? { ...message, furtherSockets } : message),
    onMessage: () => {},
    onCrash: () => {},
    terminate() {
      started();
      worker.terminate();
    },
  };
  worker.onmessage = ({ data }: MessageEvent<PostedByScanner>) => {
    started();
    scannerWorker.onMessage(decodePosted(data));
  };
  worker.onerror = (event) => {
    started();
    event.preventDefault();
    scannerWorker.onCrash(event.message);
  };
  return scannerWorker;
}

function takeRoom(ofThese: number): number {
  if (room === undefined) {
    const others = starting * perThread;
    const found = threadRoom(ofThese, (most) => countFreeDescriptors(others + most) - others);
    const counted = room = { ...found, yetToStart: ofThese };
    queueMicrotask(() => room = room === counted ? undefined : room);
  }
  const { threads, furtherSockets } = room;
  room.threads--;
  room.yetToStart--;
  // Another scan may start in the same turn.
  if (room.yetToStart === 0) room = undefined;
  if (threads < 1) {
    throw new UnavailableError(
      "Cannot start a scanner thread as the process has too few free file descriptors",
      descriptorShortage.hint,
    );
  }
  return furtherSockets;
}
