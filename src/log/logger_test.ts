import assert from "node:assert/strict";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { type LogLevel, logLevels } from "./log_level.ts";
import type { LogRecord } from "./log_record.ts";
import { createLogger } from "./logger.ts";

function start(level: () => LogLevel) {
  const records: LogRecord[] = [];
  const sink = { write: (record: LogRecord) => void records.push(record), close: () => Promise.resolve() };
  return { records, logger: createLogger({ clock: new FakeClock(), level, sink, fields: { version: "1" } }) };
}

const cases: [limit: LogLevel, want: LogLevel[]][] = [
  ["error", ["error"]],
  ["warn", ["error", "warn"]],
  ["info", ["error", "warn", "info"]],
  ["debug", ["error", "warn", "info", "debug"]],
];
for (const [limit, want] of cases) {
  Deno.test(`createLogger() at level ${limit} writes ${want.join(", ")}`, () => {
    const { records, logger } = start(() => limit);
    for (const level of logLevels) {
      logger[level]("batchSent");
      assert.equal(logger.isEnabled(level), want.includes(level));
    }
    assert.deepEqual(records.map((record) => record.level), want);
  });
}

Deno.test("createLogger() follows a level that changes", () => {
  let level: LogLevel = "error";
  const { records, logger } = start(() => level);
  const child = logger.child({ site: "a" });
  child.debug("batchSent");
  level = "debug";
  child.debug("batchSent");
  assert.equal(records.length, 1);
});

Deno.test("createLogger() joins the fields of parents, children and event, the nearest winning", () => {
  const { records, logger } = start(() => "info");
  logger.child({ site: "a", try: 1 }).child({ try: 2 }).info("batchSent", { site: "b", count: 3 });
  assert.deepEqual(records, [{
    time: new Date("2026-01-01T00:00:00Z"),
    level: "info",
    event: "batchSent",
    fields: { version: "1", site: "b", try: 2, count: 3 },
  }]);
});
