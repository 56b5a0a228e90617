import assert from "node:assert/strict";
import { LevelKind } from "../../../proto/gen/opendca/v1/reading.ts";
import { slowInPostgres } from "../../../tests/fixtures/each_database.ts";
import { withPlatform } from "../../../tests/platform/commands.ts";
import { deviceScene, firstMs } from "../../../tests/platform/device_changes_fixture.ts";
import { watchAlerts } from "../../alerts/alert_watch.ts";

const dayMs = 86_400_000;
const hostile = `=HYPERLINK("http://x")\u001b[31m`;

const black = (percent: number) => ({
  index: "1.1",
  kind: "toner",
  colorant: "black",
  partNumber: hostile,
  level: { kind: LevelKind.EXACT, percent, level: percent, capacity: 100, unit: "percent" },
});

slowInPostgres(
  "alert raised, show, acknowledge and release; supply list --forecast, also of a device that tells formulas",
  () =>
    withPlatform(async (run, { openStore }) => {
      await run("dealer", "list");
      {
        await using store = await openStore();
        await using scene = await deviceScene("Acme", store);
        // Commands of the test run at eight o'clock of the first day: what is read ends there.
        scene.pass(-40 * dayMs);
        for (let day = 0; day < 40; day++) {
          await scene.upload({ supplies: [black(95 - 2 * day)], ...(day === 39 ? { alert: hostile } : {}) });
          scene.pass(dayMs);
        }
        assert.equal(scene.now(), firstMs);
        await watchAlerts(scene.platform, { isSlow: true });
      }
      const list = JSON.parse((await run("alert", "raised", "--json")).stdout);
      const low = list.find(({ kind }: { kind: string }) => kind === "supplyLow");
      assert.deepEqual([low.state, low.severity, low.detail.percent], ["open", "warning", 17]);
      const text = (await run("alert", "raised", "--kind", "printer")).stdout;
      assert.match(text, /1 alert\n$/);
      assert(!text.includes("\u001b"), text);
      assert.doesNotMatch((await run("alert", "raised", "--format", "csv")).stdout, /(^|,)"?=/m);
      const done = await run("alert", "acknowledge", low.alertId, "--note", "ordered", "--for", "3d");
      assert.equal(done.stdout, "acknowledged 1 alert\n", done.stderr);
      assert.match(
        (await run("alert", "show", low.alertId)).stdout,
        /acknowledged: black toner[\s\S]*operator:eva +ordered/,
      );
      assert.match(
        (await run("alert", "raised", "--state", "acknowledged")).stdout,
        /supplyLow: black toner[\s\S]*1 alert\n/,
      );
      assert.equal((await run("alert", "release", low.alertId)).stdout, "took back 1 acknowledgement\n");
      for (
        const [args, message] of [
          [["alert", "release", low.alertId], /there is none/],
          [["alert", "acknowledge", "alr-none"], /"alr-none" as it is not open/],
          [["alert", "show", "alr-none"], /Cannot find the alert "alr-none"/],
          [["alert", "raised", "--kind", "x"], /--kind takes printer/],
          [["alert", "raised", "--site", "x"], /Cannot find the site "x"/],
        ] as [string[], RegExp][]
      ) {
        const { code, stderr } = await run(...args);
        assert.equal(code, 64);
        assert.match(stderr, message);
      }
      const supplies = await run("supply", "list", "--forecast");
      assert.match(supplies.stdout, /EMPTY IN +ORDER BY[\s\S]*\d+ days \(\d+-\d+\) +2026-03-0\d/);
      const [supply] = JSON.parse((await run("supply", "list", "--forecast", "--json")).stdout);
      assert(
        supply.forecast.earliestAt < supply.forecast.emptiesAt && supply.forecast.emptiesAt < supply.forecast.latestAt,
      );
      assert(Math.abs(supply.forecast.perDay - 2) < 0.2);
      const csv = (await run("supply", "list", "--forecast", "--format", "csv")).stdout;
      assert.doesNotMatch(csv, /(^|,)"?=/m);
      assert.doesNotMatch(JSON.stringify(JSON.parse((await run("supply", "list", "--json")).stdout)), /forecast/);
    }),
);
