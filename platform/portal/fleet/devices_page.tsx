/** Devices of a customer, as a page and as CSV. */
import { csvText } from "../../../common/report/csv_text.ts";
import { lowestFirst, supplyName } from "../../devices/device_view.ts";
import { type DeviceFilters, listDevices, type ListedDevice } from "../../devices/list_devices.ts";
import { type ChosenSite, chosenSite, customerPage, rootOf, SiteSelect } from "../page/customer_page.tsx";
import { type ColumnOf, pageNumber, Pager, pageSize, Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { modelOf, shownLevel } from "./shown.ts";

async function deviceFilters(request: CustomerRequest): Promise<{ chosen: ChosenSite; filters: DeviceFilters }> {
  const { c } = request, chosen = await chosenSite(request);
  return {
    chosen,
    filters: {
      site: chosen.site,
      model: c.req.query("model")?.trim().slice(0, 100) || undefined,
      low: c.req.query("low") === "1",
      silent: c.req.query("silent") === "1",
    },
  };
}

export async function devices(request: CustomerRequest) {
  const { platform, by, customer, t, formats, c } = request;
  const { chosen, filters } = await deviceFilters(request), tenantBy = { ...by, tenant: customer.customerId };
  if (c.req.query("format") === "csv") return await deviceCsv(request, filters);
  const page = pageNumber(c);
  const list = await listDevices(platform, tenantBy, { ...filters, limit: pageSize, offset: page * pageSize });
  const { found } = list.counts;
  const query = new URLSearchParams(c.req.query());
  query.set("format", "csv");
  return customerPage(request, {
    title: `${customer.name}: ${t("devices")}`,
    tab: "devices",
    children: (
      <>
        <form class="filters" method="get">
          <SiteSelect request={request} chosen={chosen} />
          <div>
            <label for="model">{t("model")}</label>
            <input id="model" name="model" type="text" value={filters.model} />
          </div>
          <label class="check">
            <input type="checkbox" name="low" value="1" checked={filters.low === true} /> {t("onlyLow")}
          </label>
          <label class="check">
            <input type="checkbox" name="silent" value="1" checked={filters.silent === true} /> {t("onlySilent")}
          </label>
          <button type="submit">{t("filter")}</button>
          <a href={`${c.req.path}?${query}`}>{t("csv")}</a>
        </form>
        <Table
          rows={list.devices}
          empty={t("nothingFound")}
          caption={`${t("devices")}: ${formats.number(found)}`}
          columns={deviceColumns(request)}
        />
        <Pager
          request={request}
          page={page}
          shown={list.devices.length}
          all={found}
          hasMore={(page + 1) * pageSize < found}
        />
      </>
    ),
  });
}

function deviceColumns({ t, formats, customer }: CustomerRequest): ColumnOf<ListedDevice>[] {
  return [
    {
      heading: t("device"),
      cell: ({ row }) => <a href={`${rootOf(customer)}/devices/${row.device_id}`}>{modelOf(row) ?? row.address}</a>,
    },
    { heading: t("site"), cell: ({ row }) => row.site },
    { heading: t("address"), cell: ({ row }) => row.address },
    { heading: t("serial"), cell: ({ row }) => row.serial ?? "" },
    { heading: t("pages"), isNumber: true, cell: ({ row }) => row.total === null ? "" : formats.number(row.total) },
    {
      heading: t("lowSupplies"),
      cell: ({ low }) =>
        lowestFirst(low).map((supply) => <div class="warn">{supplyName(supply)} {shownLevel(supply.level, t)}</div>),
    },
    {
      heading: t("lastSeen"),
      cell: ({ row, isSilent }) => (
        <span class={isSilent ? "bad" : undefined}>
          {formats.time(row.last_seen_at)}
          {isSilent && ` (${t("silent")})`}
        </span>
      ),
    },
  ];
}

async function deviceCsv({ platform, by, customer, c }: CustomerRequest, filters: DeviceFilters): Promise<Response> {
  const { devices } = await listDevices(platform, { ...by, tenant: customer.customerId }, filters);
  const time = (ms: number) => new Date(ms).toISOString();
  const text = csvText([
    [
      "device_id",
      "site",
      "manufacturer",
      "model",
      "serial",
      "address",
      "hostname",
      "location",
      "total",
      "low_supplies",
      "last_seen_at",
    ],
    ...devices.map(({ row, low }) => [
      row.device_id,
      row.site,
      row.manufacturer,
      row.model,
      row.serial,
      row.address,
      row.hostname,
      row.location,
      row.total,
      low.map(supplyName).join("; "),
      time(row.last_seen_at),
    ]),
  ], { bom: true });
  return c.body(text, 200, {
    "content-type": "text/csv; charset=utf-8",
    "content-disposition": 'attachment; filename="devices.csv"',
  });
}
