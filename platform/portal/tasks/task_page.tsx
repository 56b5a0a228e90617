/** One task: what was asked, how far it is, and what came of it. */
import { Buffer } from "node:buffer";
import { markInvisible } from "../../../common/core/escape_invisible.ts";
import { safeText } from "../../../common/core/safe_text.ts";
import { type PingOutput, type ScanOutput, Task, type TaskResult } from "../../../proto/gen/opendca/v1/task.ts";
import { UsageError } from "../../../common/core/errors.ts";
import { cancelTask, showTask } from "../../tasks/manage_tasks.ts";
import { maybeTaskResult, taskOutcome } from "../../tasks/task_outcome.ts";
import type { TaskRow } from "../../tasks/tasks.ts";
import { customerPage, may, rootOf } from "../page/customer_page.tsx";
import { Facts, Message, Table } from "../page/layout.tsx";
import { Live, liveScripts } from "../page/live.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { isOpen, kindText, refreshSeconds, refusalText, stateText } from "./task_texts.ts";
import { CancelForm } from "./tasks_page.tsx";
import { maybeVisibleAgent, tenantOf } from "./visible_agents.ts";

const mostText = 1000;

/** The task of the address, with its agent's host, if the viewer may see it. */
async function maybeVisibleTask(request: CustomerRequest): Promise<{ row: TaskRow; host: string } | undefined> {
  const { platform, c } = request, taskId = c.req.param("task") ?? "";
  const row = await showTask(platform, tenantOf(request), { taskId }).catch((error) => {
    if (error instanceof UsageError) return undefined;
    throw error;
  });
  const agent = row && await maybeVisibleAgent(request, row.agent_id);
  return agent && { row: row!, host: agent.hostname || agent.agent_id };
}

export async function taskPage(request: CustomerRequest): Promise<Response> {
  const { t, formats, customer, c } = request, found = await maybeVisibleTask(request);
  if (found === undefined) return await c.notFound();
  const { row, host } = found, result = maybeTaskResult(row), state = stateText(t, row.state);
  const asked = askedOf(row);
  return await customerPage(request, {
    title: kindText(t, row.kind),
    tab: "tasks",
    scripts: liveScripts,
    refreshSeconds: isOpen(row) ? refreshSeconds : undefined,
    children: (
      <Live request={request} part="tasks" said={`${kindText(t, row.kind)}: ${state}`}>
        <Facts
          rows={[
            [t("state"), state],
            [t("agent"), <a href={`${rootOf(customer)}/agents/${row.agent_id}`}>{host}</a>],
            ...(asked === "" ? [] : [[t("addresses"), asked] as [string, string]]),
            [t("time"), formats.time(row.created_at)],
            ...(isOpen(row) ? [[t("until"), formats.time(row.expires_at)] as [string, string]] : []),
          ]}
        />
        {row.state === "refused" && (
          <Message>
            <p>{refusalText(t, result?.refusal ?? 0)}</p>
            <p>{shown(result?.message ?? "")}</p>
          </Message>
        )}
        {row.state === "failed" && <Message>{shown(result?.message ?? row.message ?? "")}</Message>}
        {row.state === "expired" && <p class="quiet">{t("taskExpired")}</p>}
        <Progress request={request} row={row} result={result} />
        <Output request={request} row={row} result={result} />
        <CancelForm request={request} row={row} />
      </Live>
    ),
  });
}

function shown(text: string): string {
  return safeText(markInvisible(text), mostText);
}

/** Addresses that the task is for; empty: all of the agent. */
function askedOf({ task }: TaskRow): string {
  const { payload } = Task.decode(task);
  if (payload?.$case === "scanNow") return shown(payload.value.targets.join(", "));
  return payload?.$case === "ping" ? shown(payload.value.target) : "";
}

function Progress({ request: { t, formats }, row, result }: OfTask) {
  const progress = result?.progress;
  if (row.state !== "running" || progress === undefined || progress.total === 0) return null;
  const { done, total } = progress;
  return (
    <p>
      <progress value={done} max={total} aria-label={t("progress")}></progress>{" "}
      {t("progressOf", { done: formats.number(done), total: formats.number(total) })}
    </p>
  );
}

interface OfTask {
  request: CustomerRequest;
  row: TaskRow;
  result: TaskResult | undefined;
}

function Output({ request, row, result }: OfTask) {
  const output = result?.output, { t, formats, customer } = request;
  if (output === undefined) return null;
  switch (output.$case) {
    case "scan":
      return <ScanSummary request={request} scan={output.value} />;
    case "ping":
      return <PingTable request={request} ping={output.value} />;
    case "diagnostics":
      return may(request, "runTasks") ? <ArchiveLink request={request} row={row} /> : null;
    case "setConfig":
      return output.value.refusals.length === 0 ? <p>{t("configTaken")}</p> : (
        <>
          <h2>{t("configRefusals")}</h2>
          <ul>{output.value.refusals.map((refusal) => <li>{shown(refusal)}</li>)}</ul>
        </>
      );
    case "extendWebAccess":
      return <p>{t("extensionUntil", { until: formats.time(output.value.endsAt?.getTime() ?? row.changed_at) })}</p>;
    case "webAccess":
      return (
        <p>
          {taskOutcome({ message: "", output })}. <a href={`${rootOf(customer)}/sessions`}>{t("webAccess")}</a>
        </p>
      );
  }
}

function ScanSummary({ request: { t, formats, customer }, scan }: { request: CustomerRequest; scan: ScanOutput }) {
  const { number } = formats;
  return (
    <>
      <h2>{t("result")}</h2>
      <Facts
        rows={[
          [t("scanPrinters"), number(scan.printers)],
          [t("scanAnswered"), number(scan.answered)],
          [t("scanAddresses"), number(scan.addresses)],
          [t("scanSeconds"), number(Math.round(scan.durationMs / 100) / 10)],
        ]}
      />
      <p>
        <a href={`${rootOf(customer)}/devices`}>{t("devices")}</a>
      </p>
    </>
  );
}

function PingTable({ request: { t, formats }, ping }: { request: CustomerRequest; ping: PingOutput }) {
  const lost = Math.max(0, ping.sent - ping.received);
  return (
    <>
      <p>
        {t("pingCounts", {
          address: shown(ping.address),
          sent: formats.number(ping.sent),
          received: formats.number(ping.received),
          lost: formats.number(lost),
        })}
      </p>
      {ping.said !== "" && <Message>{shown(ping.said)}</Message>}
      {ping.roundTripMs.length > 0 && (
        <Table
          rows={ping.roundTripMs.slice(0, 10).map((ms, index) => ({ ms, number: index + 1 }))}
          empty={t("none")}
          caption={t("ping")}
          columns={[
            { heading: t("pingNumber"), isNumber: true, cell: ({ number }) => formats.number(number) },
            { heading: t("pingTime"), isNumber: true, cell: ({ ms }) => `${formats.number(ms)} ms` },
          ]}
        />
      )}
    </>
  );
}

function ArchiveLink({ request: { t, customer }, row }: { request: CustomerRequest; row: TaskRow }) {
  return <a href={`${rootOf(customer)}/tasks/${row.task_id}/archive`}>{t("archive")}</a>;
}

/** The same in one line, for a list. */
export function Outcome({ request, row }: { request: CustomerRequest; row: TaskRow }) {
  const result = maybeTaskResult(row), { t } = request;
  if (result === undefined) return <>{row.message ?? ""}</>;
  if (row.state === "running" && (result.progress?.total ?? 0) > 0) {
    return <Progress request={request} row={row} result={result} />;
  }
  if (row.state === "succeeded" && row.kind === "diagnostics" && may(request, "runTasks")) {
    return <ArchiveLink request={request} row={row} />;
  }
  const outcome = taskOutcome(result);
  return <>{row.state === "refused" ? `${refusalText(t, result.refusal)} ${outcome}` : outcome}</>;
}

/** The archive of a task that has ended. */
export async function archive(request: CustomerRequest): Promise<Response> {
  const { c } = request, found = await maybeVisibleTask(request);
  const output = found && maybeTaskResult(found.row)?.output;
  if (output?.$case !== "diagnostics") return await c.notFound();
  return c.body(Buffer.from(output.value.bundle), 200, {
    "content-type": "application/gzip",
    "content-disposition": `attachment; filename="diagnostics-${found!.row.task_id}.tar.gz"`,
  });
}

export async function cancel(request: CustomerRequest): Promise<Response> {
  const { platform, c, customer } = request, found = await maybeVisibleTask(request);
  if (found === undefined) throw new UsageError("Cannot find this task");
  const { task_id: taskId } = found.row;
  await cancelTask(platform, tenantOf(request), { taskId });
  return c.redirect(`${rootOf(customer)}/tasks/${taskId}`, 303);
}
