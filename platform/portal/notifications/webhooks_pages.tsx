/** Webhooks: the list, and one of them with its deliveries. */
import { UsageError } from "../../../common/core/errors.ts";
import { eventTypes } from "../../events/queue_events.ts";
import {
  createWebhook,
  listDeliveries,
  type ListedDelivery,
  type ListedWebhook,
  listWebhooks,
  pauseWebhook,
  removeWebhook,
  resendDeliveries,
  rotateWebhookSecret,
  testWebhook,
} from "../../interfaces/webhooks.ts";
import { field, fieldList } from "../page/form.ts";
import { Copyable, Facts, Field, Message, pageOf, Table } from "../page/layout.tsx";
import type { UserRequest } from "../page/route.ts";
import type { Key } from "../words/words.ts";
import { NotificationTabs } from "./notification_tabs.tsx";

const path = "/webhooks";

interface Said {
  message?: string | undefined;
  good?: string | undefined;
  secret?: string | undefined;
  typed?: { url: string; events: readonly string[]; description: string; place: string } | undefined;
}

const eventKey = (event: string) => `event_${event.replace(".", "_")}` as Key;
const textOf = ({ t }: UserRequest, event: string) => Object.hasOwn(eventTypes, event) ? t(eventKey(event)) : event;

function theirs({ viewer: { dealerId, customerId } }: UserRequest) {
  return { dealerId, customerId };
}

function ofOne(request: UserRequest) {
  return { webhookId: request.c.req.param("webhook") ?? "", ...theirs(request) };
}

function Secret({ request: { t }, secret }: { request: UserRequest; secret: string }) {
  return (
    <Message good>
      {t("webhookSecret")}
      <Copyable t={t}>{secret}</Copyable>
    </Message>
  );
}

export async function webhooksPage(request: UserRequest, { message, secret, typed }: Said = {}): Promise<Response> {
  const { t, platform, by, formats, viewer, customers } = request;
  const rows = await listWebhooks(platform, by, theirs(request));
  const nameOf = (id: string | null) =>
    id === null ? t("wholeDealer") : customers.find(({ customerId }) => customerId === id)?.name ?? id;
  return await pageOf(request, {
    title: t("webhooks"),
    scripts: ["/copy.js"],
    ...(message === undefined ? {} : { status: 422 }),
    children: (
      <>
        <NotificationTabs request={request} current="webhooks" />
        {message !== undefined && <Message>{message}</Message>}
        {secret !== undefined && <Secret request={request} secret={secret} />}
        <p>{t("webhooksHelp")}</p>
        <Table
          rows={rows}
          empty={t("none")}
          caption={t("webhooks")}
          isTitled
          columns={[
            {
              heading: t("webhooks"),
              cell: ({ webhookId, url, description }) => (
                <>
                  <a href={`${path}/${webhookId}`}>{description || webhookId}</a>
                  <div class="quiet">{new URL(url).host}</div>
                </>
              ),
            },
            { heading: t("state"), cell: (row) => stateText(request, row) },
            { heading: t("ruleFor"), cell: ({ customerId }) => nameOf(customerId) },
            {
              heading: t("webhookEvents"),
              cell: ({ events }) => events.map((event) => <div>{textOf(request, event)}</div>),
            },
            { heading: t("webhookWaiting"), isNumber: true, cell: ({ waiting }) => formats.number(waiting) },
            { heading: t("webhookDead"), isNumber: true, cell: ({ dead }) => formats.number(dead) },
          ]}
        />
        <h2>{t("webhookNew")}</h2>
        <form method="post" action={path}>
          <Field name="url" label={t("webhookUrl")} value={typed?.url ?? ""} autocomplete="off" />
          <Field
            name="description"
            label={t("webhookAbout")}
            value={typed?.description ?? ""}
            autocomplete="off"
            required={false}
          />
          <div class="field">
            <label for="place">{t("customer")}</label>
            <select id="place" name="place">
              {viewer.customerId === undefined && <option value="">{t("wholeDealer")}</option>}
              {customers.map(({ customerId, name }) => (
                <option value={customerId} selected={typed?.place === customerId}>{name}</option>
              ))}
            </select>
          </div>
          <fieldset>
            <legend>{t("webhookEvents")}</legend>
            {Object.keys(eventTypes).map((event) => (
              <label class="check">
                <input type="checkbox" name="event" value={event} checked={typed?.events.includes(event) ?? false} />
                {" "}
                {t(eventKey(event))}
              </label>
            ))}
          </fieldset>
          <button type="submit">{t("webhookMake")}</button>
        </form>
      </>
    ),
  });
}

function stateText({ t, formats }: UserRequest, { pausedAt }: ListedWebhook): string {
  return pausedAt === null ? t("ruleActive") : t("rulePaused", { since: formats.day(pausedAt) });
}

export async function makeWebhook(request: UserRequest): Promise<Response> {
  const { c, platform, by, viewer, customers } = request;
  const typed = {
    url: (await field(c, "url")).trim(),
    events: await fieldList(c, "event"),
    description: (await field(c, "description")).trim(),
    place: await field(c, "place"),
  };
  try {
    const customer = viewer.customerId ?? (typed.place || undefined);
    if (customer !== undefined && !customers.some(({ customerId }) => customerId === customer)) {
      throw new UsageError("Cannot find this customer");
    }
    if (typed.description.length > 200 || /\p{Cc}/u.test(typed.description)) {
      throw new UsageError("Cannot use the description: it has at most 200 characters and no control characters");
    }
    const { secret } = await createWebhook(platform, by, { ...typed, dealer: viewer.dealerId, customer });
    return await webhooksPage(request, { secret });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return await webhooksPage(request, { message: error.message, typed });
  }
}

async function findWebhook(request: UserRequest): Promise<ListedWebhook> {
  const { webhookId } = ofOne(request);
  const found = (await listWebhooks(request.platform, request.by, theirs(request)))
    .find((row) => row.webhookId === webhookId);
  if (found === undefined) throw new UsageError("Cannot find this webhook");
  return found;
}

export async function webhookPage(request: UserRequest, { message, good, secret }: Said = {}): Promise<Response> {
  const { t, platform, by, c, formats } = request, hook = await findWebhook(request), own = `${path}/${hook.webhookId}`;
  const isDead = c.req.query("state") === "dead";
  const rows = await listDeliveries(platform, by, { ...ofOne(request), ...(isDead ? { state: "dead" } : {}) });
  const button = (action: string, text: string) => (
    <form method="post" action={`${own}/${action}`}>
      <button class="plain" type="submit">{text}</button>
    </form>
  );
  return await pageOf(request, {
    title: hook.description || hook.webhookId,
    scripts: ["/copy.js"],
    ...(message === undefined ? {} : { status: 422 }),
    children: (
      <>
        <NotificationTabs request={request} current="webhooks" />
        {message !== undefined && <Message>{message}</Message>}
        {good !== undefined && <Message good>{good}</Message>}
        {secret !== undefined && <Secret request={request} secret={secret} />}
        <Facts
          rows={[
            [t("webhookAddress"), hook.url],
            [t("state"), stateText(request, hook)],
            [t("webhookEvents"), hook.events.map((event) => textOf(request, event)).join(", ")],
          ]}
        />
        <div class="row">
          {hook.pausedAt === null ? button("pause", t("pauseIt")) : button("resume", t("resumeIt"))}
          {button("test", t("sendTest"))}
          {button("rotate", t("webhookRotate"))}
          {hook.dead > 0 && button("resend", t("deliveryResendAll"))}
          {button("remove", t("removeIt"))}
        </div>
        <p class="help">{t("webhookPausedHelp")} {t("webhookRotateHelp")}</p>
        <h2>{t("deliveries")}</h2>
        <p>
          {isDead ? <a href={own}>{t("deliveriesAll")}</a> : <a href={`${own}?state=dead`}>{t("deliveriesDead")}</a>}
        </p>
        <Table
          rows={rows}
          empty={t("none")}
          caption={t("deliveries")}
          isTitled
          columns={[
            { heading: t("whenAt"), cell: ({ created_at }) => formats.time(created_at) },
            { heading: t("event"), cell: ({ type }) => textOf(request, type) },
            { heading: t("state"), cell: (row) => deliveryText(request, row) },
            { heading: t("deliveryTries"), isNumber: true, cell: ({ tries }) => formats.number(tries) },
            {
              heading: t("action"),
              cell: ({ delivery_id, state }) =>
                state === "dead" && (
                  <form method="post" action={`${own}/resend`}>
                    <input type="hidden" name="delivery" value={delivery_id} />
                    <button class="plain" type="submit" aria-label={`${t("deliveryResend")}: ${delivery_id}`}>
                      {t("deliveryResend")}
                    </button>
                  </form>
                ),
            },
          ]}
        />
      </>
    ),
  });
}

function deliveryText({ t }: UserRequest, { state, failure, status }: ListedDelivery): string {
  const key = state === "sent" || state === "dead" ? state : "waiting";
  const more = failure ?? (status === null ? undefined : String(status));
  return `${t(`deliveryState_${key}`)}${more === undefined ? "" : `: ${more}`}`;
}

type Change = (request: UserRequest) => Promise<Response>;

/* What is refused is said on the page of the webhook. */
const said = (change: (request: UserRequest) => Promise<Said | undefined>): Change => async (request) => {
  await findWebhook(request);
  try {
    const done = await change(request);
    return done === undefined
      ? request.c.redirect(`${path}/${ofOne(request).webhookId}`, 303)
      : await webhookPage(request, done);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return await webhookPage(request, { message: error.message });
  }
};

export const webhookChanges: Record<"pause" | "resume" | "test" | "rotate" | "resend" | "remove", Change> = {
  pause: said(async (request) => {
    await pauseWebhook(request.platform, request.by, { ...ofOne(request), isPaused: true });
    return undefined;
  }),
  resume: said(async (request) => {
    await pauseWebhook(request.platform, request.by, { ...ofOne(request), isPaused: false });
    return undefined;
  }),
  test: said(async (request) => {
    await testWebhook(request.platform, request.by, ofOne(request));
    return { good: request.t("testSent") };
  }),
  rotate: said(async (request) => {
    const { secret } = await rotateWebhookSecret(request.platform, request.by, ofOne(request));
    return { secret };
  }),
  resend: said(async (request) => {
    const deliveryId = await field(request.c, "delivery") || undefined;
    await resendDeliveries(request.platform, request.by, { ...ofOne(request), deliveryId });
    return undefined;
  }),
  async remove(request) {
    await removeWebhook(request.platform, request.by, ofOne(request));
    return request.c.redirect(path, 303);
  },
};
