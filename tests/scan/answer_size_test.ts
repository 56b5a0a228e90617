/** How many and how large the answers are that recorded printers give to our requests. */
import assert from "node:assert/strict";
import type { ReadingScope } from "../../common/reading/reading.ts";
import { createDeviceKinds } from "../../src/scan/device_kinds.ts";
import { maxAnswerOctets } from "../../src/snmp/answer_sizes.ts";
import { replayedRead } from "./replayed_read.ts";
import type { Varbind } from "../../src/snmp/value.ts";
import { recordingsTest } from "../fixtures/peers.ts";
import { recordedPrinters } from "../fixtures/recorded_printers.ts";

/** Octets of each answer that one recorded device gives in a reading; null when it is no printer. */
async function answersOf(objects: readonly Varbind[], scope: ReadingScope): Promise<number[] | null> {
  const { outcome, answers } = await replayedRead(objects, scope);
  return outcome.readings.length === 0 ? null : answers;
}

for (const scope of ["full", "status"] as const) {
  recordingsTest(`the answers of recorded printers to a ${scope} read fit one datagram`, async (folder) => {
    let printers = 0, all = 0;
    const large: string[] = [];
    for (const { name, objects } of recordedPrinters(folder)) {
      const answers = await answersOf(objects, scope);
      if (answers === null) continue;
      printers++;
      all += answers.length;
      large.push(...answers.filter((octets) => octets > maxAnswerOctets).map((octets) => `${name}: ${octets}`));
    }
    assert(printers >= 40, `${printers} printers`);
    assert(all / printers <= 12, `${all / printers} requests per printer`);
    // Recordings have holes: what runs on over them may be anything. Before sizes were estimated it was one in eight.
    assert(large.length <= all / 50, `${large.length} of ${all}: ${large.join(", ")}`);
  });
}

recordingsTest("recorded printers are read alike after others of their kind, in fewer requests", async (folder) => {
  const kinds = createDeviceKinds();
  let first = 0, next = 0;
  const large: string[] = [];
  for (const { name, objects } of recordedPrinters(folder)) {
    const alone = await replayedRead(objects, "full");
    if (alone.outcome.readings.length === 0) continue;
    await replayedRead(objects, "full", { kinds });
    const after = await replayedRead(objects, "full", { kinds });
    assert.deepEqual(after.outcome.readings, alone.outcome.readings, name);
    first += alone.answers.length;
    next += after.answers.length;
    large.push(...after.answers.filter((octets) => octets > maxAnswerOctets).map((octets) => `${name}: ${octets}`));
  }
  assert(next <= first * 0.8, `${next} requests, ${first} before`);
  assert(large.length <= next / 50, `${large.length} of ${next}: ${large.join(", ")}`);
});
