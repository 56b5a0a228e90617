import type { DeviceEvent } from "../../proto/gen/opendca/v1/batch.ts";
import { PrinterState, printerStateToJSON, type Reading } from "../../proto/gen/opendca/v1/reading.ts";
import {
  addHistory,
  createDevice,
  type DeviceFacts,
  type DeviceRow,
  evidenceOf,
  hasLostEvidence,
  maybeDevice,
  maybeEvidence,
  noteEarlierSight,
  setEvidence,
  shareEvidence,
  updateDevice,
} from "../store/devices.ts";
import { shortText } from "../store/storable.ts";
import type { Tenant } from "../store/store.ts";
import { bestCandidate, type Evidence, evidenceIn, type Observed } from "./evidence.ts";

export interface Sighting {
  agentId: string;
  site: string;
  deviceKey: string;
  observedAt: Date;
}

/* How long a device stays with its agent while only another one sees it. */
const agentKeptMs = 86_400_000;
/* Longer names are cut: what is compared with the store must be what the store gives back. */
const mostText = 255;

/** The device that a reading is of, made when it is new; what changed about it goes into its history. */
export function resolveReading(tenant: Tenant, sighting: Sighting, reading: Reading): string {
  const observed = observedOf(sighting, reading);
  const holders = holdersOf(tenant, evidenceIn(observed));
  const at = sighting.observedAt;
  const known = knownDevice(tenant, observed, holders);
  const deviceId = known?.device_id ?? createDevice(tenant, { facts: factsOf(sighting, reading, undefined), at });
  if (known === undefined) {
    addHistory(tenant, {
      deviceId,
      at: at.getTime(),
      kind: "appeared",
      before: null,
      after: shortText(reading.address, mostText),
    });
  } else {
    updateKnown(tenant, { before: known, sighting, reading });
  }
  keepEvidence(tenant, { deviceId, holders, at });
  return deviceId;
}

/** The device that an event is of, or null when it is none that is known. */
export function resolveEvent(tenant: Tenant, sighting: Sighting, event: DeviceEvent): string | null {
  const observed: Observed = {
    agentId: sighting.agentId,
    deviceKey: sighting.deviceKey,
    serial: event.evidence?.serial,
    engineId: event.evidence?.engineId,
    macs: event.evidence?.macs ?? [],
    manufacturer: maybeShort(event.evidence?.manufacturer),
    model: maybeShort(event.evidence?.model),
    address: shortText(event.address, mostText),
  };
  return knownDevice(tenant, observed, holdersOf(tenant, evidenceIn(observed)))?.device_id ?? null;
}

/* Evidence of an observation, and which device has held it since when; without what tells no device. */
type Holders = [Evidence, { deviceId: string; seenAt: number } | undefined][];

function holdersOf(tenant: Tenant, found: Evidence[]): Holders {
  return found.flatMap((evidence): Holders => {
    const row = maybeEvidence(tenant, evidence);
    if (row === undefined) return [[evidence, undefined]];
    return row.shared_at === null ? [[evidence, { deviceId: row.device_id, seenAt: row.seen_at }]] : [];
  });
}

function knownDevice(tenant: Tenant, observed: Observed, holders: Holders): DeviceRow | undefined {
  const deviceIds = new Set(holders.flatMap(([, holder]) => holder?.deviceId ?? []));
  const rows = [...deviceIds].map((deviceId) => maybeDevice(tenant, deviceId)!);
  const candidates = rows.map(({ device_id: deviceId, model }) => ({
    deviceId,
    model,
    evidence: evidenceOf(tenant, deviceId) as Evidence[],
  }));
  const best = bestCandidate(observed, candidates);
  return rows.find(({ device_id }) => device_id === best);
}

const tracked = ["address", "serial", "model", "firmware", "hostname", "location", "agent_id", "site"] as const;

function updateKnown(
  tenant: Tenant,
  { before, sighting, reading }: { before: DeviceRow; sighting: Sighting; reading: Reading },
): void {
  const { device_id: deviceId } = before;
  const at = sighting.observedAt;
  // Readings come late after an outage; the past does not overwrite the present.
  if (at.getTime() < before.last_seen_at) return noteEarlierSight(tenant, { deviceId, at });
  const isOwn = before.agent_id === sighting.agentId;
  const seen = factsOf(sighting, reading, before);
  // Two agents may see one device in turns, each with names of its own for the site.
  const stays = !isOwn && at.getTime() - before.agent_seen_at < agentKeptMs;
  const facts = stays ? { ...seen, agent_id: before.agent_id, site: before.site, address: before.address } : seen;
  for (const name of tracked) {
    if (before[name] === facts[name] || before[name] === null) continue;
    const kind = name === "agent_id" ? "agentChanged" : `${name}Changed`;
    addHistory(tenant, { deviceId, at: at.getTime(), kind, before: before[name], after: facts[name] });
  }
  updateDevice(tenant, { deviceId, facts, at, agentSeenAt: stays ? new Date(before.agent_seen_at) : at });
}

function keepEvidence(tenant: Tenant, options: { deviceId: string; holders: Holders; at: Date }): void {
  const { deviceId, holders, at } = options;
  for (const [{ kind, value }, holder] of holders) {
    if (holder?.deviceId === deviceId) continue;
    if (holder !== undefined) {
      // Readings come late after an outage; see updateKnown.
      if (at.getTime() < holder.seenAt) continue;
      const entry = { at: at.getTime(), before: value };
      // Boards move once. What comes back is a clone: two devices show it, and it tells neither.
      if (hasLostEvidence(tenant, { deviceId, kind, value })) {
        shareEvidence(tenant, { kind, value, at });
        addHistory(tenant, { ...entry, deviceId, kind: `${kind}Shared`, after: holder.deviceId });
        addHistory(tenant, { ...entry, deviceId: holder.deviceId, kind: `${kind}Shared`, after: deviceId });
        continue;
      }
      addHistory(tenant, { ...entry, deviceId: holder.deviceId, kind: `${kind}Lost`, after: deviceId });
    }
    setEvidence(tenant, { kind, value, device_id: deviceId, at });
  }
}

/* A value that could not be read this time is not a value that is gone. */
function factsOf(sighting: Sighting, reading: Reading, before: DeviceRow | undefined): DeviceFacts {
  return {
    agent_id: sighting.agentId,
    site: sighting.site,
    serial: maybeShort(reading.serial) ?? before?.serial ?? null,
    manufacturer: maybeShort(reading.manufacturer) ?? before?.manufacturer ?? null,
    model: maybeShort(reading.model) ?? before?.model ?? null,
    hostname: maybeShort(reading.hostname) ?? before?.hostname ?? null,
    firmware: maybeShort(reading.firmware) ?? before?.firmware ?? null,
    location: maybeShort(reading.location) ?? before?.location ?? null,
    address: shortText(reading.address, mostText),
    state: stateName(reading.status?.state),
  };
}

function maybeShort(text: string | undefined): string | undefined {
  return text === undefined ? undefined : shortText(text, mostText);
}

function stateName(state: PrinterState | undefined): string {
  if (state === undefined || state === PrinterState.UNSPECIFIED || PrinterState[state] === undefined) return "unknown";
  return printerStateToJSON(state).replace(/^PRINTER_STATE_/, "").toLowerCase();
}

function observedOf(sighting: Sighting, reading: Reading): Observed {
  return {
    agentId: sighting.agentId,
    deviceKey: sighting.deviceKey,
    serial: reading.serial,
    engineId: reading.snmp?.engineId,
    macs: reading.mac === undefined ? [] : [reading.mac],
    manufacturer: maybeShort(reading.manufacturer),
    model: maybeShort(reading.model),
    address: shortText(reading.address, mostText),
  };
}
