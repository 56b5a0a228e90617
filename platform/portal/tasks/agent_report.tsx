/** What an agent last said of itself, and what happened to it by the audit log. */
import { maybeAgentReport } from "../../agents/agent_report.ts";
import type { AgentRow } from "../../agents/agents.ts";
import { listAuditOf } from "../../audit/read_audit.ts";
import { may } from "../page/customer_page.tsx";
import { actionText } from "../page/action_text.tsx";
import { Facts, Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";

const mostEvents = 50;

export async function agentReport(request: CustomerRequest, agent: AgentRow) {
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

export function backlogText(
  { t, formats }: CustomerRequest,
  { spooledRecords, oldestRecordAt }: { spooledRecords: number; oldestRecordAt?: Date | undefined },
): string {
  if (spooledRecords === 0) return "0";
  if (oldestRecordAt === undefined) return formats.number(spooledRecords);
  return t("backlogOf", { records: formats.number(spooledRecords), since: formats.time(oldestRecordAt.getTime()) });
}
