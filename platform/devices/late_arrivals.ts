/**
 * Devices whose past has changed: readings that came late, and devices that became one. One row for each device says of
 * which time, and when the last of it came; so it costs what is late, and not what there is.
 */
import { larger } from "./devices.ts";
import type { NewRecord } from "./readings.ts";
import type { RowsOf, Tenant } from "../store/store.ts";

/** What comes sooner after it was observed is not late. */
const lateMs = 3_600_000;

interface Arrival {
  device_id: string;
  /** Of the first and the last of the readings. */
  from_at: number;
  until_at: number;
  /** When the last of them came. */
  noted_at: number;
}

const table: RowsOf = {
  table: "late_readings",
  key: ["device_id"],
  columns: ["device_id", "from_at", "until_at", "noted_at"],
};

const widened = `from_at = CASE WHEN excluded.from_at < late_readings.from_at THEN excluded.from_at
    ELSE late_readings.from_at END, until_at = ${larger("late_readings", "until_at")},
  noted_at = ${larger("late_readings", "noted_at")}`;

type Late = Pick<NewRecord, "kind" | "deviceId" | "observedAt" | "receivedAt">;

/** `merged`: devices that have all readings of another one from now on, and those others. */
export async function noteLate(
  tenant: Tenant,
  { records, merged }: { records: readonly Late[]; merged: readonly string[] },
): Promise<void> {
  const late = new Map<string, Arrival>();
  const note = (device_id: string, { from, until, now }: { from: number; until: number; now: number }) => {
    const { from_at = from, until_at = until, noted_at = now } = late.get(device_id) ?? {};
    late.set(device_id, {
      device_id,
      from_at: Math.min(from, from_at),
      until_at: Math.max(until, until_at),
      noted_at: Math.max(now, noted_at),
    });
  };
  for (const { kind, deviceId, observedAt, receivedAt } of records) {
    const at = observedAt.getTime(), now = receivedAt.getTime();
    if (kind === "reading" && deviceId !== null && now - at >= lateMs) note(deviceId, { from: at, until: at, now });
    for (const each of merged) note(each, { from: 0, until: now, now });
  }
  if (late.size === 0) return;
  await tenant.insertMany(table, [...late.values()], `ON CONFLICT (customer_id, device_id) DO UPDATE SET ${widened}`);
}

/** Between reading the clock and the end of the transaction, and from one process's clock to another's. */
const slackMs = lateMs / 2;

/** Whether all that came after `since`, and is of before `until`, is noted. */
export function isAllNoted({ since, until }: { since: number; until: number }): boolean {
  return since - until >= lateMs + slackMs;
}

/** Ids of devices of which something came since then that was observed up to `until`. */
export async function lateDevices(
  tenant: Tenant,
  { since, until }: { since: number; until: number },
): Promise<string[]> {
  const rows = await tenant.all<{ device_id: string }>(
    "SELECT device_id FROM late_readings WHERE customer_id = :customer AND noted_at >= :since AND from_at <= :until",
    { since: since - slackMs, until },
  );
  return rows.map(({ device_id }) => device_id);
}
