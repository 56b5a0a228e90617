/** Columns of lists of supplies, on the page and in CSV. */
import type { Expected, Forecast } from "../../devices/forecast.ts";
import type { EmptyingOrder } from "../../devices/kept_forecasts.ts";
import { supplyName } from "../../devices/device_view.ts";
import { type Emptying, orderBy } from "../../devices/list_forecasts.ts";
import type { ListedSupply, SupplyOrder } from "../../devices/list_supplies.ts";
import { supplyText } from "../../devices/supply_text.ts";
import { rootOf } from "../page/customer_page.tsx";
import { forecastText } from "./forecast_text.ts";
import type { ListColumn } from "./list_table.tsx";
import { modelOf, shownLevel } from "./shown.ts";

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

export const lowColumns = {
  device: {
    heading: "device",
    sort: "device",
    cell: ({ row }, { customer }) => (
      <a href={`${rootOf(customer)}/devices/${row.device_id}`}>{modelOf(row) ?? row.address}</a>
    ),
    csv: {
      device_id: ({ row }) => row.device_id,
      manufacturer: ({ row }) => row.manufacturer,
      model: ({ row }) => row.model,
    },
  },
  site: { heading: "site", sort: "site", cell: ({ row }) => row.site, csv: { site: ({ row }) => row.site } },
  address: {
    heading: "address",
    sort: "address",
    cell: ({ row }) => row.address,
    csv: { address: ({ row }) => row.address },
  },
  serial: {
    heading: "serial",
    sort: "serial",
    cell: ({ row }) => row.serial ?? "",
    csv: { serial: ({ row }) => row.serial },
  },
  location: {
    heading: "location",
    sort: "location",
    cell: ({ row }) => row.location ?? "",
    csv: { location: ({ row }) => row.location },
  },
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

const fact = (name: "address" | "serial") => ({
  heading: name,
  sort: name,
  cell: (row: EmptyingSupply) => row[name] ?? "",
  csv: { [name]: (row: EmptyingSupply) => row[name] },
});

export const emptyingColumns = {
  device: {
    heading: "device",
    sort: "device",
    cell: (row, { customer }) => (
      <a href={`${rootOf(customer)}/devices/${row.device_id}`}>{modelOf(row) ?? row.address}</a>
    ),
    csv: { device_id: (row) => row.device_id, manufacturer: (row) => row.manufacturer, model: (row) => row.model },
  },
  site: { heading: "site", sort: "site", cell: ({ site }) => site, csv: { site: ({ site }) => site } },
  address: fact("address"),
  serial: fact("serial"),
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
