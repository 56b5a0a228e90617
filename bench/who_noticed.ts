/** Who noticed that a part was away, and for how long: from what agents and people saw, as bench/design_load.ts counts it. */

/** An agent connected, polled and uploaded; times are milliseconds since 1970. */
export interface Session {
  agentId: string;
  /** When it began, by the schedule; what it tried in vain is in between. */
  dueAt: number;
  /** Undefined: not until the end. */
  acknowledgedAt: number | undefined;
  /** When each attempt failed, and why. */
  failures: { at: number; why: string }[];
  /** Of the attempt that succeeded. */
  pollMs: number;
  uploadMs: number;
}

/** A page that somebody opened. */
export interface Visit {
  dueAt: number;
  page: string;
  user: number;
  endedAt: number;
  /** 0: no answer. */
  status: number;
  /** The page says that the database is away, and what to do. */
  says: boolean;
  why: string;
  compressed: number;
}

export interface Noticed {
  uploadsFailed: number;
  agents: number;
  /** Longest time in which no upload was acknowledged. */
  longestGapMs: number;
  slowestUploadMs: number;
  pagesUnanswered: number;
  /** Pages that say that the database is away. */
  pagesSaying: number;
  /** Neither the page nor a sentence. */
  pagesBroken: number;
  people: number;
  /** After the kill: the end of the last session or page that failed, or that took long. */
  normalAfterMs: number;
}

/** Longer than anything takes while all parts are there. */
export const longMs = 2000;

/**
 * `fromMs` is the kill, `untilMs` the end of its time, when the next part is killed. A failure counts for the kill in
 * whose time it happened. What only took long counts for the kill in whose time it passed `longMs`.
 */
export function noticed(
  { fromMs, untilMs }: { fromMs: number; untilMs: number },
  sessions: readonly Session[],
  visits: readonly Visit[],
): Noticed {
  const isIn = (at: number) => at >= fromMs && at < untilMs;
  const began = ({ dueAt }: { dueAt: number }) => dueAt >= fromMs - longMs && dueAt < untilMs - longMs;
  const failing = sessions.filter(({ failures }) => failures.some(({ at }) => isIn(at)));
  const acknowledged = sessions.flatMap(({ acknowledgedAt }) => acknowledgedAt ?? []).filter(isIn).sort((a, b) =>
    a - b
  );
  const points = [fromMs, ...acknowledged, untilMs];
  const during = sessions.filter(began);
  const bad = visits.filter(({ endedAt, status }) => isIn(endedAt) && status !== 200);
  const lateSessions = [
    ...failing,
    ...during.filter(({ dueAt, acknowledgedAt }) => (acknowledgedAt ?? Infinity) - dueAt > longMs),
  ].map(({ acknowledgedAt }) => acknowledgedAt ?? Infinity);
  const lateVisits = [...bad, ...visits.filter((visit) => began(visit) && visit.endedAt - visit.dueAt > longMs)]
    .map(({ endedAt }) => endedAt);
  return {
    uploadsFailed: sessions.flatMap(({ failures }) => failures).filter(({ at }) => isIn(at)).length,
    agents: failing.length,
    longestGapMs: Math.max(...points.slice(1).map((at, i) => at - points[i]!)),
    slowestUploadMs: Math.max(0, ...during.map((each) => (each.acknowledgedAt ?? untilMs) - each.dueAt)),
    pagesUnanswered: bad.filter(({ status }) => status === 0).length,
    pagesSaying: bad.filter(({ status, says }) => status !== 0 && says).length,
    pagesBroken: bad.filter(({ status, says }) => status !== 0 && !says).length,
    people: new Set(bad.map(({ user }) => user)).size,
    normalAfterMs: Math.max(fromMs, ...lateSessions, ...lateVisits) - fromMs,
  };
}

/** Each task that was made was run by its agent, and each once; what came twice was recognized by the agent's memory. */
export function compareTasks(
  tasks: readonly { taskId: string; state: string }[],
  /** How often each came to its agent. */
  came: ReadonlyMap<string, number>,
): { made: number; notRun: string[]; unreported: string[]; cameAgain: number } {
  return {
    made: tasks.length,
    notRun: tasks.filter(({ taskId }) => !came.has(taskId)).map(({ taskId }) => taskId),
    unreported: tasks.filter(({ state }) => state !== "succeeded").map(({ taskId, state }) => `${taskId}: ${state}`),
    cameAgain: [...came.values()].filter((times) => times > 1).length,
  };
}
