/** The parts of a statement as they are stored, hashed and exported. Pure. */
import { gunzipSync, gzipSync } from "node:zlib";
import { canonicalJson } from "../../common/protocol/statement_lines.ts";
import type { BilledRow, RowMark } from "./compute_rows.ts";
import type { Period } from "./count_pages.ts";
import type { DayPeriod } from "./period.ts";
import type { Point } from "./steps.ts";

export interface StatementHead {
  /** Version of this form; before the second one, each batch had a line of its own. */
  form: 1 | 2;
  number: number;
  customer: { id: string; name: string };
  /** Undefined: all sites. */
  site?: { id: string; name: string };
  /** Undefined: all devices. */
  device?: string;
  period: DayPeriod & { zone: string; from: string; until: string };
  /** Undefined: all. */
  meters?: readonly string[];
  estimate: boolean;
  madeAt: string;
  madeBy: string;
  /** Number of the statement that this one is in place of. */
  supersedes?: number;
  rows: number;
}

/** A reading that a number was made of. */
export interface RowReading {
  at: string;
  value: number;
  /** The device whose reading it is; for a merged device, the part. */
  device: string;
}

export interface StatementRow {
  /** From 1. */
  row: number;
  device: {
    id: string;
    serial: string | null;
    manufacturer: string | null;
    model: string | null;
    siteId: string;
    site: string;
    network: string;
    address: string;
  };
  meter: string;
  unit: string;
  first: (RowReading & { minutesAfterBegin: number }) | null;
  last: (RowReading & { minutesBeforeEnd: number }) | null;
  counted: number;
  estimated: number;
  corrected: number;
  /** Of periods of earlier statements. */
  adjusted: number;
  /** Sum of the four. */
  billed: number;
  marks: RowMark[];
  /** The marks as sentences, in the language of the customer. */
  notes: string[];
}

const minutes = (ms: number) => Math.round(ms / 60_000);

export function statementRow({ device, stay, ...row }: BilledRow, n: number): StatementRow {
  const { counted, estimated, corrected, adjusted } = row;
  const reading = (point: Point) => ({
    at: new Date(point.at).toISOString(),
    value: point.value,
    device: point.part === "" ? device.parts[0]!.deviceId : point.part,
  });
  return {
    row: n,
    device: {
      id: device.deviceId,
      serial: device.serial,
      manufacturer: device.manufacturer,
      model: device.model,
      siteId: stay.siteId,
      site: stay.site,
      network: device.network,
      address: device.address,
    },
    meter: row.meter,
    unit: row.unit,
    first: row.first === undefined
      ? null
      : { ...reading(row.first), minutesAfterBegin: minutes(row.first.at - stay.from) },
    last: row.last === undefined ? null : { ...reading(row.last), minutesBeforeEnd: minutes(stay.until - row.last.at) },
    counted,
    estimated,
    corrected,
    adjusted,
    billed: counted + estimated + corrected + adjusted,
    marks: row.marks,
    notes: [],
  };
}

/** Pages by meter, over all rows. */
export function totalsOf(rows: Iterable<Pick<StatementRow, "meter" | "billed">>): Map<string, number> {
  const totals = new Map<string, number>();
  for (const { meter, billed } of rows) totals.set(meter, (totals.get(meter) ?? 0) + billed);
  return new Map([...totals].sort(([a], [b]) => a < b ? -1 : 1));
}

/** Rows, or proofs, in one stored part. */
export const linesPerPart = 500;

export function packLines(lines: readonly string[]): Uint8Array {
  return new Uint8Array(gzipSync(lines.join("\n"), { level: 1 }));
}

export function unpackLines(content: Uint8Array): string[] {
  return new TextDecoder().decode(gunzipSync(content)).split("\n");
}

export function lineOf(value: StatementHead | StatementRow): string {
  return canonicalJson(value);
}

export interface StatementScope {
  siteId: string;
  deviceId: string;
}

export interface StatementRecord extends StatementScope, Period {
  number: number;
  madeAt: number;
  supersedes: number | null;
  supersededBy: number | null;
  rows: number;
  head: StatementHead;
  hash: string;
  signature: Uint8Array;
  keyId: string;
  /** Whether readings that came late since are noted (devices/late_arrivals.ts). */
  isNoted: boolean;
}
