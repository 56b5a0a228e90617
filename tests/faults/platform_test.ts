/** Platforms that have gone mad, and tasks that are poison: the running agent keeps what it has, and goes on afterwards. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { AgentStatus, PollResponse } from "../../proto/gen/opendca/v1/agent_service.ts";
import { UploadResponse } from "../../proto/gen/opendca/v1/batch.ts";
import { type SignedTask, TaskResult } from "../../proto/gen/opendca/v1/task.ts";
import { startTestPlatform, type TestPlatformHandlers } from "../fixtures/test_platform.ts";
import { createTestAuthority } from "../fixtures/test_authority.ts";
import { hour, minute, type Office, openOffice } from "../fixtures/office_agent.ts";
import { type GivenTask, giveTask, scanOf, taskOf } from "./office_tasks.ts";

const ignore = Deno.build.os !== "linux";
const schedule = "{ fullSweepEvery: 24h, statusEvery: 10m, metersEvery: 20m, jitter: 0% }";
const garbage = crypto.getRandomValues(new Uint8Array(3000)).fill(255, 0, 4);
const nonsense = Buffer.from("no configuration");

const madPlatforms: { name: string; handlers: TestPlatformHandlers; says: RegExp; logs?: string }[] = [
  { name: "answers with garbage", handlers: { poll: () => garbage, upload: () => garbage }, says: /Cannot reach/ },
  {
    name: "answers with 10 MB",
    handlers: { poll: () => new Uint8Array(10_000_000), upload: () => new Uint8Array(10_000_000) },
    says: /larger than 4 MB/,
  },
  { name: "never answers", handlers: { poll: () => "never", upload: () => "never" }, says: /did not answer in time/ },
  {
    name: "answers what cannot be",
    handlers: {
      poll: (_, calls) =>
        PollResponse.fromPartial({
          nextPollSeconds: calls % 2 === 0 ? 1 : 0,
          serverTime: new Date(0),
          tasks: [{ task: Buffer.from(garbage), signature: Buffer.alloc(64), keyId: "" }, {}, {
            task: Buffer.alloc(300_000),
          }],
          config: { hash: createHash("sha256").update(nonsense).digest("hex"), content: nonsense },
          acknowledgedTaskIds: ["", "'; DROP TABLE task"],
        }),
      upload: () => UploadResponse.fromPartial({ highestContiguousSequence: 2n ** 60n }),
    },
    says: /covers batches that were never sent/,
    logs: "configRefused",
  },
];

for (const { name, handlers, says, logs } of madPlatforms) {
  Deno.test({
    name: `opendca run keeps polling and keeps its spool where the platform ${name}, and recovers`,
    ignore,
    async fn() {
      const authority = await createTestAuthority();
      await using mad = await startTestPlatform(handlers, { authority });
      await using office = await openOffice({
        network: 240,
        printers: 2,
        schedule,
        alsoTrusts: authority.pem,
        // By the real clock: the others answer, however busy the machine is.
        callTimeoutMs: name === "never answers" ? 2000 : 20_000,
      });
      await using agent = await office.startAgent();
      let ended = false;
      agent.ended.then(() => ended = true);
      await office.pass(5 * minute, 10_000);
      const sent = await office.assertAllThere();
      const sane = office.proxy.target;
      office.proxy.target = mad.port;
      office.proxy.cut();
      await office.pass(hour / 2, minute);
      assert.equal(ended, false, "the agent has given up");
      const { poll, upload } = mad.calls;
      // Backoff of up to five minutes for polls and fifteen for batches, or 30 s where that was asked for.
      assert(poll.length >= 5 && poll.length <= 40, `${poll.length} polls in half an hour`);
      assert(upload.length >= 2 && upload.length <= 10, `${upload.length} uploads in half an hour`);
      assert.equal(new Set(upload.map(({ batchId }) => batchId)).size, 1, "another batch before the first is answered");
      const { spool, faults } = await office.status();
      assert(spool.depth >= 2 * 2, `${spool.depth} records are kept`);
      assert.equal(spool.quarantinedRecords, 0);
      assert.match(JSON.stringify(faults), says);
      if (logs !== undefined) assert(office.logged(logs).length > 0, `${logs} was not logged`);

      office.proxy.target = sane;
      office.proxy.cut();
      await office.pass(20 * minute, minute);
      assert(await office.assertAllThere() >= sent + spool.depth);
      assert.equal((await office.status()).faults.some(({ code }) => /-failed$/.test(code)), false);
    },
  });
}

interface Poison extends GivenTask {
  name: string;
  /** Default `refused`: by the agent; `delivered` for ever where it cannot know which task it is. */
  state?: "delivered" | "waiting";
}

const { privateKey: outsideKey } = generateKeyPairSync("ed25519");
const withSignature = (signed: SignedTask, of: Buffer, name = "opendca.task.v1\0"): SignedTask => ({
  ...signed,
  signature: sign(null, Buffer.concat([Buffer.from(name), of]), outsideKey),
});

const poisons: Poison[] = [
  {
    name: "garbage in a sound envelope",
    state: "delivered",
    spoil: (signed) => ({ ...signed, task: Buffer.from(garbage) }),
  },
  { name: "a signature of another key", state: "delivered", spoil: (signed) => withSignature(signed, signed.task) },
  {
    name: "a signature of no bytes",
    state: "delivered",
    spoil: (signed) => ({ ...signed, signature: Buffer.alloc(0) }),
  },
  { name: "a key id of nobody", state: "delivered", spoil: (signed) => ({ ...signed, keyId: "../../../etc/passwd" }) },
  { name: "10 MB of targets", state: "waiting", payload: scanOf(Array(10_000).fill("x".repeat(1000))) },
  { name: "the id of no task", state: "delivered", wrong: { taskId: "'; DROP TABLE task; --" } },
  { name: "another agent's id", wrong: { agentId: "agt_00000000000000000000" } },
  { name: "a past expiry", expiresInMs: -1 },
  { name: "no kind that is known", payload: undefined },
  { name: "a ping of an option", payload: { $case: "ping", value: { target: "-f", count: 1 } } },
  {
    name: "a ping of a command",
    payload: { $case: "ping", value: { target: "127.241.0.1; reboot", count: 4e9 } },
  },
  ...[
    "$(reboot)",
    "../../etc/passwd",
    "0.0.0.0/0",
    "127.241.0.1\0",
    "::/0",
    "\u202e127.0.0.1",
    "-",
    "",
    "9".repeat(5000),
  ]
    .map((target) => ({
      name: `the target ${JSON.stringify(target.slice(0, 20))}`,
      payload: scanOf([target]),
    })),
];

Deno.test({
  name:
    "opendca run refuses every poisoned task, tells and logs it, and does the good one behind them, also after a restart",
  ignore,
  async fn(t) {
    await using office = await openOffice({ network: 241, printers: 2, schedule });
    const done = await giveTask(office, { payload: scanOf(["127.241.0.1"]) });
    {
      await using _agent = await office.startAgent();
      await office.pass(10 * minute, minute);
      assert.equal((await taskOf(office, done)).state, "succeeded");
    }
    const again = await giveTask(office, { payload: scanOf(["127.241.0.1"]), wrong: { taskId: done } });
    // Few enough for one poll, as nobody answers for those that cannot be believed.
    for (const some of [poisons.slice(0, 10), poisons.slice(10)]) {
      const given: (Poison & { id: string })[] = [];
      for (const poison of some) given.push({ ...poison, id: await giveTask(office, poison) });
      const good = await giveTask(office);
      const before = office.log.length;
      for (const restart of [0, 1]) {
        const next = restart === 0 ? good : await giveTask(office);
        await using agent = await office.startAgent();
        let ended = false;
        agent.ended.then(() => ended = true);
        await office.pass(12 * minute, minute);
        assert.equal(ended, false, "the agent has given up");
        assert.equal((await taskOf(office, next)).state, "succeeded");
      }
      for (const { name, state = "refused", id } of given) {
        await t.step(`a task with ${name}`, async () => {
          const { state: found, result } = await taskOf(office, id);
          assert.equal(found, state);
          if (found === "refused") assert.match(TaskResult.decode(result!).message, /^Cannot|^The target/);
        });
      }
      const refusals = office.log.slice(before).filter(({ event, state }) =>
        event === "taskRefused" || (event === "taskFinished" && state === "refused")
      );
      assert(refusals.length >= some.filter(({ state }) => state !== "waiting").length, "a refusal was not logged");
      const { faults } = AgentStatus.decode((await office.row()).status!);
      assert(faults.some(({ code }) => code === "task-refused"), "the platform does not know of it");
    }
    assert.equal((await taskOf(office, again)).state, "delivered");
    assert.equal(receivedTimes(office, done), 1, "a task was done twice");
    await office.assertAllThere();
  },
});

function receivedTimes(office: Office, taskId: string): number {
  return office.logged("taskReceived").filter((line) => line.taskId === taskId).length;
}
