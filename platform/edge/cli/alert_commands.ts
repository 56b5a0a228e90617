import type { Command } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import { type AlertFilters, listAlerts } from "../../devices/alerts.ts";
import { type CommandContext, customerOption, timeOption } from "./command_context.ts";
import { addDeviceFilters, filtersText, maybeNoDevices } from "./device_filters.ts";
import type { Page } from "../../store/page.ts";
import { addPaging, oneMore, partFrom } from "./list_part.ts";
import { addAlertLimitsCommand } from "./alert_limit_commands.ts";
import { ageText, hasRoom, minuteText, renderTable } from "./table.ts";
import { acknowledgeAlerts, releaseAlerts } from "../../alerts/acknowledge_alerts.ts";
import { type AlertKind, alertKinds, severities, type Severity } from "../../alerts/alert_rules.ts";
import {
  type AlertState,
  alertStates,
  listRaisedAlerts,
  maybeRaisedAlert,
  type RaisedAlert,
  stateOfAlert,
} from "../../alerts/list_alerts.ts";
import { listSites } from "../../customers/customers.ts";
import type { Platform } from "../../agents/platform.ts";
import type { TenantBy } from "../../audit/use_case.ts";

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

interface RaisedOptions extends Page {
  state?: AlertState;
  kind?: AlertKind;
  severity?: Severity;
  site?: string;
  explained?: boolean;
}

/** `alert raised`, `alert show`, `alert acknowledge` and `alert release`. */
function addRaisedAlertCommands(alert: Command, context: CommandContext): void {
  addRaised(alert, context);
  addShow(alert, context);
  addAcknowledge(alert, context);
  addRelease(alert, context);
}

function addRaised(alert: Command, context: CommandContext): void {
  addPaging(
    alert.command("raised").description(
      "alerts that the platform has raised: they do not flap, and say who has them in hand",
    )
      .option(...customerOption)
      .option("--site <site>", "of one site: its id or name")
      .option(
        "--state <state>",
        `${alertStates.join(", ")} (default: all that have not ended)`,
        oneOf("--state", alertStates),
      )
      .option("--kind <kind>", alertKinds.join(", "), oneOf("--kind", alertKinds))
      .option("--severity <severity>", severities.join(", "), oneOf("--severity", severities))
      .option("--explained", "also silent devices whose agent is silent"),
    1000,
  ).action((options: RaisedOptions, command: Command) =>
    context.runForCustomer(command, async (platform, by) => {
      const now = context.host.clock.now().getTime();
      const { site, ...filters } = options;
      const found = await listRaisedAlerts(platform, by, {
        ...filters,
        siteId: await maybeSiteId(platform, by, site),
        ...oneMore(options),
      });
      const { rows, shown } = partFrom(found, options, "alerts");
      return {
        json: rows.map((row) => jsonOf(row, now)),
        note: shown,
        text: (screen) => {
          if (rows.length === 0) return `${shown ?? "no alerts"}\n`;
          const time = (ms: number | null) => hasRoom(screen) ? minuteText(ms) : ageText(ms, now);
          const columns = [
            { heading: "ALERT" },
            { heading: "SEVERITY" },
            { heading: "STATE" },
            { heading: "SITE", optional: true as const },
            { heading: "ADDRESS" },
            { heading: "MODEL", shrink: 10 },
            { heading: hasRoom(screen) ? "RAISED" : "RAISED AGO" },
            { heading: "WHAT", note: true as const },
          ];
          const table = renderTable(
            columns,
            rows.map((row) => [
              row.alert_id,
              row.severity,
              stateOfAlert(row, now),
              row.site,
              row.address ?? row.hostname,
              row.model,
              time(row.raised_at),
              row.description === ""
                ? row.kind
                : row.kind === "printer"
                ? row.description
                : `${row.kind}: ${row.description}`,
            ]),
            screen,
          );
          return `${table}${shown ?? `${rows.length} ${rows.length === 1 ? "alert" : "alerts"}`}\n`;
        },
      };
    })
  );
}

function addShow(alert: Command, context: CommandContext): void {
  alert.command("show").description("one raised alert, and what became of it").argument("<alert>", "id")
    .option(...customerOption)
    .action((alertId: string, _: object, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const found = await maybeRaisedAlert(platform, by, { alertId });
        if (found === undefined) {
          throw new UsageError(`Cannot find the alert "${alertId}"`, "opendca-platform alert raised shows them");
        }
        const now = context.host.clock.now().getTime(), { alert, events, explains } = found;
        return {
          json: { ...jsonOf(alert, now), explains: explains.map(({ alert_id }) => alert_id), events },
          text: (screen) =>
            `${alert.alert_id} ${alert.severity} ${stateOfAlert(alert, now)}: ${alert.description || alert.kind}\n${
              renderTable(
                [{ heading: "TIME" }, { heading: "EVENT" }, { heading: "WHO" }, {
                  heading: "NOTE",
                  note: true as const,
                }],
                events.map((
                  { at, event, actor, detail },
                ) => [minuteText(at), event, actor, textOf(detail.note ?? detail.reason)]),
                screen,
              )
            }`,
        };
      })
    );
}

function addAcknowledge(alert: Command, context: CommandContext): void {
  alert.command("acknowledge").description("say that somebody has an alert in hand").argument("<alert>", "id")
    .option(...customerOption)
    .option("--note <text>", "for others")
    .option(
      "--for <time>",
      "for this time, such as 3d (default: until it ends or is more severe)",
      timeOption("--for", { min: "1m", max: "365d", bareUnit: "d" }),
    )
    .action((alertId: string, options: { note?: string; for?: number }, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const until = options.for === undefined ? undefined : new Date(platform.clock.now().getTime() + options.for);
        const count = await acknowledgeAlerts(platform, by, { alertId, note: options.note, until });
        return {
          json: { acknowledged: count },
          text: () => `acknowledged ${count} ${count === 1 ? "alert" : "alerts"}\n`,
        };
      })
    );
}

function addRelease(alert: Command, context: CommandContext): void {
  alert.command("release").description("take the acknowledgement of an alert back").argument("<alert>", "id")
    .option(...customerOption)
    .action((alertId: string, _: object, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const count = await releaseAlerts(platform, by, { alertId });
        return {
          json: { released: count },
          text: () => `took back ${count} ${count === 1 ? "acknowledgement" : "acknowledgements"}\n`,
        };
      })
    );
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function jsonOf({ detail, ...row }: RaisedAlert, now: number) {
  return { ...row, state: stateOfAlert(row, now), detail: JSON.parse(detail) };
}

async function maybeSiteId(platform: Platform, by: TenantBy, site: string | undefined): Promise<string | undefined> {
  if (site === undefined) return undefined;
  const sites = await listSites(platform, by), lower = site.toLowerCase();
  const found = sites.find(({ site_id, name }) => site_id === site || name.toLowerCase() === lower);
  if (found === undefined) {
    throw new UsageError(`Cannot find the site "${site}"`, "opendca-platform site list shows them");
  }
  return found.site_id;
}

function oneOf<T extends string>(flag: string, values: readonly T[]): (text: string) => T {
  return (text) => {
    const found = values.find((value) => value === text);
    if (found !== undefined) return found;
    throw new UsageError(`Cannot use ${flag}: current value is "${text}"`, `${flag} takes ${values.join(", ")}`);
  };
}
