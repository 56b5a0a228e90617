import assert from "node:assert/strict";
import { type StatusFile, tryParseStatusFile } from "./status_file.ts";

const file: StatusFile = {
  schema: "opendca.status/1",
  writtenAt: "2026-01-01T00:00:00Z",
  phase: "running",
  version: "0.1.0",
  pid: 1,
  runId: "r",
  startedAt: "2026-01-01T00:00:00Z",
  agentId: "agt-1",
  certificateNotAfter: "2026-02-01T00:00:00Z",
  platform: {
    endpoint: null,
    lastPollAt: null,
    lastAnswerAt: null,
    nextPollAt: null,
    clockOffsetMs: null,
    lastUploadAt: null,
  },
  spool: {
    depth: 0,
    bytes: 0,
    oldestObservedAt: null,
    quarantinedRecords: 0,
    dropped: { status: 0, meters: 0, lastMeters: 0, quarantined: 0 },
    diskFull: false,
  },
  devices: { awake: 0, asleep: 0, unreachable: 0, gone: 0 },
  sites: [{ name: "office", lastSweepAt: null, sweeping: false }],
  config: { platformHash: "", refusals: [] },
  faults: [{ code: "c", message: "m", firstAt: "", lastAt: "", count: 1 }],
};

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
