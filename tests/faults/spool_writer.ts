/** A process that appends, forms batches and acknowledges until it is killed, and says after each step what is durable. */
import { systemClock } from "../../common/core/clock.ts";
import { openSpool } from "../../src/store/spool.ts";
import { denoSpoolFiles } from "../../src/store/spool_files.ts";

const [path = "", round = ""] = Deno.args;

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(line + "\n"));
}

const spool = openSpool(path, {
  clock: systemClock,
  files: denoSpoolFiles,
  onSalvage: ({ reason }) => say(`damaged ${reason}`),
});
for (let i = 0;; i++) {
  const ids = Array.from({ length: 1 + i % 7 }, (_, place) => `${round}-${i}-${place}`);
  spool.append(ids.map((id) => ({
    id,
    kind: "reading",
    class: "meter",
    deviceId: "a",
    observedAt: new Date(),
    payload: new TextEncoder().encode(id.repeat(50)),
  })));
  say(`appended ${ids.join(" ")}`);
  const batch = spool.nextBatch({ maxRecords: 5, maxBytes: 100_000, maxAgeMs: 0, after: Math.max(0, i % 3 - 1) });
  if (batch === undefined) continue;
  say(`formed ${batch.epoch} ${batch.sequence} ${batch.records.map(({ id }) => id).join(" ")}`);
  if (i % 4 !== 3) continue;
  // Said before it is done: what may be gone is not missed.
  say(`acknowledging ${batch.epoch} ${batch.sequence}`);
  spool.acknowledge(batch.sequence, batch.epoch);
}
