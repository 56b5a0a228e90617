import type { Command } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import { type AlertFilters, listAlerts } from "../../devices/alerts.ts";
import type { CommandContext } from "./command_context.ts";
import { addDeviceFilters, filtersText, maybeNoDevices } from "./device_filters.ts";
import type { Page } from "../../store/page.ts";
import { addPaging, oneMore, partFrom } from "./list_part.ts";
import { addAlertLimitsCommand } from "./alert_limit_commands.ts";
import { addRaisedAlertCommands } from "./raised_alert_commands.ts";
import { ageText, hasRoom, minuteText, renderTable } from "./table.ts";

/** `alert list`, and the commands for raised alerts. */
export function addAlertCommands(program: Command, context: CommandContext): void {
  const alert = program.command("alert").description("what printers complain of, and what the platform found out");
  addRaisedAlertCommands(alert, context);
  addAlertLimitsCommand(alert, context);
  addPaging(
    addDeviceFilters(alert.command("list").description("what printers report, the most severe and the latest first")),
    1000,
  )
    .option("--severity <severity>", "critical, warning, other or unknown", severityOption)
    .option("--ended", "also alerts that have ended")
    .action((filters: AlertFilters & Page, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const now = context.host.clock.now().getTime();
        const found = await listAlerts(platform, by, { ...filters, ...oneMore(filters) });
        const { rows: alerts, shown } = partFrom(found.rows, filters, "alerts");
        const nothing = alerts.length > 0 ? undefined : await maybeNoDevices(platform, by);
        return {
          json: alerts.map(({ alert_key: _, alert_group, ...alert }) => ({
            ...alert,
            group: alert_group,
            since_at: alert.since,
            since: undefined,
          })),
          note: shown,
          text: (screen) => {
            const severity = filters.severity === undefined ? "" : `${filters.severity} `;
            if (nothing !== undefined) return `${nothing}\n`;
            if (alerts.length === 0 && shown !== undefined) return `${shown}\n`;
            if (alerts.length === 0) return `no ${severity}alerts${filtersText(filters)}\n`;
            const time = (ms: number | null) => hasRoom(screen) ? minuteText(ms) : ageText(ms, now);
            const columns = [
              { heading: "SEVERITY" },
              { heading: "SITE", optional: true as const },
              { heading: "ADDRESS" },
              { heading: "MODEL", shrink: 10 },
              { heading: hasRoom(screen) ? "FIRST SEEN" : "BEGAN AGO" },
              ...(filters.ended ? [{ heading: hasRoom(screen) ? "ENDED" : "ENDED AGO" }] : []),
              { heading: "ALERT", note: true as const },
            ];
            const rows = alerts.map((row) => [
              row.severity,
              row.site,
              row.address,
              row.model,
              time(row.first_seen_at),
              ...(filters.ended ? [time(row.ended_at)] : []),
              row.description || row.alert_group,
            ]);
            const count = `${alerts.length} ${alerts.length === 1 ? "alert" : "alerts"}`;
            return `${renderTable(columns, rows, screen)}${shown ?? count}\n`;
          },
        };
      })
    );
}

function severityOption(text: string): string {
  if (/^(critical|warning|other|unknown)$/.test(text)) return text;
  throw new UsageError(
    `Cannot use --severity as a severity: current value is "${text}"`,
    "--severity takes critical, warning, other or unknown",
  );
}
