import type { DeviceEvent } from "../../proto/gen/opendca/v1/batch.ts";
import { PrinterState, printerStateToJSON, type Reading } from "../../proto/gen/opendca/v1/reading.ts";
import {
  addHistory,
  createDevice,
  type DeviceFacts,
  type DeviceRow,
  evidenceOf,
  maybeDevice,
  maybeEvidence,
  noteEarlierSight,
  setEvidence,
  updateDevice,
} from "../store/devices.ts";
import type { Tenant } from "../store/store.ts";
import { bestCandidate, type Evidence, evidenceIn, type Observed } from "./evidence.ts";

export interface Sighting {
  agentId: string;
  site: string;
  deviceKey: string;
  observedAt: Date;
}

/** The device that a reading is of, made when it is new; what changed about it goes into its history. */
export function resolveReading(tenant: Tenant, sighting: Sighting, reading: Reading): string {
  const observed = observedOf(sighting, reading);
  const holders = holdersOf(tenant, evidenceIn(observed));
  const at = sighting.observedAt;
  const known = knownDevice(tenant, observed, holders);
  const deviceId = known?.device_id ?? createDevice(tenant, { facts: factsOf(sighting, reading, undefined), at });
  if (known === undefined) {
    addHistory(tenant, { deviceId, at: at.getTime(), kind: "appeared", before: null, after: reading.address });
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
    manufacturer: event.evidence?.manufacturer,
    model: event.evidence?.model,
    address: event.address,
  };
  return knownDevice(tenant, observed, holdersOf(tenant, evidenceIn(observed)))?.device_id ?? null;
}

/* Evidence of an observation, and which device holds it now. */
type Holders = [Evidence, string | undefined][];

function holdersOf(tenant: Tenant, found: Evidence[]): Holders {
  return found.map((evidence) => [evidence, maybeEvidence(tenant, evidence)?.device_id]);
}

function knownDevice(tenant: Tenant, observed: Observed, holders: Holders): DeviceRow | undefined {
  const deviceIds = new Set(holders.flatMap(([, deviceId]) => deviceId ?? []));
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
  const facts = factsOf(sighting, reading, before);
  for (const name of tracked) {
    if (before[name] === facts[name] || before[name] === null) continue;
    const kind = name === "agent_id" ? "agentChanged" : `${name}Changed`;
    addHistory(tenant, { deviceId, at: at.getTime(), kind, before: before[name], after: facts[name] });
  }
  updateDevice(tenant, { deviceId, facts, at });
}

function keepEvidence(tenant: Tenant, options: { deviceId: string; holders: Holders; at: Date }): void {
  const { deviceId, holders, at } = options;
  for (const [{ kind, value }, holder] of holders) {
    if (holder === deviceId) continue;
    if (holder !== undefined) {
      addHistory(tenant, { deviceId: holder, at: at.getTime(), kind: `${kind}Lost`, before: value, after: deviceId });
    }
    setEvidence(tenant, { kind, value, device_id: deviceId, at });
  }
}

/* A value that could not be read this time is not a value that is gone. */
function factsOf(sighting: Sighting, reading: Reading, before: DeviceRow | undefined): DeviceFacts {
  return {
    agent_id: sighting.agentId,
    site: sighting.site,
    serial: reading.serial ?? before?.serial ?? null,
    manufacturer: reading.manufacturer ?? before?.manufacturer ?? null,
    model: reading.model ?? before?.model ?? null,
    hostname: reading.hostname ?? before?.hostname ?? null,
    firmware: reading.firmware ?? before?.firmware ?? null,
    location: reading.location ?? before?.location ?? null,
    address: reading.address,
    state: stateName(reading.status?.state),
  };
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
    manufacturer: reading.manufacturer,
    model: reading.model,
    address: reading.address,
  };
}
