/** The first questions to a device: what it is, and how much of it a credential shows. */
import { ObjectStore } from "../printers/object_store.ts";
import { deviceTable, identifyColumns, ownRow, valueOctets } from "../printers/read_plan.ts";
import { recognise, type Recognised } from "../printers/recognise.ts";
import type { KnownPart } from "../printers/reread_plan.ts";
import { mayShowMore, type View, viewOf } from "../printers/view.ts";
import { type AnswerSizes, createAnswerSizes } from "../snmp/answer_sizes.ts";
import { compareOids } from "../snmp/oid.ts";
import { sysDescr, sysObjectId } from "../snmp/probe.ts";
import { readNextObjects, readObjects, type ReadOutcome, type ReadProblem, walkColumns } from "../snmp/read_objects.ts";
import { fixedList } from "../snmp/request_template.ts";
import { SnmpError, type SnmpSession } from "../snmp/session.ts";
import type { Varbind } from "../snmp/value.ts";

export interface Identified {
  store: ObjectStore;
  recognised: Recognised;
  view: View;
  /** Another credential could show more. */
  mayShowMore: boolean;
  problems: ReadProblem[];
  /** Learned sizes of its answers. */
  sizes: AnswerSizes;
  /** Set if the device stopped answering: then nothing more is asked. */
  error: SnmpError | null;
  /** The objects that showed what it is. */
  identityOids: ReadonlySet<string>;
  /** For a known device: its state was asked for, but its levels in `store` are those of the last read. */
  known?: { levels: KnownPart; withoutLevels: () => ObjectStore };
}

/**
 * Asks sysDescr.0 and sysObjectID.0, unless they are known, and what tells printers from other devices. Throws
 * `SnmpError` if the first request has no answer; if a later one has none, it is in `error`.
 */
export async function identify(session: SnmpSession, known: readonly Varbind[] = []): Promise<Identified> {
  const store = new ObjectStore();
  const sizes = createAnswerSizes(session.overheadOctets, valueOctets);
  const problems: ReadProblem[] = [];
  const keep = (outcome: ReadOutcome) => {
    for (const varbind of outcome.varbinds) store.add(varbind);
    problems.push(...outcome.problems);
  };
  for (const varbind of known) store.add(varbind);
  let error: SnmpError | null = null;
  if (known.length === 0) keep(await readObjects(session, firstObjects, sizes));
  // If these two are refused, all others would be refused as well, one by one.
  const isRefused = store.size === 0 && problems.length > 0;
  try {
    if (!isRefused) {
      keep(await readNextObjects(session, await columnsToAsk(session), sizes));
      const own = ownRow(store);
      if (own.length > 0) keep(await readObjects(session, own, sizes));
      const devices = deviceTable(store);
      if (devices.length > 0) problems.push(...await walkColumns(session, devices, (it) => store.add(it), sizes));
    }
  } catch (reason) {
    if (!(reason instanceof SnmpError)) throw reason;
    error = reason;
  }
  const recognised = recognise(store);
  return {
    store,
    recognised,
    view: viewOf(store, recognised),
    mayShowMore: mayShowMore(store, recognised),
    problems,
    sizes,
    error,
    identityOids: new Set(store.oids()),
  };
}

/** SNMPv1 refuses a whole request for one missing object: with a small view each object would cost a request. */
async function columnsToAsk(session: SnmpSession): Promise<readonly string[]> {
  if (session.version !== "1" || (await readNextObjects(session, [afterSystem])).varbinds.length > 0) {
    return printerColumns;
  }
  return identifyColumns.filter((oid) => compareOids(oid, afterSystem) < 0);
}

/** Objects that every device is asked for. */
const firstObjects = fixedList([sysDescr, sysObjectId]);
const printerColumns = fixedList([...identifyColumns]);

/** Interfaces follow the system group. */
const afterSystem = "1.3.6.1.2.1.2";
