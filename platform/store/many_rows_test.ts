/** Rows that are asked for and written many at once, on both databases. */
import assert from "node:assert/strict";
import { eachDatabase, openTestStore } from "../../tests/fixtures/each_database.ts";
import { addTestCustomer } from "../../tests/fixtures/loose_queries.ts";
import type { RowsOf, Tenant } from "./store.ts";

const at = new Date("2026-03-02T08:00:00Z");
const samples: RowsOf = {
  table: "samples",
  key: ["device_id", "kind", "name", "observed_at", "origin"],
  columns: ["device_id", "kind", "name", "observed_at", "origin", "value", "unit", "level"],
};
const rowOf = (device_id: string, more: object = {}) => ({
  device_id,
  kind: "meter",
  name: "total",
  observed_at: at.getTime(),
  origin: "",
  value: 1,
  unit: "",
  level: "",
  ...more,
});

async function withTwoCustomers(body: (own: Tenant, other: Tenant) => Promise<void>): Promise<void> {
  await using store = await openTestStore();
  await store.transaction(async (tx) => {
    const [own, other] = [await addTestCustomer(tx, { name: "A", at }), await addTestCustomer(tx, { name: "B", at })];
    await body(tx.tenant(own.customer_id), tx.tenant(other.customer_id));
  });
}

const all = (tenant: Tenant) =>
  tenant.all<{ device_id: string; value: number | null; unit: string }>(
    "SELECT device_id, value, unit FROM samples WHERE customer_id = :customer ORDER BY device_id",
  );

eachDatabase("insertMany() keeps every value as it is, in its order", () =>
  withTwoCustomers(async (own) => {
    const texts = ["", "NULL", "null", 'a"b', "c\\d", "{e,f}", " g ", "h\ni", "ü€😀", "',--"];
    const rows = texts.map((unit, i) => rowOf(`dev-${i}`, { unit, value: i % 3 === 0 ? null : i + 0.5 }));
    await own.insertMany(samples, rows);
    assert.deepEqual(
      (await all(own)).map(({ unit, value }) => ({ unit, value })),
      rows.map(({ unit, value }) => ({ unit, value })),
    );
    const history: RowsOf = {
      table: "device_history",
      key: [],
      columns: ["device_id", "at", "kind", "before", "after"],
    };
    const entries = texts.map((after) => ({
      device_id: "dev-1",
      at: 7,
      kind: "x",
      before: null,
      after,
      more: "not stored",
    }));
    await own.insertMany(history, entries);
    const kept = await own.all<{ after: string }>(
      "SELECT after FROM device_history WHERE customer_id = :customer ORDER BY at, rowid",
    );
    assert.deepEqual(kept.map(({ after }) => after), texts);
    await own.insertMany(samples, []);
  }));

eachDatabase("insertMany() keeps bytes, and more rows than one statement takes", () =>
  withTwoCustomers(async (own) => {
    const records: RowsOf = {
      table: "records",
      key: [],
      columns: [
        "agent_id",
        "record_id",
        "received_at",
        "device_id",
        "observed_at",
        "time_basis",
        "agent_at",
        "kind",
        "record",
      ],
    };
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const rows = Array.from({ length: 2500 }, (_, i) => ({
      agent_id: "agt-1",
      record_id: String(i),
      received_at: 1,
      device_id: null,
      observed_at: 2,
      time_basis: "agent",
      agent_at: 3,
      kind: "reading",
      record: i === 0 ? new Uint8Array() : bytes,
    }));
    await own.insertMany(records, rows);
    const stored = await own.allOf<{ record_id: string; record: Uint8Array }>(
      "SELECT record_id, record FROM records WHERE customer_id = :customer AND record_id = :id AND received_at = :at",
      rows.map(({ record_id }) => ({ id: record_id, at: 1 })),
    );
    assert.deepEqual(
      stored.map(({ record_id }) => record_id).toSorted(),
      rows.map(({ record_id }) => record_id).toSorted(),
    );
    assert.deepEqual([...stored.find(({ record_id }) => record_id === "7")!.record], [...bytes]);
    assert.equal(stored.find(({ record_id }) => record_id === "0")!.record.length, 0);
  }));

eachDatabase(
  "insertMany() does of rows that are there what its clause says",
  () =>
    withTwoCustomers(async (own) => {
      await own.insertMany(samples, [rowOf("dev-1")]);
      const key = `(customer_id, ${samples.key.join(", ")})`;
      await own.insertMany(
        samples,
        [rowOf("dev-1", { value: 2 }), rowOf("dev-2")],
        `ON CONFLICT ${key} DO UPDATE SET value = excluded.value`,
      );
      assert.deepEqual((await all(own)).map(({ value }) => value), [2, 1]);
    }),
);

eachDatabase("insertMany() without a clause fails for a row that is there", async () => {
  const twice = withTwoCustomers(async (own) => {
    await own.insertMany(samples, [rowOf("dev-1")]);
    await own.insertMany(samples, [rowOf("dev-1")]);
  });
  await assert.rejects(twice, /UNIQUE constraint|duplicate key/);
});

eachDatabase(
  "updateMany() changes rows of its customer alone",
  () =>
    withTwoCustomers(async (own, other) => {
      for (const tenant of [own, other]) await tenant.insertMany(samples, [rowOf("dev-1"), rowOf("dev-2")]);
      await own.updateMany(samples, [
        rowOf("dev-1", { value: null, unit: "a" }),
        rowOf("dev-2", { value: 7 }),
      ]);
      await own.updateMany(samples, []);
      assert.deepEqual((await all(own)).map(({ value, unit }) => [value, unit]), [[null, "a"], [7, ""]]);
      assert.deepEqual((await all(other)).map(({ value, unit }) => [value, unit]), [[1, ""], [1, ""]]);
    }),
);

eachDatabase(
  "allOf() finds rows of its customer alone, and refuses a query without the customer",
  () =>
    withTwoCustomers(async (own, other) => {
      await other.insertMany(samples, [rowOf("dev-1")]);
      await own.insertMany(samples, [rowOf("dev-2"), rowOf("dev-3")]);
      const sql =
        "SELECT device_id FROM samples WHERE customer_id = :customer AND device_id = :id ORDER BY observed_at LIMIT 1";
      const ids = ["dev-1", "dev-2", "dev-4", "dev-3"].map((id) => ({ id }));
      assert.deepEqual(
        (await own.allOf<{ device_id: string }>(sql, ids)).map(({ device_id }) => device_id).toSorted(),
        [
          "dev-2",
          "dev-3",
        ],
      );
      assert.deepEqual(await own.allOf(sql, []), []);
      const open = own.allOf("SELECT device_id FROM samples WHERE device_id = :id", ids);
      await assert.rejects(open, /lacks :customer/);
    }),
);
