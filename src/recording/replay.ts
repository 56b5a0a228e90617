/** Reads a recording as the agent would read the device: only what identifyColumns and readPlan ask for. */
import { ObjectStore } from "../printers/object_store.ts";
import type { Profile } from "../printers/profile.ts";
import { deviceTable, identifyColumns, ownRow, type ReadPlan, readPlan, severalPlan } from "../printers/read_plan.ts";
import { recognise, type Recognised } from "../printers/recognise.ts";
import { compareOids, isUnder } from "../snmp/oid.ts";
import type { Varbind } from "../snmp/value.ts";

export interface SimulatedRead {
  /** The reader's store after the read. */
  store: ObjectStore;
  /** The given profile, otherwise the recognised one. */
  profile: Profile;
  /** The result of recognition by the identification objects only. */
  recognised: Recognised;
  plan: ReadPlan;
  /** Number of varbinds that the read requests after identification. */
  asked: number;
}

/** Reads `objects`, which are in MIB order, like a device; `forced` is for walks without a system group. */
export function simulateRead(objects: readonly Varbind[], forced?: Profile): SimulatedRead {
  const store = new ObjectStore();
  const byOid = new Map(objects.map((object) => [object.oid, object]));
  const get = (oid: string) => byOid.has(oid) && store.add(byOid.get(oid)!);
  get("1.3.6.1.2.1.1.1.0");
  get("1.3.6.1.2.1.1.2.0");
  for (const column of identifyColumns) {
    const next = successor(objects, column);
    if (next !== undefined) store.add(next);
  }
  let asked = 0;
  const walk = (groups: ReadPlan["groups"]) => {
    for (const { columns, maxRows } of groups) {
      for (const column of columns) {
        let at = column;
        for (let row = 0; row < maxRows; row++) {
          asked++;
          const next = successor(objects, at);
          if (next === undefined || !isUnder(next.oid, column)) break;
          store.add(next);
          at = next.oid;
        }
      }
    }
  };
  ownRow(store).forEach(get);
  walk(deviceTable(store));
  const recognised = recognise(store);
  const profile = forced ?? recognised.profile;
  const plan = readPlan(store, profile);
  asked += plan.gets.length;
  plan.gets.forEach(get);
  walk(plan.groups);
  const several = severalPlan(store);
  if (several !== undefined) walk(several.groups);
  return { store, profile, recognised, plan, asked };
}

/** The answer to a GETNEXT. */
function successor(objects: readonly Varbind[], oid: string): Varbind | undefined {
  let low = 0, high = objects.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareOids(objects[middle]!.oid, oid) <= 0) low = middle + 1;
    else high = middle;
  }
  return objects[low];
}
