/**
 * What earlier statements would say today, and did not: readings that came late, corrections, and devices that were
 * merged or split since. The next statement bills it.
 */
import type { Tenant } from "../store/store.ts";
import { type Groups, groupsOf } from "../devices/device_groups.ts";
import { isAllNoted, lateDevices } from "../devices/late_arrivals.ts";
import { computeRows } from "./compute_rows.ts";
import { periodText } from "./period.ts";
import { basisOf } from "./series.ts";
import { memoryMs } from "./steps.ts";
import { type StatementRecord, type StatementRow, statementRow, type StatementScope } from "./statement.ts";
import { rowsOf, statementRecords, storedBasis } from "./statements.ts";

/* An agent keeps readings for 90 days. */
const lateMs = 100 * 86_400_000;

interface Later extends StatementScope {
  from: number;
  until: number;
  /** Number of a statement that counts as not made, as this one comes in place of it. */
  without: number | undefined;
}

/** The rows with what is late, and further rows of counters that have nothing else. */
export async function withLate(
  tenant: Tenant,
  rows: readonly StatementRow[],
  { from, siteId, deviceId, without }: Later,
): Promise<StatementRow[]> {
  const all = (await statementRecords(tenant, { siteId, deviceId }))
    .filter(({ number, supersededBy }) => supersededBy === null && number !== without);
  const earlier = all.filter((each) => each.until <= from && each.until > from - lateMs).reverse();
  const changed = await changedDevices(tenant, earlier);
  if (changed.size === 0) return [...rows];
  const byKey = new Map(rows.map((row) => [keyOf(row), { ...row, marks: [...row.marks] }]));
  const billed = await billedLater(tenant, all, earlier);
  for (const statement of earlier) {
    for (const { row, pages } of await lateOf(tenant, statement, changed, billed)) {
      const key = keyOf(row);
      let own = byKey.get(key);
      if (own === undefined) byKey.set(key, own = emptyRow(row));
      own.adjusted += pages;
      own.billed += pages;
      own.marks.push({ kind: "late", number: statement.number, period: periodText(statement.head.period), pages });
    }
  }
  return [...byKey.values()].map((row, i) => ({ ...row, row: i + 1 }));
}

function emptyRow(row: StatementRow): StatementRow {
  return {
    ...row,
    first: null,
    last: null,
    counted: 0,
    estimated: 0,
    corrected: 0,
    adjusted: 0,
    billed: 0,
    marks: [],
    notes: [],
  };
}

/**
 * Ids of devices that may have other numbers now, those of parts of merged ones included: what came late is noted as it
 * comes, so that the readings of all others are not looked at.
 */
async function changedDevices(tenant: Tenant, earlier: readonly StatementRecord[]): Promise<Set<string>> {
  const changed = new Set<string>();
  if (earlier.length === 0) return changed;
  const groups = await groupsOf(tenant);
  const add = (id: string) => {
    changed.add(id);
    const group = groups.of.get(id);
    if (group === undefined) return;
    changed.add(group.deviceId);
    for (const { device_id } of group.parts) changed.add(device_id);
  };
  for (const statement of earlier) {
    const { number, until, madeAt, head } = statement;
    // The step over the end, by which it is estimated, ends within a week.
    const late = { since: madeAt, until: head.estimate ? until + memoryMs : until };
    const isNoted = statement.isNoted && isAllNoted({ since: madeAt, until });
    for (const id of isNoted ? await lateDevices(tenant, late) : await otherBasis(tenant, statement, groups)) add(id);
    const since = { since: madeAt };
    const corrected = await tenant.all<{ device_id: string }>(
      `SELECT device_id FROM meter_corrections
       WHERE customer_id = :customer AND (made_at >= :since OR undone_at >= :since)`,
      since,
    );
    const merged = await tenant.all<{ device_id: string; other_id: string }>(
      `SELECT device_id, other_id FROM device_changes WHERE customer_id = :customer AND (at >= :since OR undone_at >= :since)`,
      since,
    );
    for (
      const id of [...corrected.map((row) => row.device_id), ...merged.flatMap((row) => [row.device_id, row.other_id])]
    ) {
      add(id);
    }
    // Today there may be a reading after the end, by which it is estimated.
    if (!head.estimate) continue;
    for (const { device, marks } of await rowsOf(tenant, number)) {
      if (marks.some((mark) => mark.kind === "notEstimated" && mark.end === "end")) add(device.id);
    }
  }
  return changed;
}

/** Ids of devices whose samples in the period are not those that the statement was made of. */
async function otherBasis(
  tenant: Tenant,
  { number, from, until, deviceId }: StatementRecord,
  groups: Groups,
): Promise<string[]> {
  const parts = groups.of.get(deviceId)?.parts.map(({ device_id }) => device_id);
  const deviceIds = deviceId === "" ? undefined : parts ?? [deviceId];
  const then = await storedBasis(tenant, number), now = await basisOf(tenant, { from, until, deviceIds });
  return [...new Set([...then.keys(), ...now.keys()])].filter((id) => then.get(id) !== now.get(id));
}

/** By statement and row: what later statements have billed of it as late. */
async function billedLater(
  tenant: Tenant,
  all: readonly StatementRecord[],
  earlier: readonly StatementRecord[],
): Promise<Map<string, number>> {
  const billed = new Map<string, number>();
  const first = Math.min(...earlier.map(({ until }) => until));
  for (const { number, from } of all) {
    if (from < first) continue;
    for (const row of await rowsOf(tenant, number)) {
      for (const mark of row.marks) {
        if (mark.kind !== "late") continue;
        const key = `${mark.number} ${keyOf(row)}`;
        billed.set(key, (billed.get(key) ?? 0) + mark.pages);
      }
    }
  }
  return billed;
}

async function lateOf(
  tenant: Tenant,
  statement: StatementRecord,
  changed: ReadonlySet<string>,
  billed: ReadonlyMap<string, number>,
): Promise<{ row: StatementRow; pages: number }[]> {
  const { number, from, until, siteId, head } = statement;
  const computed = await computeRows(tenant, {
    from,
    until,
    siteId: siteId === "" ? undefined : siteId,
    deviceIds: [...changed],
    meters: head.meters,
    estimate: head.estimate,
  });
  const now = computed.rows.map((row) => statementRow(row, 0));
  const then = (await rowsOf(tenant, number)).filter(({ device }) => changed.has(device.id));
  const ofScope = (row: StatementRow) => statement.deviceId === "" || changedScope(row, statement.deviceId, then);
  const byKey = new Map<string, { row: StatementRow; pages: number }>();
  const add = (row: StatementRow, pages: number) => {
    const key = keyOf(row), before = byKey.get(key);
    byKey.set(key, { row: before?.row ?? row, pages: (before?.pages ?? 0) + pages });
  };
  for (const row of now) if (ofScope(row)) add(row, row.billed);
  for (const row of then) add(row, row.adjusted - row.billed);
  for (const [key, late] of byKey) late.pages -= billed.get(`${number} ${key}`) ?? 0;
  return [...byKey.values()].filter(({ pages }) => pages !== 0);
}

/* The device of the statement, under its id of today. */
function changedScope(row: StatementRow, deviceId: string, then: readonly StatementRow[]): boolean {
  return row.device.id === deviceId || then.some(({ device }) => device.id === row.device.id);
}

function keyOf({ device, meter }: StatementRow): string {
  return `${device.id} ${device.siteId} ${meter}`;
}
