import assert from "node:assert/strict";
import { FakeClock } from "../../tests/fakes/fake_clock.ts";
import { UnavailableError } from "../core/errors.ts";
import { DamagedDatabaseError } from "../core/sqlite.ts";
import { createLogger } from "../log/logger.ts";
import { createFaultList } from "./fault_list.ts";
import { createReports } from "./reports.ts";

for (
  const { error, want } of [
    { error: new UnavailableError("Cannot reach the platform"), want: 0 },
    { error: new DamagedDatabaseError("Cannot read the database"), want: 1 },
  ]
) {
  Deno.test(`createReports() has the agent begin anew ${want} times after a poll that failed by ${error.name}`, () => {
    const clock = new FakeClock();
    const defects: unknown[] = [];
    const reports = createReports({
      log: createLogger({ clock, level: () => "error", sink: { write: () => {}, close: () => Promise.resolve() } }),
      faults: createFaultList({ now: () => clock.now(), changed: () => {} }),
      clock,
      onRevoked: () => assert.fail(),
      onDefect: (defect) => defects.push(defect),
      changed: () => {},
    });
    reports.poll({ event: "pollFailed", error, nextMs: 5000 });
    assert.equal(defects.length, want);
  });
}
