/** What devices of a customer report. */
import { words } from "../../devices/device_view.ts";
import { listAlerts } from "../../devices/alerts.ts";
import { chosenSite, customerPage, rootOf, SiteForm } from "../page/customer_page.tsx";
import { pageNumber, Pager, pageSize, Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { modelOf } from "./shown.ts";

export async function alerts(request: CustomerRequest) {
  const { platform, by, customer, t, formats, c } = request;
  const chosen = await chosenSite(request), page = pageNumber(c);
  const rows = await listAlerts(platform, { ...by, tenant: customer.customerId }, {
    site: chosen.site,
    limit: pageSize + 1,
    offset: page * pageSize,
  });
  const shown = rows.slice(0, pageSize);
  return customerPage(request, {
    title: `${customer.name}: ${t("alerts")}`,
    tab: "alerts",
    children: (
      <>
        <SiteForm request={request} chosen={chosen} />
        <Table
          rows={shown}
          empty={t("allWell")}
          caption={t("alerts")}
          isTitled
          columns={[
            {
              heading: t("device"),
              cell: (row) => <a href={`${rootOf(customer)}/devices/${row.device_id}`}>{modelOf(row) ?? row.address}</a>,
            },
            { heading: t("site"), cell: ({ site }) => site },
            {
              heading: t("severity"),
              cell: ({ severity }) => <span class={severity === "critical" ? "bad" : undefined}>{severity}</span>,
            },
            { heading: t("alert"), cell: ({ description, alert_group }) => description || words(alert_group) },
            { heading: t("since"), cell: ({ first_seen_at }) => formats.time(first_seen_at) },
          ]}
        />
        <Pager request={request} page={page} shown={shown.length} hasMore={rows.length > pageSize} />
      </>
    ),
  });
}
