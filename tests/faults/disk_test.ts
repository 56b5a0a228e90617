/** The disk of the running agent is really full, or breaks: it goes on, says so everywhere, and recovers. */
import assert from "node:assert/strict";
import { AgentStatus } from "../../proto/gen/opendca/v1/agent_service.ts";
import { type AgentScene, spooledIds, startScene, totalAt } from "../fixtures/agent_fixture.ts";
import { assertExactlyOnce, type StoredRecord, storedRecordsSql } from "../fixtures/exactly_once.ts";
import { loopDisk, mountState, mountTest } from "./mounted_state.ts";
import type { RunningProgram } from "../fixtures/start_program.ts";
import { until } from "../fixtures/until.ts";

/** Takes all the room there is. */
const fill = (file: string) => `head -c 100M /dev/zero > ${file} 2>/dev/null; test -s ${file}`;

/** Codes of the faults that the platform knows of. */
function faultsAtPlatform(scene: AgentScene): string[] {
  const [row] = scene.store<{ status: Uint8Array | null }>("SELECT status FROM agents");
  return row?.status ? AgentStatus.decode(row.status).faults.map(({ code }) => code) : [];
}

async function faultsInStatus(scene: AgentScene): Promise<string[]> {
  return (await scene.status()).agent?.faults.map(({ code }) => code) ?? [];
}

function stored(scene: AgentScene): StoredRecord[] {
  return scene.store<StoredRecord>(storedRecordsSql);
}

/** A line with the event, and with the id of a task where one is given. */
function withEvent(event: string, id = ""): (line: string) => boolean {
  return (line) => line.includes(`"${event}"`) && line.includes(id);
}

mountTest(
  "opendca run on a full disk goes on, sends what it has, says so everywhere, and takes readings again by itself",
  "small",
  async () => {
    await using scene = await startScene({ network: 242, printers: 4 });
    await using mounted = await mountState(scene, { mount: "mount -t tmpfs -o size=20m none mounted" });
    const before = await scene.startPlatform();
    const first = await scene.admin("task", "scan", scene.agentId);
    const agents: RunningProgram[] = [];
    {
      await using agent = await scene.startAgent();
      agents.push(agent);
      await agent.line(withEvent("taskReceived"));
      await before.kill("SIGKILL");
      await agent.line(withEvent("taskFinished", first));
      assert(spooledIds(agent).length >= 4, "nothing waits to be sent");
      await mounted.sh(fill("state/filler"));
      const second = await scene.admin("task", "scan", scene.agentId);
      await using _platform = await scene.startPlatform();
      await agent.line(withEvent("batchSent"));
      await agent.line(withEvent("readingsLost"));
      // Whether the disk took the task or the task came back: in no case does it pass for one that was done.
      const finished = await agent.line(withEvent("taskFinished", second));
      assert.match(finished, /"failed".*the write failed/);
      await until("the status says so", async () => {
        const { state, spool } = await scene.status();
        return state === "running" && spool?.diskFull === true &&
          (await faultsInStatus(scene)).includes("readings-lost");
      });
      assert.match((await scene.opendca("status")).out, /the disk is full/);
      await until("the platform knows", () => faultsAtPlatform(scene).includes("readings-lost"));
      const { awake, unreachable } = (await scene.status()).agent!.devices;
      assert.deepEqual([awake, unreachable], [4, 0]);

      await mounted.sh("rm state/filler");
      const third = await scene.admin("task", "scan", scene.agentId);
      assert.match(await agent.line(withEvent("taskFinished", third)), /"succeeded"/);
      await until("the faults are gone", async () => {
        const { spool, agent: own } = await scene.status();
        const codes = own!.faults.map(({ code }) => code);
        return spool?.depth === 0 && !spool.diskFull && !codes.includes("readings-lost") &&
          !codes.includes("ledger-incomplete");
      });
      assert.equal((await agent.kill("SIGTERM")).code, 0);
    }
    // Databases that are closed have no journal, and no room to make one.
    await mounted.sh(fill("state/filler"));
    {
      await using agent = await scene.startAgent();
      agents.push(agent);
      await agent.kill("SIGKILL");
    }
    await using agent = await scene.startAgent();
    agents.push(agent);
    assert.equal((await agent.kill("SIGTERM")).code, 0);
    assertExactlyOnce(stored(scene), agents.flatMap(spooledIds), totalAt);
  },
);

mountTest(
  "opendca run goes on without its log while the disk of the log is full, and says how much is missing",
  "small",
  async () => {
    await using scene = await startScene({ network: 243, printers: 2 });
    const text = await Deno.readTextFile(scene.config);
    await Deno.writeTextFile(
      scene.config,
      text.replace(
        "log: { level: debug, format: json }",
        `log: { level: debug, file: { path: ${scene.folder}/logs/agent.log } }`,
      ),
    );
    const mount = "mount -t tmpfs none mounted; mkdir logs; mount -t tmpfs -o size=1m none logs";
    await using mounted = await mountState(scene, { mount });
    const log = () => mounted.sh("cat logs/agent.log 2>/dev/null || true");
    await using _platform = await scene.startPlatform();
    await using agent = scene.spawnAgent();
    await until("it has started", async () => (await log()).includes('"agentStarted"'));
    // The rest of the log's last block as well.
    await mounted.sh(`${fill("logs/filler")}; yes "" | head -c 4096 >> logs/agent.log 2>/dev/null || true`);
    await scene.admin("task", "scan", scene.agentId);
    await until("readings arrive", () => stored(scene).length >= 2);
    await until("it says that it cannot write", () => /Cannot write the log .*agent\.log/.test(agent.err()));
    assert.equal((await scene.status()).state, "running");
    await mounted.sh("rm logs/filler");
    await until("it writes again", async () => (await log()).includes('"logLinesLost"'));
    assert.match(await log(), /"logLinesLost","count":\d+,"reason":"/);
    assert.equal((await agent.kill("SIGTERM")).code, 0);
    // A reading that was under way may be noted after it.
    assert.match((await log()).trim().split("\n").slice(-5).join("\n"), /"agentStopped"/);
  },
);

mountTest(
  "opendca run goes on while its state directory is read-only, and says so",
  "small",
  async () => {
    await using scene = await startScene({ network: 247, printers: 2 });
    await using mounted = await mountState(scene, { mount: "mount -t tmpfs none mounted" });
    await using _platform = await scene.startPlatform();
    await using agent = await scene.startAgent();
    await until("there is a status", async () => (await scene.status()).agent !== null);
    // As after `mount -o remount,ro`, which Linux refuses while a file is open for writing.
    await mounted.sh("mkdir ro; mount --bind state ro; mount -o remount,bind,ro ro; mount --bind ro state");
    const task = await scene.admin("task", "scan", scene.agentId);
    await agent.line(withEvent("statusUnsaved"));
    // The files that are open can be written.
    assert.match(await agent.line(withEvent("taskFinished", task)), /"succeeded"/);
    await until("the status says that it is old", async () => (await scene.status()).state === "unresponsive");
    assert.match((await scene.opendca("status")).out, /read-only/);
    await mounted.sh("umount state; umount ro");
    await until("the status is new", async () => (await scene.status()).state === "running");
    await until("everything is sent", async () => (await scene.status()).spool?.depth === 0);
    assert.equal((await agent.kill("SIGTERM")).code, 0);
    assertExactlyOnce(stored(scene), spooledIds(agent), totalAt);
  },
);

mountTest(
  "opendca run goes on while its disk breaks, says so, does not start on it, and sends the rest when it is mended",
  "loop",
  async () => {
    await using scene = await startScene({ network: 244, printers: 3 });
    await using mounted = await mountState(scene, { mount: `${loopDisk(60)} mounted`, root: true });
    let platform = await scene.startPlatform();
    const agents: RunningProgram[] = [];
    {
      await using agent = await scene.startAgent();
      agents.push(agent);
      const first = await scene.admin("task", "scan", scene.agentId);
      await agent.line(withEvent("taskReceived", first));
      await platform.kill("SIGKILL");
      await agent.line(withEvent("taskFinished", first));
      await mounted.sh("mount -o remount,abort state");
      platform = await scene.startPlatform();
      const second = await scene.admin("task", "scan", scene.agentId);
      await agent.line(withEvent("taskUnsaved"));
      await until("the platform knows", () => faultsAtPlatform(scene).includes("task-unsaved"));
      assert.equal((await agent.kill("SIGTERM")).code, 0);
      assert(!agent.lines.some(withEvent("taskReceived", second)), "a task was begun that could not be remembered");
    }
    const refused = await scene.opendca("run");
    assert.equal(refused.code, 77, refused.err);
    assert.match(
      refused.err,
      /^error: Cannot use the state directory "[^"]+" as it cannot be written\nhint: [^\n]+\n$/,
    );

    await mounted.sh("umount state; umount mounted; fsck.ext4 -p disk.img >/dev/null || test $? -le 1");
    await mounted.sh("mount -o loop disk.img mounted; mount --bind mounted state");
    await using agent = await scene.startAgent();
    agents.push(agent);
    await until("everything is sent", async () => {
      const waiting = scene.store("SELECT 1 FROM tasks WHERE state <> 'succeeded' AND state <> 'failed'");
      return waiting.length === 0 && (await scene.status()).spool?.depth === 0;
    });
    assert.equal((await agent.kill("SIGTERM")).code, 0);
    assertExactlyOnce(stored(scene), agents.flatMap(spooledIds), totalAt);
    await platform.kill("SIGTERM");
  },
);
