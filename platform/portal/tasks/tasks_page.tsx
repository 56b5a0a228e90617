/** Tasks of a customer, newest first, as they go on. */
import { newestTasks } from "../../interfaces/newest_first.ts";
import type { TaskRow } from "../../tasks/tasks.ts";
import { customerPage, may, rootOf } from "../page/customer_page.tsx";
import { Table } from "../page/layout.tsx";
import { Live, liveScripts } from "../page/live.tsx";
import { Pager, shownPage } from "../page/pager.tsx";
import type { CustomerRequest } from "../page/route.ts";
import type { Key } from "../words/words.ts";
import { Outcome } from "./task_page.tsx";
import { isOpen, kindText, refreshSeconds, stateText } from "./task_texts.ts";
import { tenantOf, visibleAgents } from "./visible_agents.ts";

export async function tasksPage(request: CustomerRequest): Promise<Response> {
  const { t, formats, platform, customer } = request, { sites } = customer;
  const page = await shownPage(request, (wish) => newestTasks(platform, tenantOf(request), { ...wish, sites }));
  const agents = await visibleAgents(request, page.rows.map(({ agent_id }) => agent_id));
  const { rows, place } = page, open = rows.filter(isOpen).length;
  return await customerPage(request, {
    title: `${customer.name}: ${t("tasks")}`,
    tab: "tasks",
    scripts: liveScripts,
    refreshSeconds: place === undefined && open > 0 ? refreshSeconds : undefined,
    children: (
      <Live request={request} part="tasks" said={t("tasksOpen", { count: open })}>
        <Table
          rows={rows}
          empty={t("none")}
          caption={t("tasks")}
          isTitled
          columns={[
            {
              heading: t("task"),
              cell: (row) => <a href={`${rootOf(customer)}/tasks/${row.task_id}`}>{kindText(t, row.kind)}</a>,
            },
            { heading: t("time"), cell: ({ created_at }) => formats.time(created_at) },
            { heading: t("agent"), cell: ({ agent_id }) => agents.get(agent_id)?.hostname || agent_id },
            { heading: t("state"), cell: ({ state }) => stateText(t, state) },
            { heading: t("result"), cell: (row) => <Outcome request={request} row={row} /> },
            { heading: t("action"), cell: (row) => <CancelForm request={request} row={row} /> },
          ]}
        />
        <Pager request={request} page={page} />
      </Live>
    ),
  });
}

export function CancelForm({ request, row }: { request: CustomerRequest; row: TaskRow }) {
  const { t, customer } = request, { task_id: id } = row, label: Key = "cancel";
  if (!isOpen(row) || !may(request, "runTasks")) return null;
  return (
    <form method="post" action={`${rootOf(customer)}/tasks/${id}/cancel`}>
      <button id={`cancel-${id}`} class="plain" type="submit" aria-label={`${t(label)}: ${kindText(t, row.kind)}`}>
        {t(label)}
      </button>
    </form>
  );
}
