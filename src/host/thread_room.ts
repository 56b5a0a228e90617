/** What a thread of the process may do, and how many the process has file descriptors for: the runtime ends the whole process when one has too few. */

/** Of the runtime for each thread, measured: its event loop, standard output and error, and one to load files by. */
export const perThread = 8;
/** Sockets of a thread that sends to both address families, beyond the one that takes the place of the files. */
const moreSockets = 3;
/** Left to the process beside its threads, which writes files and opens connections while they run. */
const spared = 8;
/** Further sockets that a thread has use for. */
const useful = 19;

export interface ThreadRoom {
  threads: number;
  /** Further sockets that each of them may open. */
  furtherSockets: number;
}

/**
 * Room for up to `wanted` threads, with `countFree` told how far to count. The first one may take the last descriptors:
 * a slow scan is better than none.
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

/** The sandbox of a thread: `net` and nothing else. One with `ffi` or `run` could get round its net list. */
export function threadPermissions(net: string[] | true): Deno.PermissionOptionsObject {
  return { net, read: false, write: false, env: false, run: false, ffi: false, sys: false, import: false };
}
