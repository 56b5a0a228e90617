import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import {
  ActivateRequest,
  ActivateResponse,
  AgentStatus,
  PollRequest,
  PollResponse,
  RenewRequest,
  RenewResponse,
} from "../../proto/gen/opendca/v1/agent_service.ts";
import { Batch, UploadResponse } from "../../proto/gen/opendca/v1/batch.ts";
import { Task, TaskResult } from "../../proto/gen/opendca/v1/task.ts";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { UnavailableError } from "../../common/core/errors.ts";
import { openLedger } from "../store/ledger.ts";
import type { LedgerEntry } from "../store/ledger_entry.ts";
import { FetchUpdateRequest } from "../../proto/gen/opendca/v1/update.ts";
import type { AgentApi } from "./agent_api.ts";
import { ledgeredApi } from "./ledgered_api.ts";
import { encodeBatchMessage } from "./spool_reading.ts";

const code = "0EY9-M29P-1G7W";

/** Runs `body` with an API that answers at once; returns the entries, each made before the call that it is of. */
async function entriesOf(
  body: (api: AgentApi) => Promise<unknown>,
  answer = PollResponse.fromPartial({}),
): Promise<LedgerEntry[]> {
  using ledger = openLedger(":memory:");
  const order: string[] = [];
  const called = <A>(name: string, response: A) => () => {
    order.push(name);
    return Promise.resolve(response);
  };
  const api = ledgeredApi({
    activate: called("activate", ActivateResponse.fromPartial({})),
    renew: called("renew", RenewResponse.fromPartial({})),
    poll: called("poll", answer),
    upload: called("upload", UploadResponse.fromPartial({})),
    checkUpdate: called("checkUpdate", { update: undefined, serverTime: undefined }),
    fetchUpdate({ request }) {
      request();
      order.push("fetchUpdate");
      return Promise.resolve(true);
    },
  }, {
    clock: new FakeClock(),
    ledger: {
      append(entry) {
        order.push("entry");
        return ledger.append(entry);
      },
    },
    onLost: assert.fail,
  });
  await body(api);
  assert.equal(order[0], "entry", "what leaves is written down before it leaves");
  assert.equal(ledger.verify().broken, null);
  return [...ledger.entries()];
}

const status = AgentStatus.fromPartial({ faults: [{ code: "poll-failed", message: "x" }] });
const taskResults = [TaskResult.fromPartial({ taskId: "t1" })];
const polls = [
  { name: "the status alone", request: { status }, kind: "poll", summary: "Sent status with 1 fault" },
  {
    name: "results",
    request: { status, taskResults },
    kind: "task",
    summary: "Sent status with 1 fault, 1 task result",
  },
  {
    name: "the effective configuration",
    request: { effectiveConfig: "poll: {}" },
    kind: "config",
    summary: "Sent status with 0 faults, the effective configuration, secrets redacted",
  },
];
for (const { name, request, kind, summary } of polls) {
  Deno.test(`ledgeredApi() has an entry of a poll with ${name}`, async () => {
    const message = PollRequest.fromPartial(request);
    const entries = await entriesOf((api) => api.poll(message));
    assert.deepEqual(entries.map((entry) => [entry.kind, entry.summary]), [[kind, summary]]);
    const bytes = PollRequest.encode(message).finish();
    assert.equal(entries[0]!.sha256, createHash("sha256").update(bytes).digest("hex"));
    assert.equal(entries[0]!.size, bytes.length);
  });
}

Deno.test("ledgeredApi() has entries of the tasks and the configuration that a poll brings, a senseless one too", async () => {
  const ping = Task.encode(Task.fromPartial({ taskId: "t7", payload: { $case: "ping", value: { target: "a" } } }));
  const answer = PollResponse.fromPartial({
    tasks: [{ task: Buffer.from(ping.finish()), keyId: "k" }, { task: Buffer.from([255, 255]) }],
    config: { hash: "0123456789abcdef0123", content: Buffer.from("x") },
  });
  const entries = await entriesOf((api) => api.poll(PollRequest.fromPartial({ status })), answer);
  assert.deepEqual(entries.slice(1).map(({ kind, summary }) => [kind, summary]), [
    ["task", "Received task t7, ping"],
    ["task", "Received a task that cannot be read"],
    ["config", "Received configuration 0123456789abcdef"],
  ]);
});

Deno.test("ledgeredApi() has one entry of a batch however often it is sent", async () => {
  const batch = Batch.fromPartial({ agentEpoch: "e", sequence: 1n, recordCount: 3 });
  const entries = await entriesOf(async (api) => {
    await api.upload(encodeBatchMessage(batch));
    await api.upload(encodeBatchMessage(batch));
    await api.upload(encodeBatchMessage({ ...batch, sequence: 2n }));
  });
  assert.deepEqual(entries.map(({ summary }) => summary), [
    "Sent batch 1 with 3 records",
    "Sent batch 2 with 3 records",
  ]);
});

Deno.test("ledgeredApi() has entries of activation and renewal, without the code", async () => {
  const entries = await entriesOf(async (api) => {
    await api.activate(ActivateRequest.fromPartial({ code, installationId: "i", attemptId: "a" }));
    await api.renew(RenewRequest.fromPartial({ csr: Buffer.from("csr") }));
  });
  assert.deepEqual(entries.map(({ kind }) => kind), ["activation", "activation"]);
  assert.doesNotMatch(JSON.stringify(entries), new RegExp(code));
});

Deno.test("ledgeredApi() sends when the entry cannot be written, and says so", async () => {
  const lost: unknown[] = [];
  const full = new UnavailableError("the disk is full");
  const api = ledgeredApi({
    poll: () => Promise.resolve(PollResponse.fromPartial({ nextPollSeconds: 60 })),
  } as Partial<AgentApi> as AgentApi, {
    clock: new FakeClock(),
    ledger: {
      append() {
        throw full;
      },
    },
    onLost: (error) => lost.push(error),
  });
  assert.equal((await api.poll(PollRequest.fromPartial({ status }))).nextPollSeconds, 60);
  assert.deepEqual(lost, [full]);
});

Deno.test("the question for an update is an entry before it is sent", async () => {
  const entries = await entriesOf((api) => api.checkUpdate({ agentVersion: "0.1.0", target: "linux-x64" }));
  assert.deepEqual(entries.map(({ kind, summary }) => ({ kind, summary })), [
    { kind: "update", summary: "Asked whether an update of 0.1.0 is offered for linux-x64" },
  ]);
});

Deno.test("each request for the file of an update is an entry, with where it goes on", async () => {
  const sha256 = "ab".repeat(32);
  let offset = 0n;
  const download = { request: () => FetchUpdateRequest.fromPartial({ sha256, offset }), take: () => Promise.resolve() };
  const entries = await entriesOf(async (api) => {
    await api.fetchUpdate(download);
    offset = 262_144n;
    await api.fetchUpdate(download);
  });
  assert.deepEqual(entries.map(({ kind, summary, details }) => ({ kind, summary, details })), [
    {
      kind: "update",
      summary: `Asked for the file ${sha256.slice(0, 16)} of an update`,
      details: { sha256, offset: 0 },
    },
    {
      kind: "update",
      summary: `Asked for the file ${sha256.slice(0, 16)} of an update, from byte 262144 on`,
      details: { sha256, offset: 262_144 },
    },
  ]);
});
