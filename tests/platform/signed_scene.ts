/** An agent whose batches are signed, and statements of what it sent. */
import { denoDisk } from "../../common/host/disk.ts";
import { changeBillingSettings } from "../../platform/billing/settings.ts";
import { exportStatement } from "../../platform/billing/export_statement.ts";
import { makeStatement } from "../../platform/billing/make_statement.ts";
import type { DayPeriod } from "../../platform/billing/period.ts";
import { type Batch, Record as UploadedRecord } from "../../proto/gen/opendca/v1/batch.ts";
import { createBatchSigner } from "../../src/link/batch_signer.ts";
import { batchOf, type Bench, readingOf, recordOf, startBench } from "../fixtures/platform_uploads.ts";

const day = 86_400_000;
export const today = Math.floor(Date.now() / day) * day;
const ago = (days: number) => new Date(today - days * day + day / 2);
export const dayText = (days: number) => ago(days).toISOString().slice(0, 10);
export const period = { fromDay: dayText(20), toDay: dayText(5) };

export interface SignedScene extends Bench {
  by: { actor: "platform"; tenant: string };
  /** With what the next batches are signed. */
  identity: { keyPem: string; certificatePem: string };
  /** Uploads readings of `total` as one signed batch. */
  send(values: Record<number, number>, alter?: (batch: Batch) => Batch): Promise<void>;
  /** A statement of the period, as it is exported. */
  statement(days?: DayPeriod): Promise<string>;
  exported(number: number): Promise<string>;
}

export async function signedScene(): Promise<SignedScene> {
  const bench = await startBench();
  const folder = await Deno.makeTempDir();
  const { agent, platform } = bench;
  const { privateKeyPem: keyPem, chain: certificatePem } = agent.identity;
  let sequence = 0;
  const by = { actor: "platform" as const, tenant: agent.tenant.customerId };
  const scene: SignedScene = {
    ...bench,
    by,
    identity: { keyPem, certificatePem },
    async send(values, alter = (batch) => batch) {
      // A new one each time, as after a restart of the agent.
      const sign = createBatchSigner({
        disk: denoDisk,
        stateDirectory: folder,
        agentId: agent.agentId,
        identity: () => scene.identity,
      });
      const records = Object.entries(values).map(([days, total]) => {
        const observedAt = ago(Number(days));
        return recordOf(readingOf({ total, observedAt }), { observedAt });
      });
      const batch = batchOf(agent, { sequence: ++sequence, records });
      const { agentEpoch: epoch, batchId } = batch;
      const seal = sign(
        { epoch, sequence, batchId, formedAt: new Date(), records: [] },
        records.map((record) => UploadedRecord.encode(record).finish()),
      );
      await bench.upload(alter({ ...batch, seal }));
    },
    async statement(days = period) {
      await changeBillingSettings(platform.platform, by, { meters: ["total"] });
      const { number } = await makeStatement(platform.platform, by, days);
      return await scene.exported(number);
    },
    async exported(number) {
      const { parts } = await exportStatement(platform.platform, by, { number, form: "json" });
      return await new Response(ReadableStream.from(parts)).text();
    },
    async [Symbol.asyncDispose]() {
      await bench[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
  return scene;
}
