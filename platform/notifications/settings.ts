/** What a rule of notifications says: which events, when, and together with what. Pure. */
import { UsageError } from "../../common/core/errors.ts";
import { checkedZone } from "../../common/core/time_zone.ts";
import { limitRanges } from "../alerts/alert_limits.ts";
import { type Language, languages } from "../users/users.ts";
import { maybeMinutes, type WorkingHours } from "./working_hours.ts";

/** What a rule can be for. */
export const ruleEvents = {
  printer: "what printers report, from the severity given",
  supply: "supplies that are low, or soon empty, by the limits given or those of the customer",
  deviceSilent: "devices that do not answer",
  agentSilent: "agents that do not report",
  meterFell: "meters that are lower than before",
  firmwareChanged: "devices with another firmware",
  updateFailed: "agents that could not be updated",
} as const;
export type RuleEvent = keyof typeof ruleEvents;

export const leastSeverities = ["critical", "warning", "other"] as const;
export type LeastSeverity = typeof leastSeverities[number];

export interface RuleSettings {
  events: readonly RuleEvent[];
  /** Of what printers report: this one and more severe ones. */
  severity: LeastSeverity;
  /**
   * Of supplies: told at this many per cent or less. Undefined: not by per cent; without `days` as well, by the limits of
   * each customer.
   */
  percent?: number | undefined;
  /** Of supplies: told when it will be empty within this many days; undefined: as for `percent`. */
  days?: number | undefined;
  /** Also told when an alert that was told has ended. */
  ends: boolean;
  /** Undefined: always. What happens outside of them is told when they begin. */
  hours?: WorkingHours | undefined;
  /** Of hours and digest: a name of the IANA time zone database. */
  zone: string;
  /** Critical ones wait neither for the hours nor for the digest. */
  urgent: boolean;
  /** Everything within this time is told together. */
  groupMinutes: number;
  /** Once a day at this time, such as `07:30`. */
  digest?: string | undefined;
  /** Times; what is more waits and is told together. */
  mostPerHour: number;
  /** For e-mail addresses; users have a language of their own. */
  language: Language;
  /** A webhook of the dealer that is told as well. */
  webhookId?: string | undefined;
}

export const defaultRule: RuleSettings = {
  events: ["printer", "supply", "deviceSilent", "agentSilent", "updateFailed"],
  severity: "warning",
  ends: false,
  hours: { days: [1, 2, 3, 4, 5], from: "08:00", to: "17:00" },
  zone: "UTC",
  urgent: false,
  groupMinutes: 10,
  mostPerHour: 10,
  language: "en",
};

export const limits = {
  percent: limitRanges.lowPercent.max,
  days: limitRanges.emptyDays.max,
  groupMinutes: 1440,
  mostPerHour: 60,
  recipients: 20,
} as const;

/** Throws UsageError for what cannot be. */
export function checkedSettings(wish: RuleSettings): RuleSettings {
  const { events, severity, percent, days, hours, digest, language, zone } = wish;
  const wrong = events.find((event) => !Object.hasOwn(ruleEvents, event));
  if (wrong !== undefined) {
    throw new UsageError(`Cannot use "${wrong}" as an event`, Object.keys(ruleEvents).join(", "));
  }
  if (events.length === 0) {
    throw new UsageError("Cannot make a rule without an event", Object.keys(ruleEvents).join(", "));
  }
  if (!leastSeverities.includes(severity)) {
    throw new UsageError(`Cannot use "${severity}" as a severity`, leastSeverities.join(", "));
  }
  if (!languages.includes(language)) {
    throw new UsageError(`Cannot use "${language}" as a language`, languages.join(", "));
  }
  if (percent !== undefined) whole("a limit in per cent", percent, [0, limits.percent]);
  if (days !== undefined) whole("a limit in days", days, [1, limits.days]);
  whole("the minutes to wait for more", wish.groupMinutes, [0, limits.groupMinutes]);
  whole("the most notifications per hour", wish.mostPerHour, [1, limits.mostPerHour]);
  if (digest !== undefined) timeOfDay(digest, 24 * 60 - 1);
  if (hours !== undefined) checkHours(hours);
  return { ...wish, events: [...new Set(events)], zone: checkedZone(zone) };
}

function whole(what: string, value: number, [min, max]: readonly [number, number]): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new UsageError(`Cannot use "${value}" as ${what}: it is a whole number from ${min} to ${max}`);
}

function timeOfDay(text: string, most: number): void {
  const minutes = maybeMinutes(text);
  if (minutes === undefined || minutes > most) {
    throw new UsageError(`Cannot use "${text.slice(0, 50)}" as a time of the day`, "such as 08:00");
  }
}

function checkHours({ days, from, to }: WorkingHours): void {
  if (days.length === 0 || days.some((day) => !Number.isInteger(day) || day < 1 || day > 7)) {
    throw new UsageError("Cannot use working hours without a day of the week", "leave the hours out for always");
  }
  timeOfDay(from, 24 * 60 - 1);
  timeOfDay(to, 24 * 60);
  if (maybeMinutes(from) === maybeMinutes(to)) {
    throw new UsageError(`Cannot use working hours that begin and end at ${from}`, "from 00:00 to 24:00 is all day");
  }
}
