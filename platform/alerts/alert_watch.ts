/**
 * Looks at what is the case, and raises and ends alerts: what printers report with every look, what needs no hurry with
 * every tenth. Several processes may look at the same time: each looks again while it holds the customer's lock.
 */
import { messageOf, UnavailableError } from "../../common/core/errors.ts";
import type { Platform } from "../agents/platform.ts";
import { type CustomerState, customerStates } from "../customers/customers.ts";
import { groupsOf } from "../devices/device_groups.ts";
import { eachApart } from "../store/each_apart.ts";
import type { Tenant } from "../store/store.ts";
import { startLooking } from "../store/work_queue.ts";
import {
  agentConditions,
  type DeviceRange,
  onceConditions,
  printerConditions,
  printerEnds,
  silenceConditions,
  supplyConditions,
} from "./alert_conditions.ts";
import { type AlertLimits, limitsOf } from "./alert_limits.ts";
import { lockAlerts } from "./alert_events.ts";
import { type AlertKind, type Condition, type Step, stepsOf, subjectOf } from "./alert_rules.ts";
import { endOfRange, type ForecastPlace, lastId, makeForecasts, type Pace, roundStart } from "./make_forecasts.ts";
import { agentCauses, openAgentAlerts, openRaised, takeSteps } from "./raised_alerts.ts";

const lookMs = 60_000, slowLooks = 10, dayMs = 86_400_000;
/** Devices that are looked at in one transaction. */
const lot = 2000;
/** The longest pause between two transactions of a look. */
const longestPauseMs = 500;

/** Looks now and then again until disposed of, after `pauseMs`; disposal waits for a look in progress. */
export function startAlertWatch(
  platform: Pick<Platform, "store" | "clock" | "log">,
  pauseMs = lookMs,
): AsyncDisposable {
  let looks = 0, place: ForecastPlace | undefined;
  return startLooking(platform, {
    async look(signal) {
      // As long as it worked: half of a processor, and of a connection, is left to others.
      const pause = (tookMs: number) =>
        new Promise<void>((resolve) => setTimeout(resolve, signal.aborted ? 0 : Math.min(tookMs, longestPauseMs)));
      const isSlow = looks++ % slowLooks === 0;
      if (isSlow) place ??= roundStart;
      place = await watchAlerts(platform, { isSlow, signal, pause, place });
    },
    lookMs: pauseMs,
    // What the process was started for comes first.
    firstMs: pauseMs === Infinity ? Infinity : Math.min(pauseMs, 2000),
  });
}

export interface Look extends Pace {
  /** Also supplies, silence and what happened once. */
  isSlow: boolean;
  /** Where the round of forecasts goes on; with a slow look, default is its start. */
  place?: ForecastPlace | undefined;
}

type Looking = Pick<Platform, "store" | "clock"> & Partial<Pick<Platform, "log">>;

/**
 * One look at all customers; returns where the next one goes on with forecasts, undefined if all are made. A device that
 * cannot be looked at is logged, and holds up no other.
 */
export async function watchAlerts(
  platform: Looking,
  { isSlow, place = isSlow ? roundStart : undefined, signal, pause }: Look,
): Promise<ForecastPlace | undefined> {
  let next: ForecastPlace | undefined;
  const customers = await platform.store.transaction((tx) => customerStates(tx), { readOnly: true });
  await eachApart([
    async () => void (next = place && await makeForecasts(platform, place, { signal, pause })),
    ...customers.map((customer) => () => lookAtCustomer(platform, customer, { isSlow, signal, pause })),
  ], (step) => step());
  return next;
}

async function lookAtCustomer(
  { store, clock, log }: Looking,
  { customer_id, closed_at, alert_limits, dealer_limits }: CustomerState,
  { isSlow, signal, pause }: Look,
): Promise<void> {
  if (signal?.aborted) return;
  const inTenant = async <T>(work: (tenant: Tenant) => Promise<T>, readOnly: boolean) => {
    const startMs = clock.monotonicMs();
    const done = await store.transaction((tx) => work(tx.tenant(customer_id)), { readOnly });
    await pause?.(clock.monotonicMs() - startMs);
    return done;
  };
  const now = clock.now().getTime();
  const take = async (find: (tenant: Tenant) => Promise<Step[]>) => {
    if ((await inTenant(find, true)).length === 0) return;
    await inTenant(async (tenant) => {
      await lockAlerts(tenant);
      await takeSteps(tenant, await find(tenant), now);
    }, false);
  };
  const isOpen = closed_at === null, limits = limitsOf({ customer: alert_limits, dealer: dealer_limits });
  const lookAtAgents = () =>
    take(async (tenant) =>
      stepsOf({
        conditions: isOpen ? await agentConditions(tenant, { now, limits }) : [],
        open: await openAgentAlerts(tenant),
        now,
      })
    );
  const endOf = (from: string, devices: number) => inTenant((tenant) => endOfRange(tenant, from, devices), true);
  /* Up to `devices` of them: halved until one is left, where one of them cannot be looked at. */
  const lookAtRange = async (range: DeviceRange, devices: number): Promise<void> => {
    try {
      return await take((tenant) => deviceSteps(tenant, range, { now, isSlow, isOpen, limits }));
    } catch (error) {
      if (error instanceof UnavailableError) throw error;
      const half = Math.ceil(devices / 2), middle = await endOf(range.from, half);
      if (devices === 1) {
        log?.("alertsNotLookedAt", { customer: customer_id, device: middle, message: messageOf(error) });
      } else if (middle >= range.to) await lookAtRange(range, half);
      else {
        await lookAtRange({ from: range.from, to: middle }, half);
        await lookAtRange({ from: middle, to: range.to }, half);
      }
    }
  };
  await eachApart([
    ...(isSlow ? [lookAtAgents] : []),
    async () => {
      for (let from = ""; from !== lastId && !signal?.aborted;) {
        const to = await endOf(from, lot);
        await lookAtRange({ from, to }, lot);
        from = to;
      }
    },
  ], (step) => step());
}

const slowKinds: AlertKind[] = ["supplyLow", "supplyEmptySoon", "deviceSilent", "meterFell", "firmwareChanged"];

async function deviceSteps(
  tenant: Tenant,
  range: DeviceRange,
  { now, isSlow, isOpen, limits }: { now: number; isSlow: boolean; isOpen: boolean; limits: AlertLimits },
): Promise<Step[]> {
  const open = await openRaised(tenant, { ...range, kinds: ["printer", ...(isSlow ? slowKinds : [])] });
  const conditions: Condition[] = [];
  if (isOpen) {
    conditions.push(...await printerConditions(tenant, range, now));
    if (isSlow) {
      conditions.push(...await supplyConditions(tenant, range, { now, limits }));
      // Devices of an agent that has just come back are not read at once.
      const causes = await agentCauses(tenant, now - dayMs);
      conditions.push(...await silenceConditions(tenant, range, { now, causes, limits }));
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
