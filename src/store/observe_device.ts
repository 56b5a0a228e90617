/** Applies one reading to the inventory, within a transaction. common/reading/device_identity.ts decides which device it is. */
import { evidenceValues } from "../../common/reading/device_evidence.ts";
import {
  isDuplicateOf,
  judgePlace,
  judgeValue,
  matchDevice,
  type Seen,
  type Verdict,
} from "../../common/reading/device_identity.ts";
import type { Database } from "../../common/host/sqlite.ts";
import type { Reading, ReadingScope } from "../../common/reading/reading.ts";
import {
  forgetWeakHeld,
  heldByEvidence,
  heldOfPlace,
  heldOfUnknownDevice,
  type HeldReading,
  heldReadings,
  holdReading,
  takeHeld,
} from "./held_readings.ts";
import { insertEvent, type InventoryEvent, type InventoryEventType } from "./inventory_event.ts";
import {
  candidateOf,
  candidatesFor,
  type DevicePlace,
  holdersOf,
  knownEvidence,
  maybeDeviceAt,
  maybeDeviceHere,
  placeOf,
  seenIn,
} from "./known_evidence.ts";
import { decodeLastGood, encodeLastGood } from "./last_good.ts";
import { mergeDevices } from "./merge_devices.ts";
import { isAsleep, mergeReading } from "./merge_reading.ts";

export interface Observation {
  reading: Reading;
  site: string;
  /** Name of the credential that worked. */
  credential?: string;
  /** MAC addresses of further interfaces. */
  macs?: readonly string[];
  /** What was read; default: `full`. */
  scope?: ReadingScope;
  /** False if there will be no second read: doubtful readings are decided at once. */
  mayHold?: boolean;
}

/** A reading whose device is known. */
export interface Observed {
  deviceId: string;
  /** Ambiguous identity: the device was kept separate from others that share evidence with it. */
  quarantined: boolean;
  events: InventoryEvent[];
  /** The last good values, including this reading. */
  merged: Reading;
  /** Time of observation, which may be a while ago for a held reading. */
  site: string;
  scope: ReadingScope;
}

/** This many partly lost answers from a place without a known device make a device, even with little evidence. */
const sightingsOfUnknown = 3;

/** A printer that can never be read completely is accepted after it has shown the same identity this many times. */
const weakSightings = 3, weakForMs = 86_400_000;

type Recorder = (type: InventoryEventType, deviceId: string, details: Record<string, unknown>) => InventoryEvent;

/**
 * The readings whose device this one identifies: held ones, if any, and this one last. Empty if it is doubtful
 * which device it is, so that it is held as well.
 */
export function observeDevice(db: Database, observation: Observation, now: Date): Observed[] {
  const seen = seenIn(observation), place = placeOf(observation.reading);
  const judged = judge(db, observation, { seen, place, now });
  if (judged === undefined) return [];
  const { verdict, released } = judged;
  const events: InventoryEvent[] = [];
  const record: Recorder = (type, deviceId, details) => {
    const event = insertEvent(db, { at: now, type, deviceId, details });
    events.push(event);
    return event;
  };
  const isNew = verdict.type !== "known";
  const deviceId = isNew ? addDevice(db, { observation, verdict, now }) : verdict.deviceId;
  const { evidence } = seen;
  if (isNew) record("deviceAdded", deviceId, { address: place.address, evidence });
  if (verdict.type === "conflict") {
    record("identityConflict", deviceId, { reason: verdict.reason, deviceIds: verdict.deviceIds, evidence });
  }
  // Its former place is looked up before it takes over the places of a duplicate.
  const whereabouts = whereaboutsOf(db, deviceId, place);
  if (!isNew) absorbDuplicate(db, { deviceId, place, seen, record });
  keepEvidence(db, seen, { deviceId, verdict, record, firstEvent: events[0]?.id ?? 0 });
  moveTo(db, place, { deviceId, whereabouts, isNew, now, record });
  const observed: Observed[] = [];
  let isFirst = isNew;
  for (const { observation: held, at } of takeHeld(db, released)) {
    const reading = seen.whole && !seenIn(held).whole ? named(held.reading, observation.reading) : held.reading;
    observed.push(keepReading(db, { ...held, reading }, { deviceId, isFirst, at, record }));
    isFirst = false;
  }
  observed.push(keepReading(db, observation, { deviceId, isFirst, at: now, record }));
  observed.at(-1)!.events = events;
  return observed;
}

/** A partly lost answer with the names from a complete one: its own may be those of a network card or a part. */
function named(lossy: Reading, { serial, mac, manufacturer, model, snmp }: Reading): Reading {
  return { ...lossy, serial, mac, manufacturer, model, snmp: { ...lossy.snmp, engineId: snmp.engineId } };
}

interface Judged {
  verdict: Exclude<Verdict, { type: "contradicted" }>;
  released: HeldReading[];
}

/** Undefined if the reading is held. */
function judge(
  db: Database,
  observation: Observation,
  { seen, place, now }: { seen: Seen; place: DevicePlace; now: Date },
): Judged | undefined {
  const { evidence, whole } = seen;
  const mayHold = observation.mayHold ?? true;
  const candidates = candidatesFor(db, evidence, maybeDeviceHere(db, place));
  const verdict = matchDevice(seen, candidates);
  const held = heldReadings(db);
  const hold = (contradicts: boolean, strong: boolean) => {
    const { reading, site, scope = "full", credential } = observation;
    const kept = { reading, site, scope, ...(credential === undefined ? {} : { credential }) };
    holdReading(db, { at: now, evidence, contradicts, strong, observation: kept });
    return undefined;
  };
  if (verdict.type === "contradicted") {
    const before = heldOfUnknownDevice(held, evidence);
    const isSeenTwice = before.length > 0 && (verdict.strong || before.some(({ strong }) => strong) ||
      (before.length >= weakSightings && now.getTime() - before[0]!.at.getTime() >= weakForMs));
    if (mayHold && !isSeenTwice) {
      if (before.length === 0) {
        const { deviceId, by } = verdict;
        insertEvent(db, {
          at: now,
          type: "identityDoubted",
          deviceId,
          details: { address: place.address, by, evidence },
        });
      }
      return hold(true, verdict.strong);
    }
    const elsewhere = matchDevice(seen, candidates.map((candidate) => ({ ...candidate, isHere: false })));
    if (elsewhere.type === "contradicted") throw new TypeError("Nobody is there who could be contradicted");
    return { verdict: elsewhere, released: before };
  }
  const ofPlace = heldOfPlace(held, place, evidence);
  if (mayHold && !whole && verdict.type !== "known" && ofPlace.length + 1 < sightingsOfUnknown) {
    return hold(false, false);
  }
  // The known device has answered: partial contradictions were not another device.
  if (verdict.type === "known" && !verdict.reasons.includes("place")) forgetWeakHeld(db, place);
  const byEvidence = heldByEvidence(held, evidence).filter((each) => !ofPlace.includes(each));
  return { verdict, released: [...ofPlace, ...byEvidence] };
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

/**
 * A device that moved while its answers were lost may have become a new device at its new place. It is a duplicate if it
 * never showed other evidence, and the device was not seen elsewhere since.
 */
function absorbDuplicate(
  db: Database,
  { deviceId, place, seen, record }: { deviceId: string; place: DevicePlace; seen: Seen; record: Recorder },
): void {
  const there = maybeDeviceAt(db, place);
  if (there === undefined || there === deviceId) return;
  const timesOf = (id: string) =>
    db.get<{ added_at: number; seen_at: number }>("SELECT added_at, seen_at FROM device WHERE id = ?", id)!;
  if (timesOf(deviceId).seen_at > timesOf(there).added_at) return;
  const known = candidateOf(db, deviceId);
  const shown = evidenceValues(seen.evidence).map((each) => ({ ...each, current: true, shared: false, sure: true }));
  if (!isDuplicateOf(candidateOf(db, there), { ...known, evidence: [...known.evidence, ...shown] })) return;
  mergeDevices(db, { from: there, into: deviceId, record });
}

/** Adds the evidence to the device, and takes evidence of boards that moved to it from their former device. */
function keepEvidence(
  db: Database,
  { evidence, whole }: Seen,
  options: { deviceId: string; verdict: Verdict; record: Recorder; firstEvent: number },
): void {
  const { deviceId, verdict } = options;
  const sure = whole ? 1 : 0;
  const known = knownEvidence(db, deviceId);
  const values = evidenceValues(evidence);
  const added = values.filter(({ kind, value }) => !known.some((each) => each.kind === kind && each.value === value));
  let event = options.firstEvent;
  if (verdict.type === "known" && added.length > 0) {
    event = options.record("evidenceAdded", deviceId, { added, reasons: verdict.reasons }).id;
  }
  for (const { kind, value } of values) {
    const holders = holdersOf(db, kind, value);
    db.run(
      `INSERT INTO evidence (device, kind, value, current, sure, event) VALUES (?, ?, ?, 1, ?, ?)
       ON CONFLICT (kind, value, device) DO UPDATE SET sure = max(sure, excluded.sure)`,
      deviceId,
      kind,
      value,
      sure,
      event,
    );
    // An ambiguous observation does not decide which device a board belongs to.
    if (verdict.type === "conflict") continue;
    const judged = judgeValue({ kind, value }, known, holders.filter((holder) => holder.deviceId !== deviceId));
    if (judged === "shared") db.run("UPDATE evidence SET shared = 1 WHERE kind = ? AND value = ?", kind, value);
    else if (judged === "taken" && kind !== "serial") {
      db.run("UPDATE evidence SET current = (device = ?) WHERE kind = ? AND value = ?", deviceId, kind, value);
    }
  }
}

/** Where a device was before its reading is applied. */
interface Whereabouts {
  isHere: boolean;
  /** Whether it has a present place. */
  isSomewhere: boolean;
  /** The place where it was seen last. */
  last: DevicePlace | undefined;
  /** When it was seen last at the place of the reading. */
  hereMs: number | undefined;
}

function whereaboutsOf(db: Database, deviceId: string, place: DevicePlace): Whereabouts {
  return {
    isHere: maybeDeviceAt(db, place) === deviceId,
    isSomewhere: db.get("SELECT 1 FROM location WHERE device = ? AND until IS NULL", deviceId) !== undefined,
    last: db.get<DevicePlace>(
      "SELECT address, port, printer FROM location WHERE device = ? ORDER BY seen_at DESC, rowid DESC LIMIT 1",
      deviceId,
    ),
    hereMs: db.get<{ at: number | null }>(
      "SELECT max(seen_at) AS at FROM location WHERE device = ? AND address = ? AND port = ? AND printer = ?",
      deviceId,
      ...valuesOf(place),
    )?.at ?? undefined,
  };
}

function moveTo(
  db: Database,
  place: DevicePlace,
  options: { deviceId: string; whereabouts: Whereabouts; isNew: boolean; now: Date; record: Recorder },
): void {
  const { deviceId, whereabouts: { isHere, isSomewhere, last, hereMs }, isNew, record } = options;
  const { address, port } = place;
  const nowMs = options.now.getTime();
  const ofPlace = "address = ? AND port = ? AND printer = ? AND until IS NULL";
  if (isHere) return void db.run(`UPDATE location SET seen_at = ? WHERE ${ofPlace}`, nowMs, ...valuesOf(place));
  const there = maybeDeviceAt(db, place);
  // The former device of this place has moved or is gone; it keeps its history and is searched for.
  db.run(`UPDATE location SET until = ? WHERE ${ofPlace}`, nowMs, ...valuesOf(place));
  const hasTwo = there === undefined && isSomewhere && judgePlace(hereMs, nowMs) === "again";
  // At this address it was, or is now, one of several printers.
  const left = hasTwo ? " AND address = ? AND port = ?" : "";
  db.run(
    `UPDATE location SET until = ? WHERE device = ? AND until IS NULL${left}`,
    nowMs,
    deviceId,
    ...(hasTwo ? [address, port] : []),
  );
  db.run(
    "INSERT INTO location (device, address, port, printer, since, seen_at) VALUES (?, ?, ?, ?, ?, ?)",
    deviceId,
    ...valuesOf(place),
    nowMs,
    nowMs,
  );
  if (hasTwo) return;
  if (isNew) {
    if (there !== undefined) record("deviceReplaced", deviceId, { address, previousDeviceId: there });
  } else if (last?.address !== address || last.port !== port) {
    record("deviceMoved", deviceId, { address, previousAddress: last?.address ?? null });
  }
}

function valuesOf({ address, port, printer }: DevicePlace): [string, number, number] {
  return [address, port, printer];
}

/** Merges a reading into the last good values of its device. */
function keepReading(
  db: Database,
  observation: Observation,
  { deviceId, isFirst, at, record }: { deviceId: string; isFirst: boolean; at: Date; record: Recorder },
): Observed {
  const { reading, site, scope = "full" } = observation;
  const { evidence: { maker, model }, whole } = seenIn(observation);
  const before = db.get<{ quarantined: number; last_good: string }>(
    "SELECT quarantined, last_good FROM device WHERE id = ?",
    deviceId,
  )!;
  const lastGood = isFirst ? null : decodeLastGood(before.last_good);
  const merged = mergeReading(lastGood, reading, scope);
  reportMeters(lastGood, merged, (details) => record("meterWentBack", deviceId, details));
  // The name in a partly lost answer may be a fallback for a better one that was lost.
  const named = whole
    ? "maker = coalesce(?, maker), model = coalesce(?, model)"
    : "maker = coalesce(maker, ?), model = coalesce(model, ?)";
  db.run(
    `UPDATE device SET seen_at = ?, site = ?, ${named}, asleep = ?, credential = coalesce(?, credential),
     snmp_version = ?, last_good = ? WHERE id = ?`,
    at.getTime(),
    site,
    maker,
    model,
    isAsleep(reading) ? 1 : 0,
    observation.credential ?? null,
    reading.snmp.version,
    encodeLastGood(merged),
    deviceId,
  );
  return { deviceId, quarantined: before.quarantined === 1, events: [], merged, site, scope };
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
