/** Supplies of a customer that run low, and those that will be empty first; as pages and as CSV. */
import { emptyingSorts } from "../../devices/kept_forecasts.ts";
import { type Emptying, exportEmptying, forecastsOfListed, listEmptying } from "../../devices/list_forecasts.ts";
import { exportSupplies, type ListedSupply, pageOfLowSupplies, supplySorts } from "../../devices/list_supplies.ts";
import { csvResponse } from "../page/file_response.ts";
import { type ChosenSite, chosenSite, customerPage, rootOf, SiteSelect } from "../page/customer_page.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { listed, ListForm, lotsWith } from "./list_table.tsx";
import {
  emptyingColumns,
  lowColumns,
  type LowSupply,
  usualEmptyingColumns,
  usualLowColumns,
} from "./supply_columns.tsx";
import { ViewLinks, viewsOf } from "./views.tsx";

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
