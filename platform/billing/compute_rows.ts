/** The rows of a statement: a counter of a device at a site. */
import { maybeDeviceSerial } from "../../common/reading/device_evidence.ts";
import type { Tenant } from "../store/store.ts";
import { type BilledDevice, billedDevices, type Part, seenElsewhere, type Stay } from "./billed_devices.ts";
import { correctionOf, correctionRows } from "./corrections.ts";
import { type Counted, countPages, type Mark, type Period } from "./count_pages.ts";
import { type Series, seriesOf } from "./series.ts";
import type { Point } from "./steps.ts";

/** What is said of a row beyond its own readings. */
export type RowMark =
  | Mark
  | { kind: "moved"; at: number; from: string; to: string }
  /** A person made one of several devices, or of a device and its new board. */
  | { kind: "merged"; serials: string }
  | { kind: "replacedBy" | "replaces"; at: number; device: string; serial: string | null }
  /** The same serial number at another customer of the dealer. */
  | { kind: "elsewhere"; from: number; until: number }
  /** In an earlier statement, and not any more: late readings, corrections and merges since. */
  | { kind: "late"; number: number; period: string; pages: number };

export interface BilledRow extends Omit<Counted, "marks"> {
  device: BilledDevice;
  stay: Stay;
  meter: string;
  unit: string;
  /** Of periods of earlier statements; may be negative. */
  adjusted: number;
  marks: RowMark[];
}

export interface RowsWanted extends Period {
  siteId?: string | undefined;
  /** Common ids of merged devices. */
  deviceIds?: readonly string[] | undefined;
  meters?: readonly string[] | undefined;
  estimate: boolean;
}

export interface ComputedRows {
  /** By site, network, address and meter. */
  rows: BilledRow[];
  /** Of all counters, as `basisOf` has it; undefined where only some meters were read. */
  basis: Map<string, string> | undefined;
}

export async function computeRows(tenant: Tenant, wanted: RowsWanted): Promise<ComputedRows> {
  const { from, until, siteId, deviceIds, meters, estimate } = wanted;
  const devices = await billedDevices(tenant, wanted);
  const chosen = deviceIds?.flatMap((id) => devices.get(id) ?? []) ?? [...devices.values()];
  const { series, basis } = await seriesOf(tenant, {
    from,
    until,
    meters,
    deviceIds: deviceIds === undefined ? undefined : chosen.flatMap(({ parts }) => parts.map((part) => part.deviceId)),
  });
  const bySeries = Map.groupBy(series, ({ deviceId }) => deviceId);
  const corrections = Map.groupBy(await correctionRows(tenant, { open: true }), ({ device_id }) => device_id);
  const rows: BilledRow[] = [];
  for (const device of chosen) {
    for (const { name, points } of joined(device, bySeries)) {
      const own = device.parts.flatMap((part) => corrections.get(part.deviceId) ?? [])
        .filter(({ meter }) => meter === name).map(correctionOf);
      for (const [i, stay] of device.stays.entries()) {
        if (siteId !== undefined && stay.siteId !== siteId) continue;
        const { marks, ...counted } = countPages(points, {
          from: stay.from,
          until: stay.until,
          corrections: own,
          estimate,
          isOtherBoard: (before, after) => isOtherBoard(device, before, after),
        });
        const unit = counted.last?.unit ?? points[0]!.unit;
        rows.push({
          ...counted,
          device,
          stay,
          meter: name,
          unit,
          adjusted: 0,
          marks: [...marks, ...mergedOf(device), ...movesAt(device, i)],
        });
      }
    }
  }
  markReplaced(rows, devices, wanted);
  await markElsewhere(tenant, rows, wanted);
  const sorted = rows.map((row) => ({ row, place: placeOf(row) })).sort((a, b) => a.place < b.place ? -1 : 1);
  return { rows: sorted.map(({ row }) => row), basis };
}

type PartsOf = { parts: readonly Omit<Part, "serial">[] };

/** The counters of a device; those of all parts together. */
export function joined(
  device: PartsOf,
  series: ReadonlyMap<string, Series[]>,
): { name: string; points: Point[] }[] {
  if (device.parts.length === 1) return series.get(device.parts[0]!.deviceId) ?? [];
  const all = device.parts.flatMap(({ deviceId }) =>
    (series.get(deviceId) ?? []).map(({ name, points }) => ({
      name,
      points: points.map((point) => ({ ...point, part: deviceId })),
    }))
  );
  return [...Map.groupBy(all, ({ name }) => name)].map(([name, parts]) => ({
    name,
    points: parts.flatMap(({ points }) => points).sort((a, b) => a.at - b.at || (a.part < b.part ? -1 : 1)),
  }));
}

/* Parts that are seen in turns are one counter: while a part was seen before a step and after it, no other took over. */
export function isOtherBoard({ parts }: PartsOf, before: Point, after: Point): boolean {
  return !parts.some(({ firstSeenAt, lastSeenAt }) => firstSeenAt <= before.at && lastSeenAt >= after.at);
}

function mergedOf({ parts }: BilledDevice): RowMark[] {
  const serials = parts.map(({ serial, deviceId }) => serial ?? deviceId).toSorted().join(", ");
  return parts.length === 1 ? [] : [{ kind: "merged", serials }];
}

function movesAt({ stays }: BilledDevice, i: number): RowMark[] {
  const [before, own, after] = [stays[i - 1], stays[i]!, stays[i + 1]];
  return [
    ...(before === undefined ? [] : [{ kind: "moved" as const, at: own.from, from: before.site, to: own.site }]),
    ...(after === undefined ? [] : [{ kind: "moved" as const, at: own.until, from: own.site, to: after.site }]),
  ];
}

const dayMs = 86_400_000;

/** Another device at the address of one that is not read any more. */
function markReplaced(rows: readonly BilledRow[], devices: ReadonlyMap<string, BilledDevice>, period: Period): void {
  const atPlace = Map.groupBy(devices.values(), ({ agentId, network, address }) => `${agentId} ${network} ${address}`);
  for (const { device, marks } of rows) {
    if (device.address === "") continue;
    const others = atPlace.get(`${device.agentId} ${device.network} ${device.address}`)!;
    for (const other of others) {
      if (other === device) continue;
      const { deviceId, serial, firstSeenAt, lastSeenAt } = other;
      const isIn = (at: number) => at > period.from && at <= period.until;
      if (isIn(firstSeenAt) && firstSeenAt > device.firstSeenAt && device.lastSeenAt < firstSeenAt + dayMs) {
        marks.push({ kind: "replacedBy", at: firstSeenAt, device: deviceId, serial });
      } else if (
        isIn(device.firstSeenAt) && device.firstSeenAt > firstSeenAt && lastSeenAt < device.firstSeenAt + dayMs
      ) {
        marks.push({ kind: "replaces", at: device.firstSeenAt, device: deviceId, serial });
      }
    }
  }
}

async function markElsewhere(tenant: Tenant, rows: readonly BilledRow[], { from, until }: Period): Promise<void> {
  const partly = rows.filter(({ marks, device }) =>
    device.serial !== null && marks.some(({ kind }) => ["noneBefore", "endsEarly", "notRead"].includes(kind))
  );
  const serialOf = ({ device }: BilledRow) => maybeDeviceSerial(device.serial!);
  const elsewhere = await seenElsewhere(tenant, [...new Set(partly.flatMap((row) => serialOf(row) ?? []))]);
  for (const row of partly) {
    for (const { firstSeenAt, lastSeenAt } of elsewhere.get(serialOf(row) ?? "") ?? []) {
      if (firstSeenAt > until || lastSeenAt <= from) continue;
      row.marks.push({ kind: "elsewhere", from: firstSeenAt, until: lastSeenAt });
    }
  }
}

/* What is sorted by, as one text. */
function placeOf({ stay, device, meter }: BilledRow): string {
  const { network, address, deviceId } = device;
  return [stay.site.toLowerCase(), network, address, deviceId, `${stay.from}`.padStart(15, "0"), meter].join("\0");
}
