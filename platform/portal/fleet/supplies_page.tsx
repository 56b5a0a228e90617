/** Supplies of a customer that run low. */
import { supplyName } from "../../devices/device_view.ts";
import { listSupplies } from "../../devices/list_supplies.ts";
import { chosenSite, customerPage, rootOf, SiteForm } from "../page/customer_page.tsx";
import { pageNumber, Pager, pageSize, Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { modelOf, shownLevel } from "./shown.ts";

export async function supplies(request: CustomerRequest) {
  const { platform, by, customer, t, formats, c } = request;
  const chosen = await chosenSite(request), page = pageNumber(c);
  const rows = await listSupplies(platform, { ...by, tenant: customer.customerId }, {
    site: chosen.site,
    low: true,
    limit: pageSize + 1,
    offset: page * pageSize,
  });
  const shown = rows.slice(0, pageSize);
  return customerPage(request, {
    title: `${customer.name}: ${t("lowSupplies")}`,
    tab: "supplies",
    children: (
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
            { heading: t("partNumber"), cell: ({ supply }) => supply.partNumber ?? "" },
            { heading: t("readAt"), cell: ({ readAt }) => formats.time(readAt) },
          ]}
        />
        <Pager request={request} page={page} shown={shown.length} hasMore={rows.length > pageSize} />
      </>
    ),
  });
}
