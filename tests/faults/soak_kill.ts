/**
 * Kills the agent and the platform at random moments, 200 times by default, and counts what the platform holds:
 *
 *     deno run -A tests/faults/soak_kill.ts [ROUNDS] [SEED]
 *
 * Run by hand, as it takes some minutes. Each round asks for a scan, so that there are always readings on their way.
 */
import assert from "node:assert/strict";
import { seededRandom } from "../../simulator/random.ts";
import { spooledIds, startScene, totalAt } from "../fixtures/agent_fixture.ts";
import { assertExactlyOnce, type StoredRecord, storedRecordsSql } from "../fixtures/exactly_once.ts";
import type { RunningProgram } from "../fixtures/start_program.ts";
import { until } from "../fixtures/until.ts";

const rounds = Number(Deno.args[0] ?? 200);
const seed = Number(Deno.args[1] ?? 1);
const longestMs = 2500;
const printers = 12;

const random = seededRandom(seed);
await using scene = await startScene({ network: 236, printers });
const promised = new Set<string>();
let platform = await scene.startPlatform();
let agent: RunningProgram | undefined;
let agentKills = 0, platformKills = 0;

function keepPromises(): void {
  for (const id of agent === undefined ? [] : spooledIds(agent)) promised.add(id);
}

for (let round = 1; round <= rounds; round++) {
  await scene.admin("task", "scan", scene.agentId);
  // A fifth of the agents may be killed before they have said that they started.
  agent ??= random() < 0.2 ? scene.spawnAgent() : await scene.startAgent();
  await new Promise((resolve) => setTimeout(resolve, random() * longestMs));
  const whom = random();
  if (whom < 0.7) {
    await agent.kill("SIGKILL");
    keepPromises();
    agent = undefined;
    agentKills++;
  }
  if (whom > 0.5) {
    await platform.kill("SIGKILL");
    platform = await scene.startPlatform();
    platformKills++;
  }
  if (round % 10 === 0) console.log(`${round}: ${promised.size} records promised, ${countRecords()} held`);
}
agent ??= await scene.startAgent();
await agent.line((line) => line.includes('"pollAnswered"'));
await until("the spool is empty", async () => (await scene.status()).spool?.depth === 0, 600_000);
await agent.kill("SIGTERM");
keepPromises();
await platform.kill("SIGTERM");

const records = scene.store<StoredRecord>(storedRecordsSql);
const unsaid = assertExactlyOnce(records, promised, totalAt);
console.log(`${agentKills} kills of the agent, ${platformKills} of the platform, seed ${seed}`);
console.log(`${promised.size} records promised, ${records.length} held, ${unsaid} of them without a promise`);
assert(unsaid <= agentKills * printers, "more is held than a killed agent can have had on its tongue");
assert(promised.size > rounds, "too little was promised to prove anything");
console.log("platform holds every reading exactly once");

function countRecords(): number {
  return scene.store<{ n: number }>("SELECT count(*) AS n FROM records")[0]!.n;
}
