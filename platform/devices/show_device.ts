/** All stored data of one device. */
import { UsageError } from "../../common/core/errors.ts";
import { othersFrom } from "../../common/reading/decode_reading.ts";
import { maybeAgent } from "../agents/agents.ts";
import type { Platform } from "../agents/platform.ts";
import { readTenant, type TenantBy } from "../audit/use_case.ts";
import { maybeSite } from "../customers/customers.ts";
import type { Page } from "../store/page.ts";
import type { Tenant } from "../store/store.ts";
import { changesOf } from "./device_changes.ts";
import { type Group, groupOf, rowOf, stateOf } from "./device_groups.ts";
import { viewOf } from "./device_view.ts";
import { agentPlacesOf, evidenceOf, findDevices, historyOf } from "./devices.ts";
import { type Reader, readersOf } from "./readings.ts";
import { latestMeters, meterHistoryRows, type SampleRow } from "./samples.ts";

export type DeviceDetails = Awaited<ReturnType<typeof detailsOf>>;

async function detailsOf(tenant: Tenant, group: Group, now: number) {
  const row = rowOf(group), ids = group.parts.map(({ device_id }) => device_id);
  const view = viewOf(row, await stateOf(tenant, group), now);
  const read = new Map(view.meters?.values.map((meter) => [meter.name, meter]));
  const readAt = view.meters?.at;
  const agent = await maybeAgent(tenant, row.agent_id);
  const ofAll = async <T>(of: (tenant: Tenant, deviceId: string) => Promise<T[]>) => {
    const all: T[] = [];
    for (const id of ids) all.push(...await of(tenant, id));
    return all;
  };
  return {
    view,
    /** Name of the customer's site of its agent. */
    site: (await maybeSite(tenant, agent!.site_id))!.name,
    meters: (await metersOfGroup(tenant, group)).map((meter) => {
      // The source is only known for values of this reading.
      const from = meter.observed_at === readAt ? read.get(meter.name) : undefined;
      const { rule = null, oid = null } = from?.source ?? {};
      return { ...meter, rule, oid, others: othersFrom(from?.others ?? []) };
    }),
    evidence: await ofAll(evidenceOf),
    places: (await ofAll(agentPlacesOf)).map(({ scope, place, seen_at, until }) => {
      const [address = "", port = "", index = "0"] = place.split(" ");
      const deviceIndex = index === "0" ? null : Number(index);
      return { address, port: Number(port), deviceIndex, agentId: scope.slice("agent ".length), seen_at, until };
    }).sort((a, b) => Number(a.until !== null) - Number(b.until !== null) || b.seen_at - a.seen_at),
    agents: await readersWithHosts(tenant, await ofAll(readersOf)),
    history: (await ofAll(historyOf)).sort((a, b) => a.at - b.at),
    /** Merges and splits by a person. */
    changes: await changesOf(tenant, ids),
  };
}

/** The latest value of every meter of any part. */
async function metersOfGroup(tenant: Tenant, { deviceId, parts }: Group): Promise<SampleRow[]> {
  const meters = new Map<string, SampleRow>();
  for (const { device_id } of parts) {
    for (const row of await latestMeters(tenant, device_id)) {
      if (row.observed_at > (meters.get(row.name)?.observed_at ?? -Infinity)) {
        meters.set(row.name, { ...row, device_id: deviceId });
      }
    }
  }
  return [...meters.values()].sort((a, b) => a.name < b.name ? -1 : 1);
}

async function readersWithHosts(tenant: Tenant, all: readonly Reader[]) {
  const readers: (Reader & { hostname: string | null; state: string | null })[] = [];
  for (const [agentId, ofParts] of Map.groupBy(all, ({ agent_id }) => agent_id)) {
    const agent = await maybeAgent(tenant, agentId);
    readers.push({
      agent_id: agentId,
      readings: ofParts.reduce((sum, { readings }) => sum + readings, 0),
      last_at: Math.max(...ofParts.map(({ last_at }) => last_at)),
      hostname: agent?.hostname ?? null,
      state: agent?.state ?? null,
    });
  }
  return readers.sort((a, b) => b.last_at - a.last_at);
}

/** The device with this id, or the only one with this address, serial number or host name. Throws UsageError. */
export function showDevice(platform: Platform, by: TenantBy, { device }: { device: string }): Promise<DeviceDetails> {
  return readTenant(
    platform,
    by,
    async (tenant) => await detailsOf(tenant, await deviceOf(tenant, device), platform.clock.now().getTime()),
  );
}

/** The latest value of every meter. Throws UsageError as showDevice() does. */
export function listMeters(platform: Platform, by: TenantBy, { device }: { device: string }): Promise<SampleRow[]> {
  return readTenant(
    platform,
    by,
    async (tenant) => await metersOfGroup(tenant, await deviceOf(tenant, device)),
  );
}

/** Values of one meter or of all, newest first, and the names of all meters. Throws UsageError as showDevice() does. */
export function meterHistory(
  platform: Platform,
  by: TenantBy,
  { device, name, limit = Number.MAX_SAFE_INTEGER, offset = 0 }: { device: string; name: string | undefined } & Page,
): Promise<{ deviceId: string; rows: SampleRow[]; names: string[] }> {
  return readTenant(platform, by, async (tenant) => {
    const group = await deviceOf(tenant, device), { deviceId } = group;
    const all: SampleRow[] = [];
    for (const { device_id } of group.parts) {
      all.push(...await meterHistoryRows(tenant, { deviceId: device_id, name, limit: offset + limit }));
    }
    if (group.parts.length > 1) all.sort((a, b) => b.observed_at - a.observed_at || (a.name < b.name ? -1 : 1));
    const rows = all.slice(offset, offset + limit).map((row) => ({ ...row, device_id: deviceId }));
    const names = rows.length > 0 ? [] : (await metersOfGroup(tenant, group)).map((row) => row.name);
    return { deviceId, rows, names };
  });
}

/** With its other parts, if it is merged. Throws UsageError if the customer has no such device, or several. */
export async function deviceOf(tenant: Tenant, text: string): Promise<Group> {
  const rows = await findDevices(tenant, text);
  const groups = new Map<string, Group>();
  for (const row of rows) {
    const group = await groupOf(tenant, row);
    groups.set(group.deviceId, group);
  }
  const [group, ...others] = groups.values();
  if (group !== undefined && others.length === 0) return group;
  if (group === undefined) {
    throw new UsageError(`Cannot find the device "${text}"`, "opendca-platform device list shows them");
  }
  const ids = [group, ...others].map(({ deviceId }) => deviceId);
  throw new UsageError(
    `Cannot tell which device is meant by "${text}" as there are ${ids.length}`,
    `name one by its id: ${ids.slice(0, 5).join(", ")}`,
  );
}
