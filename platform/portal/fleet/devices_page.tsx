/** Devices of a customer, as a page and as CSV. */
import type { Child } from "hono/jsx";
import { type DeviceFilters, exportDevices, listDevices, type ListedDevice } from "../../devices/list_devices.ts";
import { type ListOrder, sortKeys } from "../../devices/listed_devices.ts";
import { csvResponse } from "../page/file_response.ts";
import { type ChosenSite, chosenSite, customerPage, rootOf, SiteSelect } from "../page/customer_page.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { deviceColumn, factColumn, type ListColumn, listed } from "./list_table.tsx";
import { ViewLinks, viewsOf } from "./views.tsx";
import { lowestFirst, supplyName } from "../../devices/device_view.ts";
import { supplyText } from "../../devices/supply_text.ts";
import { shownLevel } from "./shown.ts";

const iso = (ms: number) => new Date(ms).toISOString();
const facts = ({ row }: ListedDevice) => row;

const deviceColumns = {
  device: deviceColumn("model", facts),
  site: factColumn("site", facts),
  address: factColumn("address", facts),
  serial: factColumn("serial", facts),
  hostname: factColumn("hostname", facts),
  location: factColumn("location", facts),
  network: factColumn("network", facts),
  firmware: factColumn("firmware", facts),
  pages: {
    heading: "pages",
    sort: "pages",
    isNumber: true,
    cell: ({ row }, { formats }) => row.total === null ? "" : formats.number(row.total),
    csv: { total: ({ row }) => row.total },
  },
  low: {
    heading: "lowSupplies",
    sort: "low",
    cell: ({ low }, { t }) =>
      lowestFirst(low).map((supply) => (
        <div class="warn">{supplyText(supplyName(supply), t)} {shownLevel(supply.level, t)}</div>
      )),
    csv: { low_supplies: ({ low }) => low.map(supplyName).join("; ") },
  },
  firstSeen: {
    heading: "firstSeen",
    sort: "firstSeen",
    cell: ({ row }, { formats }) => formats.time(row.first_seen_at),
    csv: { first_seen_at: ({ row }) => iso(row.first_seen_at) },
  },
  lastSeen: {
    heading: "lastSeen",
    sort: "lastSeen",
    cell: ({ row, isSilent }, { t, formats }) => (
      <span class={isSilent ? "bad" : undefined}>
        {formats.time(row.last_seen_at)}
        {isSilent && ` (${t("silent")})`}
      </span>
    ),
    csv: { last_seen_at: ({ row }) => iso(row.last_seen_at) },
  },
} satisfies Record<string, ListColumn<ListedDevice> & { sort: ListOrder["by"] }>;

const usualDeviceColumns = ["device", "site", "address", "serial", "pages", "low", "lastSeen"] as const;

interface Asked {
  chosen: ChosenSite;
  filters: DeviceFilters;
}

async function asked(request: CustomerRequest): Promise<Asked> {
  const { c } = request, chosen = await chosenSite(request);
  const text = (name: string) => c.req.query(name)?.trim().slice(0, 100) || undefined;
  return {
    chosen,
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
  const { platform, by, customer, t, c } = request, tenantBy = { ...by, tenant: customer.customerId };
  const { views, first } = await viewsOf(request, "devices");
  if (first !== undefined) return c.redirect(first, 303);
  const { chosen, filters } = await asked(request);
  const list = listed(request, {
    columns: deviceColumns,
    usual: usualDeviceColumns,
    sorts: Object.keys(sortKeys) as ListOrder["by"][],
    caption: "devices",
    empty: "nothingFound",
    async page(wish) {
      const { devices: rows, counts, ...further } = await listDevices(platform, tenantBy, { ...filters, ...wish });
      return { rows, all: counts.found, ...further };
    },
    whole: (order) => exportDevices(platform, tenantBy, { ...filters, order }),
    form: (kept) => (
      <DeviceForm request={request} asked={{ chosen, filters }}>
        {kept}
      </DeviceForm>
    ),
    views: "devices",
  });
  if (c.req.query("format") === "csv") return csvResponse(request, "devices.csv", list.csv());
  return customerPage(request, {
    title: `${customer.name}: ${t("devices")}`,
    tab: "devices",
    scripts: ["/htmx.js"],
    children: (
      <>
        <ViewLinks request={request} views={views} all={t("allDevices")} />
        {await list.page()}
      </>
    ),
  });
}

/* A change is looked for at once where scripts run. */
function DeviceForm(
  { request, asked: { chosen, filters }, children }: { request: CustomerRequest; asked: Asked; children: Child },
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
      <label class="check">
        <input type="checkbox" name="low" value="1" checked={filters.low === true} /> {t("onlyLow")}
      </label>
      <label class="check">
        <input type="checkbox" name="silent" value="1" checked={filters.silent === true} /> {t("onlySilent")}
      </label>
      {children}
      <button type="submit">{t("filter")}</button>
      <div class="help" id="q-help">{t("searchHelp")}</div>
    </form>
  );
}
