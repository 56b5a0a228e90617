/** Scans that run one after the other, and count as one. */
import type { ScannerCounters } from "./worker_messages.ts";
import type { ScanProgress, ScanResult } from "./supervise_scan.ts";

/** The position is that of the first. */
export function mergeScans(first: ScanResult, second: ScanResult): ScanResult {
  return {
    printers: [...first.printers, ...second.printers],
    others: [...first.others, ...second.others],
    unread: [...first.unread, ...second.unread],
    captured: [...first.captured, ...second.captured],
    problems: [...first.problems, ...second.problems],
    counters: addCounters(first.counters, second.counters),
    interrupted: second.interrupted,
    position: first.position,
    notProbed: first.notProbed + second.notProbed,
  };
}

/** How far both are, of all `addresses`, while the second one runs. */
export function progressAfter(first: ScanResult, progress: ScanProgress, addresses: number): ScanProgress {
  return {
    ...addCounters(first.counters, progress),
    addresses,
    printers: first.printers.length + progress.printers,
    waiting: progress.waiting,
    finished: first.counters.answered + progress.finished,
  };
}

function addCounters(a: ScannerCounters, b: ScannerCounters): ScannerCounters {
  const names = Object.keys(a) as (keyof ScannerCounters)[];
  return Object.fromEntries(names.map((name) => [name, a[name] + b[name]])) as unknown as ScannerCounters;
}
