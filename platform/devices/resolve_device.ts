import { evidenceOf, evidenceValues, isWhole } from "../../common/reading/device_evidence.ts";
import { isDuplicateOf } from "../../common/reading/device_identity.ts";
import type { DeviceEvent } from "../../proto/gen/opendca/v1/batch.ts";
import { PrinterState, printerStateToJSON, type Reading } from "../../proto/gen/opendca/v1/reading.ts";
import { type DeviceFacts, type DeviceRow, isDecided } from "./devices.ts";
import { shortText } from "../store/storable.ts";
import { findDevice, type Found, knownValues, type Observed, sureValues } from "./find_device.ts";
import { keepEvidence, keepPlaces } from "./keep_evidence.ts";
import { type SeenBy, splitId } from "./device_changes.ts";
import type { KnownDevices, Wanted } from "./known_devices.ts";

export interface Sighting {
  agentId: string;
  /** The customer's site of the agent. */
  siteId: string;
  /** Network name in the agent's file; in the protocol, `site`. */
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

/**
 * The device of a reading, which is created if it is new; changes go into its history. `observed`: the result of
 * observedIn() for the reading, which must have been part of the prefetch.
 */
export async function resolveReading(
  devices: KnownDevices,
  { sighting, reading, observed }: { sighting: Sighting; reading: Reading; observed: Observed },
): Promise<string> {
  const at = sighting.observedAt, atMs = at.getTime();
  const found = decided(devices, findDevice(devices, observed), sightedAs(sighting, observed));
  await absorbDuplicate(devices, observed, found, atMs);
  const { known } = found;
  const deviceId = known?.device_id ?? devices.addDevice({ facts: factsOf(sighting, reading), at });
  const kept = { deviceId, observed, atMs };
  // Readings arrive late after an outage; they must not overwrite newer data.
  const isLate = known !== undefined && atMs < known.last_seen_at;
  const isSecondPlace = !isLate && keepPlaces(devices, kept);
  keepEvidence(devices, kept);
  if (known === undefined) {
    devices.addHistory({
      deviceId,
      at: atMs,
      kind: "appeared",
      before: null,
      after: shortText(reading.address, mostText),
    });
  } else if (isLate) {
    // Read again: an absorbed duplicate may have been seen earlier.
    const now = devices.device(deviceId)!;
    if (atMs < now.first_seen_at) devices.setDevice({ ...now, first_seen_at: atMs });
  } else {
    updateKnown(devices, { before: known, sighting, reading, whole: observed.seen.whole, isSecondPlace });
  }
  return deviceId;
}

/** The device of an event; null if it is unknown. */
export function resolveEvent(devices: KnownDevices, sighting: Sighting, observed: Observed): string | null {
  const found = findDevice(devices, observed);
  return decided(devices, found, sightedAs(sighting, observed)).known?.device_id ?? null;
}

function sightedAs({ agentId, network, deviceKey }: Sighting, { seen }: Observed): SeenBy {
  return { agentId, network, deviceKey, serial: seen.evidence.serial };
}

/* What a person has split is not one again because it shows the same. */
function decided(devices: KnownDevices, found: Found, seen: SeenBy): Found {
  const { known } = found;
  if (known === undefined || known.split === 0) return found;
  return { ...found, known: devices.device(splitId(devices.splits, known.device_id, seen)) ?? known };
}

/** Applies the state of an event, unless the device was read later. */
export function noteState(
  devices: KnownDevices,
  { deviceId, state, at }: { deviceId: string; state: string; at: Date },
): void {
  const device = devices.device(deviceId)!;
  if (device.last_seen_at <= at.getTime()) devices.setDevice({ ...device, state });
}

/** Merges devices after an agent reported that two of its ids are one device. */
export async function mergeKeys(devices: KnownDevices, sighting: Sighting, mergedKey: string): Promise<void> {
  const deviceOf = (key: string) => findDevice(devices, observedAs(sighting, key)).known;
  const from = deviceOf(mergedKey), into = deviceOf(sighting.deviceKey);
  const value = keyOf(sighting.agentId, sighting.deviceKey);
  if (from === undefined || value === undefined || from.device_id === into?.device_id || isDecided(from)) return;
  const atMs = sighting.observedAt.getTime();
  if (into === undefined) {
    // It was known only by the other id.
    const { device_id } = from;
    return devices.setEvidence({ kind: "key", value, device_id, seen_at: atMs, current: 1, shared: 0, sure: 0 });
  }
  const serialsOf = ({ device_id }: DeviceRow) =>
    devices.evidenceOf(device_id).filter(({ kind, sure }) => kind === "serial" && sure === 1).map(({ value }) => value);
  const serials = serialsOf(from), others = serialsOf(into);
  // By evidence of other agents they are two devices.
  if (serials.length > 0 && others.length > 0 && !serials.some((serial) => others.includes(serial))) return;
  await devices.merge({ from: from.device_id, into: into.device_id, at: atMs });
}

/**
 * A device may have been created by mistake while the real device did not show its identity. It is a duplicate if it
 * has no evidence of its own and the real device was seen nowhere else since. This check is not needed if an agent
 * reports that both are one, or if two agents of a site found one board at one place and created two devices because
 * each saw another part.
 */
async function absorbDuplicate(
  devices: KnownDevices,
  observed: Observed,
  { known, other }: Found,
  atMs: number,
): Promise<void> {
  if (known === undefined || other === undefined) return;
  const { row, by } = other;
  if (isDecided(row) || (by === "place" && known.last_seen_at > row.first_seen_at)) return;
  const own = knownValues(devices.evidenceOf(row.device_id));
  if (by === "site" && !own.some(({ sure, shared }) => sure && !shared)) return;
  // An agent's id identifies the present device; before, the name may have been that of a part.
  const isNamed = by !== "key" || own.some(({ sure }) => sure);
  const { maker, model } = isNamed ? { maker: row.manufacturer, model: row.model } : { maker: null, model: null };
  const duplicate = { evidence: own, maker, model };
  const shown = [...knownValues(devices.evidenceOf(known.device_id)), ...sureValues(observed.seen.evidence)];
  if (!isDuplicateOf(duplicate, { evidence: shown, maker: known.manufacturer, model: known.model })) return;
  await devices.merge({ from: row.device_id, into: known.device_id, at: atMs });
}

const tracked = ["address", "serial", "model", "firmware", "hostname", "location", "agent_id", "network"] as const;

function updateKnown(
  devices: KnownDevices,
  { before, sighting, reading, whole, isSecondPlace }: {
    before: DeviceRow;
    sighting: Sighting;
    reading: Reading;
    whole: boolean;
    isSecondPlace: boolean;
  },
): void {
  const { device_id: deviceId } = before;
  const at = sighting.observedAt;
  const isOwn = before.agent_id === sighting.agentId;
  const seen = factsOf(sighting, reading, { before, whole });
  // Two agents may see one device alternately, each with its own name for the network.
  const stays = !isOwn && at.getTime() - before.agent_seen_at < agentKeptMs;
  const facts = stays ? { ...seen, agent_id: before.agent_id, network: before.network, address: before.address } : seen;
  for (const name of tracked) {
    if (before[name] === facts[name] || before[name] === null) continue;
    // A device with IPv4 and IPv6 has two addresses: this is not a change at each sweep.
    if (name === "address" && isSecondPlace) continue;
    const kind = name === "agent_id" ? "agentChanged" : `${name}Changed`;
    devices.addHistory({ deviceId, at: at.getTime(), kind, before: before[name], after: facts[name] });
  }
  devices.setDevice({
    ...devices.device(deviceId)!,
    ...facts,
    last_seen_at: at.getTime(),
    agent_seen_at: stays ? before.agent_seen_at : at.getTime(),
  });
}

/*
 * A value that could not be read this time is kept, and a value in an incomplete answer may be a substitute for a
 * better one.
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

export function observedIn(sighting: Sighting, reading: Reading): Observed {
  const { agentId, siteId, network, scope } = sighting;
  const { serial, snmp, mac, manufacturer, model, problems } = reading;
  const place = placeText({ ...reading, address: shortText(reading.address, mostText) });
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

/** An event repeats facts of a reading, so it contradicts nothing. */
export function observedInEvent(sighting: Sighting, event: DeviceEvent): Observed {
  const { serial, engineId, macs = [], manufacturer, model } = event.evidence ?? {};
  const evidence = evidenceOf({ serial, engineId, macs, maker: maybeShort(manufacturer), model: maybeShort(model) });
  return { ...observedAs(sighting, sighting.deviceKey), seen: { evidence, description: null, whole: false } };
}

/** An observation by the agent's id only. */
export function observedAs(sighting: Sighting, deviceKey: string): Observed {
  const evidence = evidenceOf({ serial: null, engineId: null, macs: [], maker: null, model: null });
  const seen = { evidence, description: null, whole: false };
  return { seen, key: keyOf(sighting.agentId, deviceKey), places: undefined };
}

/** What must be prefetched before these are resolved. */
export function wantedBy(observations: readonly Observed[]): Wanted {
  return {
    evidence: observations.flatMap(({ seen, key }) => [
      ...evidenceValues(seen.evidence),
      ...(key === undefined ? [] : [{ kind: "key", value: key }]),
    ]),
    places: observations.flatMap(({ places }) => places === undefined ? [] : [places.agent, places.site]),
  };
}

export function keyOf(agentId: string, deviceKey: string): string | undefined {
  return deviceKey === "" ? undefined : `${agentId} ${deviceKey}`;
}

/** Empty if the policy of the machine masks the address. */
export function placeText(seen: { address: string; port: number; deviceIndex?: number | undefined }): string {
  return seen.address === "" ? "" : `${seen.address} ${seen.port} ${seen.deviceIndex ?? 0}`;
}

/** Scope of an agent's places, each with one device. */
export function agentScope(agentId: string): string {
  return `agent ${agentId}`;
}

/**
 * Scope of a site's places: agents of one site with the same network name see the same device at a place; otherwise
 * equal addresses belong to different networks.
 */
export function siteScope(siteId: string, name: string): string {
  return `site ${siteId} ${name.toLowerCase()}`;
}
