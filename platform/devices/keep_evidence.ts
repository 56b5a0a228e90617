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
} from "./devices.ts";
import type { Tenant } from "../store/store.ts";
import { knownValues, type Observed, type Place } from "./find_device.ts";

interface Kept {
  deviceId: string;
  observed: Observed;
  atMs: number;
}

export async function keepEvidence(tenant: Tenant, { deviceId, observed, atMs }: Kept): Promise<void> {
  const { evidence, whole } = observed.seen;
  const values = evidenceValues(evidence);
  const own = await allEvidenceOf(tenant, deviceId);
  for (const { kind, value } of values) {
    const holders = await evidenceHolders(tenant, { kind, value });
    const others = holders.filter(({ device_id }) => device_id !== deviceId);
    const holder = others.find(({ current }) => current === 1);
    const before = own.find((each) => each.kind === kind && each.value === value);
    const sure = whole || before?.sure === 1 ? 1 : 0;
    const row = { kind, value, device_id: deviceId, seen_at: atMs, current: 1, shared: 0, sure };
    switch (judgeValue({ kind, value }, knownValues(own), knownValues(others))) {
      case "kept":
        if (sure !== before?.sure) await setEvidence(tenant, { ...row, seen_at: before?.seen_at ?? atMs });
        continue;
      case "shared": {
        if (before?.shared === 1) continue;
        // Readings come late after an outage: what they show was true then.
        if (holder !== undefined && holder.shared === 0 && atMs < holder.seen_at) continue;
        for (const each of others) await setEvidence(tenant, { ...each, shared: 1 });
        await setEvidence(tenant, { ...row, shared: 1 });
        if (holder === undefined) continue;
        const entry = { at: atMs, before: value, kind: `${kind}Shared` };
        await addHistory(tenant, { ...entry, deviceId, after: holder.device_id });
        await addHistory(tenant, { ...entry, deviceId: holder.device_id, after: deviceId });
        continue;
      }
      case "taken": {
        const isLate = holder !== undefined && atMs < holder.seen_at;
        if (kind === "serial" || !isLate) await setEvidence(tenant, row);
        else if (before === undefined) await setEvidence(tenant, { ...row, current: 0 });
        if (kind === "serial" || holder === undefined || isLate) continue;
        await setEvidence(tenant, { ...holder, current: 0 });
        await addHistory(tenant, {
          at: atMs,
          before: value,
          deviceId: holder.device_id,
          kind: `${kind}Lost`,
          after: deviceId,
        });
      }
    }
  }
  await keepKey(tenant, { deviceId, observed, atMs });
}

/** An agent's id stands for one device. */
async function keepKey(tenant: Tenant, { deviceId, observed, atMs }: Kept): Promise<void> {
  if (observed.key === undefined) return;
  const key = { kind: "key", value: observed.key };
  const holders = await evidenceHolders(tenant, key);
  const own = holders.find(({ device_id }) => device_id === deviceId);
  const others = holders.filter(({ device_id, current }) => device_id !== deviceId && current === 1);
  if (others.some(({ seen_at }) => atMs < seen_at)) return;
  for (const each of others) await setEvidence(tenant, { ...each, current: 0 });
  const sure = own?.sure === 1 || evidenceValues(observed.seen.evidence).length > 0 ? 1 : 0;
  if (own?.current === 1 && own.sure === sure) return;
  await setEvidence(tenant, {
    ...key,
    device_id: deviceId,
    seen_at: own?.seen_at ?? atMs,
    current: 1,
    shared: 0,
    sure,
  });
}

/** How old the time of a place may become: a write for each reading would tell little more. */
const freshMs = 3_600_000;

/** Notes where the device is. Returns whether it is a place that it has beside others. */
export async function keepPlaces(tenant: Tenant, { deviceId, observed, atMs }: Kept): Promise<boolean> {
  if (observed.places === undefined) return false;
  const isSecond = await keepPlace(tenant, observed.places.agent, { deviceId, atMs });
  await keepPlace(tenant, observed.places.site, { deviceId, atMs });
  return isSecond;
}

async function keepPlace(
  tenant: Tenant,
  { scope, place }: Place,
  { deviceId, atMs }: { deviceId: string; atMs: number },
) {
  const holders = await placeHolders(tenant, { scope, place });
  const own = holders.find(({ device_id }) => device_id === deviceId);
  const row = { scope, place, device_id: deviceId, seen_at: atMs, until: null };
  const elsewhere = (await placesOf(tenant, { scope, deviceId })).filter((each) => each.place !== place);
  if (own?.until === null) {
    if (atMs - own.seen_at > freshMs) await setPlace(tenant, row);
    return elsewhere.length > 0;
  }
  const others = holders.filter(({ device_id, until }) => device_id !== deviceId && until === null);
  if (others.some(({ seen_at }) => atMs < seen_at)) return false;
  for (const each of others) await setPlace(tenant, { ...each, until: atMs });
  await setPlace(tenant, row);
  const isSecond = others.length === 0 && elsewhere.length > 0 && judgePlace(own?.seen_at, atMs) === "again";
  if (!isSecond) { for (const each of elsewhere) await setPlace(tenant, { ...each, until: atMs }); }
  return isSecond;
}
