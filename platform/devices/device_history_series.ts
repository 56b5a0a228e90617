/** What a page of a device draws: forecasts of its supplies, and meters and levels over time. */
import type { Platform } from "../agents/platform.ts";
import { readTenant, type TenantBy } from "../audit/use_case.ts";
import { suppliesOf } from "./device_state.ts";
import { stateOf } from "./device_groups.ts";
import { supplyName } from "./device_view.ts";
import type { Forecast } from "./forecast.ts";
import { forecastsOf, levelRows, replacedRows } from "./kept_forecasts.ts";
import { meterHistoryRows } from "./samples.ts";
import { deviceOf } from "./show_device.ts";

const dayMs = 86_400_000;

export interface Point {
  at: number;
  value: number;
}

export interface Series {
  /** Name of the meter, or index of the supply. */
  name: string;
  /** For people. */
  label: string;
  unit: string;
  colorant: string;
  points: Point[];
  /** When the meter went down, or the supply was replaced or refilled. */
  marks: number[];
}

export interface DeviceHistory {
  meters: Series[];
  supplies: Series[];
}

/* Rows of a meter that are read at most: three years of days, and many changes within them. */
const mostRows = 20_000;
/** Points of one line: more than a screen can show. */
export const mostPoints = 600;

/** Of one meter and all supplies of the last reading, since `days` days ago; 0: of all time. Throws UsageError. */
export function deviceHistory(
  platform: Platform,
  by: TenantBy,
  { device, meter, days }: { device: string; meter: string | undefined; days: number },
): Promise<DeviceHistory> {
  const now = platform.clock.now().getTime(), since = days === 0 ? 0 : now - days * dayMs;
  return readTenant(platform, by, async (tenant) => {
    const group = await deviceOf(tenant, device), ids = group.parts.map(({ device_id }) => device_id);
    const meters: Series[] = [];
    if (meter !== undefined) {
      const rows = [];
      for (const deviceId of ids) {
        rows.push(...await meterHistoryRows(tenant, { deviceId, name: meter, limit: mostRows }));
      }
      const points = rows.filter(({ observed_at, value }) => observed_at >= since && value !== null)
        .map(({ observed_at, value }) => ({ at: observed_at, value })).sort((a, b) => a.at - b.at);
      const unit = rows[0]?.unit ?? "", marks = fallsOf(points);
      if (points.length > 0) {
        meters.push({ name: meter, label: meter, unit, colorant: "", points: thinned(points), marks });
      }
    }
    const levels = Map.groupBy(await levelRows(tenant, ids, since), ({ name }) => name);
    const replaced = Map.groupBy(await replacedRows(tenant, ids, since), ({ supply }) => supply);
    const supplies = suppliesOf(await stateOf(tenant, group)).flatMap((supply): Series[] => {
      const points = (levels.get(supply.index) ?? []).flatMap(({ at, percent, level }) =>
        percent === null || level === "unknown" ? [] : [{ at, value: percent }]
      );
      if (points.length === 0) return [];
      const known = replaced.get(supply.index.replaceAll(" ", "_"))?.map(({ at }) => at) ?? [];
      const marks = [...new Set([...known, ...risesOf(points)])].sort((a, b) => a - b);
      const { index: name, colorant } = supply;
      return [{ name, label: supplyName(supply), unit: "%", colorant, points: thinned(points), marks }];
    });
    return { meters, supplies };
  });
}

function fallsOf(points: readonly Point[]): number[] {
  return points.filter(({ value }, i) => i > 0 && value < points[i - 1]!.value).map(({ at }) => at);
}

/* By which a level rises where it is another supply: as in forecast.ts. */
const leastRise = 10;

function risesOf(points: readonly Point[]): number[] {
  return points.filter(({ value }, i) => i > 0 && value >= points[i - 1]!.value + leastRise).map(({ at }) => at);
}

/** At most `most` points: of each span of time the first, the lowest, the highest and the last one. */
export function thinned(points: readonly Point[], most = mostPoints): Point[] {
  if (points.length <= most) return [...points];
  const first = points[0]!.at, span = points.at(-1)!.at - first + 1, spans = Math.max(1, Math.floor(most / 4));
  const kept: Point[] = [];
  for (const [, within] of Map.groupBy(points, ({ at }) => Math.floor((at - first) / span * spans))) {
    let low = within[0]!, high = within[0]!;
    for (const point of within) {
      if (point.value < low.value) low = point;
      if (point.value > high.value) high = point;
    }
    kept.push(...new Set([within[0]!, low, high, within.at(-1)!].sort((a, b) => a.at - b.at)));
  }
  return kept;
}

/** By the index of the supply. Throws UsageError as showDevice() does. */
export function supplyForecasts(
  platform: Platform,
  by: TenantBy,
  { device }: { device: string },
): Promise<Map<string, Forecast>> {
  return readTenant(platform, by, async (tenant) => {
    const group = await deviceOf(tenant, device), now = platform.clock.now().getTime();
    const made = await forecastsOf(tenant, group, now);
    return new Map(made.map(({ supply, forecast }) => [supply.index, forecast]));
  });
}
