import type { Command } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import { type AlertFilters, listAlerts } from "../../devices/list_alerts.ts";
import { type CommandContext, wholeNumber } from "./command_context.ts";
import { addDeviceFilters, filtersText } from "./device_filters.ts";
import { ageText, hasRoom, minuteText, renderTable } from "./table.ts";

/** `alert list`. */
export function addAlertCommands(program: Command, context: CommandContext): void {
  const alert = program.command("alert").description("what printers complain of");
  addDeviceFilters(alert.command("list").description("alerts that last, the most severe and the latest first"))
    .option("--severity <severity>", "critical, warning, other or unknown", severityOption)
    .option("--ended", "also alerts that have ended")
    .option("--limit <number>", "at most this many", wholeNumber("--limit", { min: 1, max: 100_000 }), 1000)
    .action((filters: AlertFilters, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const now = context.host.clock.now().getTime();
        const { limit } = filters;
        const found = await listAlerts(platform, by, { ...filters, limit: limit + 1 });
        const alerts = found.slice(0, limit);
        const rest = found.length > limit ? `only the first ${limit}: --limit shows more` : undefined;
        return {
          json: alerts.map(({ alert_key: _, alert_group, ...alert }) => ({
            ...alert,
            group: alert_group,
            since_at: alert.since,
            since: undefined,
          })),
          note: rest,
          text: (screen) => {
            const severity = filters.severity === undefined ? "" : `${filters.severity} `;
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
            return `${renderTable(columns, rows, screen)}${rest ?? count}\n`;
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
