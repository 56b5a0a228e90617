/** Consecutive scans with one result: of several sites, and of a name's other addresses. */
import { UnavailableError } from "../../common/core/errors.ts";
import { type AddressSpace, targetAt } from "../targets/address_space.ts";
import { narrowSpace } from "../targets/narrow_space.ts";
import {
  ScanFailedError,
  type ScanParts,
  type ScanProgress,
  type ScanRequest,
  type ScanResult,
  superviseScan,
} from "./supervise_scan.ts";
import type { ScannerCounters } from "./worker_messages.ts";

/** One of several scans. */
export interface ScanStep {
  /** For error messages, such as `the site "hq"`. */
  name: string;
  request: ScanRequest;
}

export interface StepsResult extends ScanResult {
  /** Steps that failed; what they had read until then is in the result. */
  failures: ScanFailure[];
}

export interface ScanFailure {
  /** Name of the `ScanStep`. */
  name: string;
  error: UnavailableError;
}

/** Maximum number of failures named in a sentence. */
const mostNamed = 3;

export function failuresInWords(failures: readonly ScanFailure[]): string {
  const named = failures.slice(0, mostNamed).map(({ name, error }) => `cannot scan ${name}: ${error.message}`);
  const more = failures.length - named.length;
  return [...named, ...(more > 0 ? [`and ${more} more`] : [])].join("; ");
}

/**
 * Runs the steps one after the other; there must be at least one. A failed step is a problem of the result, and the
 * others still run. After a stop no further step starts, and its addresses count as not probed. Throws the first
 * failure if all steps failed before any answer.
 */
export async function scanInTurn(steps: readonly ScanStep[], parts: ScanParts): Promise<StepsResult> {
  const addresses = steps.reduce((sum, { request }) => sum + request.space.size, 0);
  const failures: ScanFailure[] = [];
  let unstarted = 0;
  let done: ScanResult | undefined;
  for (const { name, request } of steps) {
    const before = done;
    if (before?.interrupted === true) {
      done = { ...before, notProbed: before.notProbed + request.space.size };
      continue;
    }
    const onProgress = (progress: ScanProgress) =>
      parts.onProgress(
        before === undefined
          ? { ...progress, addresses: Math.max(addresses, progress.addresses) }
          : progressAfter(before, progress, Math.max(addresses, before.counters.probed + progress.addresses)),
      );
    const result = await scanOrFail(request, { ...parts, onProgress });
    const failure = result instanceof ScanFailedError ? result : maybeUnsent(result);
    const read = result instanceof ScanFailedError ? result.soFar : result;
    if (result instanceof ScanFailedError && !hasResults(read)) unstarted++;
    if (failure !== undefined) {
      failures.push({ name, error: failure });
      const why = result === failure ? failure.message : "nothing could be sent";
      read.problems.push({ code: "scan-failed", message: `Cannot scan ${name}: ${why}` });
    }
    done = before === undefined ? read : mergeScans(before, read);
  }
  if (unstarted === steps.length) throw failures[0]!.error;
  return { ...done!, failures };
}

async function scanOrFail(request: ScanRequest, parts: ScanParts): Promise<ScanResult | ScanFailedError> {
  try {
    return await scanWithAlternatives(request, parts);
  } catch (error) {
    if (error instanceof ScanFailedError) return error;
    throw error;
  }
}

function hasResults({ printers, others, unread }: ScanResult): boolean {
  return printers.length + others.length + unread.length > 0;
}

/** The error if nothing could be sent at all: then silence is caused by this machine, not by the devices. */
export function maybeUnsent(
  { problems, counters }: Pick<ScanResult, "problems" | "counters">,
): UnavailableError | undefined {
  const refused = problems.find(({ code }) => code === "send-refused");
  if (refused === undefined || counters.packetsReceived > 0) return undefined;
  return new UnavailableError(refused.message, "check the routes and the firewall of this machine");
}

/**
 * Scans the space, and then the IPv6 addresses of names without an answer at an IPv4 address: a printer that has both
 * is read once, and at the same address each time. Throws `ScanFailedError`.
 */
export async function scanWithAlternatives(request: ScanRequest, parts: ScanParts): Promise<ScanResult> {
  const first = await superviseScan(request, parts);
  // A resumed scan does not know which names answered in its earlier parts, and no device may be asked at two
  // addresses.
  if (request.position !== undefined) return first;
  const space = silentAlternatives(first, request.space);
  if (space === undefined || first.interrupted || parts.signal.aborted) return first;
  const { onShardDone: __, ...others } = parts;
  try {
    const second = await superviseScan({ ...request, space }, {
      ...others,
      onProgress: (progress) =>
        parts.onProgress(progressAfter(first, progress, request.space.size + progress.addresses)),
    });
    return mergeScans(first, second);
  } catch (error) {
    if (!(error instanceof ScanFailedError)) throw error;
    throw new ScanFailedError(error, mergeScans(first, error.soFar));
  }
}

function silentAlternatives(
  { printers, others, unread, problems }: ScanResult,
  space: AddressSpace,
): AddressSpace | undefined {
  if (space.alternatives === undefined) return undefined;
  const addresses = new Set([...printers, ...others, ...unread, ...problems].map(({ address }) => address));
  const answered = new Set(
    space.segments.filter(({ hostname, index }) => hostname !== null && addresses.has(targetAt(space, index).address))
      .map(({ hostname }) => hostname),
  );
  const names = space.alternatives.segments.flatMap(({ hostname }) => hostname ?? []);
  const narrowed = narrowSpace(space.alternatives, { ranges: [], hostnames: names.filter((it) => !answered.has(it)) });
  return narrowed.size === 0 ? undefined : narrowed;
}

/** Adds the results; the position is that of the first scan. */
function mergeScans(first: ScanResult, second: ScanResult): ScanResult {
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

/** Progress of both scans together over all `addresses`, while the second one runs. */
function progressAfter(first: ScanResult, progress: ScanProgress, addresses: number): ScanProgress {
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
