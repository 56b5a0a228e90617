/**
 * Readings whose device is not known yet: something else answered once where a known device is, or a partly
 * lost answer came from a place without a known device. They wait for a second read, and then go to the device that it shows.
 */
import { type DeviceEvidence, evidenceValues } from "../../common/reading/device_evidence.ts";
import { isSameUnknownDevice } from "../../common/reading/device_identity.ts";
import type { Database } from "../../common/host/sqlite.ts";
import type { Reading, ReadingScope } from "../../common/reading/reading.ts";
import { type DevicePlace, placeOf } from "./known_evidence.ts";
import { decodeLastGood, encodeLastGood } from "./last_good.ts";

export interface HeldReading {
  id: number;
  at: Date;
  place: DevicePlace;
  evidence: DeviceEvidence;
  /** It is not from the device that is known there. */
  contradicts: boolean;
  /** See `Verdict`. */
  strong: boolean;
}

export interface HeldObservation {
  reading: Reading;
  site: string;
  scope: ReadingScope;
  credential?: string;
}

/** Readings kept of one place: the first and this many of the last, so that doubtful answers cannot fill the disk. */
const mostOfPlace = 8;

export function holdReading(
  db: Database,
  held: Omit<HeldReading, "id" | "place"> & { observation: HeldObservation },
): void {
  const { reading, site, scope, credential } = held.observation;
  const { address, port, printer } = placeOf(reading);
  db.run(
    `INSERT INTO held (at, address, port, printer, evidence, contradicts, strong, site, scope, credential, reading)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    held.at.getTime(),
    address,
    port,
    printer,
    JSON.stringify(held.evidence),
    held.contradicts ? 1 : 0,
    held.strong ? 1 : 0,
    site,
    scope,
    credential ?? null,
    encodeLastGood(reading),
  );
  const ofPlace = "FROM held WHERE address = ? AND port = ? AND printer = ?";
  const place = [address, port, printer];
  db.run(
    `DELETE ${ofPlace} AND id <> (SELECT min(id) ${ofPlace})
     AND id NOT IN (SELECT id ${ofPlace} ORDER BY id DESC LIMIT ${mostOfPlace})`,
    ...place,
    ...place,
    ...place,
  );
}

/** Oldest first. */
export function heldReadings(db: Database): HeldReading[] {
  type Row = DevicePlace & { id: number; at: number; evidence: string; contradicts: number; strong: number };
  return db.all<Row>("SELECT id, at, address, port, printer, evidence, contradicts, strong FROM held ORDER BY id")
    .map(({ id, at, address, port, printer, evidence, contradicts, strong }) => ({
      id,
      at: new Date(at),
      place: { address, port, printer },
      evidence: JSON.parse(evidence),
      contradicts: contradicts === 1,
      strong: strong === 1,
    }));
}

/** Removes and returns readings; a damaged one is skipped. */
export function takeHeld(
  db: Database,
  held: readonly HeldReading[],
): { observation: HeldObservation; at: Date }[] {
  type Row = { at: number; site: string; scope: ReadingScope; credential: string | null; reading: string };
  return held.toSorted((a, b) => a.id - b.id).flatMap(({ id }) => {
    const row = db.get<Row>("SELECT at, site, scope, credential, reading FROM held WHERE id = ?", id);
    db.run("DELETE FROM held WHERE id = ?", id);
    const reading = row === undefined ? null : decodeLastGood(row.reading);
    if (row === undefined || reading === null) return [];
    const { site, scope, credential } = row;
    const observation = { reading, site, scope, ...(credential === null ? {} : { credential }) };
    return [{ observation, at: new Date(row.at) }];
  });
}

/** Held readings that contradict a known device in the same way as this evidence. */
export function heldOfUnknownDevice(held: readonly HeldReading[], evidence: DeviceEvidence): HeldReading[] {
  return held.filter((each) => each.contradicts && isSameUnknownDevice(each.evidence, evidence));
}

/** Held readings of the device with this evidence, from any place. */
export function heldByEvidence(held: readonly HeldReading[], evidence: DeviceEvidence): HeldReading[] {
  const values = evidenceValues(evidence);
  return held.filter(({ evidence: own }) => {
    if (own.serial !== null) return own.serial === evidence.serial;
    return evidenceValues(own).some(({ kind, value }) =>
      values.some((other) => other.kind === kind && other.value === value)
    );
  });
}

/** Held readings of this place that contradict no device and have no other serial number. */
export function heldOfPlace(
  held: readonly HeldReading[],
  { address, port, printer }: DevicePlace,
  { serial }: DeviceEvidence,
): HeldReading[] {
  return held.filter(({ place, contradicts, evidence }) =>
    !contradicts && place.address === address && place.port === port && place.printer === printer &&
    (evidence.serial === null || serial === null || evidence.serial === serial)
  );
}

/** Call when the known device of a place has answered: unconfirmed partly lost answers were not another device. */
export function forgetWeakHeld(db: Database, { address, port, printer }: DevicePlace): void {
  db.run(
    "DELETE FROM held WHERE address = ? AND port = ? AND printer = ? AND contradicts = 1 AND strong = 0",
    address,
    port,
    printer,
  );
}
