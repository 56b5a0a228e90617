import type { Command } from "commander";
import { levelText, shownSupply, supplyName } from "../../devices/device_view.ts";
import type { DeviceFilters } from "../../devices/list_devices.ts";
import { daysLeft, type Forecast, type NoForecastReason } from "../../devices/forecast.ts";
import { forecastsOfListed, orderBy } from "../../devices/list_forecasts.ts";
import { type ListedSupply, listSupplies } from "../../devices/list_supplies.ts";
import type { CommandContext } from "./command_context.ts";
import { addDeviceFilters, filtersText, maybeNoDevices } from "./device_filters.ts";
import type { Page } from "../../store/page.ts";
import { addPaging, oneMore, partFrom } from "./list_part.ts";
import { ageText, hasRoom, minuteText, renderTable } from "./table.ts";

/** `supply list`. */
export function addSupplyCommands(program: Command, context: CommandContext): void {
  const supply = program.command("supply").description("toner, ink, drums and the like");
  addPaging(
    addDeviceFilters(supply.command("list").description("supplies of all devices; --low shows what to order or empty")),
  )
    .option("--forecast", "also when each will be empty, and by when to order")
    .action(({ forecast: isForecast, ...filters }: DeviceFilters & Page & { forecast?: boolean }, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const now = context.host.clock.now().getTime();
        const found = await listSupplies(platform, by, { ...filters, ...oneMore(filters) });
        const { rows: supplies, shown } = partFrom(found, filters, "supplies");
        const forecasts = isForecast ? await forecastsOfListed(platform, by, supplies) : undefined;
        const forecastOf = ({ row, supply }: ListedSupply) => forecasts?.get(row.device_id)?.get(supply.index);
        const nothing = supplies.length > 0 ? undefined : await maybeNoDevices(platform, by);
        const devices = new Set(supplies.map(({ row }) => row.device_id)).size;
        return {
          note: shown,
          json: supplies.map((listed) => {
            const { row, supply, low, readAt } = listed;
            const { level, ...facts } = shownSupply(supply);
            const { site, network, device_id, address, manufacturer, model, serial } = row;
            const device = { site, network, device_id, address, manufacturer, model, deviceSerial: serial };
            return {
              ...device,
              ...facts,
              low,
              levelKind: level.kind,
              percent: level.percent,
              readAt,
              ...jsonOf(forecasts && forecastOf(listed), now),
            };
          }),
          text: (screen) => {
            if (nothing !== undefined) return `${nothing}\n`;
            if (supplies.length === 0 && shown !== undefined) return `${shown}\n`;
            if (supplies.length === 0) {
              const { low, ...others } = filters, of = filtersText(others);
              return low ? `no supply is low${of}\n` : `no supplies were read${of === "" ? " yet" : of}\n`;
            }
            const columns = [
              { heading: "SITE", optional: true as const },
              { heading: "ADDRESS" },
              { heading: "MODEL", shrink: 10 },
              { heading: "SERIAL", optional: true as const },
              { heading: "SUPPLY", shrink: 14 },
              { heading: "PART NUMBER" },
              { heading: "LEVEL" },
              ...(isForecast ? [{ heading: "EMPTY IN" }, { heading: "ORDER BY" }] : []),
              { heading: hasRoom(screen) ? "READ" : "READ AGO", optional: true as const },
            ];
            const rows = supplies.map(({ row, supply, readAt, ...listed }) => [
              row.site,
              row.address,
              row.model,
              row.serial,
              supplyName(supply),
              supply.partNumber ?? null,
              levelText(supply.level),
              ...(isForecast ? shownForecast(forecastOf({ row, supply, readAt, ...listed }), now) : []),
              hasRoom(screen) ? minuteText(readAt) : ageText(readAt, now),
            ]);
            const one = supplies.length === 1, what = `${filters.low ? "low " : ""}${one ? "supply" : "supplies"}`;
            const of = `${devices} ${devices === 1 ? "device" : "devices"}`;
            return `${renderTable(columns, rows, screen)}${shown ?? `${supplies.length} ${what} of ${of}`}\n`;
          },
        };
      })
    );
}

const reasons: Record<NoForecastReason, string> = {
  notRead: "not read of late",
  levelUnknown: "level unknown",
  levelSome: "only some is known",
  levelCoarse: "level too coarse",
  unlimited: "no limit",
  empty: "empty",
  replaced: "replaced",
  knownShortly: "known shortly",
  hardlyUsed: "hardly used",
  irregular: "irregular use",
};

/** `12 days (9-17)` and a date; or why there is no forecast. */
function shownForecast(forecast: Forecast | undefined, now: number): [emptyIn: string | null, orderBy: string | null] {
  if (forecast === undefined) return [null, null];
  if (forecast.none === undefined) {
    const { least, likely, most } = daysLeft(forecast, now);
    return [`${likely} days (${least}-${most})`, new Date(orderBy(forecast, now)).toISOString().slice(0, 10)];
  }
  const { none, since } = forecast;
  const hasDay = since !== undefined && (none === "replaced" || none === "knownShortly");
  return [`? ${reasons[none]}${hasDay ? ` ${new Date(since).toISOString().slice(0, 10)}` : ""}`, null];
}

function jsonOf(forecast: Forecast | undefined, now: number): object {
  if (forecast === undefined) return {};
  if (forecast.none !== undefined) return { forecast: { none: forecast.none, sinceAt: forecast.since ?? null } };
  const { first: earliestAt, likely: emptiesAt, last: latestAt, perDay, since: sinceAt, changes } = forecast;
  return { forecast: { earliestAt, emptiesAt, latestAt, orderByAt: orderBy(forecast, now), perDay, sinceAt, changes } };
}
