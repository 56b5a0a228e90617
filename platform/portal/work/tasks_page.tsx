/** Tasks and their results; what starts one, and the revocation of an agent. */
import { Buffer } from "node:buffer";
import { UsageError } from "../../../common/core/errors.ts";
import { revokeAgent } from "../../agents/manage_agents.ts";
import { createTask, listTasks, showTask, type TaskPayload } from "../../tasks/manage_tasks.ts";
import { maybeTaskResult, taskOutcome } from "../../tasks/task_outcome.ts";
import { maybeDevice } from "../fleet/device_page.tsx";
import { customerPage, may } from "../page/customer_page.tsx";
import { field } from "../page/form.ts";
import { pageNumber, Pager, pageSize, Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { agentId, tenantOf, visibleAgents } from "./visible_agents.ts";

const hourMs = 3_600_000;
/* A page shows what happens without scripts: it is loaded again while something goes on. */
const again = { "refresh": "3" };

const openStates = ["waiting", "delivered", "accepted", "running"];

export async function tasksPage(request: CustomerRequest): Promise<Response> {
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

export async function scanNow(request: CustomerRequest): Promise<Response> {
  const value = { site: "", targets: [], knownDevicesOnly: false };
  return await started(request, await agentId(request), { $case: "scanNow", value });
}

export async function diagnostics(request: CustomerRequest): Promise<Response> {
  return await started(request, await agentId(request), { $case: "diagnostics", value: { logHours: 24 } });
}

/** The archive of a task that has ended. */
export async function archive(request: CustomerRequest): Promise<Response> {
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

export async function ofDevice(request: CustomerRequest, kind: "read" | "ping"): Promise<Response> {
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

export async function revoke(request: CustomerRequest): Promise<Response> {
  const { platform, c, customer } = request, id = await agentId(request);
  const reason = (await field(c, "reason")).trim();
  if (reason === "" || reason.length > 200 || /\p{Cc}/u.test(reason)) {
    throw new UsageError("Cannot revoke the agent without a reason of 1 to 200 characters");
  }
  await revokeAgent(platform, tenantOf(request), { agentId: id, reason });
  return c.redirect(`/customers/${customer.customerId}/agents`, 303);
}
