/**
 * Updates stored forecasts, customer by customer, in small transactions. A round over a large fleet takes many minutes:
 * a look goes on where the one before ended.
 */
import { messageOf, UnavailableError } from "../../common/core/errors.ts";
import type { Platform } from "../agents/platform.ts";
import { customerStates } from "../customers/customers.ts";
import { devicesToForecast, keepForecasts } from "../devices/kept_forecasts.ts";
import type { Tenant } from "../store/store.ts";

/** Devices whose forecasts are made in one transaction, looked at in one, and made within one look. */
const forecastLot = 100, mostLooked = 2000, mostMade = 10_000;
/** How long a look goes on at most. */
const mostMs = 5000;
/** Behind every id. */
export const lastId = "~";

/** Up to which device of which customer, in the order of their ids, a round has come. */
export interface ForecastPlace {
  customerId: string;
  deviceId: string;
}

export const roundStart: ForecastPlace = { customerId: "", deviceId: "" };

export interface Pace {
  signal?: AbortSignal | undefined;
  /** Called after each transaction with the time that it took, so that others have their turn. */
  pause?: ((tookMs: number) => Promise<void>) | undefined;
}

/** Where the round has come to; undefined once it is over. A device that has none is logged, and holds up no other. */
export async function makeForecasts(
  { store, clock, log }: Pick<Platform, "store" | "clock"> & Partial<Pick<Platform, "log">>,
  place: ForecastPlace,
  { signal, pause }: Pace = {},
): Promise<ForecastPlace | undefined> {
  const now = clock.now().getTime(), endMs = clock.monotonicMs() + mostMs;
  const inTenant = async <T>(customerId: string, work: (tenant: Tenant) => Promise<T>, readOnly: boolean) => {
    const startMs = clock.monotonicMs();
    const done = await store.transaction((tx) => work(tx.tenant(customerId)), { readOnly });
    await pause?.(clock.monotonicMs() - startMs);
    return done;
  };
  const keepOf = async (customer: string, ids: readonly string[]): Promise<void> => {
    try {
      await inTenant(customer, (tenant) => keepForecasts(tenant, ids, now), false);
    } catch (error) {
      if (error instanceof UnavailableError) throw error;
      if (ids.length > 1) { for (const id of ids) await keepOf(customer, [id]); }
      else log?.("forecastNotMade", { customer, device: ids[0]!, message: messageOf(error) });
    }
  };
  let made = 0;
  const isOver = () => signal?.aborted === true || made >= mostMade || clock.monotonicMs() >= endMs;
  const customers = await store.transaction((tx) => customerStates(tx), { readOnly: true });
  for (const { customer_id, closed_at } of customers) {
    if (closed_at !== null || customer_id < place.customerId) continue;
    let from = customer_id === place.customerId ? place.deviceId : "";
    while (from !== lastId) {
      if (isOver()) return { customerId: customer_id, deviceId: from };
      const to = await inTenant(customer_id, (tenant) => endOfRange(tenant, from, mostLooked), true);
      const due = (await inTenant(customer_id, (tenant) => devicesToForecast(tenant, { from, to, now }), true)).sort();
      for (let i = 0; i < due.length; i += forecastLot) {
        if (i > 0 && isOver()) return { customerId: customer_id, deviceId: due[i - 1]! };
        const lot = due.slice(i, i + forecastLot);
        await keepOf(customer_id, lot);
        made += lot.length;
      }
      from = to;
    }
  }
  return undefined;
}

/** The last one of the next devices. */
export async function endOfRange(tenant: Tenant, from: string, devices: number): Promise<string> {
  const row = await tenant.get<{ device_id: string }>(
    `SELECT device_id FROM devices WHERE customer_id = :customer AND device_id > :from
     ORDER BY device_id LIMIT 1 OFFSET :before`,
    { from, before: devices - 1 },
  );
  return row?.device_id ?? lastId;
}
