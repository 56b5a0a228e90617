/** Shapes of rules of notifications, from which the OpenAPI document is made. What they mean: docs/notifications.md. */
import { z } from "@hono/zod-openapi";
import { defaultRule, leastSeverities, limits, type RuleEvent, ruleEvents } from "../../notifications/settings.ts";
import { languages } from "../../users/users.ts";

const id = z.string().min(1).max(100), time = z.string().max(5);
const hours = z.strictObject({
  days: z.array(z.int().min(1).max(7)).min(1).max(7).openapi({ description: "1 is Monday" }),
  from: time,
  to: time,
}).nullable().openapi({ description: "Working hours, such as 08:00 to 17:00; null: always" });

const settings = {
  events: z.array(z.enum(Object.keys(ruleEvents) as RuleEvent[])).min(1).openapi({
    description: Object.entries(ruleEvents).map(([name, what]) => `${name}: ${what}`).join("; "),
  }),
  severity: z.enum(leastSeverities).openapi({ description: "Of what printers report: this one and more severe ones" }),
  percent: z.int().min(0).max(limits.percent).nullable().openapi({
    description: "Supplies at this many per cent or less; without percent and days, by the limits of each customer",
  }),
  days: z.int().min(1).max(limits.days).nullable().openapi({
    description: "Supplies that are empty within this many days",
  }),
  ends: z.boolean().openapi({ description: "Also report the end of an alert that was reported" }),
  hours,
  zone: z.string().max(60).openapi({ description: "Time zone of hours and digest, such as Europe/Berlin" }),
  urgent: z.boolean().openapi({ description: "Critical ones wait neither for the hours nor for the digest" }),
  groupMinutes: z.int().min(0).max(limits.groupMinutes),
  digest: time.nullable().openapi({ description: "One mail a day at this time; null: as it happens" }),
  mostPerHour: z.int().min(1).max(limits.mostPerHour),
  language: z.enum(languages).openapi({ description: "Of mails to `emails`; users have a language of their own" }),
  webhookId: id.nullable().openapi({ description: "A webhook that is notified as well" }),
};

export const rule = z.strictObject({
  ruleId: id,
  customerId: id.nullable().openapi({ description: "Null: of all customers" }),
  siteId: id.nullable(),
  name: z.string(),
  ...settings,
  recipients: z.array(z.strictObject({
    userId: id.nullable(),
    email: z.string(),
    isStopped: z.boolean().openapi({ description: "Wants no more mails of this rule" }),
    isActive: z.boolean().openapi({ description: "False: a user who is deactivated or not active yet, and gets none" }),
  })),
  createdAt: z.iso.datetime(),
  pausedAt: z.iso.datetime().nullable(),
  waiting: z.int().openapi({ description: "Events that wait to be sent" }),
}).openapi("NotificationRule");
export type ShownRule = z.infer<typeof rule>;

const people = z.array(z.string().min(1).max(254)).max(limits.recipients).default([]);
const { events, severity, ends, zone, urgent, groupMinutes, mostPerHour, language } = defaultRule;
const body = {
  name: z.string().min(1).max(100),
  events: settings.events.default([...events]),
  severity: settings.severity.default(severity),
  percent: settings.percent.default(defaultRule.percent ?? null),
  days: settings.days.default(defaultRule.days ?? null),
  ends: settings.ends.default(ends),
  hours: hours.default(
    defaultRule.hours === undefined ? null : {
      ...defaultRule.hours,
      days: [...defaultRule.hours.days],
    },
  ),
  zone: settings.zone.default(zone),
  urgent: settings.urgent.default(urgent),
  groupMinutes: settings.groupMinutes.default(groupMinutes),
  digest: settings.digest.default(null),
  mostPerHour: settings.mostPerHour.default(mostPerHour),
  language: settings.language.default(language),
  webhookId: settings.webhookId.default(null),
  users: people.openapi({ description: "Ids or e-mail addresses of users" }),
  emails: people.openapi({ description: "E-mail addresses of others" }),
};

export const ruleBody = z.strictObject(body).openapi("NotificationRuleBody");
export type RuleBody = z.infer<typeof ruleBody>;

const siteId = id.nullable().default(null).openapi({ description: "Of this site of the customer alone" });
export const newCustomerRule = z.strictObject({ ...body, siteId }).openapi("NewCustomerNotificationRule");
export const newRule = z.strictObject({
  ...body,
  customerId: id.nullable().default(null).openapi({ description: "Null: of all customers" }),
  siteId,
}).openapi("NewNotificationRule");

export const madeRule = z.strictObject({ ruleId: id }).openapi("MadeNotificationRule");
export const sent = z.strictObject({
  notificationId: id,
  at: z.iso.datetime(),
  recipient: z.string().openapi({ description: "E-mail address, or address of a webhook" }),
  events: z.int().openapi({ description: "How many it tells of" }),
  isTest: z.boolean(),
  state: z.enum(["waiting", "sent", "failed", "unknown"]).openapi({
    description: "What became of it; `unknown` once that is not kept any more",
  }),
  failure: z.string().nullable(),
}).openapi("SentNotification");
export type Sent = z.infer<typeof sent>;
export const tested = z.strictObject({ notifications: z.int() }).openapi("TestedNotificationRule", {
  description: "How many are on their way",
});
