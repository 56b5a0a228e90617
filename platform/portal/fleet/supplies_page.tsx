/** Supplies of a customer that run low, and those that will be empty first. */
import { supplyName } from "../../devices/device_view.ts";
import { forecastsOfListed, listEmptying, orderBy } from "../../devices/list_forecasts.ts";
import { listSupplies } from "../../devices/list_supplies.ts";
import { type ChosenSite, chosenSite, customerPage, rootOf, SiteForm, SiteSelect } from "../page/customer_page.tsx";
import { pageNumber, Pager, pageSize, Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { forecastText } from "./forecast_text.ts";
import { modelOf, shownLevel } from "./shown.ts";

export async function supplies(request: CustomerRequest) {
  const { customer, t, c } = request, chosen = await chosenSite(request);
  const root = `${rootOf(customer)}/supplies`, isByDays = c.req.query("view") === "days";
  return await customerPage(request, {
    title: `${customer.name}: ${t("lowSupplies")}`,
    tab: "supplies",
    children: (
      <>
        <p class="switch">
          <a href={root} aria-current={isByDays ? undefined : "page"}>{t("lowNow")}</a>{" "}
          <a href={`${root}?view=days`} aria-current={isByDays ? "page" : undefined}>{t("byDays")}</a>
        </p>
        {isByDays ? await emptying(request, chosen) : await low(request, chosen)}
        <p class="quiet">{t("forecastHelp")}</p>
      </>
    ),
  });
}

async function low(request: CustomerRequest, chosen: ChosenSite) {
  const { platform, by, customer, t, formats, c } = request, page = pageNumber(c);
  const tenantBy = { ...by, tenant: customer.customerId }, now = platform.clock.now().getTime();
  const rows = await listSupplies(platform, tenantBy, {
    site: chosen.site,
    low: true,
    limit: pageSize + 1,
    offset: page * pageSize,
  });
  const shown = rows.slice(0, pageSize), forecasts = await forecastsOfListed(platform, tenantBy, shown);
  return (
    <>
      <SiteForm request={request} chosen={chosen} />
      <Table
        rows={shown}
        empty={t("allWell")}
        caption={t("lowSupplies")}
        isTitled
        columns={[
          {
            heading: t("device"),
            cell: ({ row }) => (
              <a href={`${rootOf(customer)}/devices/${row.device_id}`}>{modelOf(row) ?? row.address}</a>
            ),
          },
          { heading: t("site"), cell: ({ row }) => row.site },
          { heading: t("address"), cell: ({ row }) => row.address },
          { heading: t("supply"), cell: ({ supply }) => supplyName(supply) },
          { heading: t("level"), cell: ({ supply }) => <span class="warn">{shownLevel(supply.level, t)}</span> },
          {
            heading: t("daysLeft"),
            cell: ({ row, supply }) =>
              forecastText(forecasts.get(row.device_id)?.get(supply.index), { t, formats, now }),
          },
          { heading: t("partNumber"), cell: ({ supply }) => supply.partNumber ?? "" },
          { heading: t("readAt"), cell: ({ readAt }) => formats.time(readAt) },
        ]}
      />
      <Pager request={request} page={page} shown={shown.length} hasMore={rows.length > pageSize} />
    </>
  );
}

const spans = [7, 14, 30, 90];

async function emptying(request: CustomerRequest, chosen: ChosenSite) {
  const { platform, by, customer, t, formats, c } = request, page = pageNumber(c);
  const withinDays = spans.find((days) => String(days) === c.req.query("within")) ?? 30;
  const now = platform.clock.now().getTime();
  const rows = await listEmptying(platform, { ...by, tenant: customer.customerId }, {
    site: chosen.site,
    withinDays,
    limit: pageSize + 1,
    offset: page * pageSize,
  });
  const shown = rows.slice(0, pageSize);
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
        <button type="submit">{t("filter")}</button>
      </form>
      <Table
        rows={shown}
        empty={t("allWell")}
        caption={t("byDays")}
        isTitled
        columns={[
          {
            heading: t("device"),
            cell: (row) => <a href={`${rootOf(customer)}/devices/${row.device_id}`}>{modelOf(row) ?? row.address}</a>,
          },
          { heading: t("site"), cell: ({ site }) => site },
          { heading: t("address"), cell: ({ address }) => address },
          { heading: t("supply"), cell: ({ name }) => name },
          { heading: t("daysLeft"), cell: ({ expected }) => forecastText(expected, { t, formats, now }) },
          { heading: t("orderBy"), cell: ({ expected }) => formats.day(orderBy(expected, now)) },
          { heading: t("partNumber"), cell: ({ part_number }) => part_number ?? "" },
        ]}
      />
      <Pager request={request} page={page} shown={shown.length} hasMore={rows.length > pageSize} />
    </>
  );
}
