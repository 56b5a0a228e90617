/** Supplies of a customer that run low, and those that will be empty first; as pages and as CSV. */
import { emptyingSorts } from "../../devices/kept_forecasts.ts";
import { forecastsOfListed, listEmptying } from "../../devices/list_forecasts.ts";
import { type ListedSupply, listSupplies, supplySorts } from "../../devices/list_supplies.ts";
import { type ChosenSite, chosenSite, customerPage, rootOf, SiteSelect } from "../page/customer_page.tsx";
import { pageNumber, Pager, pageSize, Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { csvResponse } from "./csv_response.ts";
import { listQuery } from "./list_query.ts";
import { ColumnChoice, CsvLink, csvOf, KeptOrder, type ListColumn, lotsOf, tableColumns } from "./list_table.tsx";
import {
  emptyingColumns,
  type EmptyingSupply,
  lowColumns,
  type LowSupply,
  usualEmptyingColumns,
  usualLowColumns,
} from "./supply_columns.tsx";
import { ViewForm, ViewLinks, viewsOf } from "./views.tsx";

export async function supplies(request: CustomerRequest) {
  const { customer, t, c } = request, root = `${rootOf(customer)}/supplies`;
  const { views, first } = await viewsOf(request, "supplies");
  if (first !== undefined) return c.redirect(first, 303);
  const chosen = await chosenSite(request), isByDays = c.req.query("view") === "days";
  const list = isByDays ? emptying(request, chosen) : low(request, chosen);
  if (c.req.query("format") === "csv") return csvResponse(c, "supplies.csv", list.csv());
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
        <ViewForm request={request} list="supplies" />
        <p class="quiet">{t("forecastHelp")}</p>
      </>
    ),
  });
}

function low(request: CustomerRequest, chosen: ChosenSite) {
  const { platform, by, customer, t, c } = request, page = pageNumber(c);
  const tenantBy = { ...by, tenant: customer.customerId }, now = platform.clock.now().getTime();
  const keys = Object.keys(lowColumns) as (keyof typeof lowColumns)[];
  const { columns, order } = listQuery(c, { all: keys, usual: usualLowColumns, sorts: supplySorts });
  const shown = columns.map((key): ListColumn<LowSupply> => lowColumns[key]);
  const find = (part: { limit?: number; offset?: number }) =>
    listSupplies(platform, tenantBy, { site: chosen.site, low: true, order, ...part });
  const withForecasts = async (rows: ListedSupply[]): Promise<LowSupply[]> => {
    const forecasts = await forecastsOfListed(platform, tenantBy, rows);
    return rows.map((row) => ({
      ...row,
      now,
      forecast: forecasts.get(row.row.device_id)?.get(row.supply.index),
    }));
  };
  return {
    csv: () => csvOf(lotsOf(find({}).then(withForecasts)), shown),
    async page() {
      const rows = await find({ limit: pageSize + 1, offset: page * pageSize });
      const seen = await withForecasts(rows.slice(0, pageSize));
      return (
        <>
          <form class="filters" method="get">
            <SiteSelect request={request} chosen={chosen} />
            <KeptOrder request={request} order={order} />
            <ColumnChoice request={request} all={lowColumns} shown={columns} />
            <button type="submit">{t("filter")}</button>
          </form>
          <CsvLink request={request} />
          <Table
            rows={seen}
            empty={t("allWell")}
            caption={t("lowSupplies")}
            isTitled
            columns={tableColumns(request, shown, order)}
          />
          <Pager request={request} page={page} shown={seen.length} hasMore={rows.length > pageSize} />
        </>
      );
    },
  };
}

const spans = [7, 14, 30, 90];

function emptying(request: CustomerRequest, chosen: ChosenSite) {
  const { platform, by, customer, t, c } = request, page = pageNumber(c);
  const withinDays = spans.find((days) => String(days) === c.req.query("within")) ?? 30;
  const now = platform.clock.now().getTime();
  const keys = Object.keys(emptyingColumns) as (keyof typeof emptyingColumns)[];
  const { columns, order } = listQuery(c, { all: keys, usual: usualEmptyingColumns, sorts: emptyingSorts });
  const shown = columns.map((key): ListColumn<EmptyingSupply> => emptyingColumns[key]);
  const find = async (part: { limit?: number; offset?: number }): Promise<EmptyingSupply[]> => {
    const asked = { site: chosen.site, withinDays, order, ...part };
    const rows = await listEmptying(platform, { ...by, tenant: customer.customerId }, asked);
    return rows.map((row) => ({ ...row, now }));
  };
  return {
    csv: () => csvOf(lotsOf(find({})), shown),
    async page() {
      const rows = await find({ limit: pageSize + 1, offset: page * pageSize }), seen = rows.slice(0, pageSize);
      return (
        <>
          <form class="filters" method="get">
            <input type="hidden" name="view" value="days" />
            <SiteSelect request={request} chosen={chosen} />
            <div>
              <label for="within">{t("within")}</label>
              <select id="within" name="within">
                {spans.map((days) => (
                  <option value={days} selected={days === withinDays}>{t("withinDays", { days })}</option>
                ))}
              </select>
            </div>
            <KeptOrder request={request} order={order} />
            <ColumnChoice request={request} all={emptyingColumns} shown={columns} />
            <button type="submit">{t("filter")}</button>
          </form>
          <CsvLink request={request} />
          <Table
            rows={seen}
            empty={t("allWell")}
            caption={t("byDays")}
            isTitled
            columns={tableColumns(request, shown, order)}
          />
          <Pager request={request} page={page} shown={seen.length} hasMore={rows.length > pageSize} />
        </>
      );
    },
  };
}
