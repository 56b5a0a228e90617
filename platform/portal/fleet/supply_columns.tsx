/** Columns of lists of supplies, on the page and in CSV. */
import type { Expected, Forecast } from "../../devices/forecast.ts";
import type { EmptyingOrder } from "../../devices/kept_forecasts.ts";
import { supplyName } from "../../devices/device_view.ts";
import { type Emptying, orderBy } from "../../devices/list_forecasts.ts";
import type { ListedSupply, SupplyOrder } from "../../devices/list_supplies.ts";
import { supplyText } from "../../devices/supply_text.ts";
import { forecastText } from "./forecast_text.ts";
import { deviceColumn, factColumn, type ListColumn } from "./list_table.tsx";
import { shownLevel } from "./shown.ts";

/** `now`: of the list, for days that are left. */
export type LowSupply = ListedSupply & { forecast: Forecast | undefined; now: number };
export type EmptyingSupply = Emptying & { now: number };

const iso = (ms: number) => new Date(ms).toISOString();
const dayOf = (ms: number) => iso(ms).slice(0, "2026-03-02".length);
const csvOfForecast = <Row,>(of: (row: Row) => Expected | undefined): ListColumn<Row>["csv"] => {
  const cell = (name: "first" | "likely" | "last") => (row: Row) => {
    const ms = of(row)?.[name];
    return ms === undefined ? null : dayOf(ms);
  };
  return { empty_first: cell("first"), empty_likely: cell("likely"), empty_last: cell("last") };
};
const expectedOf = ({ forecast }: LowSupply) => forecast?.none === undefined ? forecast : undefined;

const ofLow = ({ row }: LowSupply) => row;

export const lowColumns = {
  device: deviceColumn("device", ofLow),
  site: factColumn("site", ofLow),
  address: factColumn("address", ofLow),
  serial: factColumn("serial", ofLow),
  location: factColumn("location", ofLow),
  supply: {
    heading: "supply",
    sort: "supply",
    cell: ({ supply }, { t }) => supplyText(supplyName(supply), t),
    csv: { supply: ({ supply }) => supplyName(supply) },
  },
  level: {
    heading: "level",
    sort: "level",
    cell: ({ supply }, { t }) => <span class="warn">{shownLevel(supply.level, t)}</span>,
    csv: { percent: ({ supply }) => supply.level?.percent ?? null },
  },
  daysLeft: {
    heading: "daysLeft",
    sort: "daysLeft",
    cell: ({ forecast, now }, { t, formats }) => forecastText(forecast, { t, formats, now }),
    csv: csvOfForecast(expectedOf),
  },
  partNumber: {
    heading: "partNumber",
    sort: "partNumber",
    cell: ({ supply }) => supply.partNumber ?? "",
    csv: { part_number: ({ supply }) => supply.partNumber ?? null },
  },
  readAt: {
    heading: "readAt",
    sort: "readAt",
    cell: ({ readAt }, { formats }) => formats.time(readAt),
    csv: { read_at: ({ readAt }) => iso(readAt) },
  },
} satisfies Record<string, ListColumn<LowSupply> & { sort: SupplyOrder["by"] }>;

export const usualLowColumns = [
  "device",
  "site",
  "address",
  "supply",
  "level",
  "daysLeft",
  "partNumber",
  "readAt",
] as const;

const ofEmptying = (row: EmptyingSupply) => row;

export const emptyingColumns = {
  device: deviceColumn("device", ofEmptying),
  site: factColumn("site", ofEmptying),
  address: factColumn("address", ofEmptying),
  serial: factColumn("serial", ofEmptying),
  supply: {
    heading: "supply",
    sort: "supply",
    cell: ({ name }, { t }) => supplyText(name, t),
    csv: { supply: ({ name }) => name },
  },
  daysLeft: {
    heading: "daysLeft",
    sort: "daysLeft",
    cell: ({ expected, now }, { t, formats }) => forecastText(expected, { t, formats, now }),
    csv: csvOfForecast(({ expected }) => expected),
  },
  orderBy: {
    heading: "orderBy",
    cell: ({ expected, now }, { formats }) => formats.day(orderBy(expected, now)),
    csv: { order_by: ({ expected, now }) => dayOf(orderBy(expected, now)) },
  },
  partNumber: {
    heading: "partNumber",
    sort: "partNumber",
    cell: ({ part_number }) => part_number ?? "",
    csv: { part_number: ({ part_number }) => part_number },
  },
} satisfies Record<string, ListColumn<EmptyingSupply> & { sort?: EmptyingOrder["by"] }>;

export const usualEmptyingColumns = [
  "device",
  "site",
  "address",
  "supply",
  "daysLeft",
  "orderBy",
  "partNumber",
] as const;
