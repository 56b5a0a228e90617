import assert from "node:assert/strict";
import { Tag } from "../snmp/value.ts";
import { ObjectStore } from "./object_store.ts";

const rowsOf = (store: ObjectStore, base: string) => store.column(base).map(([index, { value }]) => [index, value]);
const integer = (oid: string, value: number) => ({ oid, tag: Tag.integer, value });

Deno.test("column() has rows in MIB order, and those that came since it was last looked at", () => {
  const store = new ObjectStore();
  store.add(integer("1.3.6.10", 10));
  store.add(integer("1.3.6.2.9", 9));
  store.add(integer("1.3.60.1", 0));
  assert.deepEqual(rowsOf(store, "1.3.6"), [["2.9", 9], ["10", 10]]);
  store.add(integer("1.3.6.2.10", 11));
  assert.deepEqual(rowsOf(store, "1.3.6"), [["2.9", 9], ["2.10", 11], ["10", 10]]);
  assert.deepEqual(rowsOf(store, "1.3.6.2"), [["9", 9], ["10", 11]]);
});

Deno.test("column() has the last value of an object that is answered twice, and none for one that is not there", () => {
  const store = new ObjectStore();
  store.add(integer("1.3.6.1", 1));
  assert.deepEqual(rowsOf(store, "1.3.6"), [["1", 1]]);
  store.add(integer("1.3.6.1", 2));
  store.add({ oid: "1.3.6.2", tag: Tag.noSuchInstance, value: null });
  assert.deepEqual(rowsOf(store, "1.3.6"), [["1", 2]]);
  assert.deepEqual(rowsOf(store, "1.3.7"), []);
});
