import assert from "node:assert/strict";
import { storeOf } from "./store_of.ts";
import { rowsOf } from "./table_rows.ts";

Deno.test("rowsOf() puts sparse columns together in MIB order", () => {
  const store = storeOf({ "1.3.9.1.1.10": "j", "1.3.9.2.1.2": "b", "1.3.9.2.1.10": "J", "1.3.9.3.1": "another table" });
  const rows = rowsOf(store, { upper: "1.3.9.1", lower: "1.3.9.2" });
  assert.deepEqual(rows.map(({ index, values }) => [index, Object.keys(values)]), [
    ["1.2", ["lower"]],
    ["1.10", ["upper", "lower"]],
  ]);
});
