/** Merges two devices: evidence, places and decisions of one go to the other. */
import {
  type EvidenceKind,
  maybeDeviceMac,
  maybeDeviceSerial,
  maybeEngineId,
} from "../../common/reading/device_evidence.ts";
import { type Candidate, isDuplicateOf, twoPlacesMs } from "../../common/reading/device_identity.ts";
import type { Database } from "../../common/host/sqlite.ts";
import type { Reading } from "../../common/reading/reading.ts";
import { insertEvent, type InventoryEvent } from "./inventory_event.ts";
import { candidateOf } from "./known_evidence.ts";
import { decodeLastGood, encodeLastGood } from "./last_good.ts";

interface MergedRow {
  added_at: number;
  seen_at: number;
  site: string;
  maker: string | null;
  model: string | null;
  asleep: number;
  credential: string | null;
  snmp_version: string | null;
  last_good: string;
}

/** `record` stores the event. */
export function mergeDevices(
  db: Database,
  { from, into, record }: {
    from: string;
    into: string;
    record: (type: "deviceMerged", deviceId: string, details: Record<string, unknown>) => InventoryEvent;
  },
): void {
  const rowOf = (id: string) => db.get<MergedRow>("SELECT * FROM device WHERE id = ?", id)!;
  const gone = rowOf(from), stays = rowOf(into);
  const event = record("deviceMerged", into, { mergedDeviceId: from });
  db.run(
    `INSERT INTO evidence (device, kind, value, current, shared, sure, event)
     SELECT ?, kind, value, current, shared, sure, ? FROM evidence WHERE device = ?
     ON CONFLICT (kind, value, device) DO UPDATE SET current = max(current, excluded.current),
       shared = max(shared, excluded.shared), sure = max(sure, excluded.sure)`,
    into,
    event.id,
    from,
  );
  db.run("DELETE FROM evidence WHERE device = ?", from);
  db.run("UPDATE location SET device = ? WHERE device = ?", into, from);
  // Its place is where it was seen last.
  db.run(
    `UPDATE location SET until = seen_at WHERE device = ? AND until IS NULL AND rowid <> (
       SELECT rowid FROM location WHERE device = ? AND until IS NULL ORDER BY seen_at DESC, rowid DESC LIMIT 1)`,
    into,
    into,
  );
  db.run("UPDATE event SET device = ? WHERE device = ?", into, from);
  db.run("DELETE FROM mark WHERE name = ?", `presence:${from}`);
  const [newer, older] = gone.seen_at > stays.seen_at ? [gone, stays] : [stays, gone];
  db.run(
    `UPDATE device SET added_at = ?, seen_at = ?, site = ?, maker = ?, model = ?, asleep = ?, credential = ?,
     snmp_version = ?, last_good = ? WHERE id = ?`,
    Math.min(gone.added_at, stays.added_at),
    newer.seen_at,
    newer.site,
    stays.maker ?? gone.maker,
    stays.model ?? gone.model,
    newer.asleep,
    newer.credential ?? older.credential,
    newer.snmp_version,
    mergedLastGood(newer.last_good, older.last_good),
    into,
  );
  db.run("DELETE FROM device WHERE id = ?", from);
}

/** The later reading, with meters and names that it lacks from the other one. */
function mergedLastGood(newer: string, older: string): string {
  const now = decodeLastGood(newer), before = decodeLastGood(older);
  if (now === null || before === null) return now === null ? older : newer;
  const kept: Partial<Reading> = {
    serial: now.serial ?? before.serial,
    mac: now.mac ?? before.mac,
    manufacturer: now.manufacturer ?? before.manufacturer,
    model: now.model ?? before.model,
    meters: now.meters.length > 0 ? now.meters : before.meters,
    supplies: now.supplies.length > 0 ? now.supplies : before.supplies,
    trays: now.trays.length > 0 ? now.trays : before.trays,
  };
  return encodeLastGood({ ...now, ...kept });
}

/** Evidence in the present spelling, without values that no longer identify a device. */
export function respellEvidence(db: Database): void {
  const spelled = { serial: maybeDeviceSerial, engineId: maybeEngineId, mac: maybeDeviceMac };
  type Row = { device: string; kind: EvidenceKind; value: string; event: number; current: number };
  for (const { device, kind, value, event, current } of db.all<Row>("SELECT * FROM evidence")) {
    const now = spelled[kind](value);
    if (now === value) continue;
    db.run("DELETE FROM evidence WHERE device = ? AND kind = ? AND value = ?", device, kind, value);
    if (now === null) continue;
    db.run(
      "INSERT INTO evidence (device, kind, value, current, event) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
      device,
      kind,
      now,
      current,
      event,
    );
  }
}

interface Suspect extends Candidate {
  addedMs: number;
  seenMs: number;
  /** When it was first seen at each place. */
  places: Map<string, number>;
}

/**
 * Merges devices that earlier releases made of partly lost answers: those without evidence, or with a part of that of
 * another one, at one place. Returns how many were merged.
 */
export function mergeDuplicates(db: Database): number {
  const suspects = db.all<{ id: string; added_at: number; seen_at: number }>("SELECT id, added_at, seen_at FROM device")
    .map(({ id, added_at, seen_at }): Suspect => ({
      ...candidateOf(db, id),
      addedMs: added_at,
      seenMs: seen_at,
      places: new Map(
        db.all<{ place: string; since: number }>(
          `SELECT address || ' ' || port || ' ' || printer AS place, min(since) AS since FROM location
           WHERE device = ? GROUP BY place`,
          id,
        ).map(({ place, since }) => [place, since]),
      ),
    }));
  // Weakest evidence first, then youngest: each is merged into one later in this order.
  suspects.sort((a, b) => strength(a) - strength(b) || b.addedMs - a.addedMs || (a.deviceId < b.deviceId ? -1 : 1));
  const rank = new Map(suspects.map((suspect, i) => [suspect, i]));
  const byPlace = new Map<string, Suspect[]>();
  for (const suspect of suspects) {
    for (const place of suspect.places.keys()) byPlace.set(place, [...byPlace.get(place) ?? [], suspect]);
  }
  let merged = 0;
  for (const [i, weak] of suspects.entries()) {
    const stronger = new Set([...weak.places.keys()].flatMap((place) => byPlace.get(place)!));
    const into = bestOf(weak, [...stronger].filter((each) => rank.get(each)! > i));
    if (into === undefined) continue;
    mergeDevices(db, {
      from: weak.deviceId,
      into: into.deviceId,
      record: (type, deviceId, details) =>
        insertEvent(db, { at: new Date(Math.max(weak.seenMs, into.seenMs)), type, deviceId, details }),
    });
    into.addedMs = Math.min(into.addedMs, weak.addedMs);
    into.seenMs = Math.max(into.seenMs, weak.seenMs);
    merged++;
  }
  return merged;
}

function strength({ evidence }: Suspect): number {
  return evidence.length + (evidence.some(({ kind }) => kind === "serial") ? 100 : 0);
}

/** The device that was at this place when it was first seen there. */
function bestOf(weak: Suspect, stronger: readonly Suspect[]): Suspect | undefined {
  const fitting = stronger.filter((each) => {
    if (!isDuplicateOf(weak, each)) return false;
    // A device that had been gone for long may have been replaced by it.
    return weak.evidence.length > 0 || each.evidence.length === 0 || weak.addedMs - each.seenMs < twoPlacesMs;
  });
  const sinceOf = (each: Suspect) =>
    Math.max(...[...weak.places.keys()].flatMap((place) => each.places.get(place) ?? []));
  const before = fitting.filter((each) => sinceOf(each) <= weak.addedMs);
  const withEvidence = (list: Suspect[]) =>
    list.some((each) => each.evidence.length > 0) ? list.filter((each) => each.evidence.length > 0) : list;
  if (before.length > 0) return withEvidence(before).sort((a, b) => sinceOf(b) - sinceOf(a))[0];
  return withEvidence(fitting).sort((a, b) => sinceOf(a) - sinceOf(b))[0];
}
