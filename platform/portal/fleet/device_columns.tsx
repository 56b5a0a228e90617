/** Columns of a list of devices, on the page and in CSV. */
import { lowestFirst, supplyName } from "../../devices/device_view.ts";
import type { ListedDevice } from "../../devices/list_devices.ts";
import type { ListOrder } from "../../devices/listed_devices.ts";
import { supplyText } from "../../devices/supply_text.ts";
import { deviceColumn, factColumn, type ListColumn } from "./list_table.tsx";
import { shownLevel } from "./shown.ts";

const iso = (ms: number) => new Date(ms).toISOString();
const facts = ({ row }: ListedDevice) => row;

export const deviceColumns = {
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

export const usualDeviceColumns = ["device", "site", "address", "serial", "pages", "low", "lastSeen"] as const;
