/** Evidence of the inventory's devices in the form that common/reading/device_identity.ts judges. */
import {
  type DeviceEvidence,
  type EvidenceKind,
  evidenceOf,
  evidenceValues,
  isWhole,
} from "../../common/reading/device_evidence.ts";
import type { Candidate, KnownValue, Seen } from "../../common/reading/device_identity.ts";
import type { Database } from "../../common/host/sqlite.ts";
import type { Reading, ReadingScope } from "../../common/reading/reading.ts";
import { decodeLastGood } from "./last_good.ts";

/** Where a reading comes from; `printer` is hrDeviceIndex where several printers answer at one address, else 0. */
export interface DevicePlace {
  address: string;
  port: number;
  printer: number;
}

export function placeOf({ address, port, deviceIndex }: Reading): DevicePlace {
  return { address, port, printer: deviceIndex ?? 0 };
}

/** The usable evidence of a reading; `macs` are those of further interfaces. */
export function evidenceOfReading(reading: Reading, macs: readonly string[] = []): DeviceEvidence {
  const { serial, snmp, mac, manufacturer, model } = reading;
  return evidenceOf({ serial, engineId: snmp.engineId, macs: [mac, ...macs], maker: manufacturer, model });
}

export function seenIn(observed: { reading: Reading; scope?: ReadingScope; macs?: readonly string[] }): Seen {
  const { reading, scope = "full", macs } = observed;
  return {
    evidence: evidenceOfReading(reading, macs),
    description: reading.description,
    whole: isWhole({ scope, problems: reading.problems }),
  };
}

interface EvidenceRow {
  device: string;
  kind: EvidenceKind;
  value: string;
  current: number;
  shared: number;
  sure: number;
}

export function knownEvidence(db: Database, device: string): KnownValue[] {
  return db.all<EvidenceRow>("SELECT * FROM evidence WHERE device = ? ORDER BY kind, value", device).map(knownValue);
}

/** Devices that were seen with a value. */
export function holdersOf(db: Database, kind: EvidenceKind, value: string): (KnownValue & { deviceId: string })[] {
  return db.all<EvidenceRow>("SELECT * FROM evidence WHERE kind = ? AND value = ?", kind, value)
    .map((row) => ({ ...knownValue(row), deviceId: row.device }));
}

function knownValue({ kind, value, current, shared, sure }: EvidenceRow): KnownValue {
  return { kind, value, current: current === 1, shared: shared === 1, sure: sure === 1 };
}

/** All devices that share evidence with an observation, and the one that is known there. */
export function candidatesFor(db: Database, evidence: DeviceEvidence, here: string | undefined): Candidate[] {
  const ids = new Set(here === undefined ? [] : [here]);
  for (const { kind, value } of evidenceValues(evidence)) {
    for (const { deviceId } of holdersOf(db, kind, value)) ids.add(deviceId);
  }
  return [...ids].map((id) => ({ ...candidateOf(db, id), isHere: id === here }));
}

export function candidateOf(db: Database, id: string): Candidate {
  const row = db.get<{ maker: string | null; model: string | null; last_good: string }>(
    "SELECT maker, model, last_good FROM device WHERE id = ?",
    id,
  )!;
  return {
    deviceId: id,
    evidence: knownEvidence(db, id),
    maker: row.maker,
    model: row.model,
    description: decodeLastGood(row.last_good)?.description ?? null,
    isHere: false,
  };
}

/** The device that is at exactly this place. */
export function maybeDeviceAt(db: Database, { address, port, printer }: DevicePlace): string | undefined {
  return db.get<{ device: string }>(
    "SELECT device FROM location WHERE address = ? AND port = ? AND printer = ? AND until IS NULL",
    address,
    port,
    printer,
  )?.device;
}

/**
 * The device that a reading from this place belongs to unless evidence contradicts. A printer among several is identified by its
 * index only while more than one of them answers.
 */
export function maybeDeviceHere(db: Database, place: DevicePlace): string | undefined {
  const exact = maybeDeviceAt(db, place);
  if (exact !== undefined) return exact;
  if (place.printer !== 0) return maybeDeviceAt(db, { ...place, printer: 0 });
  return db.get<{ device: string }>(
    "SELECT device FROM location WHERE address = ? AND port = ? AND until IS NULL ORDER BY printer LIMIT 1",
    place.address,
    place.port,
  )?.device;
}
