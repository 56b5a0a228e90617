/** What people do: activation codes, tasks with their results, revocation, and web pages of devices. */
import { Buffer } from "node:buffer";
import { UsageError } from "../../common/core/errors.ts";
import {
  closeSession,
  listSessions,
  longestSessionMs,
  openSession,
  type ShownSession,
  showSession,
} from "../access/manage_sessions.ts";
import { createLink, listRequests } from "../access/web_sessions.ts";
import { createCode, listCodes, withdrawCode } from "../agents/activation_codes.ts";
import { listAgents, revokeAgent } from "../agents/manage_agents.ts";
import { cancelTask, createTask, listTasks, showTask, type TaskPayload } from "../tasks/manage_tasks.ts";
import { maybeTaskResult, taskOutcome } from "../tasks/task_outcome.ts";
import type { Permission } from "../users/permissions.ts";
import { maybeDevice } from "./device_page.tsx";
import { chosenSite, customerPage, may, SiteSelect } from "./customer_page.tsx";
import { field } from "./form.ts";
import { Message, pageNumber, pageOf, Pager, pageSize, Table } from "./layout.tsx";
import type { CustomerRequest, Route } from "./route.ts";

const dayMs = 86_400_000, hourMs = 3_600_000;
/* A page shows what happens without scripts: it is loaded again while something goes on. */
const again = { "refresh": "3" };

function tenantOf({ by, customer }: CustomerRequest) {
  return { ...by, tenant: customer.customerId };
}

/** Agents at sites that the viewer may see. */
async function visibleAgents(request: CustomerRequest) {
  const { platform, customer: { sites } } = request;
  const agents = await listAgents(platform, tenantOf(request));
  return sites === "all" ? agents : agents.filter(({ site_id }) => sites.includes(site_id));
}

/** Throws UsageError for an agent that the viewer may not see. */
async function agentId(request: CustomerRequest): Promise<string> {
  const id = request.c.req.param("agent") ?? "";
  if ((await visibleAgents(request)).some(({ agent_id }) => agent_id === id)) return id;
  throw new UsageError("Cannot find this agent");
}

async function codesPage(request: CustomerRequest, made?: { code: string; expiresAt: Date }): Promise<Response> {
  const { t, formats, platform, customer } = request, chosen = await chosenSite(request);
  const all = await listCodes(platform, tenantOf(request));
  const rows = customer.sites === "all" ? all : all.filter(({ site_id }) => customer.sites.includes(site_id));
  const root = `/customers/${customer.customerId}/codes`;
  return await customerPage(request, {
    title: `${customer.name}: ${t("codes")}`,
    tab: "codes",
    children: (
      <>
        {made !== undefined && (
          <Message good>
            {t("codeMade", { until: formats.time(made.expiresAt.getTime()) })}
            <code>{made.code}</code>
            <code>sudo opendca activate {made.code}</code>
          </Message>
        )}
        <form class="filters" method="post" action={root}>
          <SiteSelect request={request} chosen={chosen} isNeeded />
          <button type="submit">{t("codeMake")}</button>
        </form>
        <Table
          rows={rows}
          empty={t("none")}
          caption={t("codes")}
          isTitled
          columns={[
            { heading: t("code"), cell: ({ locator }) => `${locator}-…` },
            { heading: t("site"), cell: ({ site }) => site },
            { heading: t("state"), cell: ({ state }) => t(`code_${state}`) },
            { heading: t("until"), cell: ({ expires_at }) => formats.time(expires_at) },
            {
              heading: t("action"),
              cell: ({ code_id, state, locator }) =>
                state !== "open" ? null : (
                  <form method="post" action={`${root}/${code_id}/withdraw`}>
                    <button class="plain" type="submit" aria-label={`${t("withdraw")}: ${locator}`}>
                      {t("withdraw")}
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

async function makeCode(request: CustomerRequest): Promise<Response> {
  const { platform, c } = request, wanted = await field(c, "site");
  const { sites } = await chosenSite(request);
  const site = sites.find(({ site_id }) => site_id === wanted) ??
    (wanted === "" && sites.length === 1 ? sites[0] : undefined);
  if (site === undefined) throw new UsageError("Cannot make a code as it needs a site");
  return await codesPage(
    request,
    await createCode(platform, tenantOf(request), { site: site.site_id, validMs: 14 * dayMs }),
  );
}

async function withdraw(request: CustomerRequest): Promise<Response> {
  const { platform, c, customer } = request, codeId = c.req.param("code") ?? "";
  const rows = await listCodes(platform, tenantOf(request));
  const row = rows.find(({ code_id }) => code_id === codeId);
  if (row === undefined || (customer.sites !== "all" && !customer.sites.includes(row.site_id))) {
    throw new UsageError("Cannot find this code");
  }
  await withdrawCode(platform, tenantOf(request), { codeId });
  return c.redirect(`/customers/${customer.customerId}/codes`, 303);
}

const openStates = ["waiting", "delivered", "accepted", "running"];

async function tasksPage(request: CustomerRequest): Promise<Response> {
  const { t, formats, platform, customer, c } = request, page = pageNumber(c);
  const agents = new Map((await visibleAgents(request)).map((row) => [row.agent_id, row]));
  const found = await listTasks(platform, tenantOf(request), { limit: pageSize + 1, offset: page * pageSize });
  const rows = found.slice(0, pageSize).filter(({ agent_id }) => customer.sites === "all" || agents.has(agent_id));
  if (page === 0 && rows.some(({ state }) => openStates.includes(state))) c.header("refresh", again.refresh);
  return await customerPage(request, {
    title: `${customer.name}: ${t("tasks")}`,
    tab: "tasks",
    children: (
      <>
        <Table
          rows={rows}
          empty={t("none")}
          caption={t("tasks")}
          isTitled
          columns={[
            { heading: t("time"), cell: ({ created_at }) => formats.time(created_at) },
            { heading: t("task"), cell: ({ kind }) => kind },
            { heading: t("agent"), cell: ({ agent_id }) => agents.get(agent_id)?.hostname || agent_id },
            { heading: t("state"), cell: ({ state }) => state },
            {
              heading: t("result"),
              cell: (row) =>
                row.state === "succeeded" && row.kind === "diagnostics" && may(request, "runTasks")
                  ? <a href={`/customers/${customer.customerId}/tasks/${row.task_id}/archive`}>{t("archive")}</a>
                  : outcomeOf(row),
            },
            {
              heading: t("action"),
              cell: ({ task_id, state }) =>
                !openStates.includes(state) || !may(request, "runTasks")
                  ? null
                  : (
                    <form method="post" action={`/customers/${customer.customerId}/tasks/${task_id}/cancel`}>
                      <button class="plain" type="submit">{t("cancel")}</button>
                    </form>
                  ),
            },
          ]}
        />
        <Pager request={request} page={page} shown={rows.length} hasMore={found.length > pageSize} />
      </>
    ),
  });
}

function outcomeOf(row: Awaited<ReturnType<typeof listTasks>>[number]): string {
  const result = maybeTaskResult(row), progress = result?.progress;
  if (result === undefined) return row.message ?? "";
  if (row.state === "running" && progress !== undefined && progress.total > 0) {
    return `${progress.done} / ${progress.total}`;
  }
  return taskOutcome(result);
}

async function started(request: CustomerRequest, agent: string, payload: TaskPayload): Promise<Response> {
  const { platform, c, customer } = request;
  await createTask(platform, tenantOf(request), { agentId: agent, payload, validMs: hourMs });
  return c.redirect(`/customers/${customer.customerId}/tasks`, 303);
}

async function scanNow(request: CustomerRequest): Promise<Response> {
  const value = { site: "", targets: [], knownDevicesOnly: false };
  return await started(request, await agentId(request), { $case: "scanNow", value });
}

async function diagnostics(request: CustomerRequest): Promise<Response> {
  return await started(request, await agentId(request), { $case: "diagnostics", value: { logHours: 24 } });
}

/** The archive of a task that has ended. */
async function archive(request: CustomerRequest): Promise<Response> {
  const { platform, c } = request, id = c.req.param("task") ?? "";
  const agents = new Set((await visibleAgents(request)).map(({ agent_id }) => agent_id));
  const row = await showTask(platform, tenantOf(request), { taskId: id });
  const output = agents.has(row.agent_id) ? maybeTaskResult(row)?.output : undefined;
  if (output?.$case !== "diagnostics") return await c.notFound();
  return c.body(Buffer.from(output.value.bundle), 200, {
    "content-type": "application/octet-stream",
    "content-disposition": `attachment; filename="diagnostics-${id}"`,
  });
}

async function ofDevice(request: CustomerRequest, kind: "read" | "ping"): Promise<Response> {
  const device = await maybeDevice(request);
  if (device === undefined) return await request.c.notFound();
  const { agent_id, address } = device.view.row;
  return await started(
    request,
    agent_id,
    kind === "ping"
      ? { $case: "ping", value: { target: address, count: 4 } }
      : { $case: "scanNow", value: { site: "", targets: [address], knownDevicesOnly: false } },
  );
}

async function revoke(request: CustomerRequest): Promise<Response> {
  const { platform, c, customer } = request, id = await agentId(request);
  const reason = (await field(c, "reason")).trim();
  if (reason === "" || reason.length > 200 || /\p{Cc}/u.test(reason)) {
    throw new UsageError("Cannot revoke the agent without a reason of 1 to 200 characters");
  }
  await revokeAgent(platform, tenantOf(request), { agentId: id, reason });
  return c.redirect(`/customers/${customer.customerId}/agents`, 303);
}

async function openPage(request: CustomerRequest): Promise<Response> {
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

async function sessionPage(request: CustomerRequest): Promise<Response> {
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

async function sessionsPage(request: CustomerRequest): Promise<Response> {
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
async function linkPage(request: CustomerRequest): Promise<Response> {
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

async function endSession(request: CustomerRequest): Promise<Response> {
  const { platform, c, customer } = request, session = await visibleSession(request);
  if (session === undefined) return await c.notFound();
  const { session_id: sessionId } = session;
  await closeSession(platform, tenantOf(request), { sessionId, reason: "it was ended in the portal" });
  return c.redirect(`/customers/${customer.customerId}/sessions/${sessionId}`, 303);
}

const ofCustomer = (
  method: "GET" | "POST",
  path: string,
  permission: Permission,
  handle: (request: CustomerRequest) => Promise<Response>,
): Route => ({ method, path: `/customers/:customer/${path}`, access: "customer", permission, handle });

export const workRoutes: Route[] = [
  ofCustomer("GET", "codes", "manageAgents", (request) => codesPage(request)),
  ofCustomer("POST", "codes", "manageAgents", makeCode),
  ofCustomer("POST", "codes/:code/withdraw", "manageAgents", withdraw),
  ofCustomer("GET", "tasks", "readFleet", tasksPage),
  ofCustomer("POST", "tasks/:task/cancel", "runTasks", async (request) => {
    const { platform, c, customer } = request, id = c.req.param("task") ?? "";
    const agents = new Set((await visibleAgents(request)).map(({ agent_id }) => agent_id));
    const row = await showTask(platform, tenantOf(request), { taskId: id });
    if (!agents.has(row.agent_id)) throw new UsageError("Cannot find this task");
    await cancelTask(platform, tenantOf(request), { taskId: id });
    return c.redirect(`/customers/${customer.customerId}/tasks`, 303);
  }),
  ofCustomer("GET", "tasks/:task/archive", "runTasks", archive),
  ofCustomer("POST", "agents/:agent/scan", "runTasks", scanNow),
  ofCustomer("POST", "agents/:agent/diagnostics", "runTasks", diagnostics),
  { ...ofCustomer("POST", "agents/:agent/revoke", "manageAgents", revoke), confirmed: true } as Route,
  ofCustomer("POST", "devices/:device/read", "runTasks", (request) => ofDevice(request, "read")),
  ofCustomer("POST", "devices/:device/ping", "runTasks", (request) => ofDevice(request, "ping")),
  ofCustomer("POST", "devices/:device/open", "openWebAccess", openPage),
  ofCustomer("GET", "sessions", "openWebAccess", sessionsPage),
  ofCustomer("GET", "sessions/:session", "openWebAccess", sessionPage),
  ofCustomer("POST", "sessions/:session/link", "openWebAccess", linkPage),
  ofCustomer("POST", "sessions/:session/end", "openWebAccess", endSession),
];
