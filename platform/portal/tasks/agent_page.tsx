/** One agent: how it is, what can be done with it, and its revocation. */
import { UsageError } from "../../../common/core/errors.ts";
import { revokeAgent } from "../../agents/manage_agents.ts";
import { listTasks } from "../../tasks/manage_tasks.ts";
import type { TaskRow } from "../../tasks/tasks.ts";
import { customerPage, may, rootOf } from "../page/customer_page.tsx";
import { field } from "../page/form.ts";
import { Facts, Table } from "../page/layout.tsx";
import { Live, liveScripts } from "../page/live.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { maybeSilenceText } from "../page/silence_text.ts";
import { isOpen, kindText, refreshSeconds, stateText } from "./task_texts.ts";
import { agentId, maybeVisibleAgent, tenantOf, type VisibleAgent } from "./visible_agents.ts";
import { maybeAgentReport } from "../../agents/agent_report.ts";
import type { AgentRow } from "../../agents/agents.ts";
import { listAuditOf } from "../../audit/read_audit.ts";
import { actionText } from "../page/action_text.tsx";

const lastTasks = 5;

export async function agentPage(request: CustomerRequest): Promise<Response> {
  const { t, formats, platform, c } = request, agent = await maybeVisibleAgent(request);
  if (agent === undefined) return await c.notFound();
  const { agent_id: agentId } = agent, note = maybeSilenceText(request, agent);
  const tasks = await listTasks(platform, tenantOf(request), { agentId, limit: lastTasks, offset: 0 });
  return await customerPage(request, {
    title: agent.hostname || agentId,
    tab: "agents",
    scripts: liveScripts,
    refreshSeconds: tasks.some(isOpen) ? refreshSeconds : undefined,
    children: (
      <>
        <AgentTabs request={request} agentId={agentId} tab="" />
        <Live request={request} part="tasks" said={t("tasksOpen", { count: tasks.filter(isOpen).length })}>
          <Facts
            rows={[
              [t("state"), agent.state === "active" ? t("agent_active") : t("agent_revoked")],
              ...(note === undefined ? [] : [[t("note"), <span class="warn">{note}</span>] as const]),
              [t("site"), agent.site_name],
              [t("version"), agent.version],
              [t("lastSeen"), agent.last_seen_at === null ? t("never") : formats.time(agent.last_seen_at)],
              [t("devices"), formats.number(agent.devices)],
              [t("installationId"), agent.installation_id],
            ]}
          />
          {tasks.length > 0 && <LastTasks request={request} tasks={tasks} />}
        </Live>
        {await agentReport(request, agent)}
        {agent.state === "active" && <Actions request={request} agent={agent} />}
      </>
    ),
  });
}

/** Pages of one agent. */
export function AgentTabs({ request, agentId, tab }: { request: CustomerRequest; agentId: string; tab: string }) {
  const { t, customer } = request, root = `${rootOf(customer)}/agents/${agentId}`;
  const tabs = [
    { path: "", text: t("agent"), isShown: true },
    { path: "/configuration", text: t("configuration"), isShown: true },
  ];
  return (
    <ul class="tabs" aria-label={t("agent")}>
      {tabs.filter(({ isShown }) => isShown).map(({ path, text }) => (
        <li>
          <a href={`${root}${path}`} aria-current={path === tab ? "page" : undefined}>{text}</a>
        </li>
      ))}
    </ul>
  );
}

function LastTasks({ request, tasks }: { request: CustomerRequest; tasks: TaskRow[] }) {
  const { t, formats, customer } = request;
  return (
    <>
      <h2>{t("lastTasks")}</h2>
      <Table
        rows={tasks}
        empty={t("none")}
        caption={t("lastTasks")}
        isTitled
        columns={[
          {
            heading: t("task"),
            cell: ({ task_id, kind }) => <a href={`${rootOf(customer)}/tasks/${task_id}`}>{kindText(t, kind)}</a>,
          },
          { heading: t("time"), cell: ({ created_at }) => formats.time(created_at) },
          { heading: t("state"), cell: ({ state }) => stateText(t, state) },
        ]}
      />
    </>
  );
}

function Actions({ request, agent }: { request: CustomerRequest; agent: VisibleAgent }) {
  const { t, customer } = request, root = `${rootOf(customer)}/agents/${agent.agent_id}`;
  const isRunner = may(request, "runTasks"), isManager = may(request, "manageAgents");
  if (!isRunner && !isManager) return null;
  return (
    <>
      <h2>{t("agentWork")}</h2>
      {isRunner && (
        <>
          <form class="filters" method="post" action={`${root}/scan`}>
            <div>
              <label for="targets">{t("scanTargets")}</label>
              <input id="targets" name="targets" type="text" maxlength={4000} aria-describedby="targets-help" />
              <div class="help" id="targets-help">{t("scanTargetsHelp")}</div>
            </div>
            <label class="check">
              <input name="known" type="checkbox" value="1" /> {t("scanKnown")}
            </label>
            <button type="submit">{t("scanNow")}</button>
          </form>
          <form class="filters" method="post" action={`${root}/ping`}>
            <div>
              <label for="target">{t("pingTarget")}</label>
              <input id="target" name="target" type="text" maxlength={253} required />
            </div>
            <button type="submit">{t("ping")}</button>
          </form>
          <form class="filters" method="post" action={`${root}/diagnostics`}>
            <button type="submit">{t("diagnostics")}</button>
          </form>
        </>
      )}
      {isManager && (
        <details>
          <summary>{t("revoke")}</summary>
          <form class="filters" method="post" action={`${root}/revoke`}>
            <div>
              <label for="reason">{t("reason")}</label>
              <input id="reason" name="reason" type="text" maxlength={200} required />
            </div>
            <button class="plain" type="submit">{t("revoke")}</button>
          </form>
        </details>
      )}
    </>
  );
}

export async function revoke(request: CustomerRequest): Promise<Response> {
  const { platform, c, customer } = request, id = await agentId(request);
  const reason = (await field(c, "reason")).trim();
  if (reason === "" || reason.length > 200 || /\p{Cc}/u.test(reason)) {
    throw new UsageError("Cannot revoke the agent without a reason of 1 to 200 characters");
  }
  await revokeAgent(platform, tenantOf(request), { agentId: id, reason });
  return c.redirect(`${rootOf(customer)}/agents/${id}`, 303);
}

const mostEvents = 50;

async function agentReport(request: CustomerRequest, agent: AgentRow) {
  const { t, formats, platform, by, customer } = request, report = maybeAgentReport(agent);
  // Entries name people: anyone who may not read the log is shown none of it.
  const events = may(request, "readAudit")
    ? await listAuditOf(platform, { ...by, tenant: customer.customerId }, {
      subject: agent.agent_id,
      limit: mostEvents,
    })
    : undefined;
  return (
    <>
      {report !== undefined && (
        <>
          <Facts
            rows={[
              ...(report.startedAt === undefined ? [] : [[t("startedAt"), formats.time(report.startedAt.getTime())]]),
              [t("backlog"), backlogText(request, report)],
              ...(report.quarantinedBatches > 0
                ? [[t("quarantined"), <span class="warn">{formats.number(report.quarantinedBatches)}</span>]]
                : []),
              ...(report.certificateNotAfter === undefined
                ? []
                : [[t("certificateUntil"), formats.day(report.certificateNotAfter.getTime())]]),
            ] as [string, string][]}
          />
          <h2>{t("faults")}</h2>
          <Table
            rows={report.faults}
            empty={t("none")}
            caption={t("faults")}
            isTitled
            columns={[
              { heading: t("event"), cell: ({ message }) => <span class="warn">{message}</span> },
              { heading: t("time"), cell: ({ lastAt }) => lastAt === undefined ? "" : formats.time(lastAt.getTime()) },
            ]}
          />
        </>
      )}
      {events !== undefined && (
        <>
          <h2>{t("events")}</h2>
          <Table
            rows={events}
            empty={t("noEvents")}
            caption={t("events")}
            isTitled
            columns={[
              { heading: t("time"), cell: ({ at }) => formats.time(at) },
              { heading: t("action"), cell: ({ action }) => actionText(action, t) },
              { heading: t("who"), cell: ({ actor }) => actor },
              { heading: t("detail"), cell: ({ detail }) => detail === "{}" ? "" : detail },
            ]}
          />
        </>
      )}
    </>
  );
}

function backlogText(
  { t, formats }: CustomerRequest,
  { spooledRecords, oldestRecordAt }: { spooledRecords: number; oldestRecordAt?: Date | undefined },
): string {
  if (spooledRecords === 0) return "0";
  if (oldestRecordAt === undefined) return formats.number(spooledRecords);
  return t("backlogOf", { records: formats.number(spooledRecords), since: formats.time(oldestRecordAt.getTime()) });
}
