/** Web pages of devices: opening one, its session, its links and its end. */
import { UsageError } from "../../../common/core/errors.ts";
import {
  closeSession,
  listSessions,
  longestSessionMs,
  openSession,
  type ShownSession,
  showSession,
} from "../../access/manage_sessions.ts";
import { createLink, listRequests } from "../../access/web_sessions.ts";
import { maybeDevice } from "../fleet/device_page.tsx";
import { customerPage } from "../page/customer_page.tsx";
import { field } from "../page/form.ts";
import { pageNumber, pageOf, Pager, pageSize, Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { tenantOf, visibleAgents } from "./visible_agents.ts";

/* A page shows what happens without scripts: it is loaded again while something goes on. */
const again = { "refresh": "3" };

export async function openPage(request: CustomerRequest): Promise<Response> {
  const { platform, c, customer } = request, device = await maybeDevice(request);
  if (device === undefined) return await c.notFound();
  const wanted = Number(await field(c, "port") || "80");
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > 65_535) {
    throw new UsageError("Cannot use the port: it is 1 to 65535");
  }
  const { sessionId } = await openSession(platform, tenantOf(request), {
    device: device.view.row.device_id,
    port: wanted,
    scheme: (await field(c, "https")) === "1" || wanted === 443 ? "https" : "http",
    lastsMs: longestSessionMs,
  });
  return c.redirect(`/customers/${customer.customerId}/sessions/${sessionId}`, 303);
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
  const agents = await visibleAgents(request);
  return agents.some(({ agent_id }) => agent_id === session.agent_id) ? session : undefined;
}

const isLive = ({ state }: ShownSession) => state === "waiting" || state === "open";

export async function sessionPage(request: CustomerRequest): Promise<Response> {
  const { t, formats, platform, customer, c, viewer } = request, session = await visibleSession(request);
  if (session === undefined) return await c.notFound();
  const { session_id: sessionId } = session, root = `/customers/${customer.customerId}/sessions/${sessionId}`;
  if (isLive(session)) c.header("refresh", again.refresh);
  const requests = await listRequests(platform, tenantOf(request), { sessionId, limit: 200 });
  const isOwn = session.opened_by === `user:${viewer.email}`;
  const facts: [string, string][] = [
    [
      t("state"),
      t(`session_${session.state}`) + (session.step === undefined ? "" : `: ${t(`step_${stepOf(session.step)}`)}`),
    ],
    [t("address"), `${session.address}:${session.port}`],
    [t("who"), session.opened_by],
    [t("until"), formats.time(session.ends_at)],
    ...(session.reason === null ? [] : [[t("note"), session.reason] as [string, string]]),
  ];
  return await customerPage(request, {
    title: t("webAccess"),
    tab: "sessions",
    children: (
      <>
        <dl class="facts">
          {facts.map(([name, value]) => (
            <>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </>
          ))}
        </dl>
        {isLive(session) && (
          <div class="filters">
            {isOwn && (
              <form method="post" action={`${root}/link`} target="_blank">
                <button type="submit">{t("openPage")}</button>
              </form>
            )}
            <form method="post" action={`${root}/end`}>
              <button class="plain" type="submit">{t("end")}</button>
            </form>
          </div>
        )}
        <h2>{t("requests")}</h2>
        <Table
          rows={requests}
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
      </>
    ),
  });
}

function stepOf(step: string): "checking" | "waiting" | "opening" {
  return step === "checking" || step === "waiting" ? step : "opening";
}

export async function sessionsPage(request: CustomerRequest): Promise<Response> {
  const { t, formats, platform, customer, c } = request, page = pageNumber(c);
  const agents = new Set((await visibleAgents(request)).map(({ agent_id }) => agent_id));
  const found = await listSessions(platform, tenantOf(request), { limit: pageSize + 1, offset: page * pageSize });
  const rows = found.slice(0, pageSize).filter(({ agent_id }) => customer.sites === "all" || agents.has(agent_id));
  return await customerPage(request, {
    title: `${customer.name}: ${t("webAccess")}`,
    tab: "sessions",
    children: (
      <>
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
            { heading: t("who"), cell: ({ opened_by }) => opened_by },
            { heading: t("time"), cell: ({ created_at }) => formats.time(created_at) },
          ]}
        />
        <Pager request={request} page={page} shown={rows.length} hasMore={found.length > pageSize} />
      </>
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

export async function endSession(request: CustomerRequest): Promise<Response> {
  const { platform, c, customer } = request, session = await visibleSession(request);
  if (session === undefined) return await c.notFound();
  const { session_id: sessionId } = session;
  await closeSession(platform, tenantOf(request), { sessionId, reason: "it was ended in the portal" });
  return c.redirect(`/customers/${customer.customerId}/sessions/${sessionId}`, 303);
}
