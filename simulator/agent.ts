/**
 * How an agent answers a request, apart from who asks: RFC 1157 section 4.1 for v1, RFC 3416 section 4.2 for v2c and v3.
 * Pure: the request's PDU in, the response's variable bindings out.
 */
import { BerWriter } from "../src/snmp/ber.ts";
import { ErrorStatus, type Pdu, PduType } from "../src/snmp/message.ts";
import { isUnder, maybeSuffix } from "../src/snmp/oid.ts";
import { Tag, type Varbind } from "../src/snmp/value.ts";
import { type Fault, maybeFault } from "./faults.ts";
import { encodeVarbind, type ObjectTable } from "./object_table.ts";

/** noAccess of RFC 3416: what a read-only view answers a Set with. */
const noAccess = 6;

const sysUpTime = "1.3.6.1.2.1.1.3.0";

/** Largest last arc of an invented object; real tables stay far below it. */
const inventedArc = 2147483647;

export interface AgentView {
  table: ObjectTable;
  /** Replaces the value of sysUpTime.0, in hundredths of a second, where the table has that object. */
  upTimeTicks?: number;
  /** RFC 1157 semantics: no exceptions, no GetBulk, Counter64 invisible. */
  v1: boolean;
  /** Octets that the whole message may have. */
  maxMessageSize: number;
  /** Octets of the whole message around a variable binding list of so many octets. */
  messageSize: (listOctets: number) => number;
  /** Faults that happen to this request. */
  faults: readonly Fault[];
}

export interface Answer {
  requestId: number;
  errorStatus: number;
  errorIndex: number;
  /** Encoded variable bindings. */
  varbinds: Uint8Array[];
}

/** The response to a request, or undefined where an agent stays silent (not a request, or GetBulk in v1). */
export function maybeAnswer(pdu: Pdu, view: AgentView): Answer | undefined {
  const answer = maybeFaultyAnswer(pdu, view) ?? maybeHonestAnswer(pdu, view);
  if (answer === undefined) return undefined;
  if (maybeFault(view.faults, "huge") && answer.varbinds.length > 0) {
    const last = answer.varbinds.length - 1;
    const oid = pdu.varbinds.at(-1)!.oid;
    const octets = new Uint8Array(60_000).fill(0x41);
    return {
      ...answer,
      varbinds: answer.varbinds.with(last, encodeVarbind({ oid, tag: Tag.octetString, value: octets })),
    };
  }
  if (pdu.type === PduType.getBulk || view.messageSize(octetsOf(answer.varbinds)) <= view.maxMessageSize) return answer;
  return tooBig(pdu, view.v1);
}

function maybeHonestAnswer(pdu: Pdu, view: AgentView): Answer | undefined {
  switch (pdu.type) {
    case PduType.get:
      return answerGet(pdu, view);
    case PduType.getNext:
      return answerGetNext(pdu, view);
    case PduType.getBulk:
      return view.v1 ? undefined : answerGetBulk(pdu, view);
    case PduType.set:
      return pdu.varbinds.length === 0
        ? success(pdu, [])
        : failure(pdu, view.v1 ? ErrorStatus.noSuchName : noAccess, 1);
    default:
      return undefined;
  }
}

function maybeFaultyAnswer(pdu: Pdu, view: AgentView): Answer | undefined {
  if (maybeFault(view.faults, "tooBig")) return tooBig(pdu, view.v1);
  const fault = maybeFault(view.faults, "genErr") ?? maybeFault(view.faults, "noSuchName");
  if (fault === undefined) return undefined;
  const status = fault.kind === "genErr" ? ErrorStatus.genErr : ErrorStatus.noSuchName;
  const culprit = pdu.varbinds.findIndex((varbind) => isUnder(varbind.oid, fault.under ?? varbind.oid));
  return failure(pdu, status, culprit + 1);
}

function answerGet(pdu: Pdu, view: AgentView): Answer {
  const varbinds: Uint8Array[] = [];
  for (const { oid } of pdu.varbinds) {
    const position = view.table.position(oid);
    if (position >= 0 && !(view.v1 && view.table.tag(position) === Tag.counter64)) {
      varbinds.push(varbindAt(position, view));
    } else if (view.v1) {
      return failure(pdu, ErrorStatus.noSuchName, varbinds.length + 1);
    } else {
      const tag = isKnownObjectType(oid, view.table) ? Tag.noSuchInstance : Tag.noSuchObject;
      varbinds.push(encodeVarbind({ oid, tag, value: null }));
    }
  }
  return success(pdu, varbinds);
}

function answerGetNext(pdu: Pdu, view: AgentView): Answer {
  const varbinds: Uint8Array[] = [];
  for (const { oid } of pdu.varbinds) {
    const next = nextOf({ oid, position: undefined }, view);
    if (next.varbind) varbinds.push(next.varbind);
    else if (view.v1) return failure(pdu, ErrorStatus.noSuchName, varbinds.length + 1);
    else varbinds.push(endOfMibView(oid));
  }
  return success(pdu, varbinds);
}

/** RFC 3416 section 4.2.3: the list is cut at its end where the message would grow too large, never refused. */
function answerGetBulk(pdu: Pdu, view: AgentView): Answer {
  const nonRepeaters = Math.min(Math.max(pdu.errorStatus, 0), pdu.varbinds.length);
  const maxRepetitions = Math.max(pdu.errorIndex, 0);
  const varbinds: Uint8Array[] = [];
  let octets = 0;
  function fits(varbind: Uint8Array): boolean {
    octets += varbind.length;
    if (view.messageSize(octets) > view.maxMessageSize) return false;
    varbinds.push(varbind);
    return true;
  }
  for (const { oid } of pdu.varbinds.slice(0, nonRepeaters)) {
    if (!fits(nextOf({ oid, position: undefined }, view).varbind ?? endOfMibView(oid))) return success(pdu, varbinds);
  }
  const cursors: Cursor[] = pdu.varbinds.slice(nonRepeaters).map(({ oid }) => ({ oid, position: undefined }));
  for (let repetition = 0; repetition < maxRepetitions && cursors.length > 0; repetition++) {
    let ended = 0;
    for (let column = 0; column < cursors.length; column++) {
      const cursor = cursors[column]!;
      const next = nextOf(cursor, view);
      if (next.varbind === undefined) ended++;
      if (!fits(next.varbind ?? endOfMibView(oidOf(cursor, view)))) return success(pdu, varbinds);
      cursors[column] = next.cursor;
    }
    if (ended === cursors.length) break;
  }
  return success(pdu, varbinds);
}

/** Where a walk stands: at a name that was asked for or invented, or at an object of the table. */
interface Cursor {
  oid: string | undefined;
  position: number | undefined;
}

function oidOf(cursor: Cursor, view: AgentView): string {
  return cursor.oid ?? view.table.oid(cursor.position!);
}

function nextOf(cursor: Cursor, view: AgentView): { varbind?: Uint8Array; cursor: Cursor } {
  const { table } = view;
  let position = cursor.position === undefined ? table.successor(cursor.oid!) : cursor.position + 1;
  while (view.v1 && position < table.size && table.tag(position) === Tag.counter64) position++;
  const strayed = view.faults.length === 0 ? undefined : maybeStrayed(cursor, position, view);
  if (strayed) return strayed;
  if (position >= table.size) return { cursor };
  return { varbind: varbindAt(position, view), cursor: { oid: undefined, position } };
}

/** The next object of a walk that does not end where it should. */
function maybeStrayed(cursor: Cursor, position: number, view: AgentView) {
  const { table } = view;
  const fault = maybeFault(view.faults, "endless") ?? maybeFault(view.faults, "non-increasing");
  if (fault === undefined) return undefined;
  const under = fault.under ?? "1.3.6.1";
  const from = oidOf(cursor, view);
  if (!isUnder(from, under) || (position < table.size && isUnder(table.oid(position), under))) return undefined;
  if (fault.kind === "non-increasing") {
    const first = table.successor(under);
    if (first >= table.size || !isUnder(table.oid(first), under)) return undefined;
    return { varbind: varbindAt(first, view), cursor: { oid: undefined, position: first } };
  }
  const count = Number(maybeSuffix(from, `${under}.${inventedArc}`) ?? 0);
  const oid = `${under}.${inventedArc}.${count + 1}`;
  return { varbind: encodeVarbind({ oid, tag: Tag.integer, value: count + 1 }), cursor: { oid, position: undefined } };
}

function varbindAt(position: number, view: AgentView): Uint8Array {
  if (view.upTimeTicks !== undefined && position === view.table.position(sysUpTime)) {
    return encodeVarbind({ oid: sysUpTime, tag: Tag.timeTicks, value: view.upTimeTicks });
  }
  return view.table.varbind(position);
}

/**
 * Whether an object of the same type exists, which is what separates noSuchInstance from noSuchObject. The table does
 * not know its MIB: beyond what its own rows show, the columns of the tables that printers have are recognised.
 */
function isKnownObjectType(oid: string, table: ObjectTable): boolean {
  const arcs = oid.split(".");
  const column = columnArcs.find(([prefix]) => isUnder(oid, prefix))?.[1];
  if (column !== undefined && arcs.length >= column) return table.hasUnder(arcs.slice(0, column).join("."));
  if (table.position(`${oid}.0`) >= 0) return true;
  const parent = arcs.slice(0, -1).join(".");
  const sibling = table.successor(parent);
  if (sibling >= table.size) return false;
  const siblingOid = table.oid(sibling);
  return isUnder(siblingOid, parent) && siblingOid.split(".").length === arcs.length;
}

/** Arcs of the column's OID in the tables of IF-MIB, HOST-RESOURCES-MIB and Printer-MIB. */
const columnArcs: [prefix: string, arcs: number][] = [
  ["1.3.6.1.2.1.2.2.1", 10],
  ["1.3.6.1.2.1.25.3.2.1", 11],
  ["1.3.6.1.2.1.25.3.5.1", 11],
  ["1.3.6.1.2.1.43", 11],
];

function endOfMibView(oid: string): Uint8Array {
  return encodeVarbind({ oid, tag: Tag.endOfMibView, value: null });
}

function success(pdu: Pdu, varbinds: Uint8Array[]): Answer {
  return { requestId: pdu.requestId, errorStatus: ErrorStatus.noError, errorIndex: 0, varbinds };
}

/** An error answer repeats the request's variable bindings. */
function failure(pdu: Pdu, errorStatus: number, errorIndex: number): Answer {
  return {
    requestId: pdu.requestId,
    errorStatus,
    errorIndex,
    varbinds: pdu.varbinds.map((v: Varbind) => encodeVarbind(v)),
  };
}

/** RFC 1157 repeats the variable bindings; RFC 3416 section 4.2.1 sends none. */
function tooBig(pdu: Pdu, v1: boolean): Answer {
  return v1
    ? failure(pdu, ErrorStatus.tooBig, 0)
    : { requestId: pdu.requestId, errorStatus: ErrorStatus.tooBig, errorIndex: 0, varbinds: [] };
}

function octetsOf(varbinds: Uint8Array[]): number {
  let octets = 0;
  for (const varbind of varbinds) octets += varbind.length;
  return octets;
}

/** Writes a PDU of any type in front of what the writer holds. */
export function writeAnswer(writer: BerWriter, answer: Answer, type: number = PduType.response): void {
  const before = writer.length;
  for (let i = answer.varbinds.length - 1; i >= 0; i--) writer.writeBytes(answer.varbinds[i]!);
  writer.wrap(Tag.sequence, before);
  writer.writeInteger(answer.errorIndex);
  writer.writeInteger(answer.errorStatus);
  writer.writeInteger(answer.requestId);
  writer.wrap(type, before);
}

/** Octets of the PDU that `writeAnswer` makes around a list of so many octets, with one-octet error fields. */
export function pduSize(listOctets: number, requestId: number): number {
  return elementSize(elementSize(listOctets) + integerSize(requestId) + 6);
}

/** Octets of tag, length and content. */
export function elementSize(contentOctets: number): number {
  if (contentOctets < 0x80) return 2 + contentOctets;
  return (contentOctets < 0x100 ? 3 : contentOctets < 0x10000 ? 4 : 5) + contentOctets;
}

/** Octets of an INTEGER of up to 32 bits with tag and length. */
export function integerSize(value: number): number {
  const magnitude = value < 0 ? -value - 1 : value;
  return magnitude < 0x80 ? 3 : magnitude < 0x8000 ? 4 : magnitude < 0x800000 ? 5 : magnitude < 0x80000000 ? 6 : 7;
}
