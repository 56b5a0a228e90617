/** All readings of counters in a period as CSV, in parts: as long a list as there is, in little memory. */
import type { Base, TenantBy } from "../audit/use_case.ts";
import { csvLine } from "./csv_line.ts";
import type { Period } from "./count_pages.ts";

interface Reading {
  device_id: string;
  name: string;
  observed_at: number;
  value: number;
  unit: string;
}

/* Of one transaction. */
const devicesAtOnce = 200;
const separators = { field: ",", decimal: "." };

/** By device and meter; a reading when the value changed, and one a day. Times in UTC. */
export async function* exportMeters(
  { store }: Base,
  { tenant }: TenantBy,
  { from, until }: Period,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  yield encoder.encode(csvLine(["device_id", "serial", "meter", "unit", "read_at", "value"], separators));
  for (let after = "";;) {
    const { devices, readings } = await store.transaction(async (tx) => {
      const own = tx.tenant(tenant);
      const devices = await own.all<{ device_id: string; serial: string | null }>(
        `SELECT device_id, serial FROM devices WHERE customer_id = :customer AND device_id > :after
         ORDER BY device_id LIMIT ${devicesAtOnce}`,
        { after },
      );
      if (devices.length === 0) return { devices, readings: [] };
      const readings = await own.all<Reading>(
        `SELECT device_id, name, observed_at, value, unit FROM samples
         WHERE customer_id = :customer AND device_id > :after AND device_id <= :last AND kind = 'meter'
           AND observed_at >= :from AND observed_at < :until AND value IS NOT NULL
         ORDER BY device_id, name, observed_at, origin`,
        { after, last: devices.at(-1)!.device_id, from, until },
      );
      return { devices, readings };
    }, { readOnly: true });
    const last = devices.at(-1);
    if (last === undefined) return;
    after = last.device_id;
    const serials = new Map(devices.map(({ device_id, serial }) => [device_id, serial]));
    // What the lines of a counter have in common is made once.
    const heads = new Map<string, string>();
    let text = "";
    for (const { device_id, name, observed_at, value, unit } of readings) {
      const key = `${device_id} ${name} ${unit}`;
      let head = heads.get(key);
      if (head === undefined) {
        head = csvLine([device_id, serials.get(device_id) ?? null, name, unit], separators).trimEnd();
        heads.set(key, head);
      }
      text += `${head},${new Date(observed_at).toISOString()},${value}\r\n`;
    }
    if (text !== "") yield encoder.encode(text);
  }
}
