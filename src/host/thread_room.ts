/**
 * Permissions of threads, and how many threads the process has file descriptors for: the runtime ends the whole process
 * if a thread has too few.
 */

/**
 * Descriptors that the runtime uses for each thread, measured: event loop, standard output and error, and one to load
 * files.
 */
export const perThread = 8;
/**
 * Sockets of a thread that sends to both address families, in addition to the one that reuses the descriptor for files.
 */
const moreSockets = 3;
/** Descriptors reserved for the rest of the process, which writes files and opens connections at the same time. */
const spared = 8;
/** Maximum number of further sockets that a thread can use. */
const useful = 19;

export interface ThreadRoom {
  threads: number;
  /** Further sockets that each of them may open. */
  furtherSockets: number;
}

/**
 * Computes how many of `wanted` threads can start; `countFree` counts up to the given number. The first one may take
 * the last descriptors: a slow scan is better than none.
 */
export function threadRoom(wanted: number, countFree: (most: number) => number): ThreadRoom {
  const whole = perThread + moreSockets;
  const enough = wanted * (whole + useful) + spared;
  const free = countFree(enough);
  if (free >= enough) return { threads: wanted, furtherSockets: useful };
  if (free < perThread) return { threads: 0, furtherSockets: 0 };
  const threads = Math.max(1, Math.min(wanted, Math.floor((free - spared) / whole)));
  const rest = free - spared - threads * whole;
  return { threads, furtherSockets: Math.max(0, Math.min(useful, Math.floor(rest / threads))) };
}

/** The sandbox of a thread: only `net`. With `ffi` or `run` it could get around its net list. */
export function threadPermissions(net: string[] | true): Deno.PermissionOptionsObject {
  return { net, read: false, write: false, env: false, run: false, ffi: false, sys: false, import: false };
}
