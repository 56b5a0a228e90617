import assert from "node:assert/strict";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { type Ledger, openLedger } from "../store/ledger.ts";
import { startMaintenance } from "./maintenance.ts";

const inventory = { prune: () => {} };
const truncateJournals = () => {};
const dayMs = 86_400_000;
const start = Date.parse("2026-01-01T00:00:00Z");

/** A ledger with an entry for each of these days before the start of the clock. */
function ledgerOf(daysAgo: readonly number[]): Ledger {
  const ledger = openLedger(":memory:");
  for (const days of daysAgo) {
    const at = new Date(start - days * dayMs);
    ledger.append({ at, kind: "poll", summary: `${days} days ago`, bytes: new Uint8Array() });
  }
  return ledger;
}

const kept = (ledger: Ledger) =>
  [...ledger.entries()].filter(({ kind }) => kind === "poll").map(({ summary }) => parseInt(summary));

Deno.test("startMaintenance() keeps the ledger for 400 days, and goes on with that day by day", async () => {
  using ledger = ledgerOf([401, 399, 100, 0]);
  const clock = new FakeClock();
  await using _upkeep = startMaintenance({ clock, ledger, inventory, truncateJournals, onDefect: assert.fail });
  assert.deepEqual(kept(ledger), [399, 100, 0]);
  await clock.advance(2 * dayMs);
  assert.deepEqual(kept(ledger), [100, 0]);
  assert.equal(ledger.verify().broken, null);
});

Deno.test("startMaintenance() believes no clock that is years ahead of the last entry", async () => {
  using ledger = ledgerOf([100, 50, 1]);
  const clock = new FakeClock("2028-01-01T00:00:00Z");
  await using _upkeep = startMaintenance({ clock, ledger, inventory, truncateJournals, onDefect: assert.fail });
  await clock.advance(30 * dayMs);
  assert.deepEqual(kept(ledger), [100, 50, 1]);
});

Deno.test("startMaintenance() tells of a ledger that cannot be read", async () => {
  const broken = new Error("Cannot read");
  const defects: unknown[] = [];
  await using _upkeep = startMaintenance({
    clock: new FakeClock(),
    ledger: {
      lastAt() {
        throw broken;
      },
      prune: () => 0,
    },
    inventory,
    truncateJournals,
    onDefect: (error) => defects.push(error),
  });
  await Promise.resolve();
  assert.deepEqual(defects, [broken]);
});

Deno.test("startMaintenance() looks at the journals twice a minute", async () => {
  using ledger = ledgerOf([0]);
  const clock = new FakeClock();
  let looks = 0;
  const truncate = () => void looks++;
  await using _upkeep = startMaintenance({
    clock,
    ledger,
    inventory,
    truncateJournals: truncate,
    onDefect: assert.fail,
  });
  await clock.advance(120_000);
  assert.equal(looks, 4);
});
