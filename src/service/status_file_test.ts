import assert from "node:assert/strict";
import { statusFile } from "../../tests/fixtures/sample_status.ts";
import { tryParseStatusFile } from "./status_file.ts";

const file = statusFile({
  sites: [{ name: "office", lastSweepAt: null, sweeping: false }],
  faults: [{ code: "c", message: "m", firstAt: "", lastAt: "", count: 1 }],
});

Deno.test("tryParseStatusFile() reads what an agent writes, and nothing that lacks what is shown", () => {
  assert.deepEqual(tryParseStatusFile(JSON.stringify({ ...file, more: 1 })), { ...file, more: 1 });
  const others: unknown[] = [
    null,
    [],
    {},
    { ...file, schema: "opendca.status/2" },
    { ...file, platform: undefined },
    { ...file, sites: [{}] },
    { ...file, faults: [null] },
    { ...file, spool: { ...file.spool, dropped: 7 } },
    { ...file, writtenAt: 7 },
  ];
  for (const other of others) assert.equal(tryParseStatusFile(JSON.stringify(other)), undefined);
  assert.equal(tryParseStatusFile(JSON.stringify(file).slice(0, 50)), undefined);
});
