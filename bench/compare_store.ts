/** What agents sent beside what the store has: nothing lost, nothing twice. The end of bench/design_load.ts. */
import { unpackRecord } from "../platform/store/stored_record.ts";
import type { Store } from "../platform/store/store.ts";
import { Record as UploadedRecord } from "../proto/gen/opendca/v1/batch.ts";

export interface SentReading {
  recordId: string;
  serial: string;
  /** By the agent's clock. */
  observedAt: number;
  total: number;
  /** The agent was told that it is stored. */
  acknowledged: boolean;
}

export interface StoredReading {
  recordId: string;
  deviceId: string;
  serial: string;
  observedAt: number;
  total: number;
  /** Samples of the page counter that were made of it. */
  samples: number;
}

/** Names of what is not as it should be, and counts of the rest. */
export interface Comparison {
  acknowledged: number;
  stored: number;
  /** The agent has deleted them. */
  lost: string[];
  /** One reading in two rows, or under two ids. */
  twice: string[];
  /** Stored with another printer or counter than was sent. */
  changed: string[];
  /** Stored, and sent by nobody. */
  unsent: string[];
  /** Without their sample of the page counter, from which periods are billed. */
  unbilled: string[];
  /** Printers that became two devices. */
  divided: string[];
  /** Sent, and not acknowledged until the end: they may be stored or not, and the agent still has them. */
  unacknowledged: { stored: number; notStored: number };
}

/** Every reading that was sent has another counter than the one before of its printer, so that each makes a sample. */
export function compareStore(sent: readonly SentReading[], stored: readonly StoredReading[]): Comparison {
  const byId = new Map(sent.map((reading) => [reading.recordId, reading]));
  const ids = new Set<string>(), moments = new Set<string>();
  const devices = new Map<string, Set<string>>();
  const found: Pick<Comparison, "twice" | "changed" | "unsent" | "unbilled"> = {
    twice: [],
    changed: [],
    unsent: [],
    unbilled: [],
  };
  for (const { recordId, deviceId, serial, observedAt, total, samples } of stored) {
    const name = `${recordId} of ${serial}`, moment = `${serial} ${observedAt}`;
    if (ids.has(recordId) || moments.has(moment)) found.twice.push(name);
    ids.add(recordId);
    moments.add(moment);
    devices.set(serial, (devices.get(serial) ?? new Set()).add(deviceId));
    const was = byId.get(recordId);
    if (was === undefined) found.unsent.push(name);
    else if (was.serial !== serial || was.observedAt !== observedAt || was.total !== total) found.changed.push(name);
    if (samples !== 1) found.unbilled.push(name);
  }
  const acknowledged = sent.filter((reading) => reading.acknowledged);
  const others = sent.filter((reading) => !reading.acknowledged);
  const isStored = ({ recordId }: SentReading) => ids.has(recordId);
  const storedOthers = others.filter(isStored).length;
  return {
    ...found,
    acknowledged: acknowledged.length,
    stored: stored.length,
    lost: acknowledged.filter((reading) => !isStored(reading)).map(({ recordId, serial }) =>
      `${recordId} of ${serial}`
    ),
    divided: [...devices].filter(([, ids]) => ids.size > 1).map(([serial]) => serial),
    unacknowledged: { stored: storedOthers, notStored: others.length - storedOthers },
  };
}

/** All readings that came since then, by the platform's clock. */
export async function storedReadings(store: Store, since: number): Promise<StoredReading[]> {
  const rows = await store.transaction(
    (tx) =>
      tx.all<{ record_id: string; device_id: string; agent_at: number; record: Uint8Array; samples: number }>(
        `SELECT r.record_id, r.device_id, r.agent_at, r.record, (
         SELECT count(*) FROM samples s WHERE s.customer_id = r.customer_id AND s.device_id = r.device_id
           AND s.kind = 'meter' AND s.name = 'total' AND s.observed_at = r.observed_at
       ) AS samples
       FROM records r WHERE r.kind = 'reading' AND r.received_at >= :since`,
        { since },
      ),
    { readOnly: true },
  );
  return rows.map(({ record_id: recordId, device_id: deviceId, agent_at: observedAt, record, samples }) => {
    const { content } = UploadedRecord.decode(unpackRecord(record));
    if (content?.$case !== "reading") throw new Error(`${recordId} is no reading`);
    const { serial = "", meters } = content.value;
    const total = meters.find(({ name }) => name === "total")?.value ?? NaN;
    return { recordId, deviceId, serial, observedAt, total, samples: Number(samples) };
  });
}
