/**
 * Looks at what is the case, and raises and ends alerts: what printers report with every look, what needs no hurry with
 * every tenth. Several processes may look at the same time: each looks again while it holds the customer's lock.
 */
import { messageOf } from "../../common/core/errors.ts";
import type { Platform } from "../agents/platform.ts";
import { customerRows } from "../customers/customers.ts";
import { groupsOf } from "../devices/device_groups.ts";
import { devicesToForecast, keepForecasts } from "../devices/kept_forecasts.ts";
import type { Tenant } from "../store/store.ts";
import {
  agentConditions,
  type DeviceRange,
  onceConditions,
  printerConditions,
  printerEnds,
  silenceConditions,
  supplyConditions,
} from "./alert_conditions.ts";
import { lockAlerts } from "./alert_events.ts";
import { type AlertKind, type Condition, type Step, stepsOf, subjectOf } from "./alert_rules.ts";
import { agentCauses, openAgentAlerts, openRaised, takeSteps } from "./raised_alerts.ts";

const lookMs = 60_000, slowLooks = 10, dayMs = 86_400_000;
/** Devices that are looked at in one transaction, forecast in one, and forecast with one look. */
const lot = 5000, forecastLot = 20, mostForecasts = 10_000;
/** Behind every id. */
const lastId = "~";

/** Looks now and then again until disposed of, after `pauseMs`; disposal waits for a look in progress. */
export function startAlertWatch(
  platform: Pick<Platform, "store" | "clock" | "log">,
  pauseMs = lookMs,
): AsyncDisposable {
  const stop = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined, looks = 0;
  let running: Promise<void> = Promise.resolve();
  const look = async () => {
    try {
      await watchAlerts(platform, { isSlow: looks++ % slowLooks === 0, signal: stop.signal });
    } catch (error) {
      // The next look finds the same.
      if (!stop.signal.aborted) platform.log("storeBusy", { message: messageOf(error) });
    }
    if (!stop.signal.aborted) timer = setTimeout(() => void (running = look()), pauseMs);
  };
  // What the process was started for comes first.
  if (pauseMs !== Infinity) timer = setTimeout(() => void (running = look()), Math.min(pauseMs, 2000));
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      clearTimeout(timer);
      await running;
    },
  };
}

export interface Look {
  /** Also forecasts, supplies, silence and what happened once. */
  isSlow: boolean;
  signal?: AbortSignal;
}

/** One look at all customers that are not closed. */
export async function watchAlerts(
  { store, clock }: Pick<Platform, "store" | "clock">,
  { isSlow, signal }: Look,
): Promise<void> {
  let forecasts = 0;
  const customers = await store.transaction((tx) => customerRows(tx), { readOnly: true });
  for (const { customer_id, closed_at } of customers) {
    if (signal?.aborted) return;
    const inTenant = <T>(work: (tenant: Tenant) => Promise<T>, readOnly: boolean) =>
      store.transaction((tx) => work(tx.tenant(customer_id)), { readOnly });
    const now = clock.now().getTime();
    const take = async (find: (tenant: Tenant) => Promise<Step[]>) => {
      if ((await inTenant(find, true)).length === 0) return;
      await inTenant(async (tenant) => {
        await lockAlerts(tenant);
        await takeSteps(tenant, await find(tenant), now);
      }, false);
    };
    const isOpen = closed_at === null;
    if (isSlow) {
      await take(async (tenant) =>
        stepsOf({
          conditions: isOpen ? await agentConditions(tenant, now) : [],
          open: await openAgentAlerts(tenant),
          now,
        })
      );
    }
    for (let from = ""; from !== lastId && !signal?.aborted;) {
      const range = { from, to: await inTenant((tenant) => endOfRange(tenant, from), true) };
      if (isSlow && isOpen) {
        const due = await inTenant((tenant) => devicesToForecast(tenant, { ...range, now }), true);
        for (let i = 0; i < due.length && forecasts < mostForecasts && !signal?.aborted; i += forecastLot) {
          forecasts += forecastLot;
          await inTenant((tenant) => keepForecasts(tenant, due.slice(i, i + forecastLot), now), false);
        }
      }
      await take((tenant) => deviceSteps(tenant, range, { now, isSlow, isOpen }));
      from = range.to;
    }
  }
}

async function endOfRange(tenant: Tenant, from: string): Promise<string> {
  const row = await tenant.get<{ device_id: string }>(
    `SELECT device_id FROM devices WHERE customer_id = :customer AND device_id > :from
     ORDER BY device_id LIMIT 1 OFFSET ${lot - 1}`,
    { from },
  );
  return row?.device_id ?? lastId;
}

const slowKinds: AlertKind[] = ["supplyLow", "supplyEmptySoon", "deviceSilent", "meterFell", "firmwareChanged"];

async function deviceSteps(
  tenant: Tenant,
  range: DeviceRange,
  { now, isSlow, isOpen }: { now: number; isSlow: boolean; isOpen: boolean },
): Promise<Step[]> {
  const open = await openRaised(tenant, { ...range, kinds: ["printer", ...(isSlow ? slowKinds : [])] });
  const conditions: Condition[] = [];
  if (isOpen) {
    conditions.push(...await printerConditions(tenant, range, now));
    if (isSlow) {
      conditions.push(...await supplyConditions(tenant, range, now));
      // Devices of an agent that has just come back are not read at once.
      const causes = await agentCauses(tenant, now - dayMs);
      conditions.push(...await silenceConditions(tenant, range, { now, causes }));
      conditions.push(...await onceConditions(tenant, range, now));
    }
  }
  // Of parts of merged devices, lists show one.
  const hidden = conditions.length > 0 ? new Set((await groupsOf(tenant)).hidden) : new Set();
  const shown = conditions.filter(({ device_id }) => !hidden.has(device_id));
  const there = new Set(shown.map(subjectOf));
  const gone = open.filter((alert) =>
    alert.kind === "printer" && alert.away_since === null && !there.has(subjectOf(alert))
  );
  const ends = await printerEnds(tenant, gone);
  return stepsOf({
    conditions: shown,
    open,
    goneAt: ({ device_id, alert_key }) => ends.get(`${device_id} ${alert_key}`),
    now,
  });
}
