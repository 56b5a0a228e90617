/** What the ledger says of an upload against the bytes that a platform receives over gRPC and TLS. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Batch, UploadResponse } from "../../proto/gen/opendca/v1/batch.ts";
import { TaskResult } from "../../proto/gen/opendca/v1/task.ts";
import { systemClock } from "../../common/core/clock.ts";
import type { AgentApi } from "../../src/link/agent_api.ts";
import { createGrpcAgentApi } from "../../src/link/grpc_agent_api.ts";
import { ledgeredApi } from "../../src/link/ledgered_api.ts";
import { recordOfTaskResult } from "../../src/link/spool_reading.ts";
import { startUplink } from "../../src/link/uplink.ts";
import { type Ledger, openLedger } from "../../src/store/ledger.ts";
import { sha256Hex } from "../../src/store/ledger_entry.ts";
import { openSpool } from "../../src/store/spool.ts";
import { denoSpoolFiles } from "../../src/store/spool_files.ts";
import { startTestPlatform, type TestPlatform } from "../fixtures/test_platform.ts";
import { until } from "../fixtures/until.ts";

async function withPlatform(body: (scene: { platform: TestPlatform; api: AgentApi; ledger: Ledger }) => Promise<void>) {
  await using platform = await startTestPlatform({
    upload: ({ sequence }, calls) =>
      calls === 1 ? { code: 14, reason: "store-busy" } : calls === 2 ? "cut" : UploadResponse.fromPartial({
        highestContiguousSequence: sequence,
      }),
  });
  using ledger = openLedger(":memory:");
  using grpc = createGrpcAgentApi({
    endpoints: [{ host: "localhost", port: platform.port }],
    trust: { ca: { pem: platform.authority.pem }, pins: [] },
    proxy: null,
    clock: systemClock,
  });
  await body({ platform, ledger, api: ledgeredApi(grpc, { ledger, clock: systemClock, onLost: assert.fail }) });
}

Deno.test("a batch is sent as the bytes that the ledger has hashed, each time", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await withPlatform(async ({ platform, api, ledger }) => {
      using spool = openSpool(`${folder}/spool.db`, { clock: systemClock, files: denoSpoolFiles, onSalvage() {} });
      const observedAt = new Date();
      spool.append(
        ["a", "b", "c"].map((taskId) => recordOfTaskResult(TaskResult.fromPartial({ taskId }), { observedAt })),
      );
      await using _uplink = startUplink({
        spool,
        api,
        clock: systemClock,
        installationId: "installation",
        runId: "run",
        report() {},
        maxAgeMs: 0,
        random: () => 0,
      });
      await until("the spool is empty", () => spool.stats().depth === 0);
      assert.ok(platform.uploaded.length >= 3, `${platform.uploaded.length}`);
      const [entry, ...others] = ledger.entries();
      assert.deepEqual(others, []);
      const hashes = new Set(platform.uploaded.map(sha256Hex)), sizes = new Set(platform.uploaded.map((b) => b.length));
      assert.deepEqual([[...hashes], [...sizes]], [[entry!.sha256], [entry!.size]]);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a batch is encoded once: neither ledger nor gRPC encodes it again", async () => {
  await withPlatform(async ({ platform, api, ledger }) => {
    const message = Batch.fromPartial({ batchId: "b", sequence: 7n, agentEpoch: "e", recordCount: 2 });
    const encoded = Batch.encode(message).finish();
    // Field 1 once more behind the others: valid, and no encoder writes it so.
    const bytes = Buffer.concat([encoded, Buffer.of(0x0a, 1, "b".charCodeAt(0))]);
    await assert.rejects(api.upload({ message, bytes }), /busy/);
    assert.deepEqual(platform.uploaded, [bytes]);
    assert.equal(platform.calls.upload[0]!.sequence, 7n);
    assert.deepEqual([...ledger.entries()].map(({ sha256, size }) => [sha256, size]), [[
      sha256Hex(bytes),
      bytes.length,
    ]]);
  });
});
