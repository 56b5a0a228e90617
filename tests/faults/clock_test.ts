/**
 * The agent's machine has a wrong clock: real programs with libfaketime around the agent, a real platform that is right. Every
 * record arrives once, at the time at which it really was read.
 */
import assert from "node:assert/strict";
import { type AgentScene, spooledIds, startScene, totalAt } from "../fixtures/agent_fixture.ts";
import { assertExactlyOnce, type StoredRecord, storedRecordsSql } from "../fixtures/exactly_once.ts";
import { clockTest, settableClock, withClock } from "./faketime.ts";
import type { RunningProgram } from "../fixtures/start_program.ts";
import { until } from "../fixtures/until.ts";

const day = 86_400_000;
/** What is right within seconds. */
const tolerance = 5000;

/** Records that were read between two real times. */
interface Phase {
  ids: readonly string[];
  fromMs: number;
  untilMs: number;
}

interface Row {
  record_id: string;
  observed_at: number;
  agent_at: number;
  time_basis: string;
}

function rows(scene: AgentScene): Map<string, Row> {
  const all = scene.store<Row>("SELECT record_id, observed_at, agent_at, time_basis FROM records");
  return new Map(all.map((row) => [row.record_id, row]));
}

async function assertArrived(scene: AgentScene, phases: readonly Phase[]): Promise<Map<string, Row>> {
  const ids = phases.flatMap((phase) => phase.ids);
  await until("all records are there", () => {
    const stored = rows(scene);
    return ids.every((id) => stored.has(id));
  });
  assertExactlyOnce(scene.store<StoredRecord>(storedRecordsSql), ids, totalAt);
  const stored = rows(scene);
  for (const [number, { ids, fromMs, untilMs }] of phases.entries()) {
    assert(ids.length > 0, `nothing was read in phase ${number}`);
    for (const id of ids) {
      const { observed_at: at } = stored.get(id)!;
      const early = Math.round((fromMs - at) / 1000), late = Math.round((at - untilMs) / 1000);
      assert(at >= fromMs - tolerance, `a record of phase ${number} is ${early} s too early`);
      assert(at <= untilMs + tolerance, `a record of phase ${number} is ${late} s too late`);
    }
  }
  const status = await scene.status();
  assert.deepEqual([status.spool?.quarantinedRecords, status.spool?.dropped.meters], [0, 0]);
  return stored;
}

const withEvent = (event: string, more = "") => (line: string) => line.includes(`"${event}"`) && line.includes(more);

/** Does something while an agent runs; the records that it spooled meanwhile, and when. */
async function phaseOf(agent: RunningProgram, body: () => Promise<unknown>): Promise<Phase> {
  const fromMs = Date.now(), before = spooledIds(agent).length;
  await body();
  return { ids: spooledIds(agent).slice(before), fromMs, untilMs: Date.now() };
}

for (const [network, days] of [[160, 200], [161, -200]] as const) {
  clockTest(
    `opendca run with a clock that is ${days} days off has every record stored once, at its real time`,
    async () => {
      // A certificate that is a year old is good for a clock of half a year ago as well.
      const madeWithin = days < 0 ? withClock("-300d") : [];
      await using scene = await startScene({ network, printers: 4, madeWithin });
      const clock = settableClock(`${scene.folder}/clock`, `${days > 0 ? "+" : ""}${days}d`);
      scene.within = clock.within;
      await using _platform = await scene.startPlatform();
      const task = await scene.admin("task", "scan", scene.agentId);
      await using agent = await scene.startAgent();
      const phase = await phaseOf(agent, () => agent.line(withEvent("taskFinished", task)));
      const stored = await assertArrived(scene, [phase]);
      for (const { observed_at, agent_at, time_basis } of stored.values()) {
        assert.equal(time_basis, "corrected");
        assert.equal(Math.round((agent_at - observed_at) / day), days);
      }
      const { agent: own } = await scene.status();
      const [fault] = own!.faults.filter(({ code }) => code === "clock-wrong");
      assert.match(fault!.message, days > 0 ? /200 days ahead of the platform's/ : /200 days behind the platform's/);
      assert.match(
        await scene.admin("agent", "show", scene.agentId),
        days > 0 ? /^Clock +200 days ahead$/m : /^Clock +200 days behind$/m,
      );
      // The task was taken, though it had expired or was of the future by this clock.
      const taskState = async () => JSON.parse(await scene.admin("--json", "task", "list"))[0].state;
      await until("the task is done", async () => await taskState() === "succeeded");
      const ledger = (await scene.opendca("ledger", "--json")).out.trim().split("\n").map((line) => JSON.parse(line));
      const upload = ledger.find(({ kind }) => kind === "upload");
      assert(Math.abs(Date.parse(upload.at) - Date.now()) < 600_000, `the ledger dates an upload ${upload.at}`);
      assert.equal(Math.round((Date.parse(upload.details.machineClock) - Date.parse(upload.at)) / day), days);
    },
  );
}

clockTest("opendca run whose clock is set while it runs has every record stored once, at its real time", async () => {
  await using scene = await startScene({ network: 162, printers: 3 });
  const clock = settableClock(`${scene.folder}/clock`, "+200d");
  scene.within = clock.within;
  const platform = await scene.startPlatform();
  const tasks: string[] = [];
  for (let i = 0; i < 3; i++) tasks.push(await scene.admin("task", "scan", scene.agentId));
  await using agent = await scene.startAgent();
  await agent.line(withEvent("taskReceived", tasks[2]));
  await platform.kill("SIGKILL");
  const phases: Phase[] = [];
  for (const [i, offset] of ["-10d", "+0", "+1h"].entries()) {
    phases.push(await phaseOf(agent, () => agent.line(withEvent("taskFinished", tasks[i]))));
    clock.set(offset);
  }
  await using _platform = await scene.startPlatform();
  await assertArrived(scene, phases);
});

clockTest(
  "opendca run that is restarted with another wrong clock each time has every record stored once, at its real time",
  async () => {
    await using scene = await startScene({ network: 163, printers: 3 });
    const clock = settableClock(`${scene.folder}/clock`, "+200d");
    scene.within = clock.within;
    const phases: Phase[] = [];
    // The platform is away from the start: nobody has ever told what time it is. Each start sweeps, as no sweep has ended.
    for (const offset of ["+200d", "-40d"]) {
      clock.set(offset);
      await using agent = await scene.startAgent();
      phases.push(
        await phaseOf(agent, async () => {
          await agent.line(withEvent("recordsSpooled"));
          await agent.kill("SIGKILL");
        }),
      );
    }
    clock.set("+0");
    await using _platform = await scene.startPlatform();
    await using _agent = await scene.startAgent();
    await assertArrived(scene, phases);
  },
);

clockTest("opendca says that its clock is wrong, and by how much, where that makes a certificate invalid", async () => {
  await using scene = await startScene({ network: 164, printers: 2, activated: false });
  const clock = settableClock(`${scene.folder}/clock`, "-300d");
  scene.within = clock.within;
  await using _platform = await scene.startPlatform();
  const sentence = /this machine's clock is 300 days behind/;
  const refused = await scene.opendca("activate", await scene.admin("code", "create"));
  assert.equal(refused.code, 69);
  assert.match(refused.err, sentence);
  clock.set("+0");
  const activated = await scene.opendca("activate", await scene.admin("code", "create"));
  assert.equal(activated.code, 0, activated.err);
  clock.set("-300d");
  await using agent = await scene.startAgent();
  assert.match(await agent.line(withEvent("pollFailed")), sentence);
  const phase = await phaseOf(agent, () => agent.line(withEvent("recordsSpooled")));
  clock.set("+0");
  await agent.line(withEvent("platformReturned"));
  await assertArrived(scene, [phase]);
});

/** Hours of a day in UTC, from one hour before to two hours after `ms`. */
function hoursAround(ms: number): string {
  const at = (offsetMs: number) => new Date(ms + offsetMs).toISOString().slice(11, 16);
  return `${at(-3_600_000)}-${at(2 * 3_600_000)}`;
}

clockTest("opendca run goes by the real time for its allowed hours, whatever its clock says", async () => {
  const half = 12 * 3_600_000;
  const schedule = (ms: number) => `schedule: { allowedHours: { hours: ["${hoursAround(ms)}"], timeZone: UTC } }\n`;
  const now = schedule(Date.now()), later = schedule(Date.now() + half);
  await using scene = await startScene({ network: 165, printers: 2, more: now });
  scene.within = withClock("+12h");
  await using _platform = await scene.startPlatform();
  const allowed = await scene.admin("task", "scan", scene.agentId);
  await using agent = await scene.startAgent();
  const phase = await phaseOf(agent, async () => {
    assert.match(await agent.line(withEvent("taskFinished", allowed)), /"succeeded"/);
  });
  await assertArrived(scene, [phase]);
  await Deno.writeTextFile(scene.config, (await Deno.readTextFile(scene.config)).replace(now, later));
  await agent.line(withEvent("configApplied"));
  const refused = await scene.admin("task", "scan", scene.agentId);
  assert.match(await agent.line(withEvent("taskFinished", refused)), /outside the allowed hours/);
});
