import assert from "node:assert/strict";
import fc from "fast-check";
import { BerReader } from "../src/snmp/ber.ts";
import { decodeValue } from "../src/snmp/message.ts";
import { compareOids } from "../src/snmp/oid.ts";
import { objectsOf } from "./device.ts";
import { ObjectTable } from "./object_table.ts";

const arcs = fc.array(fc.oneof(fc.nat(300), fc.constantFrom(65535, 65536, 0x7fffffff, 0xffffffff)), { maxLength: 6 });
const oids = arcs.map((rest) => ["1.3", ...rest].join("."));

Deno.test("ObjectTable is in the order of the MIB tree and finds every successor", () => {
  fc.assert(fc.property(fc.uniqueArray(oids), oids, (names, asked) => {
    const table = ObjectTable.from(names.map((oid) => ({ oid, tag: 2, value: 1 })));
    const sorted = names.toSorted(compareOids);
    assert.deepEqual(Array.from({ length: table.size }, (_, i) => table.oid(i)), sorted);
    const next = sorted.findIndex((oid) => compareOids(oid, asked) > 0);
    assert.equal(table.successor(asked), next < 0 ? sorted.length : next);
    assert.equal(table.position(asked) >= 0, names.includes(asked));
    assert.equal(table.hasUnder(asked), names.some((oid) => oid === asked || oid.startsWith(`${asked}.`)));
  }));
});

function valueAt(table: ObjectTable, oid: string) {
  const reader = new BerReader(table.varbind(table.position(oid))).inner(0x30);
  reader.skip();
  return decodeValue(reader).value;
}

Deno.test("ObjectTable.withValues() changes a copy and leaves the shared table as it was", () => {
  const first = ObjectTable.from(objectsOf({ "1.3.1": 1, "1.3.2": 2 }));
  const second = first.withValues(objectsOf({ "1.3.2": 5 }));
  assert.deepEqual([valueAt(first, "1.3.2"), valueAt(second, "1.3.1"), valueAt(second, "1.3.2")], [2, 1, 5]);
});

Deno.test("ObjectTable.withValues() refuses objects that the table does not have", () => {
  const table = ObjectTable.from(objectsOf({ "1.3.1": 1 }));
  assert.throws(() => table.withValues(objectsOf({ "1.3.2": 5 })), RangeError);
  assert.throws(() => table.withValues(objectsOf({ "1.3.1": "text" })), RangeError);
});

Deno.test("ObjectTable.merged() and filtered() add, replace and remove objects, overlays included", () => {
  const table = ObjectTable.from(objectsOf({ "1.3.1": 1, "1.3.3": 3 })).withValues(objectsOf({ "1.3.1": 7 }));
  const merged = table.merged(ObjectTable.from(objectsOf({ "1.3.2": 2, "1.3.3": 9 })));
  assert.deepEqual(["1.3.1", "1.3.2", "1.3.3"].map((oid) => valueAt(merged, oid)), [7, 2, 9]);
  const filtered = merged.filtered((oid) => oid !== "1.3.2");
  assert.deepEqual([filtered.size, filtered.oid(1), valueAt(filtered, "1.3.1")], [2, "1.3.3", 7]);
});
