/** The portal's texts, in each language. A key that one language lacks is a type error. Pure. */
import { spanParts } from "../../../common/core/clock.ts";
import { IntlMessageFormat } from "intl-messageformat";
import { supplyColourWords, supplyKindWords } from "../../devices/supply_words.ts";
import type { Language } from "../../users/users.ts";
import { approvalWords } from "./approval_words.ts";
import { auditWords } from "./audit_words.ts";
import { billingWords } from "./billing_words.ts";
import { commonWords } from "./common_words.ts";
import { directoryWords } from "./directory_words.ts";
import { customerWords } from "./customer_words.ts";
import { eventWords } from "./event_words.ts";
import { feedWords } from "./feed_words.ts";
import { fleetWords } from "./fleet_words.ts";
import { insightWords } from "./insight_words.ts";
import { interfaceWords } from "./interface_words.ts";
import { listWords } from "./list_words.ts";
import { notificationWords } from "./notification_words.ts";
import { peopleWords } from "./people_words.ts";
import { providerWords } from "./provider_words.ts";
import { roleWords } from "./role_words.ts";
import { signInWords } from "./sign_in_words.ts";
import { trustWords } from "./trust_words.ts";
import { workWords } from "./work_words.ts";

const texts = {
  ...commonWords,
  ...approvalWords,
  ...auditWords,
  ...billingWords,
  ...signInWords,
  ...customerWords,
  ...eventWords,
  ...feedWords,
  ...fleetWords,
  ...insightWords,
  ...interfaceWords,
  ...listWords,
  ...notificationWords,
  ...workWords,
  ...peopleWords,
  ...providerWords,
  ...directoryWords,
  ...roleWords,
  ...supplyColourWords,
  ...supplyKindWords,
  ...trustWords,
};

export type Key = keyof typeof texts;
export type Translate = (key: Key, values?: Record<string, string | number>) => string;

const columns: Record<Language, 0 | 1 | 2> = { en: 0, de: 1, it: 2 };

/** Those with values in them; made once, as reading a message takes longer than filling it. */
const formats = new Map<string, IntlMessageFormat>();

export function translator(language: Language): Translate {
  const column = columns[language];
  return (key, values) => {
    const text = texts[key][column];
    if (!text.includes("{")) return text;
    const id = `${language} ${key}`;
    let format = formats.get(id);
    if (format === undefined) {
      formats.set(id, format = new IntlMessageFormat(text, language, undefined, { ignoreTag: true }));
    }
    return String(format.format(values));
  };
}

/** The first language that a browser asks for and that the portal has (RFC 9110, 12.5.4; weights are in order mostly). */
export function languageOf(acceptLanguage: string | undefined): Language {
  for (const part of (acceptLanguage ?? "").toLowerCase().split(",").slice(0, 20)) {
    const language = part.trim().slice(0, 2);
    if (language in columns) return language as Language;
  }
  return "en";
}

/** Made once, as it takes longer than using it; of statements alone, whose zones are few. */
const zones = new Map<string, Record<"time" | "day", Intl.DateTimeFormat>>();

function zoned(language: Language, timeZone: string): Record<"time" | "day", Intl.DateTimeFormat> {
  const id = `${language} ${timeZone}`, known = zones.get(id);
  if (known !== undefined) return known;
  const made = {
    time: new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", timeZone }),
    day: new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone }),
  };
  zones.set(id, made);
  return made;
}

/** Times and numbers as a language writes them; times in UTC, which is said. */
export interface Formats {
  time(ms: number): string;
  /** The time of a day alone. */
  clock(ms: number): string;
  day(ms: number): string;
  /** In a time zone, which the page names. */
  timeIn(ms: number, zone: string): string;
  dayIn(ms: number, zone: string): string;
  number(value: number): string;
  span(ms: number): string;
}

/** Made once, as it takes longer than most pages. */
const kept = new Map<Language, Formats>();

export function formatsOf(language: Language): Formats {
  const known = kept.get(language);
  if (known !== undefined) return known;
  const made = makeFormats(language);
  kept.set(language, made);
  return made;
}

function makeFormats(language: Language): Formats {
  const time = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
  const clock = new Intl.DateTimeFormat(language, { timeStyle: "short", timeZone: "UTC" });
  const day = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone: "UTC" });
  const number = new Intl.NumberFormat(language);
  return {
    time: (ms) => `${time.format(ms)} UTC`,
    clock: (ms) => `${clock.format(ms)} UTC`,
    day: (ms) => day.format(ms),
    timeIn: (ms, zone) => zoned(language, zone).time.format(ms),
    dayIn: (ms, zone) => zoned(language, zone).day.format(ms),
    number: (value) => number.format(value),
    span(ms) {
      const { unit, count } = spanParts(ms);
      return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(count);
    },
  };
}
