/** Routes of rules of notifications: those of the token's dealer, and those of one customer. */
import { UsageError } from "../../../common/core/errors.ts";
import {
  changeRule,
  createRule,
  findRule,
  type ListedRule,
  listRules,
  pauseRule,
  removeRule,
  resumeRule,
  type Whose,
} from "../../notifications/rules.ts";
import { listSent, testRule } from "../../notifications/sent_notifications.ts";
import { cursorOf, positionOf } from "./paging.ts";
import { Problem } from "./problem.ts";
import type { RestRequest, RestRoute } from "./route.ts";
import * as schemas from "./rule_schemas.ts";
import { pageOf, paging } from "./schemas.ts";

const iso = (ms: number) => new Date(ms).toISOString();

function shownRule({ settings, ...rule }: ListedRule): schemas.ShownRule {
  const { ruleId, customerId, siteId, name, recipients, createdAt, pausedAt, waiting } = rule;
  const { percent = null, days = null, hours = null, digest = null, webhookId = null, ...others } = settings;
  return {
    ruleId,
    customerId,
    siteId,
    name,
    ...others,
    events: [...others.events],
    percent,
    days,
    hours: hours && { ...hours, days: [...hours.days] },
    digest,
    webhookId,
    recipients: recipients.map(({ recipientId: _, ...recipient }) => recipient),
    createdAt: iso(createdAt),
    pausedAt: pausedAt === null ? null : iso(pausedAt),
    waiting,
  };
}

function wishOf({ name, users, emails, percent, days, hours, digest, webhookId, ...others }: schemas.RuleBody) {
  const settings = {
    ...others,
    percent: percent ?? undefined,
    days: days ?? undefined,
    hours: hours ?? undefined,
    digest: digest ?? undefined,
    webhookId: webhookId ?? undefined,
  };
  return { name, users, emails, settings };
}

/** Of a route with a customer, the rules of this customer alone. */
function whoseOf({ token, by, params }: RestRequest): Whose {
  return { dealerId: token.dealerId, ...(params.customer === undefined ? {} : { customerId: by.tenant }) };
}

/** Throws Problem for one that the token may not see. */
async function ruleNamed(request: RestRequest): Promise<ListedRule> {
  const { platform, by, params } = request;
  try {
    return await findRule(platform, by, { ruleId: params.rule!, whose: whoseOf(request) });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new Problem(404, error.message);
  }
}

async function ofRule(request: RestRequest): Promise<{ ruleId: string; whose: Whose }> {
  return { ruleId: (await ruleNamed(request)).ruleId, whose: whoseOf(request) };
}

async function sentPage(request: RestRequest) {
  const { platform, by, query } = request, of = await ofRule(request), name = `sent by ${of.ruleId}`;
  const [at, notificationId] = positionOf(request, name) ?? [];
  const after = at === undefined ? undefined : { at: Number(at), notificationId: String(notificationId) };
  const rows = await listSent(platform, by, { ...of, limit: query.limit + 1, after });
  const shown = rows.slice(0, query.limit), last = shown.at(-1);
  const next = rows.length > shown.length && last !== undefined ? [last.at, last.notification_id] : undefined;
  return {
    items: shown.map(({ notification_id, at, recipient, items, isTest, state, failure }): schemas.Sent => ({
      notificationId: notification_id,
      at: iso(at),
      recipient,
      events: items,
      isTest,
      state,
      failure,
    })),
    next: cursorOf(request, name, next),
  };
}

interface Place {
  root: string;
  access: "dealer" | "whole";
  newRule: RestRoute["body"] & object;
}

const ofAll = { tag: "Notifications", permission: "manageNotifications" } as const;

function routesOf({ root, access, newRule }: Place): RestRoute[] {
  const common = { ...ofAll, access };
  return [
    {
      ...common,
      method: "get",
      path: root,
      summary: "Rules of notifications, the oldest first",
      status: 200,
      answer: pageOf(schemas.rule, "NotificationRule"),
      // Of a dealer there are 200 at most.
      handle: async (request) => ({
        items: (await listRules(request.platform, request.by, whoseOf(request))).map(shownRule),
        next: null,
      }),
    },
    {
      ...common,
      method: "post",
      path: root,
      summary: "Make a rule",
      body: newRule,
      isKeyed: true,
      status: 201,
      answer: schemas.madeRule,
      handle(request) {
        const { platform, by, token, params, body: { customerId, siteId, ...rule } } = request;
        return createRule(platform, by, {
          ...wishOf(rule),
          dealer: token.dealerId,
          customer: params.customer ?? customerId ?? undefined,
          site: siteId ?? undefined,
          whose: whoseOf(request),
        });
      },
    },
    ...routesOfOne({ access, one: `${root}/{rule}` }),
  ];
}

function routesOfOne({ access, one }: { access: Place["access"]; one: string }): RestRoute[] {
  const common = { ...ofAll, access };
  const change = (method: "post" | "delete", path: string, summary: string, work: typeof pauseRule): RestRoute => ({
    ...common,
    method,
    path,
    summary,
    status: 204,
    handle: async (request) => await work(request.platform, request.by, await ofRule(request)),
  });
  return [
    {
      ...common,
      method: "get",
      path: one,
      summary: "One rule",
      status: 200,
      answer: schemas.rule,
      handle: async (request) => shownRule(await ruleNamed(request)),
    },
    {
      ...common,
      method: "get",
      path: `${one}/sent`,
      summary: "What the rule has sent within a month, the newest first, and what became of it",
      query: paging,
      status: 200,
      answer: pageOf(schemas.sent, "SentNotification"),
      handle: sentPage,
    },
    {
      ...common,
      method: "put",
      path: one,
      summary: "Replace the settings of a rule; its customer and site stay",
      body: schemas.ruleBody,
      status: 200,
      answer: schemas.rule,
      async handle(request) {
        await changeRule(request.platform, request.by, { ...await ofRule(request), ...wishOf(request.body) });
        return shownRule(await ruleNamed(request));
      },
    },
    change("post", `${one}/pause`, "Send nothing; events until it is resumed are not reported later", pauseRule),
    change("post", `${one}/resume`, "Report events from now on", resumeRule),
    {
      ...common,
      method: "post",
      path: `${one}/test`,
      summary: "Notify everybody whom the rule names, now",
      isKeyed: true,
      status: 200,
      answer: schemas.tested,
      handle: async (request) => await testRule(request.platform, request.by, await ofRule(request)),
      show: (notifications: number) => ({ notifications }),
    },
    change("delete", one, "Remove a rule with what waits", removeRule),
  ];
}

export const ruleRoutes: readonly RestRoute[] = [
  ...routesOf({ root: "/notification-rules", access: "dealer", newRule: schemas.newRule }),
  ...routesOf({
    root: "/customers/{customer}/notification-rules",
    access: "whole",
    newRule: schemas.newCustomerRule,
  }),
];
