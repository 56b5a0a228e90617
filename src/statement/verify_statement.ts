/** Whether the numbers of a statement are those that the agents read. Needs nothing but the file. Pure. */
import { Buffer } from "node:buffer";
import { isSignedBy, keyIdOf } from "../../common/protocol/signature.ts";
import { canonicalJson, createStatementHash, signedHash } from "../../common/protocol/statement_lines.ts";
import { wrapsBetween } from "../../common/reading/counter_moduli.ts";
import { maybeDeviceSerial } from "../../common/reading/device_evidence.ts";
import {
  type Evidence,
  type Pins,
  readEvidence,
  readingKey,
  type ReadingVerdict,
  type SigningAgent,
} from "./proved_readings.ts";
import type { Reading, Row, StatementFile, StepMark } from "./statement_file.ts";

export interface RowVerdict {
  row: number;
  serial: string | null;
  meter: string;
  billed: number;
  kind: "proved" | "unproved" | "wrong";
  /** Empty for a proved one. */
  why: string;
}

export interface StatementVerdict {
  /** What is wrong apart from single rows. */
  problems: string[];
  notes: string[];
  rows: RowVerdict[];
  agents: SigningAgent[];
  authorities: string[];
  platformKey: string;
}

export interface VerifyPins extends Pins {
  /** Ids of signing keys of the platform: one after the other, as keys are replaced. */
  platformKeys?: readonly string[] | undefined;
  /** Ids of keys that others may have, whatever else is trusted. */
  revokedKeys?: readonly string[] | undefined;
}

export function verifyStatement(file: StatementFile, pins: VerifyPins = {}): StatementVerdict {
  const problems = headProblems(file, pins);
  const evidence = readEvidence(file, pins);
  const again = countedAgain(file.rows, evidence.readings);
  const rows = file.rows.map((row, i): RowVerdict => {
    const { meter, billed, device } = row;
    const own = row.row === i + 1 ? rowVerdict(row, file, evidence) : wrong("it has another number");
    const other = again.get(row);
    const verdict = other === undefined || own.kind === "wrong" || (own.kind === "unproved" && other.kind !== "wrong")
      ? own
      : other;
    return { row: i + 1, serial: device.serial, meter, billed, ...verdict };
  });
  return {
    problems: [...problems, ...evidence.problems],
    notes: evidence.notes,
    rows,
    agents: evidence.agents,
    authorities: evidence.authorities,
    platformKey: file.signature.keyId,
  };
}

function headProblems(file: StatementFile, pins: VerifyPins): string[] {
  const { statement, hash, signature, rows, readings, batches, certificates } = file;
  const problems: string[] = [];
  const own = createStatementHash();
  for (const line of [statement, ...rows, ...readings, ...batches, ...certificates]) own.add(canonicalJson(line));
  if (own.hex() !== hash) problems.push("the file is not what the platform made: its hash is another one");
  if (statement.rows !== rows.length) {
    problems.push(`it has ${rows.length} rows, and says that it has ${statement.rows}`);
  }
  if (!isPeriod(statement.period)) problems.push("its days are not the times of its period in the time zone");
  const publicKey = Buffer.from(String(signature.publicKey), "base64"),
    value = Buffer.from(String(signature.value), "base64");
  const isExact = publicKey.toString("base64") === signature.publicKey && value.toString("base64") === signature.value;
  const isSigned = isExact && keyIdOf(publicKey) === signature.keyId &&
    isSignedBy(publicKey, { context: "opendca.statement.v1", message: signedHash(hash), signature: value });
  if (!isSigned) problems.push("the platform's signature of the statement is wrong");
  const { keyId } = signature;
  if (pins.revokedKeys?.includes(keyId)) {
    problems.push(`it is signed by the platform's key ${keyId}, which is revoked: anybody may have made it`);
  } else if (pins.platformKeys !== undefined && !pins.platformKeys.includes(keyId)) {
    problems.push(`it is signed by the platform's key ${keyId}, which is none of those that you trust`);
  }
  return problems;
}

function isPeriod({ fromDay, toDay, zone, from, until }: StatementFile["statement"]["period"]): boolean {
  const begin = (day: Temporal.PlainDate) => day.toZonedDateTime({ timeZone: zone }).epochMilliseconds;
  try {
    return begin(Temporal.PlainDate.from(fromDay)) === Date.parse(from) &&
      begin(Temporal.PlainDate.from(toDay).add({ days: 1 })) === Date.parse(until);
  } catch {
    return false; // Neither days nor a zone.
  }
}

type Verdict = Pick<RowVerdict, "kind" | "why">;

const wrong = (why: string): Verdict => ({ kind: "wrong", why });
const unproved = (why: string): Verdict => ({ kind: "unproved", why });
/* Meters may count metres with decimals. */
const isNear = (a: number, b: number) => Math.abs(a - b) < 1e-6;

function rowVerdict(row: Row, file: StatementFile, evidence: Evidence): Verdict {
  const { first, last, counted, estimated, corrected, adjusted, billed } = row;
  const numbers = [counted, estimated, corrected, adjusted, billed];
  if (!numbers.every(Number.isFinite) || !isNear(counted + estimated + corrected + adjusted, billed)) {
    return wrong("its parts do not add up to what is billed");
  }
  const found = evidence.readings;
  const ends = [first, last].map((reading) => reading === null ? undefined : endVerdict(row, reading, found));
  const bad = ends.find((end) => end?.kind === "wrong");
  if (bad !== undefined) return bad;
  const order = orderFault(row, file);
  if (order !== undefined) return wrong(order);
  const isCorrected = row.marks.some(({ kind }) => kind === "corrected");
  if (first === null || last === null) {
    if (counted !== 0) return wrong("it counts without readings");
  } else if (!isCorrected) {
    const steps = countedVerdict(row, first, last, found);
    if (steps.kind !== "proved") return steps;
  }
  const open = ends.find((end) => end?.kind === "unproved");
  if (open !== undefined) return open;
  if (isCorrected) return unproved("a person corrected some of it");
  if (adjusted !== 0) return unproved(`${adjusted} came late to an earlier statement`);
  if (estimated !== 0) return unproved(`${estimated} are estimated`);
  if (isMerged(row)) return unproved("the platform joined several devices to this one");
  if (first !== null && last !== null) return oneDeviceVerdict(first, last, found);
  return { kind: "proved", why: "" };
}

function verdictAt(device: string, at: number, readings: Evidence["readings"]): ReadingVerdict {
  return readings.get(readingKey(device, at)) ?? { kind: "wrong", why: "its proof is not in the file" };
}

function endVerdict(row: Row, reading: Reading, readings: Evidence["readings"]): Verdict {
  const verdict = verdictAt(reading.device, Date.parse(reading.at), readings);
  const name = `the reading of ${reading.at}`;
  if (verdict.kind !== "proved") return { kind: verdict.kind, why: `${name}: ${verdict.why}` };
  const meter = verdict.meters.get(row.meter);
  if (meter === undefined) return wrong(`${name} has no meter ${row.meter}`);
  if (meter.value !== reading.value) {
    return wrong(`${name}: the agent read ${meter.value}, and the statement says ${reading.value}`);
  }
  if (meter.unit !== row.unit && !row.marks.some(({ kind }) => kind === "unit")) {
    return wrong(`${name} has another unit`);
  }
  const [told, read] = [row.device.serial, verdict.serial].map((serial) => maybeDeviceSerial(serial));
  // Of the parts of a device, one has the serial number that is told.
  if (!isMerged(row) && told != null && read != null && told !== read) {
    return wrong(`${name} is of a device with the serial number ${verdict.serial}`);
  }
  return { kind: "proved", why: "" };
}

function isMerged({ marks }: Row): boolean {
  return marks.some(({ kind }) => kind === "merged" || kind === "board");
}

/* By its serial number, or else by the agent's own id of it. */
function oneDeviceVerdict(first: Reading, last: Reading, readings: Evidence["readings"]): Verdict {
  const [a, b] = [first, last].map(({ device, at }) => verdictAt(device, Date.parse(at), readings));
  if (a?.kind !== "proved" || b?.kind !== "proved") return unproved("its readings are not proved");
  const [one, other] = [a.serial, b.serial].map((serial) => maybeDeviceSerial(serial));
  if (one != null && other != null && one !== other) return wrong("its readings are of two devices");
  const isOne = (a.serial !== null && b.serial !== null) ||
    (a.agent === b.agent && a.deviceKey !== "" && a.deviceKey === b.deviceKey);
  return isOne ? { kind: "proved", why: "" } : unproved("its readings have no serial number");
}

/** Rows that count what another one counts: a counter of a device in a time that is in both. */
function countedAgain(rows: readonly Row[], readings: Evidence["readings"]): Map<Row, Verdict> {
  const byCounter = new Map<string, { row: Row; from: number; until: number }[]>(), found = new Map<Row, Verdict>();
  for (const row of rows) {
    const { first, last, meter } = row;
    if (first === null || last === null) continue;
    const from = Date.parse(first.at), until = Date.parse(last.at), end = readings.get(readingKey(last.device, until));
    if (end?.kind !== "proved" || !(from < until)) continue;
    const counter = JSON.stringify([end.agent, end.deviceKey, maybeDeviceSerial(end.serial) ?? "", meter]);
    const others = byCounter.get(counter) ?? [];
    const other = others.find((each) => from < each.until && each.from < until);
    if (other !== undefined) {
      const why = `row ${other.row.row} counts the same counter in some of the same time`;
      // A person may have made two devices of what is one to the agent; they have no reading in common.
      const isSame = other.row.last!.device === last.device || other.until === until || other.from === from;
      found.set(row, isSame ? wrong(why) : unproved(why));
    }
    byCounter.set(counter, [...others, { row, from, until }]);
  }
  return found;
}

function orderFault({ first, last, marks }: Row, { statement: { period } }: StatementFile): string | undefined {
  const [from, until] = [Date.parse(period.from), Date.parse(period.until)];
  if (first === null || last === null) return undefined;
  const [begin, end] = [Date.parse(first.at), Date.parse(last.at)];
  if (!(begin <= end) || !(end <= until)) return "its readings are not in the order of the period";
  const isWhole = !marks.some(({ kind }) => kind === "moved");
  const minutes = (ms: number) => Math.round(ms / 60_000);
  if (
    isWhole && (first.minutesAfterBegin !== minutes(begin - from) || last.minutesBeforeEnd !== minutes(until - end))
  ) {
    return "its readings are not as far from the ends of the period as it says";
  }
  if (begin > from && isWhole && end > from && !marks.some(({ kind }) => kind === "noneBefore")) {
    return "its first reading is not from before the period";
  }
  return undefined;
}

const steps = ["wrap", "reset", "dip", "jump", "spike", "board", "unit"];

/** Whether what it counts follows from its readings, and from those around the steps that count otherwise. */
function countedVerdict(row: Row, first: Reading, last: Reading, readings: Evidence["readings"]): Verdict {
  let counted = last.value - first.value, open: Verdict | undefined, until = Date.parse(first.at);
  const bases = new Set<number>();
  for (const mark of row.marks) {
    if (!steps.includes(mark.kind)) continue;
    // Otherwise a fall could be counted twice, or backwards.
    const { beforeAt = NaN, at = NaN, kind } = mark;
    if (!(until <= beforeAt && beforeAt <= at && at <= Date.parse(last.at))) {
      return wrong("its steps are not in the order of its readings");
    }
    until = at;
    if (kind === "unit" || kind === "board") return unproved("another counter continues in the period");
    const { before, after, counted: own = 0, base = NaN } = mark;
    if (typeof before !== "number" || typeof after !== "number" || !Number.isFinite(own)) {
      return wrong("a step is damaged");
    }
    if (own < 0 || own > mostOf(mark, before, after)) return wrong(`a step of ${kind} counts ${own}`);
    if (kind === "jump") bases.add(before);
    if (kind === "spike" && !bases.has(base)) open = unproved("a false value began before the period");
    counted += own - (after - before);
    const verdict = stepVerdict(row, mark, first.device, readings);
    if (verdict.kind === "wrong") return verdict;
    if (verdict.kind === "unproved") open = verdict;
  }
  if (!isNear(counted, row.counted)) return wrong(`by its readings it counts ${counted}, and it says ${row.counted}`);
  return open ?? { kind: "proved", why: "" };
}

/** What a step may count at most; less than 0 for one that is none of its kind. */
function mostOf({ kind, modulus = NaN, base = NaN, peak = NaN }: StepMark, before: number, after: number): number {
  if (kind === "wrap") {
    return wrapsBetween(before, after).includes(modulus) ? modulus - before + after : -1;
  }
  if (kind === "dip") return before < peak && peak <= after ? after - peak : -1;
  if (kind === "spike") return after < before && base >= 0 && base <= after ? after - base : -1;
  return (kind === "reset") === (after < before) && after !== before ? 0 : -1;
}

function stepVerdict(row: Row, mark: StepMark, device: string, readings: Evidence["readings"]): Verdict {
  const { beforePart = device, part = device, beforeAt, at, before, after } = mark;
  for (const [of, time, value] of [[beforePart, beforeAt, before], [part, at, after]] as const) {
    const verdict = verdictAt(of, Number(time), readings);
    if (verdict.kind !== "proved") return { kind: verdict.kind, why: `a reading at a step: ${verdict.why}` };
    if (verdict.meters.get(row.meter)?.value !== value) return wrong("a reading at a step is not what the agent read");
  }
  return { kind: "proved", why: "" };
}
