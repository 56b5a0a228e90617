/** The first requests to a known device: whether it is still the same one, and its state. */
import { ObjectStore } from "../printers/object_store.ts";
import { oids } from "../printers/printer_mib.ts";
import { maybeInteger } from "../printers/raw_value.ts";
import { valueOctets } from "../printers/read_plan.ts";
import { recognise } from "../printers/recognise.ts";
import { heldObjects, isSame, type RereadPlan, rereadPlan } from "../printers/reread_plan.ts";
import { mayShowMore, viewOf } from "../printers/view.ts";
import { type AnswerSizes, createAnswerSizes } from "../snmp/answer_sizes.ts";
import { refreshObjects } from "../snmp/refresh_objects.ts";
import { type ReadProblem, walkColumns } from "../snmp/read_objects.ts";
import { SnmpError, type SnmpSession } from "../snmp/session.ts";
import { isException, type Varbind } from "../snmp/value.ts";
import { decodeVarbinds } from "../snmp/varbind_list.ts";
import type { Identified } from "./identify.ts";

/**
 * Undefined if `objects`, its last answers, are no longer valid, so that it must be read like an unknown device.
 * `received`: what it has answered already. Throws `SnmpError` if it answers nothing.
 */
export async function reread(
  session: SnmpSession,
  objects: Uint8Array,
  received: readonly Varbind[],
): Promise<Identified | undefined> {
  const known = storeWith(decodeVarbinds(objects));
  const answered = received.filter((varbind) => !isException(varbind));
  if (!answered.every((varbind) => isKnown(known, varbind))) return undefined;
  const recognised = recognise(known);
  if (!recognised.printer) return undefined;
  const plan = rereadPlan(known, recognised.profile, new Set(answered.map(({ oid }) => oid)));
  const sizes = createAnswerSizes(session.overheadOctets, valueOctets);
  const problems: ReadProblem[] = [];
  try {
    const state = await askState(session, plan, sizes, problems);
    if (state === undefined || wasRestarted(known, state)) return undefined;
    const store = storeWith([...state, ...plan.levels.objects]);
    return {
      store,
      recognised,
      view: viewOf(known, recognised),
      mayShowMore: mayShowMore(known, recognised),
      problems,
      sizes,
      error: null,
      identityOids: new Set([...known].map(([oid]) => oid)),
      known: { levels: plan.levels, withoutLevels: () => storeWith(state) },
    };
  } catch (error) {
    // The usual requests will show whether it has stopped answering.
    if (!(error instanceof SnmpError) || session.answers === 0) throw error;
    return undefined;
  }
}

async function askState(
  session: SnmpSession,
  { identity, console, alerts }: RereadPlan,
  sizes: AnswerSizes,
  problems: ReadProblem[],
): Promise<Varbind[] | undefined> {
  const parts = [identity, console, alerts];
  const answers = await refreshObjects(session, parts.flatMap(({ questions }) => questions), sizes);
  if (answers === undefined) return undefined;
  const state: Varbind[] = [];
  for (const part of parts) {
    const held = heldObjects(part, answers.splice(0, part.questions.length));
    if (held !== undefined) state.push(...held);
    else if (part === identity) return undefined;
    else problems.push(...await walkColumns(session, part.columns, (varbind) => state.push(varbind), sizes));
  }
  return state;
}

function wasRestarted(known: ObjectStore, state: readonly Varbind[]): boolean {
  const before = maybeInteger(known.get(oids.sysUpTime));
  const now = maybeInteger(state.findLast(({ oid }) => oid === oids.sysUpTime));
  return before !== undefined && (now === undefined || now < before);
}

function isKnown(known: ObjectStore, { oid, ...value }: Varbind): boolean {
  const last = known.get(oid);
  return last !== undefined && isSame(last, value);
}

function storeWith(varbinds: readonly Varbind[]): ObjectStore {
  const store = new ObjectStore();
  for (const varbind of varbinds) store.add(varbind);
  return store;
}
