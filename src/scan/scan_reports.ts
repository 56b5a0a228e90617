/** Collects a worker's reports to the supervisor into batches. */
import type { UnreadDevice } from "../../common/reading/reading.ts";
import type { DatagramHub } from "../snmp/datagram_hub.ts";
import type { DeviceResult, FoundDevice, FromScanner, ScannerCounters } from "./worker_messages.ts";

export interface ScanReports {
  /** Counters that the scanner maintains itself. */
  readonly counters: Omit<ScannerCounters, "packetsSent" | "packetsReceived" | "stray">;
  found(device: FoundDevice): void;
  unread(device: UnreadDevice & { key: string }): void;
  result(result: DeviceResult): void;
  /** Posts the collected reports and the counters. */
  flush(): void;
  /** Ends the timer. */
  close(): void;
}

const flushEveryMs = 250;
/** Number of results at which a batch is posted at once. */
const maxResults = 64;

export function createScanReports(
  hub: Pick<DatagramHub, "counters">,
  post: (message: FromScanner) => void,
): ScanReports {
  const counters: ScanReports["counters"] = { malformed: 0, probed: 0, answered: 0, reading: 0 };
  const founds: FoundDevice[] = [];
  const unread: (UnreadDevice & { key: string })[] = [];
  const results: DeviceResult[] = [];

  function flush(): void {
    if (founds.length > 0) post({ type: "found", devices: founds.splice(0) });
    if (unread.length > 0) post({ type: "unread", devices: unread.splice(0) });
    if (results.length > 0) post({ type: "results", results: results.splice(0) });
    const { sent, received, stray } = hub.counters;
    post({ type: "progress", counters: { ...counters, packetsSent: sent, packetsReceived: received, stray } });
  }

  const timer = setInterval(flush, flushEveryMs);
  return {
    counters,
    found: (device) => void founds.push(device),
    unread: (device) => void unread.push(device),
    result(result) {
      results.push(result);
      if (results.length >= maxResults) flush();
    },
    flush,
    close: () => clearInterval(timer),
  };
}
