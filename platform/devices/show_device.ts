/** All that the store has of one device. */
import { UsageError } from "../../common/core/errors.ts";
import { maybeAgent } from "../agents/agents.ts";
import type { Platform } from "../agents/platform.ts";
import { readTenant, type TenantBy } from "../audit/use_case.ts";
import { maybeSite } from "../customers/customers.ts";
import type { Tenant } from "../store/store.ts";
import { maybeDeviceState } from "./device_state.ts";
import { viewOf } from "./device_view.ts";
import { agentPlacesOf, type DeviceRow, evidenceOf, findDevices, historyOf } from "./devices.ts";
import { type Reader, readersOf } from "./readings.ts";
import { latestMeters, meterHistoryRows, type SampleRow } from "./samples.ts";

export type DeviceDetails = Awaited<ReturnType<typeof detailsOf>>;

async function detailsOf(tenant: Tenant, row: DeviceRow, now: number) {
  const { device_id: deviceId } = row;
  const view = viewOf(row, await maybeDeviceState(tenant, deviceId), now);
  const sources = new Map(view.meters?.values.map(({ name, source }) => [name, source]));
  const readAt = view.meters?.at;
  const agent = await maybeAgent(tenant, row.agent_id);
  return {
    view,
    /** Name of the customer's site that its agent is at. */
    site: (await maybeSite(tenant, agent!.site_id))!.name,
    meters: (await latestMeters(tenant, deviceId)).map((meter) => {
      // Of another reading than the one that was looked at, the source is not known.
      const source = meter.observed_at === readAt ? sources.get(meter.name) : undefined;
      return { ...meter, rule: source?.rule ?? null, oid: source?.oid ?? null };
    }),
    evidence: await evidenceOf(tenant, deviceId),
    places: (await agentPlacesOf(tenant, deviceId)).map(({ scope, place, seen_at, until }) => {
      const [address = "", port = "", index = "0"] = place.split(" ");
      const deviceIndex = index === "0" ? null : Number(index);
      return { address, port: Number(port), deviceIndex, agentId: scope.slice("agent ".length), seen_at, until };
    }),
    agents: await readersWithHosts(tenant, deviceId),
    history: await historyOf(tenant, deviceId),
  };
}

async function readersWithHosts(tenant: Tenant, deviceId: string) {
  const readers: (Reader & { hostname: string | null; state: string | null })[] = [];
  for (const reader of await readersOf(tenant, deviceId)) {
    const agent = await maybeAgent(tenant, reader.agent_id);
    readers.push({ ...reader, hostname: agent?.hostname ?? null, state: agent?.state ?? null });
  }
  return readers;
}

/** The device of this id, or the one that alone has this address, serial number or host name. Throws UsageError. */
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
    async (tenant) => await latestMeters(tenant, (await deviceOf(tenant, device)).device_id),
  );
}

/** Values of one meter or of all, newest first, and the names of all meters. Throws UsageError as showDevice() does. */
export function meterHistory(
  platform: Platform,
  by: TenantBy,
  { device, name, limit }: { device: string; name: string | undefined; limit: number },
): Promise<{ deviceId: string; rows: SampleRow[]; names: string[] }> {
  return readTenant(platform, by, async (tenant) => {
    const { device_id: deviceId } = await deviceOf(tenant, device);
    const rows = await meterHistoryRows(tenant, { deviceId, name, limit });
    const names = rows.length > 0 ? [] : (await latestMeters(tenant, deviceId)).map((row) => row.name);
    return { deviceId, rows, names };
  });
}

/** Throws UsageError when the customer has no such device, or several. */
async function deviceOf(tenant: Tenant, text: string): Promise<DeviceRow> {
  const [row, ...others] = await findDevices(tenant, text);
  if (row !== undefined && (others.length === 0 || row.device_id === text)) return row;
  if (row === undefined) {
    throw new UsageError(`Cannot find the device "${text}"`, "opendca-platform device list shows them");
  }
  const ids = [row, ...others].map(({ device_id }) => device_id);
  throw new UsageError(
    `Cannot tell which device is meant by "${text}" as there are ${ids.length}`,
    `name one by its id: ${ids.slice(0, 5).join(", ")}`,
  );
}
