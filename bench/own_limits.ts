/**
 * Whether a program of a benchmark is itself what is waited for: how late its event loop is, and how many descriptors it
 * has. What it measures is too long by as much.
 */

/** Of one second. */
export interface OwnState {
  at: number;
  /** Milliseconds that timers came late. */
  lateMs: number[];
  descriptors: number;
  /** Milliseconds that something waited for its turn, where the program lets only so many begin at once. */
  turnMs: number;
}

export type OwnStates = ReadonlyMap<string, readonly OwnState[]>;

const stepMs = 100;

/** Tells of each second. `turnMs`: as in OwnState. */
export function watchSelf(tell: (own: OwnState) => void, turnMs: () => number = () => 0): Disposable {
  let dueMs = performance.now() + stepMs, lateMs: number[] = [], toldMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    lateMs.push(Math.max(0, Math.round(nowMs - dueMs)));
    dueMs = nowMs + stepMs;
    if (nowMs - toldMs < 1000) return;
    tell({ at: Date.now(), lateMs, descriptors: [...Deno.readDirSync("/proc/self/fd")].length, turnMs: turnMs() });
    [lateMs, toldMs] = [[], nowMs];
  }, stepMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** How many descriptors a program of this machine may have; its children have the same. */
export function descriptorLimit(pid: number | "self" = "self"): number {
  return Number(/^Max open files\s+(\d+)/m.exec(Deno.readTextFileSync(`/proc/${pid}/limits`))?.[1]);
}

/** As many as are allowed: the limit that is in force may be lower. */
export async function raiseDescriptorLimit(): Promise<void> {
  const args = [`--pid=${Deno.pid}`, "--nofile=1048576:1048576"];
  const set = (args: string[]) =>
    new Deno.Command("prlimit", { args, stdout: "null", stderr: "null" }).output().then(({ success }) => success);
  if (await set(args)) return;
  const most = /^Max open files\s+\d+\s+(\d+)/m.exec(Deno.readTextFileSync("/proc/self/limits"))?.[1];
  await set([`--pid=${Deno.pid}`, `--nofile=${most}:`]);
}

/** A time that is looked at: nobody waits for the program itself so long that it matters. */
export interface Watched {
  name: string;
  fromMs: number;
  untilMs: number;
  /** Longest that the event loop may be late. */
  mostLateMs: number;
}

/** What each program did in that time, in the order of the programs. */
export function ownIn(states: OwnStates, { fromMs, untilMs }: Pick<Watched, "fromMs" | "untilMs">) {
  return [...states].map(([program, all]) => {
    const some = all.filter(({ at }) => at >= fromMs && at < untilMs);
    return {
      program,
      lateMs: some.flatMap(({ lateMs }) => lateMs).sort((a, b) => a - b),
      descriptors: Math.max(0, ...some.map(({ descriptors }) => descriptors)),
      turnMs: Math.max(0, ...some.map(({ turnMs }) => turnMs)),
    };
  });
}

/** Sentences that say when the benchmark itself was the limit; `limit`: of descriptors. */
export function ownLimits(states: OwnStates, times: readonly Watched[], limit: number): string[] {
  return times.flatMap((time) =>
    ownIn(states, time).flatMap(({ program, lateMs, descriptors, turnMs }) => {
      const latest = lateMs.at(-1) ?? Infinity, said: string[] = [];
      if (latest === Infinity) said.push(`${program} did not say how it was (${time.name})`);
      else if (latest > time.mostLateMs) {
        said.push(`${program}: its event loop was up to ${(latest / 1000).toFixed(1)} s late (${time.name})`);
      }
      if (descriptors > limit * 0.9) {
        said.push(`${program} had ${descriptors} of ${limit} descriptors (${time.name})`);
      }
      if (turnMs > time.mostLateMs) {
        said.push(`${program}: some waited ${(turnMs / 1000).toFixed(1)} s for their turn in it (${time.name})`);
      }
      return said;
    })
  );
}
