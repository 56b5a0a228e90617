/** A real process that is killed at any moment: what it said was durable is there, and numbers keep their records. */
import assert from "node:assert/strict";
import { openSpool } from "../../src/store/spool.ts";
import { FakeClock } from "../fixtures/fake_clock.ts";
import { createFakeDisk } from "../fixtures/fake_disk.ts";

const rounds = 20;
const writer = new URL("spool_writer.ts", import.meta.url).pathname;

/** Starts the writer, kills it in the midst of its work after some lines, and returns all complete lines that it said. */
async function killedWriter(path: string, round: number): Promise<string[]> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--no-check",
      "--allow-read",
      "--allow-write",
      "--allow-env",
      writer,
      path,
      `${round}`,
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  // Another number of lines each round, so that the kill meets every step of the loop.
  const enough = 3 + (round * 37) % 101;
  let text = "";
  const decoder = new TextDecoder();
  let killed = false;
  for await (const chunk of child.stdout) {
    text += decoder.decode(chunk, { stream: true });
    if (!killed && text.split("\n").length > enough) {
      killed = true;
      child.kill("SIGKILL");
    }
  }
  assert.equal((await child.status).signal, "SIGKILL");
  return text.split("\n").slice(0, -1);
}

Deno.test({
  name: `openSpool() has what a process said was durable before it was killed, ${rounds} times`,
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using disk = createFakeDisk();
    const path = disk.path("spool.db");
    const appended = new Set<string>();
    const formed = new Map<string, string>();
    for (let round = 0; round < rounds; round++) {
      for (const line of await killedWriter(path, round)) {
        const [word, ...rest] = line.split(" ");
        assert.notEqual(word, "damaged", line);
        if (word === "appended") { for (const id of rest) appended.add(id); }
        const [epoch, number, ...ids] = rest;
        if (word === "formed") {
          const key = `${epoch} ${number}`;
          assert.equal(formed.get(key) ?? ids.join(" "), ids.join(" "), `batch ${key} has changed`);
          formed.set(key, ids.join(" "));
        }
        if (word === "acknowledging") {
          for (const [key, ids] of formed) {
            if (Number(key.split(" ")[1]) <= Number(number)) { for (const id of ids.split(" ")) appended.delete(id); }
          }
        }
      }
      using crashed = disk.crash();
      using spool = openSpool(crashed.path("spool.db"), {
        clock: new FakeClock(),
        files: crashed,
        onSalvage: ({ reason }) => assert.fail(reason),
        maxOutstandingBatches: 1_000_000,
      });
      const found = new Set<string>();
      for (let after = 0;;) {
        const batch = spool.nextBatch({ maxRecords: 5000, maxBytes: 1e9, maxAgeMs: 0, after });
        if (batch === undefined) break;
        const ids = batch.records.map(({ id }) => id);
        for (const id of ids) {
          assert.ok(!found.has(id), `${id} is in two batches`);
          found.add(id);
        }
        const before = formed.get(`${batch.epoch} ${batch.sequence}`);
        assert.equal(ids.join(" "), before ?? ids.join(" "), `batch ${batch.sequence} has changed`);
        after = batch.sequence;
      }
      const lost = [...appended].filter((id) => !found.has(id));
      assert.deepEqual(lost, []);
    }
    assert.ok(formed.size > rounds / 2, "the writer has formed batches");
  },
});
