/** Columns of a list of devices, on the page and in CSV. */
import type { Child } from "hono/jsx";
import type { CsvCell } from "../../../common/report/csv_text.ts";
import { lowestFirst, supplyName } from "../../devices/device_view.ts";
import type { ListedDevice } from "../../devices/list_devices.ts";
import type { ListOrder } from "../../devices/listed_devices.ts";
import type { CustomerRequest } from "../page/route.ts";
import { rootOf } from "../page/customer_page.tsx";
import type { Key } from "../words/words.ts";
import { modelOf, shownLevel } from "./shown.ts";

interface DeviceColumn {
  heading: Key;
  sort: ListOrder["by"];
  isNumber?: boolean;
  cell(device: ListedDevice, request: CustomerRequest): Child;
  /** By the heading in CSV. */
  csv: Record<string, (device: ListedDevice) => CsvCell>;
}

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
      lowestFirst(low).map((supply) => <div class="warn">{supplyName(supply)} {shownLevel(supply.level, t)}</div>),
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
} satisfies Record<string, DeviceColumn>;

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

export function deviceColumn(key: DeviceColumnKey): DeviceColumn {
  return deviceColumns[key];
}
