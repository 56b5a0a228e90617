/** Merges and splits by a person, and how splits select readings. */
import type { Tenant } from "../store/store.ts";

export interface ChangeRow {
  change_id: string;
  kind: "merge" | "split";
  /** The device whose id stays. */
  device_id: string;
  /** The device that became a part of it, or that was created from some of its readings. */
  other_id: string;
  at: number;
  actor: string;
  reason: string | null;
  /** JSON of a SplitSelector. */
  selector: string | null;
  undone_at: number | null;
  undone_by: string | null;
  undone_reason: string | null;
}

/** Result of a merge, a split or an undo. */
export interface MadeChange {
  changeId: string;
  kind: ChangeRow["kind"];
  deviceId: string;
  otherId: string;
}

/** Selects the readings of a device that belong to another machine: all given fields must match. */
export interface SplitSelector {
  agentId?: string | undefined;
  /** Name in the agent's file. */
  network?: string | undefined;
  /** The agent's own id of the device. */
  deviceKey?: string | undefined;
  /** In the canonical form of common/reading/device_evidence.ts. */
  serial?: string | undefined;
}

/** The fields of a reading that a split can select by. */
export interface SeenBy {
  agentId: string;
  network: string;
  /** Empty if the agent has none. */
  deviceKey: string;
  /** Null if it was not read. */
  serial: string | null;
}

const columns = `change_id, kind, device_id, other_id, at, actor, reason, selector, undone_at, undone_by,
  undone_reason`;

/** Changes of all these devices, oldest first. */
export async function changesOf(tenant: Tenant, deviceIds: readonly string[]): Promise<ChangeRow[]> {
  const rows = await tenant.all<ChangeRow>(
    `SELECT ${columns} FROM device_changes WHERE customer_id = :customer ORDER BY at, change_id`,
  );
  return rows.filter(({ device_id, other_id }) => deviceIds.includes(device_id) || deviceIds.includes(other_id));
}

export function maybeChange(tenant: Tenant, changeId: string): Promise<ChangeRow | undefined> {
  return tenant.get(
    `SELECT ${columns} FROM device_changes WHERE customer_id = :customer AND change_id = :change_id`,
    { change_id: changeId },
  );
}

export async function addChange(
  tenant: Tenant,
  change: Omit<ChangeRow, "undone_at" | "undone_by" | "undone_reason"> & { saved: Uint8Array | null },
): Promise<void> {
  await tenant.run(
    `INSERT INTO device_changes (customer_id, change_id, kind, device_id, other_id, at, actor, reason, selector, saved)
     VALUES (:customer, :change_id, :kind, :device_id, :other_id, :at, :actor, :reason, :selector, :saved)`,
    { ...change },
  );
}

export async function markUndone(
  tenant: Tenant,
  { changeId, at, actor, reason }: { changeId: string; at: number; actor: string; reason: string | null },
): Promise<void> {
  await tenant.run(
    `UPDATE device_changes SET undone_at = :at, undone_by = :actor, undone_reason = :reason, saved = NULL
     WHERE customer_id = :customer AND change_id = :change_id`,
    { change_id: changeId, at, actor, reason },
  );
}

/** Whether the selector matches the reading; undefined if the reading lacks a needed field. */
export function isSelected(selector: SplitSelector, seen: SeenBy): boolean | undefined {
  const { agentId, network, deviceKey, serial } = selector;
  if (agentId !== undefined && agentId !== seen.agentId) return false;
  if (network !== undefined && network.toLowerCase() !== seen.network.toLowerCase()) return false;
  if (deviceKey !== undefined && seen.deviceKey !== "" && deviceKey !== seen.deviceKey) return false;
  if (serial !== undefined && seen.serial !== null && serial !== seen.serial) return false;
  const isUnknown = (deviceKey !== undefined && seen.deviceKey === "") ||
    (serial !== undefined && seen.serial === null);
  return isUnknown ? undefined : true;
}

export interface Split {
  from: string;
  into: string;
  selector: SplitSelector;
}

/** Splits that were not undone, in order. */
export async function splitsOf(tenant: Tenant): Promise<Split[]> {
  const rows = await tenant.all<ChangeRow>(
    `SELECT ${columns} FROM device_changes
     WHERE customer_id = :customer AND kind = 'split' AND undone_at IS NULL ORDER BY at, change_id`,
  );
  return rows.map(({ device_id, other_id, selector }) => ({
    from: device_id,
    into: other_id,
    selector: JSON.parse(selector!),
  }));
}

/**
 * The device of a reading after splits, if by evidence it belongs to a device that was split. If the reading lacks the
 * fields of the selector, the device by evidence stays.
 */
export function splitId(splits: readonly Split[], deviceId: string, seen: SeenBy): string {
  let id = deviceId;
  for (let up = splits.find(({ into }) => into === id); up !== undefined; up = splits.find(({ into }) => into === id)) {
    id = up.from;
  }
  for (;;) {
    const verdicts = splits.filter(({ from }) => from === id).map((split) => ({
      ...split,
      is: isSelected(split.selector, seen),
    }));
    const first = verdicts.find(({ is }) => is !== false);
    if (first === undefined) return id;
    if (first.is === undefined) return deviceId;
    id = first.into;
  }
}

/** The data that a split has saved for its undo; null if there is none. */
export async function savedBySplit(tenant: Tenant, changeId: string): Promise<Uint8Array | null> {
  const row = await tenant.get<{ saved: Uint8Array | null }>(
    "SELECT saved FROM device_changes WHERE customer_id = :customer AND change_id = :change_id",
    { change_id: changeId },
  );
  return row?.saved ?? null;
}
