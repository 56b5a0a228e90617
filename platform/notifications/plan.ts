/** When what has happened is told, and together with what. Pure. */
import type { RuleSettings } from "./settings.ts";
import { nextAt, nextWorking } from "./working_hours.ts";

type Times = Pick<RuleSettings, "hours" | "zone" | "urgent" | "groupMinutes" | "digest" | "mostPerHour">;

/** What waits to be told. */
export interface WaitingItem {
  item_id: string;
  /** What it is of; a later one of the same stands for both. */
  about: string;
  event: "raised" | "ended";
  severity: string;
  due_at: number;
  /** It is so no longer. */
  isOver: boolean;
}

export interface Plan {
  /** Items to be told now, together. */
  tell: string[];
  /** Items that are not told at all. */
  drop: string[];
  /** Items that are to be told at another time than they say. */
  hold: { item_id: string; due_at: number }[];
}

const hourMs = 3_600_000;

const isUrgent = ({ severity, event }: { severity: string; event: string }, { urgent }: Times) =>
  urgent && severity === "critical" && event === "raised";

/** When something that happened at `at` is to be told. */
export function dueAt(at: number, of: { severity: string; event: string }, times: Times): number {
  const { groupMinutes, digest, zone } = times, grouped = at + groupMinutes * 60_000;
  if (isUrgent(of, times)) return grouped;
  return nextWorking(digest === undefined ? grouped : nextAt(at, { time: digest, zone }), times);
}

/** `sent`: when notifications of the rule were sent within the last hour. */
export function planOf(
  { waiting, now, sent, times }: {
    waiting: readonly WaitingItem[];
    now: number;
    sent: readonly number[];
    times: Times;
  },
): Plan {
  const plan: Plan = { tell: [], drop: [], hold: [] };
  const last = new Map(waiting.map((item) => [item.about, item]));
  const left: WaitingItem[] = [];
  for (const item of waiting) {
    // A digest tells what was and is no more; a notification about it would only send people for nothing.
    const isIdle = item.isOver && item.event === "raised" && times.digest === undefined;
    if (isIdle || last.get(item.about) !== item) plan.drop.push(item.item_id);
    else left.push(item);
  }
  const due = left.filter(({ due_at }) => due_at <= now);
  if (due.length === 0) return plan;
  const isWorking = nextWorking(now, times) === now;
  const isTime = isWorking && (times.digest === undefined || due.some((item) => !isUrgent(item, times)));
  const tell = isTime
    ? left
    : due.some((item) => isUrgent(item, times))
    ? left.filter((item) => isUrgent(item, times))
    : [];
  const recent = sent.filter((at) => at > now - hourMs).sort((a, b) => a - b);
  const freeAt = recent.length >= times.mostPerHour ? recent.at(-times.mostPerHour)! + hourMs : now;
  if (tell.length > 0 && freeAt <= now) plan.tell = tell.map(({ item_id }) => item_id);
  const told = new Set(plan.tell);
  for (const item of due) {
    if (told.has(item.item_id)) continue;
    const due_at = isUrgent(item, times) ? freeAt : nextWorking(Math.max(freeAt, now), times);
    // What could be told now waits for the limit alone.
    if (due_at > now) plan.hold.push({ item_id: item.item_id, due_at });
  }
  return plan;
}
