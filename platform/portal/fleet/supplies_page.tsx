/** Supplies of a customer that run low, and those that will be empty first; as pages and as CSV. */
import { type EmptyingOrder, emptyingSorts } from "../../devices/kept_forecasts.ts";
import {
  type Emptying,
  exportEmptying,
  forecastsOfListed,
  listEmptying,
  orderBy,
} from "../../devices/list_forecasts.ts";
import {
  exportSupplies,
  type ListedSupply,
  pageOfLowSupplies,
  type SupplyOrder,
  supplySorts,
} from "../../devices/list_supplies.ts";
import { csvResponse } from "../page/file_response.ts";
import { type ChosenSite, chosenSite, customerPage, rootOf, SiteSelect } from "../page/customer_page.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { deviceColumn, factColumn, type ListColumn, listed, ListForm, lotsWith } from "./list_table.tsx";
import { ViewLinks, viewsOf } from "./views.tsx";
import type { Expected, Forecast } from "../../devices/forecast.ts";
import { supplyName } from "../../devices/device_view.ts";
import { supplyText } from "../../devices/supply_text.ts";
import { forecastText } from "./forecast_text.ts";
import { shownLevel } from "./shown.ts";

/** `now`: of the list, for days that are left. */
type LowSupply = ListedSupply & { forecast: Forecast | undefined; now: number };
type EmptyingSupply = Emptying & { now: number };

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

const lowColumns = {
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

const usualLowColumns = [
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

const emptyingColumns = {
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

const usualEmptyingColumns = [
  "device",
  "site",
  "address",
  "supply",
  "daysLeft",
  "orderBy",
  "partNumber",
] as const;

export async function supplies(request: CustomerRequest) {
  const { customer, t, c } = request, root = `${rootOf(customer)}/supplies`;
  const { views, first } = await viewsOf(request, "supplies");
  if (first !== undefined) return c.redirect(first, 303);
  const chosen = await chosenSite(request), isByDays = c.req.query("view") === "days";
  const list = isByDays ? emptying(request, chosen) : low(request, chosen);
  if (c.req.query("format") === "csv") return csvResponse(request, "supplies.csv", list.csv());
  return await customerPage(request, {
    title: `${customer.name}: ${t("lowSupplies")}`,
    tab: "supplies",
    children: (
      <>
        <ViewLinks request={request} views={views} all={t("allSupplies")} />
        <p class="switch">
          <a href={`${root}?all=1`} aria-current={isByDays ? undefined : "page"}>{t("lowNow")}</a>{" "}
          <a href={`${root}?view=days`} aria-current={isByDays ? "page" : undefined}>{t("byDays")}</a>
        </p>
        {await list.page()}
        <p class="quiet">{t("forecastHelp")}</p>
      </>
    ),
  });
}

function low(request: CustomerRequest, { site, ...chosen }: ChosenSite) {
  const { platform, by, customer } = request, tenantBy = { ...by, tenant: customer.customerId };
  const now = platform.clock.now().getTime();
  const withForecasts = async (rows: readonly ListedSupply[]): Promise<LowSupply[]> => {
    const forecasts = await forecastsOfListed(platform, tenantBy, rows);
    return rows.map((row) => ({ ...row, now, forecast: forecasts.get(row.row.device_id)?.get(row.supply.index) }));
  };
  return listed(request, {
    columns: lowColumns,
    usual: usualLowColumns,
    sorts: supplySorts,
    caption: "lowSupplies",
    empty: "allWell",
    async page(wish) {
      const page = await pageOfLowSupplies(platform, tenantBy, { site, ...wish });
      return { ...page, rows: await withForecasts(page.rows) };
    },
    whole: (order) => lotsWith(exportSupplies(platform, tenantBy, { site, low: true, order }), withForecasts),
    form: (kept) => (
      <ListForm request={request}>
        <SiteSelect request={request} chosen={{ site, ...chosen }} />
        {kept}
      </ListForm>
    ),
    views: "supplies",
  });
}

const spans = [7, 14, 30, 90];

function emptying(request: CustomerRequest, { site, ...chosen }: ChosenSite) {
  const { platform, by, customer, t, c } = request, tenantBy = { ...by, tenant: customer.customerId };
  const withinDays = spans.find((days) => String(days) === c.req.query("within")) ?? 30;
  const now = platform.clock.now().getTime(), asked = { site, withinDays };
  const withNow = (rows: readonly Emptying[]) => rows.map((row) => ({ ...row, now }));
  return listed(request, {
    columns: emptyingColumns,
    usual: usualEmptyingColumns,
    sorts: emptyingSorts,
    caption: "byDays",
    empty: "allWell",
    async page(wish) {
      const page = await listEmptying(platform, tenantBy, { ...asked, ...wish });
      return { ...page, rows: withNow(page.rows) };
    },
    whole: (order) => lotsWith(exportEmptying(platform, tenantBy, { ...asked, order }), withNow),
    form: (kept) => (
      <ListForm request={request}>
        <input type="hidden" name="view" value="days" />
        <SiteSelect request={request} chosen={{ site, ...chosen }} />
        <div>
          <label for="within">{t("within")}</label>
          <select id="within" name="within">
            {spans.map((days) => (
              <option value={days} selected={days === withinDays}>{t("withinDays", { days })}</option>
            ))}
          </select>
        </div>
        {kept}
      </ListForm>
    ),
    views: "supplies",
  });
}
