/**
 * Reads objects with as few round trips as a device allows, and gets along with agents that break the rules:
 * noSuchName drops the named object (RFC 1157 fails the whole request), tooBig and silence halve the request,
 * a GetBulk that fails is replaced by GetNext, and an answer that does not move forward ends its column.
 */
import type { SnmpSession } from "./session.ts";
import { SnmpError } from "./session.ts";
import { compareOids, isUnder } from "./oid.ts";
import type { Varbind } from "./value.ts";
import { isException, Tag } from "./value.ts";

/** Columns of one table, walked together. */
export interface ColumnGroup {
  name: string;
  /** Object identifiers without an index. */
  columns: string[];
  /** Rows of a typical device; the first request asks for one more, so that it sees the end. */
  expectedRows: number;
  /** More rows than this are not read. */
  maxRows: number;
}

/** Something that the device does wrong; the reading goes on without it. */
export interface ReadProblem {
  code: "agent-error" | "too-big" | "non-increasing" | "table-too-long" | "no-bulk";
  message: string;
  oid?: string;
}

export interface ReadOutcome {
  varbinds: Varbind[];
  problems: ReadProblem[];
}

/** Varbinds of a request: an answer of that many stays within two Ethernet frames. */
export const varbindBudget = 45;

/** Objects of one GET or GETNEXT. */
const getBudget = 30;

/** GET of exact objects; those that do not exist are left out. Throws `SnmpError` when the device falls silent. */
export async function readObjects(session: SnmpSession, oids: string[]): Promise<ReadOutcome> {
  return await readInPieces(oids, (piece) => session.get(piece));
}

/** The first object at or after each OID; past the end there is none. Throws `SnmpError` as `readObjects` does. */
export async function readNextObjects(session: SnmpSession, oids: readonly string[]): Promise<ReadOutcome> {
  return await readInPieces([...oids], (piece) => session.getNext(piece));
}

async function readInPieces(oids: string[], ask: (oids: string[]) => Promise<Varbind[]>): Promise<ReadOutcome> {
  const outcome: ReadOutcome = { varbinds: [], problems: [] };
  const pieces: string[][] = [];
  for (let i = 0; i < oids.length; i += getBudget) pieces.push(oids.slice(i, i + getBudget));
  for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
    try {
      for (const varbind of await ask(piece)) if (!isException(varbind)) outcome.varbinds.push(varbind);
    } catch (error) {
      pieces.unshift(...smallerPieces(piece, error, outcome.problems));
    }
  }
  return outcome;
}

/** What to ask instead of a GET or GETNEXT that failed; throws what a smaller request cannot mend. */
function smallerPieces(piece: string[], error: unknown, problems: ReadProblem[]): string[][] {
  if (!(error instanceof SnmpError) || !isWorthSplitting(error)) throw error;
  const at = (error.detail.errorIndex ?? 0) - 1;
  const named = piece[at] ?? (piece.length === 1 ? piece[0] : undefined);
  if (named !== undefined) {
    if (error.failure === "agentError") {
      problems.push({ code: "agent-error", message: `${error.message} for ${named}`, oid: named });
    } else if (error.failure === "tooBig") {
      problems.push({ code: "too-big", message: `The value of ${named} does not fit into one answer`, oid: named });
    }
    const rest = piece.filter((oid) => oid !== named);
    return rest.length > 0 ? [rest] : [];
  }
  const middle = Math.ceil(piece.length / 2);
  return [piece.slice(0, middle), piece.slice(middle)];
}

function isWorthSplitting(error: SnmpError): boolean {
  return error.failure === "noSuchName" || error.failure === "tooBig" || error.failure === "agentError" ||
    error.failure === "malformed";
}

interface Column {
  base: string;
  cursor: string;
  rows: number;
  group: ColumnGroup;
  done: boolean;
}

/**
 * Walks tables side by side: as many columns as fit share one GetBulk. Throws `SnmpError` when the device falls silent;
 * what was read until then has been handed to `keep`.
 */
export async function walkColumns(
  session: SnmpSession,
  groups: ColumnGroup[],
  keep: (varbind: Varbind) => void,
): Promise<ReadProblem[]> {
  const problems: ReadProblem[] = [];
  const columns = groups.flatMap((group) =>
    group.columns.map((base): Column => ({ base, cursor: base, rows: 0, group, done: false }))
  );
  let bulk = session.version !== "1";
  let budget = varbindBudget;
  const useGetNext = () => {
    bulk = false;
    budget = getBudget;
  };
  if (!bulk) useGetNext();
  for (let open = columns; open.length > 0; open = columns.filter((column) => !column.done)) {
    const { batch, repetitions } = nextBatch(open, budget, bulk);
    const oids = batch.map((column) => column.cursor);
    try {
      const lists = bulk
        ? await session.getBulk(oids, 0, repetitions)
        : (await session.getNext(oids)).map((varbind) => [varbind]);
      const moved = batch.map((column, i) => advance(column, lists[i] ?? [], keep, problems));
      if (!moved.includes(true)) giveUp(batch, "agent-error", "answers without values", problems);
    } catch (error) {
      if (!(error instanceof SnmpError)) throw error;
      if (bulk && batch.length * repetitions > 1 && (error.failure === "tooBig" || error.failure === "timeout")) {
        // Small stacks answer only what fits one frame, or nothing at all.
        budget = Math.floor(batch.length * repetitions / 3);
        if (budget < 8) useGetNext();
      } else if (bulk && error.failure !== "unreachable" && error.failure !== "closed" && error.failure !== "usm") {
        useGetNext();
        problems.push({
          code: "no-bulk",
          message: `GetBulk does not work (${error.message}), GetNext is used instead`,
        });
      } else {
        endColumns(batch, error, problems, (smaller) => budget = smaller);
      }
    }
  }
  return problems;
}

function nextBatch(open: Column[], budget: number, bulk: boolean): { batch: Column[]; repetitions: number } {
  const first = open[0]!;
  const wanted = first.rows === 0 ? first.group.expectedRows + 1 : Math.max(4, first.group.expectedRows);
  const left = first.group.maxRows + 1 - first.rows;
  const repetitions = bulk ? Math.max(1, Math.min(wanted, left, budget)) : 1;
  return { batch: open.slice(0, Math.max(1, Math.floor(budget / repetitions))), repetitions };
}

/** Takes one column's part of an answer; false when it brought neither a row nor the column's end. */
function advance(column: Column, list: Varbind[], keep: (varbind: Varbind) => void, problems: ReadProblem[]): boolean {
  for (const varbind of list) {
    if (varbind.tag === Tag.endOfMibView || isException(varbind) || !isUnder(varbind.oid, column.base)) {
      column.done = true;
      return true;
    }
    if (compareOids(varbind.oid, column.cursor) <= 0) {
      giveUp([column], "non-increasing", `goes back from ${column.cursor} to ${varbind.oid}`, problems);
      return true;
    }
    if (column.rows >= column.group.maxRows) {
      giveUp([column], "table-too-long", `has more than ${column.group.maxRows} rows, the rest was not read`, problems);
      return true;
    }
    column.cursor = varbind.oid;
    column.rows++;
    keep(varbind);
  }
  return list.length > 0;
}

/** A GetNext that failed: the named column ends, or the request gets smaller until one column is left. */
function endColumns(
  batch: Column[],
  error: SnmpError,
  problems: ReadProblem[],
  setBudget: (budget: number) => void,
): void {
  if (!isWorthSplitting(error)) throw error;
  const named = batch[(error.detail.errorIndex ?? 0) - 1] ?? (batch.length === 1 ? batch[0] : undefined);
  if (named === undefined) {
    setBudget(Math.ceil(batch.length / 2));
    return;
  }
  // SNMPv1 says noSuchName at the end of the MIB; that is how a walk ends.
  if (error.failure === "noSuchName") named.done = true;
  else giveUp([named], error.failure === "tooBig" ? "too-big" : "agent-error", error.message, problems);
}

function giveUp(columns: Column[], code: ReadProblem["code"], what: string, problems: ReadProblem[]): void {
  for (const column of columns) {
    column.done = true;
    const rest = code === "agent-error" && what.includes(" ") ? `: ${what}` : ` ${what}`;
    problems.push({ code, message: `Table column ${column.base} (${column.group.name})${rest}`, oid: column.base });
  }
}
