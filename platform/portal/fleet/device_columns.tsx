/** Columns of a list of devices, on the page and in CSV. */
import { lowestFirst, supplyName } from "../../devices/device_view.ts";
import type { ListedDevice } from "../../devices/list_devices.ts";
import type { ListOrder } from "../../devices/listed_devices.ts";
import { supplyText } from "../../devices/supply_text.ts";
import { rootOf } from "../page/customer_page.tsx";
import type { ListColumn } from "./list_table.tsx";
import { modelOf, shownLevel } from "./shown.ts";

const iso = (ms: number) => new Date(ms).toISOString();
const fact = (name: "serial" | "address" | "hostname" | "location" | "network" | "firmware") => ({
  heading: name,
  sort: name,
  cell: ({ row }: ListedDevice) => row[name] ?? "",
  csv: { [name]: ({ row }: ListedDevice) => row[name] },
});

export const deviceColumns = {
  device: {
    heading: "device",
    sort: "model",
    cell: ({ row }, { customer }) => (
      <a href={`${rootOf(customer)}/devices/${row.device_id}`}>{modelOf(row) ?? row.address}</a>
    ),
    csv: {
      device_id: ({ row }) => row.device_id,
      manufacturer: ({ row }) => row.manufacturer,
      model: ({ row }) => row.model,
    },
  },
  site: { heading: "site", sort: "site", cell: ({ row }) => row.site, csv: { site: ({ row }) => row.site } },
  address: fact("address"),
  serial: fact("serial"),
  hostname: fact("hostname"),
  location: fact("location"),
  network: fact("network"),
  firmware: fact("firmware"),
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

export type DeviceColumnKey = keyof typeof deviceColumns;

export const allDeviceColumns = Object.keys(deviceColumns) as DeviceColumnKey[];
export const usualDeviceColumns: readonly DeviceColumnKey[] = [
  "device",
  "site",
  "address",
  "serial",
  "pages",
  "low",
  "lastSeen",
];
