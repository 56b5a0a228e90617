/** Finds the known device of an observation: selects candidates from the known devices; common/reading judges them. */
import {
  type DeviceEvidence,
  type EvidenceKind,
  type EvidenceValue,
  evidenceValues,
} from "../../common/reading/device_evidence.ts";
import { canBeSameModel } from "../../common/reading/device_evidence.ts";
import { type Candidate, type KnownValue, matchDevice, type Seen } from "../../common/reading/device_identity.ts";
import type { DeviceRow, EvidenceRow } from "./devices.ts";
import type { KnownDevices, Place } from "./known_devices.ts";

export interface Observed {
  seen: Seen;
  /** The agent's id and its own id of the device; undefined if it has none. */
  key: string | undefined;
  /** The place in the scope of the agent and of its site; undefined if the policy masks the address. */
  places: { agent: Place; site: Place } | undefined;
}

export interface Found {
  /** Undefined for an unknown device. */
  known: DeviceRow | undefined;
  /** Another device that had the agent's id or the place until now; `site`: the place in the scope of the site. */
  other: { row: DeviceRow; by: "key" | "place" | "site" } | undefined;
}

export function findDevice(devices: KnownDevices, observed: Observed): Found {
  const { seen } = observed;
  const here = hereOf(devices, observed);
  const ids = new Set(here === undefined ? [] : [here.deviceId]);
  for (const value of evidenceValues(seen.evidence)) {
    for (const { device_id } of devices.evidenceHolders(value)) ids.add(device_id);
  }
  const candidates = [...ids].map((id) => candidateOf(devices, id, { seen, here }));
  const deviceId = judgedId(seen, candidates, here);
  const known = deviceId === undefined ? undefined : devices.device(deviceId);
  const others = [
    { id: here?.ofKey ?? here?.deviceId, by: here?.by ?? "place" },
    { id: deviceAt(devices, observed.places?.site), by: "site" as const },
  ];
  for (const { id, by } of others) {
    const row = id === undefined || id === deviceId ? undefined : devices.device(id);
    if (row !== undefined) return { known, other: { row, by } };
  }
  return { known, other: undefined };
}

function deviceAt(devices: KnownDevices, place: Place | undefined): string | undefined {
  if (place === undefined) return undefined;
  return devices.placeHolders(place).find(({ until }) => until === null)?.device_id;
}

function judgedId(seen: Seen, candidates: Candidate[], here: Here | undefined): string | undefined {
  const verdict = matchDevice(seen, candidates);
  if (verdict.type === "known") return verdict.deviceId;
  if (verdict.type !== "contradicted") return undefined;
  // The agent has read it a second time already. In an incomplete reading, a part may belong to another device.
  if (here !== undefined && !seen.whole && (here.by === "key" || !verdict.strong)) return here.deviceId;
  const elsewhere = matchDevice(seen, candidates.map((candidate) => ({ ...candidate, isHere: false })));
  return elsewhere.type === "known" ? elsewhere.deviceId : undefined;
}

interface Here {
  deviceId: string;
  by: "key" | "place";
  /** The device that had the agent's id until now. */
  ofKey?: string;
}

/** The device with the agent's id, otherwise the one at the place. */
function hereOf(devices: KnownDevices, { key, places, seen }: Observed): Here | undefined {
  const row = key === undefined ? undefined : devices.evidenceHolders({ kind: "key", value: key }).find(isCurrent);
  const ofSite = deviceAt(devices, places?.site);
  // The policy of either agent may mask evidence, but not the model.
  const shared = ofSite !== undefined && isSameModel(seen, devices.device(ofSite)!) ? ofSite : undefined;
  if (row !== undefined) {
    // An agent without any evidence of a device cannot notice that another one took its place.
    const isBlind = row.sure === 0 && evidenceValues(seen.evidence).length === 0;
    return { deviceId: isBlind ? shared ?? row.device_id : row.device_id, by: "key", ofKey: row.device_id };
  }
  const deviceId = deviceAt(devices, places?.agent) ?? shared;
  return deviceId === undefined ? undefined : { deviceId, by: "place" };
}

function isCurrent({ current }: EvidenceRow): boolean {
  return current === 1;
}

function isSameModel({ evidence, whole }: Seen, { manufacturer, model }: DeviceRow): boolean {
  if (!whole) return true;
  return evidence.model !== null && model !== null && canBeSameModel(evidence, { maker: manufacturer, model });
}

function candidateOf(
  devices: KnownDevices,
  deviceId: string,
  { seen, here }: { seen: Seen; here: Here | undefined },
): Candidate {
  const { manufacturer, model } = devices.device(deviceId)!;
  const isHere = here?.deviceId === deviceId;
  return {
    deviceId,
    evidence: knownValues(devices.evidenceOf(deviceId)),
    maker: manufacturer,
    model,
    // The agent has already judged a changed model by the device's description.
    description: isHere && here.by === "key" ? seen.description : null,
    isHere,
  };
}

export function knownValues(rows: readonly EvidenceRow[]): KnownValue[] {
  return rows.filter(({ kind }) => kind !== "key").map(({ kind, value, current, shared, sure }) => ({
    kind: kind as EvidenceKind,
    value,
    current: current === 1,
    shared: shared === 1,
    sure: sure === 1,
  }));
}

export function sureValues(evidence: DeviceEvidence): KnownValue[] {
  const asKnown = (value: EvidenceValue) => ({ ...value, current: true, shared: false, sure: true });
  return evidenceValues(evidence).map(asKnown);
}
