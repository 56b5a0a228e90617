/** Devices of a customer, as a page and as CSV. */
import { type CsvCell, csvText } from "../../../common/report/csv_text.ts";
import { type DeviceFilters, exportDevices, listDevices, type ListedDevice } from "../../devices/list_devices.ts";
import { type ListOrder, sortKeys } from "../../devices/listed_devices.ts";
import { listViews } from "../../users/saved_views.ts";
import { type ChosenSite, chosenSite, customerPage, rootOf, SiteSelect } from "../page/customer_page.tsx";
import { pageNumber, Pager, pageSize, Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { csvResponse } from "./csv_response.ts";
import { allDeviceColumns, deviceColumn, type DeviceColumnKey, usualDeviceColumns } from "./device_columns.tsx";
import { listAddress, listQuery, sortLink } from "./list_query.ts";
import { ViewForm, ViewLinks } from "./views.tsx";

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
    columns: columns.includes("device") ? columns : ["device", ...columns],
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
  const { platform, by, viewer, customer, t, formats, c } = request;
  const views = await listViews(platform, viewer, { list: "devices" });
  const first = views.find(({ isDefault }) => isDefault);
  if (first !== undefined && new URL(c.req.url).search === "") {
    return c.redirect(`${c.req.path}?${first.query || "all=1"}`, 303);
  }
  const { chosen, filters, columns, order } = await asked(request);
  const tenantBy = { ...by, tenant: customer.customerId };
  if (c.req.query("format") === "csv") {
    return csvResponse(c, "devices.csv", csvOf(exportDevices(platform, tenantBy, { ...filters, order }), columns));
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
          <p>
            <a href={listAddress(c, { format: "csv" })} hx-boost="false">{t("csv")}</a>
          </p>
          <Table
            rows={list.devices}
            empty={t("nothingFound")}
            caption={`${t("devices")}: ${formats.number(found)}`}
            columns={columns.map((key) => {
              const { heading, sort, isNumber = false, cell } = deviceColumn(key);
              return {
                heading: t(heading),
                isNumber,
                sort: sortLink(c, order, sort),
                cell: (device: ListedDevice) => cell(device, request),
              };
            })}
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
  const { t, c, customer } = request;
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
      {order !== undefined && <input type="hidden" name="sort" value={c.req.query("sort")} />}
      <label class="check">
        <input type="checkbox" name="low" value="1" checked={filters.low === true} /> {t("onlyLow")}
      </label>
      <label class="check">
        <input type="checkbox" name="silent" value="1" checked={filters.silent === true} /> {t("onlySilent")}
      </label>
      <details class="columns">
        <summary>{t("columns")}</summary>
        <fieldset>
          <legend class="hidden">{t("columns")}</legend>
          {allDeviceColumns.filter((key) => key !== "device").map((key) => (
            <label class="check">
              <input type="checkbox" name="column" value={key} checked={columns.includes(key)} />{" "}
              {t(deviceColumn(key).heading)}
            </label>
          ))}
        </fieldset>
      </details>
      <button type="submit">{t("filter")}</button>
      <div class="help" id="q-help">{t("searchHelp")}</div>
    </form>
  );
}

/* The columns that are shown, in their order. */
async function* csvOf(
  lots: AsyncIterable<ListedDevice[]>,
  columns: readonly DeviceColumnKey[],
): AsyncGenerator<string> {
  const cells = columns.flatMap((key) => Object.entries(deviceColumn(key).csv));
  yield csvText([cells.map(([name]) => name)], { bom: true });
  for await (const lot of lots) {
    yield csvText(lot.map((device): CsvCell[] => cells.map(([, cell]) => cell(device))));
  }
}
