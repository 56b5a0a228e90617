import { Tag } from "../snmp/value.ts";
import { ObjectStore } from "./object_store.ts";

/** Values for a store in tests: text becomes octets, `{ oid }` an identifier, a number an INTEGER. */
export type TestValue = number | bigint | string | Uint8Array | { oid: string };

/** A store for tests. A key of several parts joined by a space is a base and an index: `"1.3.6 1.2"`. */
export function storeOf(objects: Record<string, TestValue>): ObjectStore {
  const store = new ObjectStore();
  for (const [key, given] of Object.entries(objects)) {
    const oid = key.replaceAll(" ", ".");
    if (typeof given === "number") store.add({ oid, tag: Tag.integer, value: given });
    else if (typeof given === "bigint") store.add({ oid, tag: Tag.counter64, value: given });
    else if (typeof given === "string") {
      store.add({ oid, tag: Tag.octetString, value: new TextEncoder().encode(given) });
    } else if (given instanceof Uint8Array) store.add({ oid, tag: Tag.octetString, value: given });
    else store.add({ oid, tag: Tag.oid, value: given.oid });
  }
  return store;
}
