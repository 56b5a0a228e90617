/** How large the answers are that recorded printers give to our requests. */
import assert from "node:assert/strict";
import { Secret } from "../src/core/secret.ts";
import { parseSnmprec } from "../src/recording/snmprec.ts";
import type { Credential } from "../src/credentials/credential.ts";
import type { ReadingScope } from "../src/printers/reading.ts";
import { readDevice } from "../src/scanner/read_device.ts";
import { createRoundTrip } from "../src/scanner/round_trip.ts";
import { maxAnswerOctets } from "../src/snmp/answer_sizes.ts";
import { ObjectTable } from "../simulator/object_table.ts";
import { replayDevice } from "./fakes/replayed_device.ts";
import { recordingsTest } from "./peers.ts";

const credentials: Credential[] = [
  { kind: "community", name: "c", versions: ["2c", "1"], community: new Secret("public") },
];

/** Octets of each answer that one recorded device gives in a reading; null when it is no printer. */
async function answersOf(recording: string, scope: ReadingScope): Promise<number[] | null> {
  const { objects } = parseSnmprec(recording);
  const { hub, target, answers } = replayDevice(ObjectTable.from(objects));
  const system = objects.filter(({ oid }) => oid === "1.3.6.1.2.1.1.1.0" || oid === "1.3.6.1.2.1.1.2.0");
  const { readings } = await readDevice({
    target: { ...target, family: 4, hostname: null },
    community: { version: "2c", name: "public" },
    varbinds: system,
    heard: { afterMs: 5, certain: true },
  }, {
    hub,
    credentials,
    roundTrip: createRoundTrip({ minMs: 1000, maxMs: 8000 }),
    timeoutMs: 1000,
    isLossy: () => false,
    retries: 1,
    slot: { stall() {}, move() {}, release() {} },
    deadlineMs: 60_000,
    pace: () => undefined,
    now: () => new Date(0),
    scope,
    capture: null,
  });
  return readings.length === 0 ? null : answers;
}

for (const scope of ["full", "status"] as const) {
  recordingsTest(`the answers of recorded printers to a ${scope} read fit one datagram`, async (folder) => {
    let printers = 0, all = 0;
    const large: string[] = [];
    for (const { name } of Deno.readDirSync(`${folder}/recordings`)) {
      const answers = await answersOf(Deno.readTextFileSync(`${folder}/recordings/${name}`), scope);
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
