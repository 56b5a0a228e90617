/** Merging of devices by a person, undo, and the history of changes. */
import { UsageError } from "../../common/core/errors.ts";
import type { Platform } from "../agents/platform.ts";
import { actorText } from "../audit/audit_log.ts";
import { changeTenant, readTenant, type TenantBy } from "../audit/use_case.ts";
import { queueChanges } from "../events/queue_changes.ts";
import { newId } from "../store/new_id.ts";
import { takeLock, type Tenant } from "../store/store.ts";
import {
  addChange,
  type ChangeRow,
  changesOf,
  type MadeChange,
  markUndone,
  maybeChange,
  type SeenBy,
} from "./device_changes.ts";
import { type Group, rowOf } from "./device_groups.ts";
import { keptRecords } from "./kept_records.ts";
import { deviceOf } from "./show_device.ts";
import { undoSplit } from "./split_device.ts";

/**
 * `other` becomes a part of `device`: lists show one device, with the id of `device` and the readings of both. Each
 * keeps its own evidence, so that new readings still belong to the part that they match. Throws UsageError.
 */
export function mergeDevice(
  platform: Platform,
  by: TenantBy,
  { device, other, reason }: { device: string; other: string; reason?: string | undefined },
): Promise<MadeChange> {
  return changeTenant(platform, by, async (tenant, at) => {
    await takeLock(tenant.transaction, `device changes of ${tenant.customerId}`);
    const into = await deviceOf(tenant, device), from = await deviceOf(tenant, other);
    const deviceId = into.deviceId, otherId = from.deviceId;
    refuseMerge(into, from);
    const changeId = newId("chg");
    for (const id of [deviceId, otherId]) await setMergedInto(tenant, id, deviceId);
    await queueChanges(tenant, [deviceId, otherId]);
    await addChange(tenant, {
      change_id: changeId,
      kind: "merge",
      device_id: deviceId,
      other_id: otherId,
      at: at.getTime(),
      actor: actorText(by.actor),
      reason: reason ?? null,
      selector: null,
      saved: null,
    });
    const detail = { change: changeId, other: otherId, ...(reason === undefined ? {} : { reason }) };
    return {
      answer: { changeId, kind: "merge", deviceId, otherId },
      audit: { action: "devicesMerged", subject: deviceId, detail },
    };
  });
}

function refuseMerge(into: Group, from: Group): void {
  const { deviceId } = into, otherId = from.deviceId;
  if (deviceId === otherId && into.parts.length > 1) {
    throw new UsageError(
      `Cannot merge them as both are parts of "${deviceId}" already`,
      `opendca-platform device history ${deviceId}`,
    );
  }
  if (deviceId === otherId) throw new UsageError(`Cannot merge "${otherId}" with itself`, "name two devices");
  if (from.parts.length > 1) {
    throw new UsageError(
      `Cannot merge "${otherId}" into another device as it has other devices merged into it`,
      `merge the other way round: opendca-platform device merge ${otherId} ${deviceId}`,
    );
  }
}

async function setMergedInto(tenant: Tenant, deviceId: string, into: string | null): Promise<void> {
  await tenant.run(
    "UPDATE devices SET merged_into = :into WHERE customer_id = :customer AND device_id = :device_id",
    { device_id: deviceId, into },
  );
}

/**
 * Undoes a merge or a split. After undoing a merge, both are as if it had never been made, including later readings;
 * after undoing a split, the readings of both belong to one device again. Throws UsageError.
 */
export function undoDeviceChange(
  platform: Platform,
  by: TenantBy,
  { changeId, reason }: { changeId: string; reason?: string | undefined },
): Promise<MadeChange> {
  return changeTenant(platform, by, async (tenant, at) => {
    await takeLock(tenant.transaction, `device changes of ${tenant.customerId}`);
    const change = await maybeChange(tenant, changeId);
    if (change === undefined) {
      throw new UsageError(
        `Cannot find the change "${changeId}"`,
        "opendca-platform device history DEVICE shows those of a device",
      );
    }
    const { kind, device_id: deviceId, other_id: otherId } = change;
    if (change.undone_at !== null) {
      throw new UsageError(
        `Cannot undo "${changeId}" as it was undone at ${new Date(change.undone_at).toISOString()}`,
        `opendca-platform device history ${deviceId}`,
      );
    }
    if (kind === "merge") await undoMerge(tenant, change);
    else await undoSplit(tenant, change);
    await queueChanges(tenant, [deviceId, otherId]);
    await markUndone(tenant, { changeId, at: at.getTime(), actor: actorText(by.actor), reason: reason ?? null });
    const detail = { change: changeId, other: otherId, ...(reason === undefined ? {} : { reason }) };
    return {
      answer: { changeId, kind, deviceId, otherId },
      audit: { action: kind === "merge" ? "deviceMergeUndone" : "deviceSplitUndone", subject: deviceId, detail },
    };
  });
}

async function undoMerge(tenant: Tenant, { device_id, other_id }: ChangeRow): Promise<void> {
  await setMergedInto(tenant, other_id, null);
  // A device without other parts is no longer a group.
  await tenant.run(
    `UPDATE devices SET merged_into = NULL WHERE customer_id = :customer AND device_id = :device_id
       AND (SELECT count(*) FROM devices WHERE customer_id = :customer AND merged_into = :device_id) = 1`,
    { device_id },
  );
}

export interface DeviceHistory {
  deviceId: string;
  /** The parts of the device; the one that was seen last comes first. */
  parts: { deviceId: string; serial: string | null; firstSeenAt: number; lastSeenAt: number }[];
  /** Oldest first. */
  changes: ChangeRow[];
  /** Sources of its stored readings, which a split can select by; the one that was read last comes first. */
  sources: (SeenBy & { readings: number; lastAt: number })[];
}

/** Merges and splits of a device and its parts. Throws UsageError. */
export function deviceHistory(
  platform: Platform,
  by: TenantBy,
  { device }: { device: string },
): Promise<DeviceHistory> {
  return readTenant(platform, by, async (tenant) => {
    const group = await deviceOf(tenant, device);
    return {
      deviceId: rowOf(group).device_id,
      parts: group.parts.map(({ device_id, serial, first_seen_at, last_seen_at }) => ({
        deviceId: device_id,
        serial,
        firstSeenAt: first_seen_at,
        lastSeenAt: last_seen_at,
      })),
      changes: await changesOf(tenant, group.parts.map(({ device_id }) => device_id)),
      sources: await sourcesOf(tenant, group),
    };
  });
}

async function sourcesOf(tenant: Tenant, { parts }: Group): Promise<DeviceHistory["sources"]> {
  const sources = new Map<string, DeviceHistory["sources"][number]>();
  for (const { device_id } of parts) {
    for (const { seen, reading, observedAt } of await keptRecords(tenant, device_id)) {
      if (reading === undefined) continue;
      const name = JSON.stringify(Object.values(seen)), before = sources.get(name);
      const lastAt = Math.max(before?.lastAt ?? 0, observedAt.getTime());
      sources.set(name, { ...seen, readings: (before?.readings ?? 0) + 1, lastAt });
    }
  }
  return [...sources.values()].sort((a, b) => b.lastAt - a.lastAt);
}
