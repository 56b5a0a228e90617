/**
 * Reads objects with as few round trips as a device and its network allow, and handles agents that violate the
 * standard: noSuchName drops the named object (RFC 1157 fails the whole request), a GetBulk that fails is replaced by
 * GetNext, and an answer that does not move forward ends its column.
 *
 * The size of each request follows the allowed size of its answer (answer_sizes.ts). If an answer is refused as too
 * big, or does not arrive although the device answers small requests, the request is split in halves, down to single
 * objects.
 */
import { type AnswerSizes, createAnswerSizes } from "./answer_sizes.ts";
import { SnmpError, type SnmpSession } from "./session.ts";
import type { Patience } from "./session_tries.ts";
import { compareOids, isUnder } from "./oid.ts";
import { isException, Tag, type Varbind } from "./value.ts";

/** Columns of one table, walked together. */
export interface ColumnGroup {
  name: string;
  /** Object identifiers without an index. */
  columns: string[];
  /** Rows of a typical device, if no other of its kind is known; the first request asks for one more, to detect the end. */
  expectedRows: number;
  /** More rows than this are not read. */
  maxRows: number;
}

/** A fault of the device; the reading continues without the affected objects. */
export interface ReadProblem {
  code: "agent-error" | "too-big" | "non-increasing" | "table-too-long" | "no-bulk" | "no-answer";
  message: string;
  oid?: string;
}

export interface ReadOutcome {
  varbinds: Varbind[];
  problems: ReadProblem[];
}

/** Maximum number of varbinds in an answer. */
const bulkBudget = 45;

/** Maximum number of objects in one GET or GETNEXT. */
const getBudget = 30;

/** GET of exact objects; those that do not exist are left out. Throws `SnmpError` if the device stops answering. */
export async function readObjects(
  session: SnmpSession,
  oids: readonly string[],
  sizes = createAnswerSizes(session.overheadOctets),
): Promise<ReadOutcome> {
  return await readInPieces(session, oids, sizes, (piece, patience) => session.get(piece, patience));
}

/** The first object at or after each OID; past the end there is none. Throws `SnmpError` as `readObjects` does. */
export async function readNextObjects(
  session: SnmpSession,
  oids: readonly string[],
  sizes = createAnswerSizes(session.overheadOctets),
): Promise<ReadOutcome> {
  return await readInPieces(session, oids, sizes, (piece, patience) => session.getNext(piece, patience));
}

async function readInPieces(
  session: SnmpSession,
  oids: readonly string[],
  sizes: AnswerSizes,
  ask: (oids: readonly string[], patience: Patience) => Promise<Varbind[]>,
): Promise<ReadOutcome> {
  const outcome: ReadOutcome = { varbinds: [], problems: [] };
  const pieces: (readonly string[])[] = oids.length > 0 ? [oids] : [];
  for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
    const fitting = countFitting(piece, sizes);
    if (fitting < piece.length) {
      pieces.unshift(piece.slice(fitting));
      piece = piece.slice(0, fitting);
    }
    // The very first request may have no receiver, or an unknown credential.
    const isFirst = session.answers === 0 && piece.length <= 2;
    try {
      const varbinds = await ask(piece, isFirst || piece.length === 1 ? "long" : "short");
      let octets = 0;
      for (const [i, varbind] of varbinds.entries()) {
        octets += sizes.learn(piece[i]!, varbind);
        if (!isException(varbind)) outcome.varbinds.push(varbind);
      }
      sizes.arrived(octets);
    } catch (error) {
      if (error instanceof SnmpError && error.failure === "timeout") {
        if (isFirst) throw error;
        await checkAlive(session, error);
      }
      pieces.unshift(...smallerPieces(piece, error, { sizes, problems: outcome.problems }));
    }
  }
  return outcome;
}

/** Number of objects that fit into one answer; at least one. */
function countFitting(oids: readonly string[], sizes: AnswerSizes): number {
  let octets = 0;
  for (let count = 0; count < oids.length; count++) {
    octets += sizes.expected(oids[count]!);
    if (count > 0 && (count >= getBudget || octets > sizes.room())) return count;
  }
  return oids.length;
}

/** sysUpTime.0: every agent has it, and it is small. */
const smallObject = "1.3.6.1.2.1.1.3.0";

/** Throws `silence` if the device answers nothing at all; if it does not throw, only large answers are lost. */
export async function checkAlive(session: SnmpSession, silence: SnmpError): Promise<void> {
  try {
    await session.get([smallObject]);
  } catch (error) {
    if (!(error instanceof SnmpError)) throw error;
    if (error.failure === "timeout") throw silence;
    if (error.failure === "unreachable" || error.failure === "closed" || error.failure === "usm") throw error;
    // Any other error is an answer too.
  }
}

/** Requests to replace a failed GET or GETNEXT; throws the error if smaller requests cannot help. */
function smallerPieces(
  piece: readonly string[],
  error: unknown,
  { sizes, problems }: { sizes: AnswerSizes; problems: ReadProblem[] },
): string[][] {
  if (!(error instanceof SnmpError) || !isWorthSplitting(error)) throw error;
  const at = (error.detail.errorIndex ?? 0) - 1;
  const named = piece[at] ?? (piece.length === 1 ? piece[0] : undefined);
  if (named !== undefined) {
    if (error.failure === "agentError") {
      problems.push({ code: "agent-error", message: `${error.message} for ${named}`, oid: named });
    } else if (error.failure === "tooBig") {
      problems.push({ code: "too-big", message: `The value of ${named} does not fit into one answer`, oid: named });
    } else if (error.failure === "timeout") {
      problems.push({ code: "no-answer", message: `No answer to the request for ${named}`, oid: named });
    }
    const rest = piece.filter((oid) => oid !== named);
    return rest.length > 0 ? [rest] : [];
  }
  const octets = piece.reduce((sum, oid) => sum + sizes.expected(oid), 0);
  if (error.failure === "timeout") sizes.failed(octets, "lost");
  if (error.failure === "tooBig") sizes.failed(octets, "refused");
  const middle = Math.ceil(piece.length / 2);
  return [piece.slice(0, middle), piece.slice(middle)];
}

function isWorthSplitting(error: SnmpError): boolean {
  return error.failure === "noSuchName" || error.failure === "tooBig" || error.failure === "agentError" ||
    error.failure === "malformed" || error.failure === "timeout";
}

interface Column {
  base: string;
  cursor: string;
  rows: number;
  group: ColumnGroup;
  /** Rows of the longest column of the table that was read to its end. */
  table: { rows: number };
  done: boolean;
  /** Its end was seen. */
  isWhole: boolean;
}

/**
 * Walks tables in parallel: as many columns as fit share one GetBulk, nearly complete ones first. Throws `SnmpError` if
 * the device stops answering; everything read until then was passed to `keep`.
 */
export async function walkColumns(
  session: SnmpSession,
  groups: ColumnGroup[],
  keep: (varbind: Varbind) => void,
  sizes = createAnswerSizes(session.overheadOctets),
): Promise<ReadProblem[]> {
  const problems: ReadProblem[] = [];
  const columns = groups.flatMap((group) => {
    const table = { rows: 0 };
    return group.columns.map((base): Column => (
      { base, cursor: base, rows: 0, group, table, done: false, isWhole: false }
    ));
  });
  let bulk = session.version !== "1";
  let bulkWorks = false, bulkFailures = 0;
  for (let open = columns; open.length > 0; open = columns.filter((column) => !column.done)) {
    const { batch, repetitions, octets } = nextBatch(open, { sizes, bulk });
    const oids = batch.map((column) => column.cursor);
    const isSmallest = batch.length * repetitions === 1;
    const patience = isSmallest ? "long" : "short";
    try {
      const lists = bulk
        ? await session.getBulk(oids, 0, repetitions, patience)
        : (await session.getNext(oids, patience)).map((varbind) => [varbind]);
      bulkWorks = bulk;
      let arrived = 0;
      for (const [i, list] of lists.entries()) {
        for (const varbind of list) arrived += sizes.learn(batch[i]!.base, varbind);
      }
      sizes.arrived(arrived);
      const moved = batch.map((column, i) => advance(column, lists[i] ?? [], keep, problems));
      for (const { base, rows, table, isWhole } of batch) {
        if (!isWhole) continue;
        table.rows = Math.max(table.rows, rows);
        sizes.learnRows(base, rows);
      }
      if (!moved.includes(true)) giveUp(batch, "agent-error", "answers without values", problems);
    } catch (error) {
      if (!(error instanceof SnmpError)) throw error;
      const isLost = error.failure === "timeout";
      if (isLost) await checkAlive(session, error);
      if (bulk && (isLost || error.failure === "tooBig") && !isSmallest) {
        sizes.failed(octets, isLost ? "lost" : "refused");
        // Small SNMP stacks do not answer GetBulk at all, or only if the answer fits into one frame.
        if (isLost && !bulkWorks && ++bulkFailures >= 2) bulk = false;
      } else if (bulk && !(isLost && bulkWorks) && isFaultOfBulk(error)) {
        bulk = false;
        if (isLost) continue;
        problems.push({
          code: "no-bulk",
          message: `GetBulk does not work (${error.message}), GetNext is used instead`,
        });
      } else {
        endColumns(batch, error, problems, () => {
          sizes.failed(octets, error.failure === "tooBig" ? "refused" : "lost");
        });
      }
    }
  }
  return problems;
}

function isFaultOfBulk({ failure }: SnmpError): boolean {
  return failure !== "unreachable" && failure !== "closed" && failure !== "usm";
}

interface Batch {
  batch: Column[];
  repetitions: number;
  /** Expected size of the answer's varbinds. */
  octets: number;
}

/**
 * The next request: rows for the first open column, and as many further columns as fit. All columns of a request get the
 * same number of rows, so those that need many more or far fewer wait for another, unless this is the last.
 */
function nextBatch(open: Column[], { sizes, bulk }: { sizes: AnswerSizes; bulk: boolean }): Batch {
  const first = open[0]!;
  const room = sizes.room();
  const limit = bulk ? bulkBudget : getBudget;
  const wanted = open.map((column) => bulk ? rowsWanted(column, sizes) : 1);
  const perRow = open.map(({ base }) => sizes.expectedRow(base));
  const fits = (columns: number, repetitions: number, octets: number) =>
    columns * repetitions <= limit && octets * repetitions <= room;
  const most = Math.max(...wanted);
  const all = perRow.reduce((sum, octets) => sum + octets, 0);
  if (fits(open.length, most, all)) return { batch: open, repetitions: most, octets: all * most };
  let repetitions = Math.max(1, Math.min(wanted[0]!, Math.floor(room / perRow[0]!)));
  const isCut = repetitions < wanted[0]!;
  let octets = perRow[0]!;
  const batch = [first];
  for (let i = 1; i < open.length; i++) {
    const rows = wanted[i]!;
    if (rows * 2 < repetitions || rows > wanted[0]! * (isCut ? 1 : 2)) continue;
    const more = isCut ? repetitions : Math.max(repetitions, rows);
    if (!fits(batch.length + 1, more, octets + perRow[i]!)) break;
    repetitions = more;
    octets += perRow[i]!;
    batch.push(open[i]!);
  }
  return { batch, repetitions, octets: octets * repetitions };
}

/**
 * Number of rows to request from a column, plus one to detect its end. Other columns of the table, or of such tables of
 * other devices, show the number of rows.
 */
function rowsWanted({ base, rows, group, table }: Column, sizes: AnswerSizes): number {
  const most = Math.min(group.maxRows + 1 - rows, bulkBudget);
  if (table.rows > rows) return Math.min(most, table.rows + 1 - rows);
  const known = sizes.expectedRows(base);
  if (known !== undefined && known >= rows) return Math.min(most, known + 1 - rows);
  return Math.min(most, rows === 0 ? group.expectedRows + 1 : Math.max(4, group.expectedRows));
}

/** Processes one column's part of an answer; false if it has neither a row nor the column's end. */
function advance(
  column: Column,
  list: Varbind[],
  keep: (varbind: Varbind) => void,
  problems: ReadProblem[],
): boolean {
  for (const varbind of list) {
    if (varbind.tag === Tag.endOfMibView || isException(varbind) || !isUnder(varbind.oid, column.base)) {
      column.done = true;
      column.isWhole = true;
      return true;
    }
    if (compareOids(varbind.oid, column.cursor, column.base.length) <= 0) {
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

/** Handles a failed GetNext: the named column ends, or the request gets smaller until one column is left. */
function endColumns(
  batch: Column[],
  error: SnmpError,
  problems: ReadProblem[],
  askForLess: () => void,
): void {
  if (!isWorthSplitting(error)) throw error;
  const named = batch[(error.detail.errorIndex ?? 0) - 1] ?? (batch.length === 1 ? batch[0] : undefined);
  if (named === undefined) {
    askForLess();
    return;
  }
  // SNMPv1 answers noSuchName at the end of the MIB, which ends a walk.
  if (error.failure === "noSuchName") named.done = true;
  else giveUp([named], codeOf(error), error.message, problems);
}

function codeOf({ failure }: SnmpError): ReadProblem["code"] {
  if (failure === "timeout") return "no-answer";
  return failure === "tooBig" ? "too-big" : "agent-error";
}

function giveUp(columns: Column[], code: ReadProblem["code"], what: string, problems: ReadProblem[]): void {
  for (const column of columns) {
    column.done = true;
    const rest = (code === "agent-error" || code === "no-answer") && what.includes(" ") ? `: ${what}` : ` ${what}`;
    problems.push({ code, message: `Table column ${column.base} (${column.group.name})${rest}`, oid: column.base });
  }
}
