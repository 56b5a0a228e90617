/** Web pages of devices: opening one, its session, its links and its end. */
import type { Child } from "hono/jsx";
import { markInvisible } from "../../../common/core/escape_invisible.ts";
import { safeText } from "../../../common/core/safe_text.ts";
import { UsageError } from "../../../common/core/errors.ts";
import { closeSession, longestSessionMs, type ShownSession, showSession } from "../../access/manage_sessions.ts";
import { extendSession, extensionOf } from "../../access/extend_session.ts";
import { askForSession } from "../../access/approvals.ts";
import { newestSessions } from "../../interfaces/newest_first.ts";
import { createLink, listRequests } from "../../access/web_sessions.ts";
import { maybeDevice } from "../fleet/device_page.tsx";
import { SessionEnd, sessionState } from "../fleet/device_sessions.tsx";
import { customerPage, rootOf } from "../page/customer_page.tsx";
import { field } from "../page/form.ts";
import { Facts, pageOf, Table } from "../page/layout.tsx";
import { Live, liveScripts } from "../page/live.tsx";
import { Pager, shownPage } from "../page/pager.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { personOf } from "../page/person.ts";
import { refreshSeconds } from "./task_texts.ts";
import { maybeVisibleAgent, tenantOf } from "./visible_agents.ts";

export async function openPage(request: CustomerRequest): Promise<Response> {
  const { platform, c, customer } = request, device = await maybeDevice(request);
  if (device === undefined) return await c.notFound();
  const wanted = Number(await field(c, "port") || "80");
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > 65_535) {
    throw new UsageError("Cannot use the port: it is 1 to 65535");
  }
  const made = await askForSession(platform, tenantOf(request), {
    device: device.view.row.device_id,
    port: wanted,
    scheme: (await field(c, "https")) === "1" || wanted === 443 ? "https" : "http",
    lastsMs: longestSessionMs,
  });
  const path = "requestId" in made ? `approvals/${made.requestId}` : `sessions/${made.sessionId}`;
  return c.redirect(`${rootOf(customer)}/${path}?lead=1`, 303);
}

/** Sessions of devices that the viewer may see. */
async function visibleSession(request: CustomerRequest): Promise<ShownSession | undefined> {
  const { platform, c, customer } = request;
  const sessionId = c.req.param("session") ?? "";
  const session = await showSession(platform, tenantOf(request), { sessionId }).catch((error) => {
    if (error instanceof UsageError) return undefined;
    throw error;
  });
  if (session === undefined || customer.sites === "all") return session;
  return await maybeVisibleAgent(request, session.agent_id) === undefined ? undefined : session;
}

const isLive = ({ state }: ShownSession) => state === "waiting" || state === "open";

export async function sessionPage(request: CustomerRequest): Promise<Response> {
  const { t, platform, c } = request, session = await visibleSession(request);
  if (session === undefined) return await c.notFound();
  const { session_id: sessionId } = session;
  const requests = await listRequests(platform, tenantOf(request), { sessionId, limit: 200 });
  return await customerPage(request, {
    title: t("webAccess"),
    tab: "sessions",
    scripts: [...liveScripts, "/countdown.js", "/lead_on.js"],
    refreshSeconds: isLive(session) ? refreshSeconds : undefined,
    children: (
      <Live
        request={request}
        part="sessions"
        everySeconds={isLive(session) ? 5 : undefined}
        said={`${t("webAccess")}: ${sessionState(request, session)}`}
      >
        <SessionFacts request={request} session={session} />
        {session.state === "waiting" && session.step === "waiting" && (
          <ApprovalNeeded
            request={request}
            session={session}
            host={(await maybeVisibleAgent(request, session.agent_id))?.hostname ?? ""}
          />
        )}
        {session.state === "open" && await extensionPart(request, session)}
        <SessionForms request={request} session={session} />
        <h2>{t("requests")}</h2>
        <RequestLog request={request} rows={requests} />
      </Live>
    ),
  });
}

function SessionFacts({ request, session }: { request: CustomerRequest; session: ShownSession }) {
  const { t, customer } = request;
  const device = <a href={`${rootOf(customer)}/devices/${session.device_id}`}>{`${session.address}:${session.port}`}
  </a>;
  return (
    <Facts
      rows={[
        [t("state"), sessionState(request, session)],
        [t("address"), device],
        [t("who"), personOf(session.opened_by)],
        ...(session.approvedBy === undefined ? [] : [[t("approvedBy"), shown(session.approvedBy)] as const]),
        [
          t("until"),
          <SessionEnd request={request} session={session} />,
        ],
        ...(session.reason === null ? [] : [[t("note"), shown(session.reason)] as const]),
      ]}
    />
  );
}

/** Only the agent's side can approve: see docs/web-access.md. */
function ApprovalNeeded({ request: { t }, session, host }: {
  request: CustomerRequest;
  session: ShownSession;
  host: string;
}) {
  return (
    <div class="message">
      {t("approvalNeeded", { host: host || session.agent_id })}
      <code>sudo opendca sessions approve {session.session_id}</code>
    </div>
  );
}

/** One press for more time, or why there is none. */
async function extensionPart(request: CustomerRequest, session: ShownSession): Promise<Child> {
  const { t, formats, platform, customer } = request, { session_id: sessionId } = session;
  const extension = await extensionOf(platform, tenantOf(request), { sessionId });
  switch (extension.kind) {
    case "notOpen":
    case "notYours":
    case "early":
      return null;
    case "possible":
      return (
        <>
          {extension.refusal !== null && (
            <p class="warn">{t("extension_refused", { message: shown(extension.refusal) })}</p>
          )}
          <form class="filters" method="post" action={`${rootOf(customer)}/sessions/${sessionId}/extend`}>
            <button id="extend-session" type="submit">
              {t("extendSession", { until: formats.clock(extension.endsAt.getTime()) })}
            </button>
          </form>
        </>
      );
    default:
      return <p class="quiet">{t(`extension_${extension.kind}`)}</p>;
  }
}

function SessionForms({ request, session }: { request: CustomerRequest; session: ShownSession }) {
  const { t, customer, viewer } = request, root = `${rootOf(customer)}/sessions/${session.session_id}`;
  if (!isLive(session)) {
    return (
      <form class="filters" method="post" action={`${rootOf(customer)}/devices/${session.device_id}/open`}>
        <input type="hidden" name="port" value={String(session.port)} />
        <input type="hidden" name="https" value={session.scheme === "https" ? "1" : ""} />
        <button type="submit">{t("openAgain")}</button>
      </form>
    );
  }
  return (
    <div class="filters">
      {session.opened_by === `user:${viewer.email}` && (
        <form
          method="post"
          action={`${root}/link`}
          target="_blank"
          data-lead={session.state === "open" ? "" : undefined}
        >
          <button id="open-page" type="submit">{t("openPage")}</button>
        </form>
      )}
      <form method="post" action={`${root}/end`}>
        <button id="end-session" class="plain" type="submit">{t("end")}</button>
      </form>
    </div>
  );
}

function RequestLog({ request: { t, formats }, rows }: {
  request: CustomerRequest;
  rows: Awaited<ReturnType<typeof listRequests>>;
}) {
  return (
    <Table
      rows={rows}
      empty={t("none")}
      caption={t("requests")}
      isTitled
      columns={[
        { heading: t("time"), cell: ({ at }) => formats.time(at.getTime()) },
        { heading: t("action"), cell: ({ method }) => method },
        { heading: t("address"), cell: ({ path }) => path },
        { heading: t("state"), isNumber: true, cell: ({ status }) => String(status) },
      ]}
    />
  );
}

function shown(text: string): string {
  return safeText(markInvisible(text), 300);
}

export async function sessionsPage(request: CustomerRequest): Promise<Response> {
  const { t, formats, platform, customer } = request, { sites } = customer;
  const page = await shownPage(request, (wish) => newestSessions(platform, tenantOf(request), { ...wish, sites }));
  const { rows, place } = page;
  return await customerPage(request, {
    title: `${customer.name}: ${t("webAccess")}`,
    tab: "sessions",
    scripts: liveScripts,
    refreshSeconds: place === undefined && rows.some(isLive) ? refreshSeconds : undefined,
    children: (
      <Live request={request} part="sessions" said={t("sessionsOpen", { count: rows.filter(isLive).length })}>
        <Table
          rows={rows}
          empty={t("none")}
          caption={t("webAccess")}
          isTitled
          columns={[
            {
              heading: t("address"),
              cell: ({ session_id, address, port }) => (
                <a href={`/customers/${customer.customerId}/sessions/${session_id}`}>{`${address}:${port}`}</a>
              ),
            },
            { heading: t("state"), cell: ({ state }) => t(`session_${state}`) },
            { heading: t("who"), cell: ({ opened_by }) => personOf(opened_by) },
            { heading: t("time"), cell: ({ created_at }) => formats.time(created_at) },
          ]}
        />
        <Pager request={request} page={page} />
      </Live>
    ),
  });
}

/** A link for this browser, which goes on there by itself: a form's answer may not lead to another origin. */
export async function linkPage(request: CustomerRequest): Promise<Response> {
  const { t, platform, c } = request, session = await visibleSession(request);
  if (session === undefined) return await c.notFound();
  const { link } = await createLink(platform, tenantOf(request), { sessionId: session.session_id });
  c.header("refresh", `0;url=${link}`);
  c.header("referrer-policy", "no-referrer");
  const children = (
    <p>
      <a href={link}>{t("openPage")}</a>
    </p>
  );
  return await pageOf(request, { title: t("webAccess"), narrow: true, children });
}

export async function extendPage(request: CustomerRequest): Promise<Response> {
  const { platform, c, customer } = request, session = await visibleSession(request);
  if (session === undefined) return await c.notFound();
  const { session_id: sessionId } = session;
  await extendSession(platform, tenantOf(request), { sessionId });
  return c.redirect(`${rootOf(customer)}/sessions/${sessionId}`, 303);
}

export async function endSession(request: CustomerRequest): Promise<Response> {
  const { platform, c, customer } = request, session = await visibleSession(request);
  if (session === undefined) return await c.notFound();
  const { session_id: sessionId } = session;
  await closeSession(platform, tenantOf(request), { sessionId, reason: "it was ended in the portal" });
  return c.redirect(`/customers/${customer.customerId}/sessions/${sessionId}`, 303);
}
