/** Stores the evidence and place of an observation with its device, and removes them from former holders. */
import { evidenceValues } from "../../common/reading/device_evidence.ts";
import { judgePlace, judgeValue } from "../../common/reading/device_identity.ts";
import { knownValues, type Observed } from "./find_device.ts";
import type { KnownDevices, Place } from "./known_devices.ts";

interface Kept {
  deviceId: string;
  observed: Observed;
  atMs: number;
}

export function keepEvidence(devices: KnownDevices, { deviceId, observed, atMs }: Kept): void {
  const { evidence, whole } = observed.seen;
  const values = evidenceValues(evidence);
  const own = devices.evidenceOf(deviceId);
  for (const { kind, value } of values) {
    const holders = devices.evidenceHolders({ kind, value });
    const others = holders.filter(({ device_id }) => device_id !== deviceId);
    const holder = others.find(({ current }) => current === 1);
    const before = own.find((each) => each.kind === kind && each.value === value);
    const sure = whole || before?.sure === 1 ? 1 : 0;
    const row = { kind, value, device_id: deviceId, seen_at: atMs, current: 1, shared: 0, sure };
    switch (judgeValue({ kind, value }, knownValues(own), knownValues(others))) {
      case "kept":
        if (sure !== before?.sure) devices.setEvidence({ ...row, seen_at: before?.seen_at ?? atMs });
        continue;
      case "shared": {
        if (before?.shared === 1) continue;
        // Readings arrive late after an outage: their evidence was valid at that time.
        if (holder !== undefined && holder.shared === 0 && atMs < holder.seen_at) continue;
        for (const each of others) devices.setEvidence({ ...each, shared: 1 });
        devices.setEvidence({ ...row, shared: 1 });
        if (holder === undefined) continue;
        const entry = { at: atMs, before: value, kind: `${kind}Shared` };
        devices.addHistory({ ...entry, deviceId, after: holder.device_id });
        devices.addHistory({ ...entry, deviceId: holder.device_id, after: deviceId });
        continue;
      }
      case "taken": {
        const isLate = holder !== undefined && atMs < holder.seen_at;
        if (kind === "serial" || !isLate) devices.setEvidence(row);
        else if (before === undefined) devices.setEvidence({ ...row, current: 0 });
        if (kind === "serial" || holder === undefined || isLate) continue;
        devices.setEvidence({ ...holder, current: 0 });
        devices.addHistory({
          at: atMs,
          before: value,
          deviceId: holder.device_id,
          kind: `${kind}Lost`,
          after: deviceId,
        });
      }
    }
  }
  keepKey(devices, { deviceId, observed, atMs });
}

/** Stores the agent's id, which belongs to one device only. */
function keepKey(devices: KnownDevices, { deviceId, observed, atMs }: Kept): void {
  if (observed.key === undefined) return;
  const key = { kind: "key", value: observed.key };
  const holders = devices.evidenceHolders(key);
  const own = holders.find(({ device_id }) => device_id === deviceId);
  const others = holders.filter(({ device_id, current }) => device_id !== deviceId && current === 1);
  if (others.some(({ seen_at }) => atMs < seen_at)) return;
  for (const each of others) devices.setEvidence({ ...each, current: 0 });
  const sure = own?.sure === 1 || evidenceValues(observed.seen.evidence).length > 0 ? 1 : 0;
  if (own?.current === 1 && own.sure === sure) return;
  devices.setEvidence({
    ...key,
    device_id: deviceId,
    seen_at: own?.seen_at ?? atMs,
    current: 1,
    shared: 0,
    sure,
  });
}

/** How old the time of a place may become, to save a write for each reading. */
const freshMs = 3_600_000;

/** Records where the device is. Returns whether it is an additional place. */
export function keepPlaces(devices: KnownDevices, { deviceId, observed, atMs }: Kept): boolean {
  if (observed.places === undefined) return false;
  const isSecond = keepPlace(devices, observed.places.agent, { deviceId, atMs });
  keepPlace(devices, observed.places.site, { deviceId, atMs });
  return isSecond;
}

function keepPlace(
  devices: KnownDevices,
  { scope, place }: Place,
  { deviceId, atMs }: { deviceId: string; atMs: number },
): boolean {
  const holders = devices.placeHolders({ scope, place });
  const own = holders.find(({ device_id }) => device_id === deviceId);
  const row = { scope, place, device_id: deviceId, seen_at: atMs, until: null };
  const elsewhere = devices.placesOf({ scope, deviceId }).filter((each) => each.place !== place);
  if (own?.until === null) {
    if (atMs - own.seen_at > freshMs) devices.setPlace(row);
    return elsewhere.length > 0;
  }
  const others = holders.filter(({ device_id, until }) => device_id !== deviceId && until === null);
  if (others.some(({ seen_at }) => atMs < seen_at)) return false;
  for (const each of others) devices.setPlace({ ...each, until: atMs });
  devices.setPlace(row);
  const isSecond = others.length === 0 && elsewhere.length > 0 && judgePlace(own?.seen_at, atMs) === "again";
  if (!isSecond) { for (const each of elsewhere) devices.setPlace({ ...each, until: atMs }); }
  return isSecond;
}
