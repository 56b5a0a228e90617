import assert from "node:assert/strict";
import fc from "fast-check";
import { compareOids, isUnder } from "../snmp/oid.ts";
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

Deno.test("column() and has() say the same of any objects, whatever was looked at before in other stores", () => {
  const oid = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 }).map((arcs) =>
    `1.3.${arcs.join(".")}`
  );
  const step = fc.record({ store: fc.nat(1), oid, looks: fc.boolean() });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const stores = [new ObjectStore(), new ObjectStore()];
    const answered = [new Map<string, number>(), new Map<string, number>()];
    for (const [at, { store, oid, looks }] of steps.entries()) {
      if (!looks) {
        stores[store]!.add(integer(oid, at));
        answered[store]!.set(oid, at);
        continue;
      }
      const under = [...answered[store]!].filter(([it]) => isUnder(it, oid)).sort(([a], [b]) => compareOids(a, b));
      const rows = under.filter(([it]) => it !== oid).map(([it, value]) => [it.slice(oid.length + 1), value]);
      assert.deepEqual(rowsOf(stores[store]!, oid), rows);
      assert.equal(stores[store]!.has(oid), under.length > 0);
    }
  }));
});

Deno.test("column() is right where more columns are looked at than are remembered", () => {
  const store = new ObjectStore(), other = new ObjectStore();
  for (let i = 0; i < 3000; i += 7) store.add(integer(`1.3.7.${i}.1`, i));
  for (const round of [0, 1]) {
    for (let i = 0; i < 3000; i += 7) assert.deepEqual(rowsOf(store, `1.3.7.${i}`), [["1", i]], `round ${round}`);
  }
  // So many, of any store, that all are forgotten between two looks at this one.
  for (let i = 0; i < 3000; i++) {
    store.add(integer(`1.3.7.0.${i + 2}`, i));
    other.column(`1.3.8.${i}`);
    if (i % 100 === 0) assert.equal(store.column("1.3.7.0").length, i + 2);
  }
});
