import { evidenceOf, isWhole } from "../../common/reading/device_evidence.ts";
import { isDuplicateOf } from "../../common/reading/device_identity.ts";
import type { DeviceEvent } from "../../proto/gen/opendca/v1/batch.ts";
import { PrinterState, printerStateToJSON, type Reading } from "../../proto/gen/opendca/v1/reading.ts";
import { siteOfAgent } from "../agents/agents.ts";
import {
  addDevice,
  addHistory,
  allEvidenceOf,
  type DeviceFacts,
  type DeviceRow,
  isDecided,
  mergeDevices,
  noteEarlierSight,
  setEvidence,
  updateDevice,
} from "./devices.ts";
import { shortText } from "../store/storable.ts";
import type { Tenant } from "../store/store.ts";
import { findDevice, type Found, knownValues, type Observed, sureValues } from "./find_device.ts";
import { keepEvidence, keepPlaces } from "./keep_evidence.ts";
import { deviceBySplits, type SeenBy } from "./device_changes.ts";

export interface Sighting {
  agentId: string;
  /** What the agent's file calls it; on the wire, `site`. */
  network: string;
  deviceKey: string;
  observedAt: Date;
  /** Whether everything was asked for. */
  scope: "full" | "status";
}

/* How long a device stays with its agent while only another one sees it. */
const agentKeptMs = 86_400_000;
/* Longer names are cut: what is compared with the store must be what the store gives back. */
const mostText = 255;

/** The device that a reading is of, made when it is new; what changed about it goes into its history. */
export async function resolveReading(tenant: Tenant, sighting: Sighting, reading: Reading): Promise<string> {
  const observed = await observedOf(tenant, sighting, reading);
  const at = sighting.observedAt, atMs = at.getTime();
  const found = await decided(tenant, await findDevice(tenant, observed), sightedAs(sighting, observed));
  await absorbDuplicate(tenant, observed, found, atMs);
  const { known } = found;
  const deviceId = known?.device_id ?? await addDevice(tenant, { facts: factsOf(sighting, reading), at });
  const kept = { deviceId, observed, atMs };
  // Readings come late after an outage; the past does not overwrite the present.
  const isLate = known !== undefined && atMs < known.last_seen_at;
  const isSecondPlace = !isLate && await keepPlaces(tenant, kept);
  await keepEvidence(tenant, kept);
  if (known === undefined) {
    await addHistory(tenant, {
      deviceId,
      at: atMs,
      kind: "appeared",
      before: null,
      after: shortText(reading.address, mostText),
    });
  } else if (isLate) {
    await noteEarlierSight(tenant, { deviceId, at });
  } else {
    await updateKnown(tenant, { before: known, sighting, reading, whole: observed.seen.whole, isSecondPlace });
  }
  return deviceId;
}

/** The device that an event is of, or null when it is none that is known. */
export async function resolveEvent(tenant: Tenant, sighting: Sighting, event: DeviceEvent): Promise<string | null> {
  const { serial, engineId, macs = [], manufacturer, model } = event.evidence ?? {};
  const key = keyOf(sighting.agentId, sighting.deviceKey);
  const evidence = evidenceOf({ serial, engineId, macs, maker: maybeShort(manufacturer), model: maybeShort(model) });
  // An event repeats what a reading has told; it contradicts nothing.
  const seen = { evidence, description: null, whole: false };
  const observed = { seen, key, places: undefined };
  const found = await findDevice(tenant, observed);
  return (await decided(tenant, found, sightedAs(sighting, observed))).known?.device_id ?? null;
}

function sightedAs({ agentId, network, deviceKey }: Sighting, { seen }: Observed): SeenBy {
  return { agentId, network, deviceKey, serial: seen.evidence.serial };
}

/* What a person has split is not one again because it shows the same. */
async function decided(tenant: Tenant, found: Found, seen: SeenBy): Promise<Found> {
  if (found.known === undefined || found.known.split === 0) return found;
  return { ...found, known: await deviceBySplits(tenant, found.known, seen) };
}

/** An agent has found that two of its ids stand for one device. */
export async function mergeKeys(tenant: Tenant, sighting: Sighting, mergedKey: string): Promise<void> {
  const nothing = evidenceOf({ serial: null, engineId: null, macs: [], maker: null, model: null });
  const deviceOf = async (key: string) => {
    const seen = { evidence: nothing, description: null, whole: false };
    return (await findDevice(tenant, { seen, key: keyOf(sighting.agentId, key), places: undefined })).known;
  };
  const from = await deviceOf(mergedKey), into = await deviceOf(sighting.deviceKey);
  const value = keyOf(sighting.agentId, sighting.deviceKey);
  if (from === undefined || value === undefined || from.device_id === into?.device_id || isDecided(from)) return;
  const atMs = sighting.observedAt.getTime();
  if (into === undefined) {
    // It was known by the other id alone.
    const { device_id } = from;
    return setEvidence(tenant, { kind: "key", value, device_id, seen_at: atMs, current: 1, shared: 0, sure: 0 });
  }
  const serialsOf = async ({ device_id }: DeviceRow) => {
    const evidence = await allEvidenceOf(tenant, device_id);
    return evidence.filter(({ kind, sure }) => kind === "serial" && sure === 1).map(({ value }) => value);
  };
  const serials = await serialsOf(from), others = await serialsOf(into);
  // What others have seen of them says that they are two.
  if (serials.length > 0 && others.length > 0 && !serials.some((serial) => others.includes(serial))) return;
  await mergeDevices(tenant, { from: from.device_id, into: into.device_id, at: atMs });
}

/**
 * A device may have been taken for a new one while it did not show who it is. It is none when it never showed anything else,
 * and the device was seen nowhere since; where an agent says that both are one, that need not be asked. Nor need it where
 * two agents of a site found one board at one place, and made two devices of it as each saw another part.
 */
async function absorbDuplicate(
  tenant: Tenant,
  observed: Observed,
  { known, other }: Found,
  atMs: number,
): Promise<void> {
  if (known === undefined || other === undefined) return;
  const { row, by } = other;
  if (isDecided(row) || (by === "place" && known.last_seen_at > row.first_seen_at)) return;
  const own = knownValues(await allEvidenceOf(tenant, row.device_id));
  if (by === "site" && !own.some(({ sure, shared }) => sure && !shared)) return;
  // An agent's id stands for what it shows now, and before that the name may have been that of a part.
  const isNamed = by !== "key" || own.some(({ sure }) => sure);
  const { maker, model } = isNamed ? { maker: row.manufacturer, model: row.model } : { maker: null, model: null };
  const duplicate = { evidence: own, maker, model };
  const shown = [...knownValues(await allEvidenceOf(tenant, known.device_id)), ...sureValues(observed.seen.evidence)];
  if (!isDuplicateOf(duplicate, { evidence: shown, maker: known.manufacturer, model: known.model })) return;
  await mergeDevices(tenant, { from: row.device_id, into: known.device_id, at: atMs });
}

const tracked = ["address", "serial", "model", "firmware", "hostname", "location", "agent_id", "network"] as const;

async function updateKnown(
  tenant: Tenant,
  { before, sighting, reading, whole, isSecondPlace }: {
    before: DeviceRow;
    sighting: Sighting;
    reading: Reading;
    whole: boolean;
    isSecondPlace: boolean;
  },
): Promise<void> {
  const { device_id: deviceId } = before;
  const at = sighting.observedAt;
  const isOwn = before.agent_id === sighting.agentId;
  const seen = factsOf(sighting, reading, { before, whole });
  // Two agents may see one device in turns, each with names of its own for the network.
  const stays = !isOwn && at.getTime() - before.agent_seen_at < agentKeptMs;
  const facts = stays ? { ...seen, agent_id: before.agent_id, network: before.network, address: before.address } : seen;
  for (const name of tracked) {
    if (before[name] === facts[name] || before[name] === null) continue;
    // A device with IPv4 and IPv6 does not move from one to the other at each sweep.
    if (name === "address" && isSecondPlace) continue;
    const kind = name === "agent_id" ? "agentChanged" : `${name}Changed`;
    await addHistory(tenant, { deviceId, at: at.getTime(), kind, before: before[name], after: facts[name] });
  }
  await updateDevice(tenant, { deviceId, facts, at, agentSeenAt: stays ? new Date(before.agent_seen_at) : at });
}

/*
 * A value that could not be read this time is not a value that is gone, and one that a partly lost answer gives may stand in
 * for a better one.
 */
export function factsOf(
  sighting: Sighting,
  reading: Reading,
  known?: { before: DeviceFacts; whole: boolean },
): DeviceFacts {
  const before = known?.before;
  const name = (now: string | undefined, then: string | null | undefined) =>
    (known?.whole === false ? then ?? maybeShort(now) : maybeShort(now) ?? then) ?? null;
  return {
    agent_id: sighting.agentId,
    network: sighting.network,
    serial: name(reading.serial, before?.serial),
    manufacturer: name(reading.manufacturer, before?.manufacturer),
    model: name(reading.model, before?.model),
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

async function observedOf(tenant: Tenant, sighting: Sighting, reading: Reading): Promise<Observed> {
  const { agentId, network, scope } = sighting;
  const { serial, snmp, mac, manufacturer, model, problems } = reading;
  const place = placeText({ ...reading, address: shortText(reading.address, mostText) });
  const siteId = await siteOfAgent(tenant, agentId) ?? "";
  return {
    seen: {
      evidence: evidenceOf({
        serial,
        engineId: snmp?.engineId,
        macs: [mac],
        maker: maybeShort(manufacturer),
        model: maybeShort(model),
      }),
      description: reading.description ?? null,
      whole: isWhole({ scope, problems }),
    },
    key: keyOf(agentId, sighting.deviceKey),
    places: place === ""
      ? undefined
      : { agent: { scope: agentScope(agentId), place }, site: { scope: siteScope(siteId, network), place } },
  };
}

export function keyOf(agentId: string, deviceKey: string): string | undefined {
  return deviceKey === "" ? undefined : `${agentId} ${deviceKey}`;
}

/** Empty where the policy of the machine masks the address. */
export function placeText(seen: { address: string; port: number; deviceIndex?: number | undefined }): string {
  return seen.address === "" ? "" : `${seen.address} ${seen.port} ${seen.deviceIndex ?? 0}`;
}

/** An agent sees one device at a place. */
export function agentScope(agentId: string): string {
  return `agent ${agentId}`;
}

/**
 * Agents of one site that call a part of it by the same name see the same device at a place; elsewhere equal addresses are
 * those of other networks.
 */
export function siteScope(siteId: string, name: string): string {
  return `site ${siteId} ${name.toLowerCase()}`;
}
