/** `serve --keep-…`: how long data is kept. */
import type { Command } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import { defaultRetention, type Retention } from "../../devices/retention.ts";
import { timeOption } from "./command_context.ts";

/** Milliseconds. */
export interface RetentionFlags {
  keepRecords?: number;
  keepProofs?: number;
  keepSamples?: number;
}

const dayMs = 86_400_000;

export function addRetentionOptions(serve: Command): Command {
  return serve
    .option(
      "--keep-records <time>",
      "how long uploaded records are kept as they came",
      timeOption("--keep-records", { min: "1d", max: "3650d", bareUnit: "d" }),
    )
    .option(
      "--keep-proofs <time>",
      "how long those readings are kept, with what signs them, that statements of past months are proved by",
      timeOption("--keep-proofs", { min: "1d", max: "3650d", bareUnit: "d" }),
    )
    .option(
      "--keep-samples <time>",
      "how long meters, supply levels and ended alerts are kept",
      timeOption("--keep-samples", { min: "90d", max: "36500d", bareUnit: "d" }),
    );
}

/** What is not given has its default; proofs are kept as long as the records at least. Throws UsageError. */
export function retentionOf({ keepRecords, keepProofs, keepSamples }: RetentionFlags): Retention {
  const days = (given: number | undefined, usual: number) => given === undefined ? usual : given / dayMs;
  const recordDays = days(keepRecords, defaultRetention.recordDays);
  const proofDays = days(keepProofs, Math.max(defaultRetention.proofDays, recordDays));
  const sampleDays = days(keepSamples, defaultRetention.sampleDays);
  if (proofDays >= recordDays) return { recordDays, proofDays, sampleDays };
  throw new UsageError(
    `Cannot keep proofs for ${proofDays} days as records are kept for ${recordDays}`,
    "give --keep-proofs at least as much time as --keep-records",
  );
}
