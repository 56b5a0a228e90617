/** What one reading does to the inventory, within a transaction. */
import type { Database } from "../core/sqlite.ts";
import type { Reading, ReadingScope } from "../printers/reading.ts";
import { type DeviceEvidence, evidenceOf } from "./evidence.ts";
import { insertEvent, type InventoryEvent, type InventoryEventType } from "./inventory_event.ts";
import { decodeLastGood, encodeLastGood } from "./last_good.ts";
import { type Candidate, type EvidenceKind, matchDevice, type Verdict } from "./match_device.ts";
import { isAsleep, mergeReading } from "./merge_reading.ts";

export interface Observation {
  reading: Reading;
  site: string;
  /** Name of the credential that worked. */
  credential?: string;
  /** MAC addresses of further interfaces. */
  macs?: readonly string[];
  /** What was asked for; `full` unless told. */
  scope?: ReadingScope;
}

export interface Observed {
  deviceId: string;
  /** Identity is in doubt: the device was kept apart from others that share evidence with it. */
  quarantined: boolean;
  events: InventoryEvent[];
  /** The last good values with this reading in them. */
  merged: Reading;
}

interface DeviceRow {
  id: string;
  maker: string | null;
  model: string | null;
  quarantined: number;
  last_good: string;
}

export function observeDevice(db: Database, observation: Observation, now: Date): Observed {
  const { reading } = observation;
  const evidence = evidenceOf(reading, observation.macs);
  const verdict = matchDevice(evidence, candidatesFor(db, evidence, reading), { address: placeOf(reading) });
  const events: InventoryEvent[] = [];
  const record = (type: InventoryEventType, deviceId: string, details: Record<string, unknown>) => {
    const event = insertEvent(db, { at: now, type, deviceId, details });
    events.push(event);
    return event;
  };
  const deviceId = verdict.type === "known" ? verdict.deviceId : addDevice(db, { observation, verdict, now });
  if (verdict.type !== "known") record("deviceAdded", deviceId, { address: reading.address, evidence });
  if (verdict.type === "conflict") {
    record("identityConflict", deviceId, { reason: verdict.reason, deviceIds: verdict.deviceIds, evidence });
  }
  keepEvidence(db, evidence, { deviceId, verdict, record, firstEvent: events[0]?.id ?? 0 });
  moveTo(db, reading, { deviceId, isNew: verdict.type !== "known", now, record });
  const before = db.get<DeviceRow>("SELECT * FROM device WHERE id = ?", deviceId)!;
  const lastGood: Reading | null = verdict.type === "known" ? decodeLastGood(before.last_good) : null;
  const merged = mergeReading(lastGood, reading, observation.scope);
  reportMeters(lastGood, merged, (details) => record("meterWentBack", deviceId, details));
  db.run(
    `UPDATE device SET seen_at = ?, site = ?, maker = coalesce(?, maker), model = coalesce(?, model), asleep = ?,
     credential = coalesce(?, credential), snmp_version = ?, last_good = ? WHERE id = ?`,
    now.getTime(),
    observation.site,
    evidence.maker,
    evidence.model,
    isAsleep(reading) ? 1 : 0,
    observation.credential ?? null,
    reading.snmp.version,
    encodeLastGood(merged),
    deviceId,
  );
  return { deviceId, quarantined: before.quarantined === 1, events, merged };
}

function candidatesFor(db: Database, evidence: DeviceEvidence, reading: Reading): Candidate[] {
  const ids = new Set<string>();
  for (const [kind, value] of pairsOf(evidence)) {
    for (
      const { device } of db.all<{ device: string }>(
        "SELECT device FROM evidence WHERE kind = ? AND value = ?",
        kind,
        value,
      )
    ) ids.add(device);
  }
  const there = maybeDeviceAt(db, reading);
  if (there !== undefined) ids.add(there);
  return [...ids].map((id) => candidateOf(db, id));
}

function candidateOf(db: Database, id: string): Candidate {
  const { maker, model } = db.get<DeviceRow>("SELECT * FROM device WHERE id = ?", id)!;
  const evidence = db.all<{ kind: EvidenceKind; value: string; current: number }>(
    "SELECT kind, value, current FROM evidence WHERE device = ?",
    id,
  );
  const place = db.get<{ address: string; port: number }>(
    "SELECT address, port FROM location WHERE device = ? AND until IS NULL",
    id,
  );
  return {
    deviceId: id,
    evidence: evidence.map((each) => ({ ...each, current: each.current === 1 })),
    maker,
    model,
    address: place === undefined ? null : placeOf(place),
  };
}

function addDevice(
  db: Database,
  { observation, verdict, now }: { observation: Observation; verdict: Verdict; now: Date },
): string {
  const id = crypto.randomUUID();
  db.run(
    `INSERT INTO device (id, added_at, seen_at, site, quarantined, asleep, last_good) VALUES (?, ?, ?, ?, ?, 0, 'null')`,
    id,
    now.getTime(),
    now.getTime(),
    observation.site,
    verdict.type === "conflict" ? 1 : 0,
  );
  return id;
}

/** Gives the device what it was seen with, and takes boards that have moved to it from where they were. */
function keepEvidence(
  db: Database,
  evidence: DeviceEvidence,
  options: {
    deviceId: string;
    verdict: Verdict;
    record: (type: InventoryEventType, deviceId: string, details: Record<string, unknown>) => InventoryEvent;
    firstEvent: number;
  },
): void {
  const { deviceId, verdict } = options;
  const known = new Set(
    db.all<{ kind: string; value: string }>("SELECT kind, value FROM evidence WHERE device = ?", deviceId)
      .map(({ kind, value }) => `${kind} ${value}`),
  );
  const added = pairsOf(evidence).filter(([kind, value]) => !known.has(`${kind} ${value}`));
  let event = options.firstEvent;
  if (verdict.type === "known" && added.length > 0) {
    event = options.record("evidenceAdded", deviceId, {
      added: added.map(([kind, value]) => ({ kind, value })),
      reasons: verdict.reasons,
    }).id;
  }
  for (const [kind, value] of added) {
    db.run(
      "INSERT INTO evidence (device, kind, value, current, event) VALUES (?, ?, ?, 1, ?)",
      deviceId,
      kind,
      value,
      event,
    );
  }
  // An ambiguous observation does not decide whose board it is.
  if (verdict.type === "conflict") return;
  for (const [kind, value] of pairsOf(evidence)) {
    if (kind === "serial") continue;
    db.run("UPDATE evidence SET current = (device = ?) WHERE kind = ? AND value = ?", deviceId, kind, value);
  }
}

function moveTo(
  db: Database,
  reading: Reading,
  options: {
    deviceId: string;
    isNew: boolean;
    now: Date;
    record: (type: InventoryEventType, deviceId: string, details: Record<string, unknown>) => InventoryEvent;
  },
): void {
  const { deviceId, now } = options;
  const there = maybeDeviceAt(db, reading);
  if (there === deviceId) return;
  const before = db.get<{ address: string; port: number }>(
    "SELECT address, port FROM location WHERE device = ? ORDER BY rowid DESC LIMIT 1",
    deviceId,
  );
  db.run("UPDATE location SET until = ? WHERE device = ? AND until IS NULL", now.getTime(), deviceId);
  // Whoever was here is somewhere else now, or gone; it keeps its history and is looked for.
  db.run(
    "UPDATE location SET until = ? WHERE address = ? AND port = ? AND until IS NULL",
    now.getTime(),
    reading.address,
    reading.port,
  );
  db.run(
    "INSERT INTO location (device, address, port, since) VALUES (?, ?, ?, ?)",
    deviceId,
    reading.address,
    reading.port,
    now.getTime(),
  );
  if (options.isNew) {
    if (there !== undefined) {
      options.record("deviceReplaced", deviceId, { address: reading.address, previousDeviceId: there });
    }
  } else if (before === undefined || placeOf(before) !== placeOf(reading)) {
    options.record("deviceMoved", deviceId, { address: reading.address, previousAddress: before?.address ?? null });
  }
}

function maybeDeviceAt(db: Database, { address, port }: { address: string; port: number }): string | undefined {
  return db.get<{ device: string }>(
    "SELECT device FROM location WHERE address = ? AND port = ? AND until IS NULL",
    address,
    port,
  )?.device;
}

function reportMeters(
  before: Reading | null,
  after: Reading,
  report: (details: Record<string, unknown>) => void,
): void {
  for (const { name, unit, value } of before?.meters ?? []) {
    const now = after.meters.find((meter) => meter.name === name && meter.unit === unit);
    if (now !== undefined && now.value < value) report({ meter: name, before: value, after: now.value });
  }
}

function pairsOf({ serial, engineId, macs }: DeviceEvidence): [EvidenceKind, string][] {
  return [
    ...(serial === null ? [] : [["serial", serial] as [EvidenceKind, string]]),
    ...(engineId === null ? [] : [["engineId", engineId] as [EvidenceKind, string]]),
    ...macs.map((mac): [EvidenceKind, string] => ["mac", mac]),
  ];
}

function placeOf({ address, port }: { address: string; port: number }): string {
  return `${address} ${port}`;
}
