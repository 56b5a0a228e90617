/** Devices of a customer, as a page and as CSV. */
import { type DeviceFilters, exportDevices, listDevices, type ListedDevice } from "../../devices/list_devices.ts";
import { type ListOrder, sortKeys } from "../../devices/listed_devices.ts";
import { type ChosenSite, chosenSite, customerPage, rootOf, SiteSelect } from "../page/customer_page.tsx";
import { pageNumber, Pager, pageSize, Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { csvResponse } from "./csv_response.ts";
import { allDeviceColumns, type DeviceColumnKey, deviceColumns, usualDeviceColumns } from "./device_columns.tsx";
import { listQuery } from "./list_query.ts";
import { ColumnChoice, CsvLink, csvOf, KeptOrder, type ListColumn, tableColumns } from "./list_table.tsx";
import { ViewForm, ViewLinks, viewsOf } from "./views.tsx";

const sorts = Object.keys(sortKeys) as ListOrder["by"][];

interface Asked {
  chosen: ChosenSite;
  filters: DeviceFilters;
  columns: readonly DeviceColumnKey[];
  order: ListOrder | undefined;
}

async function asked(request: CustomerRequest): Promise<Asked> {
  const { c } = request, chosen = await chosenSite(request);
  const text = (name: string) => c.req.query(name)?.trim().slice(0, 100) || undefined;
  const { columns, order } = listQuery(c, { all: allDeviceColumns, usual: usualDeviceColumns, sorts });
  return {
    chosen,
    columns,
    order,
    filters: {
      site: chosen.site,
      search: text("q"),
      model: text("model"),
      low: c.req.query("low") === "1",
      silent: c.req.query("silent") === "1",
    },
  };
}

export async function devices(request: CustomerRequest) {
  const { platform, by, customer, t, formats, c } = request;
  const { views, first } = await viewsOf(request, "devices");
  if (first !== undefined) return c.redirect(first, 303);
  const { chosen, filters, columns, order } = await asked(request);
  const tenantBy = { ...by, tenant: customer.customerId },
    shown = columns.map((key): ListColumn<ListedDevice> => deviceColumns[key]);
  if (c.req.query("format") === "csv") {
    return csvResponse(c, "devices.csv", csvOf(exportDevices(platform, tenantBy, { ...filters, order }), shown));
  }
  const page = pageNumber(c);
  const list = await listDevices(platform, tenantBy, { ...filters, order, limit: pageSize, offset: page * pageSize });
  const { found } = list.counts;
  return customerPage(request, {
    title: `${customer.name}: ${t("devices")}`,
    tab: "devices",
    scripts: ["/htmx.js"],
    children: (
      <>
        <ViewLinks request={request} views={views} all={t("allDevices")} />
        <DeviceForm request={request} asked={{ chosen, filters, columns, order }} />
        <div id="list">
          <CsvLink request={request} />
          <Table
            rows={list.devices}
            empty={t("nothingFound")}
            caption={`${t("devices")}: ${formats.number(found)}`}
            columns={tableColumns(request, shown, order)}
          />
          <Pager
            request={request}
            page={page}
            shown={list.devices.length}
            all={found}
            hasMore={(page + 1) * pageSize < found}
          />
          <ViewForm request={request} list="devices" />
        </div>
      </>
    ),
  });
}

/* A change is looked for at once where scripts run. */
function DeviceForm(
  { request, asked: { chosen, filters, columns, order } }: { request: CustomerRequest; asked: Asked },
) {
  const { t, customer } = request;
  return (
    <form
      class="filters"
      method="get"
      role="search"
      hx-get={`${rootOf(customer)}/devices`}
      hx-trigger="submit, change, input changed delay:400ms from:#q"
      hx-target="#list"
      hx-select="#list"
      hx-swap="outerHTML"
      hx-push-url="true"
      hx-sync="this:replace"
    >
      <div>
        <label for="q">{t("search")}</label>
        <input id="q" name="q" type="text" value={filters.search} maxlength={100} aria-describedby="q-help" />
      </div>
      <SiteSelect request={request} chosen={chosen} />
      {filters.model !== undefined && <input type="hidden" name="model" value={filters.model} />}
      <KeptOrder request={request} order={order} />
      <label class="check">
        <input type="checkbox" name="low" value="1" checked={filters.low === true} /> {t("onlyLow")}
      </label>
      <label class="check">
        <input type="checkbox" name="silent" value="1" checked={filters.silent === true} /> {t("onlySilent")}
      </label>
      <ColumnChoice request={request} all={deviceColumns} shown={columns} />
      <button type="submit">{t("filter")}</button>
      <div class="help" id="q-help">{t("searchHelp")}</div>
    </form>
  );
}
