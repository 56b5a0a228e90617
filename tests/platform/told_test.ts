/** What an agent tells of itself with a poll: ledger heads, refusals, and what no agent would tell. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import {
  type AgentStatus,
  AgentStatus as Status,
  type LedgerHead,
  type PollRequest,
} from "../../proto/gen/opendca/v1/agent_service.ts";
import { RefusalReason, Task, TaskResult, TaskState } from "../../proto/gen/opendca/v1/task.ts";
import { signTask } from "../../common/protocol/signed_task.ts";
import { configRefusalsOf, maybeAgent } from "../../platform/agents/agents.ts";
import { auditRows } from "../../platform/audit/audit_log.ts";
import { ledgerHeadRows, mostLedgerHeads, noteLedgerHead } from "../../platform/agents/ledger_heads.ts";
import { addTask, taskRows } from "../../platform/tasks/tasks.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { activatedAgent, call, connect, pollOf, reasonOf, startTestPlatform } from "../fixtures/platform_fixture.ts";
import { batchOf, type Bench, readingOf, recordOf, startBench } from "../fixtures/platform_uploads.ts";

interface Polls extends Bench {
  poll(more?: Partial<PollRequest>, status?: Partial<AgentStatus>): ReturnType<typeof call>;
  send(path: string, bytes: Uint8Array): Promise<string>;
  /** What the audit log has, without the activation. */
  audit(): Promise<[action: string, detail: Record<string, unknown>][]>;
}

async function startPolls(): Promise<Polls> {
  const bench = await startBench();
  const { platform, agent, client } = bench;
  return {
    ...bench,
    poll: (more, status) => call(client, { method: client.poll, request: pollOf(agent, more, status) }),
    send(path, bytes) {
      const same = (bytes: Buffer) => bytes;
      const method =
        ((...args: [Buffer, never, never, never]) =>
          client.makeUnaryRequest(`/opendca.v1.AgentService/${path}`, same, same, ...args)) as never;
      return reasonOf(call(client, { method, request: Buffer.from(bytes) }));
    },
    audit: async () =>
      (await auditRows(platform.queries, { limit: 100 })).filter(({ action }) => action !== "agentActivated")
        .map(({ action, detail }) => [action, JSON.parse(detail)]),
  };
}

const hash = (digit: string) => digit.repeat(64);
const head = (number: number, digit: string): LedgerHead => ({ number: BigInt(number), hash: hash(digit) });

const ledgers = [
  { name: "grows", heads: [head(0, "0"), head(5, "a"), head(5, "a"), head(9, "b")], rewound: [null, null, null] },
  {
    name: "was cut off",
    heads: [head(9, "b"), head(5, "a")],
    rewound: [null, "entry 9 was reported before entry 5"],
  },
  {
    name: "was rewritten",
    heads: [head(9, "b"), head(9, "c")],
    rewound: [null, "entry 9 was reported with another hash before"],
  },
  {
    name: "started over, and is reported once for all that it grows later",
    heads: [head(9, "b"), head(0, "0"), head(1, "c"), head(2, "d")],
    rewound: [null, "entry 9 was reported before entry 0", null, null],
  },
];
for (const { name, heads, rewound } of ledgers) {
  slowInPostgres(`Poll keeps the heads of a ledger that ${name}`, async () => {
    await using bench = await startPolls();
    for (const ledgerHead of heads) await bench.poll({}, { ledgerHead });
    const { tenant, agentId } = bench.agent;
    const kept = (await ledgerHeadRows(tenant, agentId)).toReversed();
    assert.deepEqual(kept.map((row) => row.rewound), rewound);
    const reasons = rewound.filter((reason) => reason !== null);
    assert.equal((await maybeAgent(tenant, agentId))?.ledger_rewound_reason, reasons[0] ?? null);
    assert.deepEqual(
      (await bench.audit()).map(([action, { reason }]) => [action, reason]),
      reasons.map((why) => ["ledgerRewound", why]),
    );
  });
}

for (
  const { name, ledgerHead } of [
    { name: "a short hash", ledgerHead: { number: 1n, hash: "ab" } },
    { name: "capitals", ledgerHead: { number: 1n, hash: hash("A") } },
    { name: "entry 0 with a hash", ledgerHead: head(0, "a") },
    { name: "no hash", ledgerHead: head(3, "0") },
    { name: "a number beyond 2^53", ledgerHead: { number: 2n ** 53n, hash: hash("a") } },
  ]
) {
  slowInPostgres(`Poll refuses a ledger head with ${name}`, async () => {
    await using bench = await startPolls();
    assert.equal(await reasonOf(bench.poll({}, { ledgerHead })), "invalid-request");
    assert.deepEqual(await ledgerHeadRows(bench.agent.tenant, bench.agent.agentId), []);
  });
}

slowInPostgres("await noteLedgerHead() keeps the latest thousand", async () => {
  await using platform = await startTestPlatform();
  const { tenant, agentId } = await activatedAgent(platform, await platform.customer("Acme"));
  await platform.platform.store.transaction(async (tx) => {
    for (let number = 1; number <= mostLedgerHeads + 2; number++) {
      await noteLedgerHead(tx.tenant(tenant.customerId), { agentId, number, hash: hash("a"), at: new Date() });
    }
  });
  const heads = await ledgerHeadRows(tenant, agentId);
  assert.deepEqual([heads.length, heads[0]?.number, heads.at(-1)?.number], [mostLedgerHeads, mostLedgerHeads + 2, 3]);
});

slowInPostgres("Poll keeps what the policy refused, and logs it when it changes", async () => {
  await using bench = await startPolls();
  const { tenant, agentId } = bench.agent;
  const kept = async () => configRefusalsOf((await maybeAgent(tenant, agentId))!);
  await bench.poll();
  assert.deepEqual(await bench.audit(), []);
  await bench.poll({ configRefusals: ["range 10.0.0.0/8", "rate 0"] });
  await bench.poll({ configRefusals: ["range 10.0.0.0/8", "rate 0"] });
  assert.deepEqual(await kept(), ["range 10.0.0.0/8", "rate 0"]);
  await bench.poll({ configRefusals: [] });
  assert.deepEqual(await kept(), []);
  assert.deepEqual(await bench.audit(), [
    ["configRefused", { refusals: "range 10.0.0.0/8; rate 0" }],
    ["configRefusalsEnded", { refusals: "" }],
  ]);
  await bench.poll({ configRefusals: Array.from({ length: 1000 }, () => "x".repeat(1000)) });
  assert.deepEqual([(await kept()).length, (await kept())[0]!.length], [100, 500]);
});

slowInPostgres(
  "a refused task is in the audit log once, by poll or by upload; one that nobody made as well",
  async () => {
    await using bench = await startPolls();
    const { agent, platform } = bench;
    const ask = async (): Promise<string> => {
      const taskId = crypto.randomUUID();
      const signed = signTask(platform.platform.signingKey, Task.create({ taskId, agentId: agent.agentId }));
      const expiresAt = new Date(Date.now() + 60_000);
      await addTask(agent.tenant, { taskId, agentId: agent.agentId, kind: "ping", signed, at: new Date(), expiresAt });
      return taskId;
    };
    const refused = (taskId: string, message: string) =>
      TaskResult.create({ taskId, state: TaskState.REFUSED, refusal: RefusalReason.POLICY, message });
    const polled = refused(await ask(), "ping is not allowed");
    const unknown = refused(crypto.randomUUID(), "who asked?");
    for (const _ of [1, 2]) await bench.poll({ taskResults: [polled] });
    const answer = await bench.poll({ taskResults: [unknown] }) as { acknowledgedTaskIds: string[] };
    assert.deepEqual(answer.acknowledgedTaskIds, [unknown.taskId], "so that it is not told for ever");
    using client = connect(platform, agent.identity);
    const record = recordOf(readingOf(), {
      content: { $case: "taskResult", value: refused(await ask(), "nor is this") },
    });
    await call(client, { method: client.upload, request: batchOf(agent, { sequence: 1, records: [record] }) });
    assert.deepEqual((await bench.audit()).map(([action, { reason, message }]) => [action, reason, message]), [
      ["taskRefused", "POLICY", "ping is not allowed"],
      ["unknownTaskRefused", "POLICY", "who asked?"],
      ["taskRefused", "POLICY", "nor is this"],
    ]);
    assert.deepEqual((await taskRows(agent.tenant)).map(({ state }) => state), ["refused", "refused"]);
  },
);

/* Seconds of a google.protobuf.Timestamp that no Date can hold. */
function impossibleTime(): Uint8Array {
  return new BinaryWriter().uint32(8).int64(9_223_372_036_854_775_807n).finish();
}

slowInPostgres("a time that no calendar has is left out, in a status and in a result of a task", async () => {
  await using bench = await startPolls();
  const { agent } = bench;
  const status = new BinaryWriter().raw(Status.encode(pollOf(agent).status!).finish());
  for (const field of [4, 5, 10, 13, 18]) status.uint32(field << 3 | 2).bytes(impossibleTime());
  const taskId = crypto.randomUUID();
  const signed = signTask(bench.platform.platform.signingKey, Task.create({ taskId, agentId: agent.agentId }));
  const expiresAt = new Date(Date.now() + 60_000);
  await addTask(agent.tenant, { taskId, agentId: agent.agentId, kind: "ping", signed, at: new Date(), expiresAt });
  const result = new BinaryWriter().raw(
    TaskResult.encode(TaskResult.create({ taskId, state: TaskState.FAILED })).finish(),
  )
    .uint32(5 << 3 | 2).bytes(impossibleTime());
  const request = new BinaryWriter().uint32(1 << 3 | 2).bytes(status.finish()).uint32(5 << 3 | 2).bytes(
    result.finish(),
  );
  assert.equal(await bench.send("Poll", request.finish()), "answered");
  assert.deepEqual((await taskRows(agent.tenant)).map(({ state }) => state), ["failed"]);
  const kept = Status.decode((await maybeAgent(agent.tenant, agent.agentId))!.status!);
  assert.deepEqual([kept.startedAt, kept.certificateNotAfter, kept.runId], [undefined, undefined, agent.runId]);
});

slowInPostgres("Poll keeps only so much of a status", async () => {
  await using bench = await startPolls();
  const fault = { code: "c".repeat(1000), message: "m\0".repeat(10_000), lastAt: undefined, count: 1 };
  const machine = { hostname: "h".repeat(100_000), os: "linux", arch: "", fingerprint: "f".repeat(100_000) };
  await bench.poll({}, { faults: Array.from({ length: 100 }, () => fault), machine });
  const row = (await maybeAgent(bench.agent.tenant, bench.agent.agentId))!;
  assert.ok(row.status!.length < 30_000, String(row.status!.length));
  assert.equal(row.hostname.length, 255);
});

slowInPostgres(
  "Poll refuses a text that is too long with its place and limit, and cuts one that loses nothing",
  async () => {
    await using bench = await startPolls();
    const { agent } = bench;
    const refused = await bench.poll({ configHash: "h".repeat(1025) }).then(
      () => assert.fail("taken"),
      (error: Error) => error.message,
    );
    assert.match(refused, /Cannot accept the request as configHash has 1025 characters, at most 1024/);
    await bench.poll({}, { agentVersion: "v".repeat(10_000) });
    assert.equal((await maybeAgent(agent.tenant, agent.agentId))!.version, "v".repeat(50));
  },
);
