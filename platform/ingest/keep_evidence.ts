/** What an observation shows of a device is kept with it, and taken from where it was before. */
import { evidenceValues } from "../../common/reading/device_evidence.ts";
import { judgePlace, judgeValue } from "../../common/reading/device_identity.ts";
import {
  addHistory,
  allEvidenceOf,
  evidenceHolders,
  placeHolders,
  placesOf,
  setEvidence,
  setPlace,
} from "../store/devices.ts";
import type { Tenant } from "../store/store.ts";
import { knownValues, type Observed, type Place } from "./find_device.ts";

interface Kept {
  deviceId: string;
  observed: Observed;
  atMs: number;
}

export function keepEvidence(tenant: Tenant, { deviceId, observed, atMs }: Kept): void {
  const { evidence, whole } = observed.seen;
  const values = evidenceValues(evidence);
  const own = allEvidenceOf(tenant, deviceId);
  for (const { kind, value } of values) {
    const holders = evidenceHolders(tenant, { kind, value });
    const others = holders.filter(({ device_id }) => device_id !== deviceId);
    const holder = others.find(({ current }) => current === 1);
    const before = own.find((each) => each.kind === kind && each.value === value);
    const sure = whole || before?.sure === 1 ? 1 : 0;
    const row = { kind, value, device_id: deviceId, seen_at: atMs, current: 1, shared: 0, sure };
    switch (judgeValue({ kind, value }, knownValues(own), knownValues(others))) {
      case "kept":
        if (sure !== before?.sure) setEvidence(tenant, { ...row, seen_at: before?.seen_at ?? atMs });
        continue;
      case "shared": {
        if (before?.shared === 1) continue;
        // Readings come late after an outage: what they show was true then.
        if (holder !== undefined && holder.shared === 0 && atMs < holder.seen_at) continue;
        for (const each of others) setEvidence(tenant, { ...each, shared: 1 });
        setEvidence(tenant, { ...row, shared: 1 });
        if (holder === undefined) continue;
        const entry = { at: atMs, before: value, kind: `${kind}Shared` };
        addHistory(tenant, { ...entry, deviceId, after: holder.device_id });
        addHistory(tenant, { ...entry, deviceId: holder.device_id, after: deviceId });
        continue;
      }
      case "taken": {
        const isLate = holder !== undefined && atMs < holder.seen_at;
        if (kind === "serial" || !isLate) setEvidence(tenant, row);
        else if (before === undefined) setEvidence(tenant, { ...row, current: 0 });
        if (kind === "serial" || holder === undefined || isLate) continue;
        setEvidence(tenant, { ...holder, current: 0 });
        addHistory(tenant, {
          at: atMs,
          before: value,
          deviceId: holder.device_id,
          kind: `${kind}Lost`,
          after: deviceId,
        });
      }
    }
  }
  keepKey(tenant, { deviceId, observed, atMs });
}

/** An agent's id stands for one device. */
function keepKey(tenant: Tenant, { deviceId, observed, atMs }: Kept): void {
  if (observed.key === undefined) return;
  const key = { kind: "key", value: observed.key };
  const holders = evidenceHolders(tenant, key);
  const own = holders.find(({ device_id }) => device_id === deviceId);
  const others = holders.filter(({ device_id, current }) => device_id !== deviceId && current === 1);
  if (others.some(({ seen_at }) => atMs < seen_at)) return;
  for (const each of others) setEvidence(tenant, { ...each, current: 0 });
  const sure = own?.sure === 1 || evidenceValues(observed.seen.evidence).length > 0 ? 1 : 0;
  if (own?.current === 1 && own.sure === sure) return;
  setEvidence(tenant, { ...key, device_id: deviceId, seen_at: own?.seen_at ?? atMs, current: 1, shared: 0, sure });
}

/** How old the time of a place may become: a write for each reading would tell little more. */
const freshMs = 3_600_000;

/** Notes where the device is. Returns whether it is a place that it has beside others. */
export function keepPlaces(tenant: Tenant, { deviceId, observed, atMs }: Kept): boolean {
  if (observed.places === undefined) return false;
  const [isSecond] = [observed.places.agent, observed.places.site].map((place) =>
    keepPlace(tenant, place, { deviceId, atMs })
  );
  return isSecond!;
}

function keepPlace(tenant: Tenant, { scope, place }: Place, { deviceId, atMs }: { deviceId: string; atMs: number }) {
  const holders = placeHolders(tenant, { scope, place });
  const own = holders.find(({ device_id }) => device_id === deviceId);
  const row = { scope, place, device_id: deviceId, seen_at: atMs, until: null };
  const elsewhere = placesOf(tenant, { scope, deviceId }).filter((each) => each.place !== place);
  if (own?.until === null) {
    if (atMs - own.seen_at > freshMs) setPlace(tenant, row);
    return elsewhere.length > 0;
  }
  const others = holders.filter(({ device_id, until }) => device_id !== deviceId && until === null);
  if (others.some(({ seen_at }) => atMs < seen_at)) return false;
  for (const each of others) setPlace(tenant, { ...each, until: atMs });
  setPlace(tenant, row);
  const isSecond = others.length === 0 && elsewhere.length > 0 && judgePlace(own?.seen_at, atMs) === "again";
  if (!isSecond) { for (const each of elsewhere) setPlace(tenant, { ...each, until: atMs }); }
  return isSecond;
}
