/**
 * What an upload would be, made by the parts that make it: intake, spool, batches and message are the agent's own, over
 * databases in memory. Nothing of it is sent or kept.
 */
import { Buffer } from "node:buffer";
import { gunzipSync } from "node:zlib";
import { BatchSeal, Record as RecordMessage, RecordList } from "../../proto/gen/opendca/v1/batch.ts";
import type { MaskableField } from "../../common/reading/maskable_fields.ts";
import type { Clock } from "../../common/core/clock.ts";
import { openClockBook } from "../store/clock_book.ts";
import { openDatabase } from "../../common/host/sqlite.ts";
import type { Inventory } from "../store/inventory.ts";
import { sha256Hex } from "../store/ledger_entry.ts";
import type { Reading } from "../../common/reading/reading.ts";
import type { Batch } from "../store/spool_record.ts";
import { openSpool } from "../store/spool.ts";
import type { SpoolFiles } from "../store/spool_files.ts";
import { encodeBatch } from "../link/spool_reading.ts";
import { batchLimits } from "../link/uplink.ts";
import { createReadingIntake } from "./reading_intake.ts";

export interface PreviewedBatch {
  /** Proto JSON of each Record, as the platform decodes it. */
  records: unknown[];
  /** Bytes of the record list before compression. */
  plainBytes: number;
  /** Bytes of the record list as sent. */
  compressedBytes: number;
  /** Bytes of the whole message, with ids as long as those of a real agent. */
  messageBytes: number;
  /** SHA-256 of the whole message, computed as for the ledger, with the ids and times of this preview. */
  sha256: string;
}

export interface UploadPreview extends Disposable {
  /** Adds a reading of a full read. */
  take(reading: Reading, options: { site: string }): void;
  /** Batches of the readings since the last call, as if all were sent at the end of a sweep. */
  batches(): Promise<PreviewedBatch[]>;
}

export interface PreviewOptions {
  /** A copy of the inventory, which the readings change. Disposed of with the preview. */
  inventory: Inventory;
  clock: Pick<Clock, "now">;
  /** See AgentMachine. */
  uptimeMs(): number;
  mask: readonly MaskableField[];
}

/** A simulated disk for one database in memory. */
const memoryFiles: SpoolFiles = {
  openDatabase: () => openDatabase(":memory:"),
  exists: () => false,
  rename: () => {},
  remove: () => {},
  list: () => [],
  reserve: () => true,
};

export function openUploadPreview({ inventory, clock, uptimeMs, mask }: PreviewOptions): UploadPreview {
  const time = openClockBook({
    now: () => clock.now(),
    uptimeMs,
    kept: undefined,
    save: () => {},
    since: new Date(0),
  });
  const spool = openSpool(":memory:", {
    clock,
    files: memoryFiles,
    // A full disk does not change what is in a message.
    limits: { maxBytes: Number.MAX_SAFE_INTEGER, maxAgeMs: Number.MAX_SAFE_INTEGER },
    onSalvage: () => {},
  });
  let failure: Error | undefined;
  const intake = createReadingIntake({
    inventory,
    spool,
    clock,
    time,
    mask: () => mask,
    mayHold: false,
    onAnswer: () => {},
    onMerged: () => {},
    onSpooled: () => {},
    onLost: (error) => failure ??= error,
  });
  const sender = { installationId: crypto.randomUUID(), runId: crypto.randomUUID(), sign: blankSeal };
  return {
    take: (reading, { site }) => void intake.take(reading, { site, scope: "full" }),
    async batches() {
      // The intake spools after the microtasks that delivered the readings.
      await Promise.resolve();
      if (failure !== undefined) throw failure;
      const previewed: PreviewedBatch[] = [];
      for (;;) {
        const batch = spool.nextBatch({ ...batchLimits, maxAgeMs: 0 });
        if (batch === undefined) return previewed;
        const { message, bytes } = encodeBatch(batch, sender);
        const plain = gunzipSync(message.payload);
        previewed.push({
          records: RecordList.decode(plain).records.map((record) => RecordMessage.toJSON(record)),
          plainBytes: plain.length,
          compressedBytes: message.payload.length,
          messageBytes: bytes.length,
          sha256: sha256Hex(bytes),
        });
        spool.acknowledge(batch.sequence, batch.epoch);
      }
    },
    [Symbol.dispose]() {
      spool[Symbol.dispose]();
      inventory[Symbol.dispose]();
    },
  };
}

/** As long as a signature: a machine that is not activated has no key. */
function blankSeal({ sequence }: Batch): BatchSeal {
  return BatchSeal.create({
    root: Buffer.alloc(32),
    previous: Buffer.alloc(sequence === 1 ? 0 : 32),
    signature: Buffer.alloc(64),
    certificateDigest: Buffer.alloc(32),
  });
}
