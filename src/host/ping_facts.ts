/** Facts that decide whether `ping` may send from this process. */

/** Null: unknown, as on a system without /proc. */
export interface PingFacts {
  userId: number | null;
  noNewPrivileges: boolean | null;
  /** Whether the bounding set has CAP_NET_RAW: programs started by this process cannot get missing capabilities. */
  isNetRawInBounds: boolean | null;
  /** A filter of system calls (seccomp). */
  hasFilter: boolean | null;
  /** Whether net.ipv4.ping_group_range has a group of this process; it applies to IPv6 as well. */
  isGroupInRange: boolean | null;
  /** Whether the file of `ping` is setuid. Its capabilities cannot be read: the runtime has no call for them. */
  isSetuid: boolean | null;
}

const netRaw = 13n;
let times = 0;

/** Never throws. */
export async function readPingFacts(program: string): Promise<PingFacts> {
  const [status, range] = await Promise.all([
    tryReadProc("/proc/self/status"),
    tryReadProc("/proc/sys/net/ipv4/ping_group_range"),
  ]);
  return { ...parseProcessFacts(status, range), userId: Deno.uid(), isSetuid: tryReadSetuid(program) };
}

/**
 * Text of a file below /proc, which the runtime opens with `--allow-all` alone; as a module it needs the permission to
 * read, no more. A module is kept for good: this is done only when ping has failed, and for two short files.
 */
async function tryReadProc(path: string): Promise<string | null> {
  if (Deno.build.os !== "linux") return null;
  try {
    return (await import(`file://${path}?${++times}`, { with: { type: "text" } })).default;
  } catch {
    return null; // No /proc, or a runtime that reads it no longer; the sentence then names more than one cause.
  }
}

function tryReadSetuid(program: string): boolean | null {
  try {
    const { mode } = Deno.statSync(program);
    return mode === null ? null : (mode & 0o4000) !== 0;
  } catch {
    return null;
  }
}

/** Parses /proc/self/status and net.ipv4.ping_group_range; null for unreadable values. */
export function parseProcessFacts(
  status: string | null,
  range: string | null,
): Omit<PingFacts, "userId" | "isSetuid"> {
  const field = (name: string) =>
    status === null ? undefined : new RegExp(`^${name}:[ \t]*(.*)$`, "m").exec(status)?.[1];
  const bounds = /^[0-9a-f]{1,16}$/i.exec(field("CapBnd") ?? "")?.[0];
  return {
    noNewPrivileges: maybeNumber(field("NoNewPrivs"), (value) => value !== 0),
    isNetRawInBounds: bounds === undefined ? null : (BigInt(`0x${bounds}`) >> netRaw & 1n) === 1n,
    hasFilter: maybeNumber(field("Seccomp"), (value) => value !== 0),
    isGroupInRange: isInRange(
      [...(numbersIn(field("Gid")).slice(1, 2)), ...numbersIn(field("Groups"))],
      numbersIn(range),
    ),
  };
}

function maybeNumber(text: string | undefined, verdict: (value: number) => boolean): boolean | null {
  return text !== undefined && /^\d+$/.test(text.trim()) ? verdict(Number(text)) : null;
}

function numbersIn(text: string | null | undefined): number[] {
  return text?.match(/\d+/g)?.map(Number) ?? [];
}

/** The effective group is the first; "1 0" is a range with nothing in it, and the default of the kernel. */
function isInRange(groups: readonly number[], [first, last]: readonly number[]): boolean | null {
  if (groups.length === 0 || first === undefined || last === undefined) return null;
  return groups.some((group) => group >= first && group <= last);
}
