/**
 * What an upload would be, made by the parts that make it: intake, spool, batches and message are the agent's own, over
 * databases in memory. Nothing of it is sent or kept.
 */
import { gunzipSync } from "node:zlib";
import { Record as RecordMessage, RecordList } from "../../proto/gen/opendca/v1/batch.ts";
import type { MaskableField } from "../../common/reading/maskable_fields.ts";
import type { Clock } from "../../common/core/clock.ts";
import { openClockBook } from "../store/clock_book.ts";
import { openDatabase } from "../../common/host/sqlite.ts";
import type { Inventory } from "../store/inventory.ts";
import { sha256Hex } from "../store/ledger_entry.ts";
import type { Reading } from "../../common/reading/reading.ts";
import { openSpool } from "../store/spool.ts";
import type { SpoolFiles } from "../store/spool_files.ts";
import { encodeBatch } from "../link/spool_reading.ts";
import { batchLimits } from "../link/uplink.ts";
import { createReadingIntake } from "./reading_intake.ts";

export interface PreviewedBatch {
  /** As the platform decodes them: proto JSON of a Record. */
  records: unknown[];
  /** Of the record list, before compression. */
  plainBytes: number;
  /** Of the record list as it travels. */
  compressedBytes: number;
  /** Of the whole message, with ids of the same length as those that a sending agent has. */
  messageBytes: number;
  /** Of the whole message, as the ledger makes it; its ids and times are those of this preview. */
  sha256: string;
}

export interface UploadPreview extends Disposable {
  /** A reading as a full read of its device brings it. */
  take(reading: Reading, options: { site: string }): void;
  /** The batches of what was taken since the last call, as if all of it waited for the end of a sweep. */
  batches(): Promise<PreviewedBatch[]>;
}

export interface PreviewOptions {
  /** A copy: it learns of the readings. Disposed of with the preview. */
  inventory: Inventory;
  clock: Pick<Clock, "now">;
  /** See AgentMachine. */
  uptimeMs(): number;
  mask: readonly MaskableField[];
}

/** A disk for one database in memory. */
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
    // What the disk of a real spool has no room for is no matter of what is in a message.
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
  const sender = { installationId: crypto.randomUUID(), runId: crypto.randomUUID() };
  return {
    take: (reading, { site }) => void intake.take(reading, { site, scope: "full" }),
    async batches() {
      // The intake spools behind the microtasks that brought the readings.
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
