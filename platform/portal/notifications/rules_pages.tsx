/** Rules of notifications: the list, one of them, and the page of the link by which a person ends its mails. */
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
import type { RuleSettings } from "../../notifications/settings.ts";
import { maybeStopLink, stopMails } from "../../notifications/stop_links.ts";
import { listWebhooks } from "../../interfaces/webhooks.ts";
import { readHasMail } from "../../users/user_mails.ts";
import { Message, pageOf, Table } from "../page/layout.tsx";
import type { PublicRequest, Route, UserRequest } from "../page/route.ts";
import { dayName, eventKeys, newRule, ruleFields, tellable, type TypedRule, typedRule } from "./rule_form.tsx";
import { NotificationTabs } from "./notification_tabs.tsx";
import { makeWebhook, webhookChanges, webhookPage, webhooksPage } from "./webhooks_pages.tsx";

const path = "/notifications";

export function whoseOf({ viewer: { dealerId, customerId } }: UserRequest): Whose {
  return { dealerId, customerId };
}

interface Said {
  message?: string | undefined;
  typed?: TypedRule | undefined;
  good?: string | undefined;
}

export async function rulesPage(request: UserRequest, { message, typed }: Said = {}): Promise<Response> {
  const { t, platform, by } = request;
  const rows = await listRules(platform, by, whoseOf(request)), isMailing = await readHasMail(platform, by);
  return await pageOf(request, {
    title: t("notifications"),
    ...(message === undefined ? {} : { status: 422 }),
    children: (
      <>
        <NotificationTabs request={request} current="notifications" />
        {message !== undefined && <Message>{message}</Message>}
        {!isMailing && <Message>{t("noMailYet")}</Message>}
        <p>{t("notificationsHelp")}</p>
        <Table
          rows={rows}
          empty={t("none")}
          caption={t("notifications")}
          isTitled
          columns={[
            { heading: t("name"), cell: ({ ruleId, name }) => <a href={`${path}/${ruleId}`}>{name}</a> },
            { heading: t("state"), cell: (rule) => stateText(request, rule) },
            { heading: t("ruleFor"), cell: (rule) => placeText(request, rule) },
            {
              heading: t("ruleOf"),
              cell: ({ settings }) => settings.events.map((event) => <div>{t(eventKeys[event])}</div>),
            },
            { heading: t("ruleTold"), cell: (rule) => <Told request={request} rule={rule} /> },
            { heading: t("ruleWhen"), cell: ({ settings }) => whenText(request, settings) },
            { heading: t("action"), cell: (rule) => <PauseButton request={request} rule={rule} /> },
          ]}
        />
        <h2>{t("ruleNew")}</h2>
        <form method="post" action={path}>
          {await ruleFields({ request, typed: typed ?? newRule(request), isNew: true })}
          <button type="submit">{t("ruleSave")}</button>
        </form>
      </>
    ),
  });
}

function stateText({ t, formats }: UserRequest, { pausedAt, waiting }: ListedRule) {
  return (
    <>
      <div>{pausedAt === null ? t("ruleActive") : t("rulePaused", { since: formats.day(pausedAt) })}</div>
      {waiting > 0 && <div class="quiet">{t("ruleWaiting", { count: waiting })}</div>}
    </>
  );
}

function placeText({ t }: UserRequest, { customer, site }: ListedRule): string {
  if (customer === null) return t("wholeDealer");
  return site === null ? customer : `${customer}: ${site}`;
}

function whenText({ t, language }: UserRequest, { hours, zone, digest }: RuleSettings): string {
  const parts: string[] = [];
  if (digest !== undefined) parts.push(t("dailyAt", { time: digest }));
  if (hours !== undefined) {
    const days = hours.days.map((day) => dayName(day, language, "short")).join(" ");
    parts.push(`${days} ${hours.from}–${hours.to}`);
  }
  return parts.length === 0 ? t("always") : `${parts.join(", ")} (${zone})`;
}

function Told({ request: { t }, rule: { recipients, settings } }: { request: UserRequest; rule: ListedRule }) {
  return (
    <>
      {recipients.map(({ email, isStopped, isActive }) => (
        <div>
          {email}
          {isStopped && <span class="quiet">: {t("recipientStopped")}</span>}
          {!isActive && <span class="quiet">: {t("recipientInactive")}</span>}
        </div>
      ))}
      {settings.webhookId !== undefined && (
        <div>
          <a href={`/webhooks/${settings.webhookId}`}>{settings.webhookId}</a>
        </div>
      )}
    </>
  );
}

function PauseButton({ request: { t }, rule: { ruleId, name, pausedAt } }: { request: UserRequest; rule: ListedRule }) {
  const [action, text] = pausedAt === null ? ["pause", t("pauseIt")] : ["resume", t("resumeIt")];
  return (
    <form method="post" action={`${path}/${ruleId}/${action}`}>
      <button class="plain" type="submit" aria-label={`${text}: ${name}`}>{text}</button>
    </form>
  );
}

export async function makeRule(request: UserRequest): Promise<Response> {
  const { c, platform, by, viewer, customers } = request;
  let typed: TypedRule | undefined;
  try {
    typed = await typedRule(request);
    const { place, site, ...wish } = typed, customer = viewer.customerId ?? (place || undefined);
    // Those of the dealer where the viewer may make rules.
    if (customer !== undefined && !customers.some(({ customerId }) => customerId === customer)) {
      throw new UsageError("Cannot find this customer");
    }
    const { ruleId } = await createRule(platform, by, {
      ...wish,
      dealer: viewer.dealerId,
      customer,
      site: site || undefined,
      whose: whoseOf(request),
    });
    return c.redirect(`${path}/${ruleId}`, 303);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return await rulesPage(request, { message: error.message, typed });
  }
}

export async function rulePage(request: UserRequest, { message, typed, good }: Said = {}): Promise<Response> {
  const { t, platform, by, c, formats } = request;
  const of = { ruleId: c.req.param("rule") ?? "", whose: whoseOf(request) };
  const rule = await findRule(platform, by, of),
    sent = await listSent(platform, by, of),
    own = `${path}/${rule.ruleId}`;
  const shown: TypedRule = typed ?? {
    name: rule.name,
    settings: rule.settings,
    users: rule.recipients.flatMap(({ userId }) => userId ?? []),
    emails: rule.recipients.flatMap(({ userId, email }) => userId === null ? [email] : []),
    place: rule.customerId ?? "",
    site: rule.site ?? "",
  };
  return await pageOf(request, {
    title: rule.name,
    ...(message === undefined ? {} : { status: 422 }),
    children: (
      <>
        <NotificationTabs request={request} current="notifications" />
        {message !== undefined && <Message>{message}</Message>}
        {good !== undefined && <Message good>{good}</Message>}
        <p>
          {placeText(request, rule)}
        </p>
        {stateText(request, rule)}
        <div class="row">
          <PauseButton request={request} rule={rule} />
          <form method="post" action={`${own}/test`}>
            <button class="plain" type="submit">{t("sendTest")}</button>
          </form>
          <form method="post" action={`${own}/remove`}>
            <button class="plain" type="submit">{t("ruleRemove")}</button>
          </form>
        </div>
        <h2>{t("ruleTold")}</h2>
        <Told request={request} rule={rule} />
        <h2>{t("sentLately")}</h2>
        <Table
          rows={sent}
          empty={t("none")}
          caption={t("sentLately")}
          isTitled
          columns={[
            { heading: t("whenAt"), cell: ({ at }) => formats.time(at) },
            { heading: t("sentTo"), cell: ({ recipient }) => recipient },
            {
              heading: t("sentItems"),
              isNumber: true,
              cell: ({ items, isTest }) => isTest ? t("isTest") : formats.number(items),
            },
            {
              heading: t("state"),
              cell: ({ state, failure }) => `${t(`sentState_${state}`)}${failure === null ? "" : `: ${failure}`}`,
            },
          ]}
        />
        <h2>{t("ruleChange")}</h2>
        <form method="post" action={own}>
          {await ruleFields({ request, typed: shown, isNew: false })}
          <button type="submit">{t("ruleSave")}</button>
        </form>
      </>
    ),
  });
}

/* What the form does not offer the viewer, such as users of the dealer to one of a customer, stays as it is. */
async function withUnseen(
  request: UserRequest,
  { recipients, settings }: ListedRule,
  typed: TypedRule,
): Promise<TypedRule> {
  const seen = new Set((await tellable(request)).map(({ userId }) => userId));
  const users = recipients.flatMap(({ userId }) => userId === null || seen.has(userId) ? [] : [userId]);
  const hooks = await listWebhooks(request.platform, request.by, whoseOf(request)), { webhookId } = settings;
  const isUnseen = webhookId !== undefined && hooks.every((hook) => hook.webhookId !== webhookId);
  return {
    ...typed,
    users: [...typed.users, ...users],
    settings: { ...(isUnseen ? { webhookId } : {}), ...typed.settings },
  };
}

export async function editRule(request: UserRequest): Promise<Response> {
  const { c, platform, by, t } = request;
  let typed: TypedRule | undefined;
  try {
    const of = { ruleId: c.req.param("rule") ?? "", whose: whoseOf(request) };
    typed = await typedRule(request);
    await changeRule(platform, by, { ...of, ...await withUnseen(request, await findRule(platform, by, of), typed) });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return await rulePage(request, { message: error.message, typed });
  }
  return await rulePage(request, { good: t("ruleSaved") });
}

export const ruleChanges: Record<"pause" | "resume" | "remove" | "test", (request: UserRequest) => Promise<Response>> =
  {
    async pause(request) {
      const { c, platform, by } = request;
      await pauseRule(platform, by, { ruleId: c.req.param("rule") ?? "", whose: whoseOf(request) });
      return c.redirect(path, 303);
    },
    async resume(request) {
      const { c, platform, by } = request;
      await resumeRule(platform, by, { ruleId: c.req.param("rule") ?? "", whose: whoseOf(request) });
      return c.redirect(path, 303);
    },
    async remove(request) {
      const { c, platform, by } = request;
      await removeRule(platform, by, { ruleId: c.req.param("rule") ?? "", whose: whoseOf(request) });
      return c.redirect(path, 303);
    },
    async test(request) {
      const { c, platform, by, t } = request;
      try {
        await testRule(platform, by, { ruleId: c.req.param("rule") ?? "", whose: whoseOf(request) });
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        return await rulePage(request, { message: error.message });
      }
      return await rulePage(request, { good: t("testSent") });
    },
  };

function linkOf({ c }: PublicRequest) {
  return { recipientId: c.req.param("recipient") ?? "", proof: c.req.param("proof") ?? "" };
}

export async function stopPage(request: PublicRequest): Promise<Response> {
  const { t, c, platform } = request, found = await maybeStopLink(platform, linkOf(request));
  if (found === undefined) return await c.notFound();
  const { rule, isStopped } = found;
  return await pageOf(request, {
    title: t("stopTitle"),
    narrow: true,
    children: isStopped ? <p>{t("stopDone", { rule })}</p> : (
      <>
        <p>{t("stopAsk", { rule })}</p>
        <form method="post" action={c.req.path}>
          <button type="submit">{t("stopDo")}</button>
        </form>
      </>
    ),
  });
}

/** By the form of the page, or at once by a mail program (RFC 8058). */
export async function stop(request: PublicRequest): Promise<Response> {
  const link = linkOf(request);
  if (await maybeStopLink(request.platform, link) === undefined) return await request.c.notFound();
  await stopMails(request.platform, link);
  return await stopPage(request);
}

const common = { access: "dealer", permission: "manageNotifications" } as const;
const stopPath = "/notification-stop/:recipient/:proof";

/* A webhook tells another program all that happens, and its secret is shown: both need a further proof. */
export const notificationRoutes: Route[] = [
  { method: "GET", path: "/notifications", ...common, handle: (request: UserRequest) => rulesPage(request) },
  { method: "POST", path: "/notifications", ...common, handle: makeRule },
  { method: "GET", path: "/notifications/:rule", ...common, handle: (request: UserRequest) => rulePage(request) },
  { method: "POST", path: "/notifications/:rule", ...common, handle: editRule },
  ...(["pause", "resume", "remove", "test"] as const).map((change): Route => ({
    method: "POST",
    path: `/notifications/:rule/${change}`,
    ...common,
    handle: ruleChanges[change],
  })),
  { method: "GET", path: stopPath, access: "public", handle: stopPage },
  // Mail programs send it without a page (RFC 8058); it has no effect but that of its own link.
  { method: "POST", path: stopPath, access: "public", fromElsewhere: { maxBytes: 1024 }, handle: stop },
  { method: "GET", path: "/webhooks", ...common, handle: (request: UserRequest) => webhooksPage(request) },
  { method: "POST", path: "/webhooks", ...common, confirmed: true, handle: makeWebhook },
  { method: "GET", path: "/webhooks/:webhook", ...common, handle: (request: UserRequest) => webhookPage(request) },
  ...(["pause", "resume", "test", "rotate", "resend", "remove"] as const).map((change): Route => ({
    method: "POST",
    path: `/webhooks/:webhook/${change}`,
    ...common,
    ...(change === "rotate" ? { confirmed: true as const } : {}),
    handle: webhookChanges[change],
  })),
];
