/**
 * Splitting of a device by a person, if it is really two machines, as with a print server in front of both, or a cloned
 * serial number: some of its readings go to a new device, including future ones. Data older than the stored records
 * stays, as it cannot be divided.
 */
import { Buffer } from "node:buffer";
import { maybeDeviceSerial } from "../../common/reading/device_evidence.ts";
import { UsageError } from "../../common/core/errors.ts";
import { maybeAgent } from "../agents/agents.ts";
import type { Platform } from "../agents/platform.ts";
import { actorText } from "../audit/audit_log.ts";
import { changeTenant, type TenantBy } from "../audit/use_case.ts";
import { queueChanges } from "../events/queue_changes.ts";
import { newId } from "../store/new_id.ts";
import { packRecord, unpackRecord } from "../store/stored_record.ts";
import { takeLock, type Tenant } from "../store/store.ts";
import {
  addChange,
  type ChangeRow,
  changesOf,
  isSelected,
  type MadeChange,
  savedBySplit,
  type SplitSelector,
} from "./device_changes.ts";
import { type DeviceState, joinedState, maybeDeviceState, setDeviceReading } from "./device_state.ts";
import { type DeviceRow, type EvidenceRow, maybeDevice, mergeDevices, type PlaceRow } from "./devices.ts";
import { type AlertParts, alertsOf, type KeptRecord, keptRecords, lastFacts, shownBy } from "./kept_records.ts";
import { type OwnSample, samplesToAdd, samplesToMove, stateAfter, stateWithout } from "./split_samples.ts";
import { deviceOf } from "./show_device.ts";

/** Data that a split removes, saved for its undo. */
interface Saved {
  row: DeviceRow;
  state: DeviceState | undefined;
  samples: OwnSample[];
  alerts: AlertParts[];
  evidence: EvidenceRow[];
  places: PlaceRow[];
}

export interface MadeSplit extends MadeChange {
  /** Readings that the new device has. */
  readings: number;
  /** Samples before this time stay with the device, as records are kept since then; null if there are none. */
  undividedBefore: number | null;
}

/** Moves all readings that match the selector to a new device. Throws UsageError. */
export function splitDevice(
  platform: Platform,
  by: TenantBy,
  { device, selector: given, reason }: { device: string; selector: SplitSelector; reason?: string | undefined },
): Promise<MadeSplit> {
  return changeTenant(platform, by, async (tenant, at) => {
    await takeLock(tenant.transaction, `device changes of ${tenant.customerId}`);
    const { deviceId, parts } = await deviceOf(tenant, device);
    const selector = await checkedSelector(tenant, given);
    if (parts.length > 1) {
      throw new UsageError(
        `Cannot split "${deviceId}" as another device is merged into it`,
        `undo that first: opendca-platform device history ${deviceId}`,
      );
    }
    const records = await keptRecords(tenant, deviceId);
    const moved = records.filter((record) => isSelected(selector, record.seen) === true);
    const stay = records.filter((record) => !moved.includes(record));
    const readings = moved.filter(({ reading }) => reading !== undefined).length;
    refuseEmpty(deviceId, { readings, all: records.filter(({ reading }) => reading !== undefined).length });
    const changeId = newId("chg"), otherId = newId("dev");
    const undividedBefore = await undividedUntil(tenant, deviceId, records);
    const saved = await moveRecords(tenant, { changeId, row: parts[0]!, otherId, moved, stay });
    await queueChanges(tenant, [deviceId, otherId]);
    await addChange(tenant, {
      change_id: changeId,
      kind: "split",
      device_id: deviceId,
      other_id: otherId,
      at: at.getTime(),
      actor: actorText(by.actor),
      reason: reason ?? null,
      selector: JSON.stringify(selector),
      saved: packRecord(new TextEncoder().encode(JSON.stringify(saved, withBytes))),
    });
    const detail = { change: changeId, other: otherId, readings, ...(reason === undefined ? {} : { reason }) };
    return {
      answer: { changeId, kind: "split", deviceId, otherId, readings, undividedBefore },
      audit: { action: "deviceSplit", subject: deviceId, detail },
    };
  });
}

/* The time of the first kept reading, if there are older samples, which have no record that tells whose they are. */
async function undividedUntil(
  tenant: Tenant,
  deviceId: string,
  records: readonly KeptRecord[],
): Promise<number | null> {
  const first = records.find(({ reading }) => reading !== undefined)!.observedAt.getTime();
  const older = await tenant.get(
    "SELECT 1 FROM samples WHERE customer_id = :customer AND device_id = :device_id AND observed_at < :first LIMIT 1",
    { device_id: deviceId, first },
  );
  return older === undefined ? null : first;
}

async function checkedSelector(tenant: Tenant, given: SplitSelector): Promise<SplitSelector> {
  const selector = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as SplitSelector;
  if (Object.keys(selector).length === 0) {
    throw new UsageError(
      "Cannot split a device without knowing which readings are of the other machine",
      "name them with --agent, --network, --device-key or --serial; opendca-platform device history shows what there is",
    );
  }
  const { agentId, serial } = selector;
  if (agentId !== undefined && await maybeAgent(tenant, agentId) === undefined) {
    throw new UsageError(`Cannot find the agent "${agentId}"`, "opendca-platform agent list shows them");
  }
  if (serial === undefined) return selector;
  const usable = maybeDeviceSerial(serial);
  if (usable !== null) return { ...selector, serial: usable };
  throw new UsageError(
    `Cannot use --serial to tell a machine: current value is "${serial}"`,
    "a serial number that identifies a device has 5 to 64 letters and digits and is not a placeholder",
  );
}

function refuseEmpty(deviceId: string, { readings, all }: { readings: number; all: number }): void {
  const hint = `opendca-platform device history ${deviceId} shows what its readings come from`;
  if (readings === 0) {
    throw new UsageError(`Cannot split "${deviceId}" as none of its ${all} kept readings is one of those`, hint);
  }
  if (readings === all) {
    throw new UsageError(`Cannot split "${deviceId}" as all of its ${all} kept readings are of those`, hint);
  }
}

interface Move {
  changeId: string;
  row: DeviceRow;
  otherId: string;
  moved: readonly KeptRecord[];
  stay: readonly KeptRecord[];
}

async function moveRecords(tenant: Tenant, { changeId, row, otherId, moved, stay }: Move): Promise<Saved> {
  const { device_id: deviceId } = row;
  await insert(tenant, "devices", [{
    ...lastFacts(moved)!,
    device_id: otherId,
    first_seen_at: moved.find(({ reading }) => reading !== undefined)!.observedAt.getTime(),
  }]);
  const facts = lastFacts(stay)!;
  await tenant.run(
    `UPDATE devices SET ${Object.keys(facts).map((name) => `${name} = :${name}`).join(", ")}
     WHERE customer_id = :customer AND device_id = :device_id`,
    { ...facts, device_id: deviceId },
  );
  for (const { agentId, recordId } of moved) {
    await tenant.run(
      `UPDATE records SET device_id = :other_id
       WHERE customer_id = :customer AND agent_id = :agent_id AND record_id = :record_id`,
      { other_id: otherId, agent_id: agentId, record_id: recordId },
    );
  }
  const state = await maybeDeviceState(tenant, deviceId);
  await setDeviceReading(tenant, otherId, stateAfter(moved)!);
  const rest = stateWithout(state, { moved, stay });
  if (rest !== undefined) await setDeviceReading(tenant, deviceId, rest);
  const samples = await divideSamples(tenant, { changeId, row, otherId, moved, stay });
  const alerts = await divideAlerts(tenant, { changeId, row, otherId, moved, stay });
  const { evidence, places } = await divideEvidence(tenant, { changeId, row, otherId, moved, stay });
  return { row, state, samples, alerts, evidence, places };
}

async function divideSamples(tenant: Tenant, { changeId, row, otherId, moved, stay }: Move): Promise<OwnSample[]> {
  const { device_id: deviceId } = row;
  const known = await tenant.all<OwnSample>(
    `SELECT kind, name, observed_at, origin, value, unit, level FROM samples
     WHERE customer_id = :customer AND device_id = :device_id ORDER BY observed_at, origin`,
    { device_id: deviceId },
  );
  const gone = samplesToMove(known, { moved, stay });
  for (const { kind, name, observed_at, origin } of gone) {
    await tenant.run(
      `DELETE FROM samples WHERE customer_id = :customer AND device_id = :device_id AND kind = :kind AND name = :name
         AND observed_at = :observed_at AND origin = :origin`,
      { device_id: deviceId, kind, name, observed_at, origin },
    );
  }
  const left = known.filter((sample) => !gone.includes(sample));
  const since = moved[0]!.observedAt.getTime();
  const again = samplesToAdd(left, stay.filter(({ observedAt }) => observedAt.getTime() >= since));
  await insert(tenant, "samples", again.map((sample) => ({ ...sample, device_id: deviceId, origin: changeId })));
  const other = samplesToAdd([], moved);
  await insert(tenant, "samples", other.map((sample) => ({ ...sample, device_id: otherId, origin: changeId })));
  return gone;
}

async function divideAlerts(tenant: Tenant, { changeId, row, otherId, moved, stay }: Move): Promise<AlertParts[]> {
  const { device_id: deviceId } = row;
  const known = await tenant.all<AlertParts>(
    `SELECT alert_key, first_seen_at, origin, severity, code, alert_group, description, since, last_seen_at, ended_at
     FROM alerts WHERE customer_id = :customer AND device_id = :device_id`,
    { device_id: deviceId },
  );
  const ofMoved = alertsOf(moved), ofStay = new Set(alertsOf(stay).map(({ alert_key }) => alert_key));
  const gone = known.filter(({ alert_key, first_seen_at }) =>
    !ofStay.has(alert_key) &&
    ofMoved.some((each) =>
      each.alert_key === alert_key && each.first_seen_at <= first_seen_at && first_seen_at <= each.last_seen_at
    )
  );
  for (const { alert_key, first_seen_at, origin } of gone) {
    await tenant.run(
      `DELETE FROM alerts WHERE customer_id = :customer AND device_id = :device_id AND alert_key = :alert_key
         AND first_seen_at = :first_seen_at AND origin = :origin`,
      { device_id: deviceId, alert_key, first_seen_at, origin },
    );
  }
  await insert(tenant, "alerts", ofMoved.map((alert) => ({ ...alert, device_id: otherId, origin: changeId })));
  return gone;
}

/**
 * Moves evidence that only those readings had to the new device; of shared evidence, boards identify neither, and a
 * serial number both.
 */
async function divideEvidence(
  tenant: Tenant,
  { row, otherId, moved, stay }: Move,
): Promise<{ evidence: EvidenceRow[]; places: PlaceRow[] }> {
  const deviceId = { device_id: row.device_id };
  const evidence = await tenant.all<EvidenceRow>(
    `SELECT kind, value, device_id, seen_at, current, shared, sure FROM device_evidence
     WHERE customer_id = :customer AND device_id = :device_id`,
    deviceId,
  );
  const places = await tenant.all<PlaceRow>(
    "SELECT scope, place, device_id, seen_at, until FROM device_places WHERE customer_id = :customer AND device_id = :device_id",
    deviceId,
  );
  const ofMoved = await shownBy(tenant, moved), ofStay = await shownBy(tenant, stay);
  for (const { kind, value } of ofMoved) {
    const both = ofStay.some((each) => each.kind === kind && each.value === value);
    if (kind === "place") {
      const [scope = "", place = ""] = value.split("\n");
      const known = places.find((each) => each.scope === scope && each.place === place);
      if (both || known === undefined) continue;
      await tenant.run(
        "DELETE FROM device_places WHERE customer_id = :customer AND device_id = :device_id AND scope = :scope AND place = :place",
        { ...deviceId, scope, place },
      );
      await insert(tenant, "device_places", [{ ...known, device_id: otherId }]);
      continue;
    }
    const known = evidence.find((each) => each.kind === kind && each.value === value);
    // An agent's id of a device belongs to one device only.
    if (known === undefined || (kind === "key" && both)) continue;
    const shared = both && kind !== "serial" ? 1 : known.shared;
    await insert(tenant, "device_evidence", [{ ...known, shared, device_id: otherId }]);
    if (both && kind === "serial") continue;
    await tenant.run(
      both
        ? `UPDATE device_evidence SET shared = 1 WHERE customer_id = :customer AND device_id = :device_id AND kind = :kind
             AND value = :value`
        : `DELETE FROM device_evidence WHERE customer_id = :customer AND device_id = :device_id AND kind = :kind
             AND value = :value`,
      { ...deviceId, kind, value },
    );
  }
  for (const id of [row.device_id, otherId]) await setSplit(tenant, id, 1);
  return { evidence, places };
}

async function setSplit(tenant: Tenant, deviceId: string, split: 0 | 1): Promise<void> {
  await tenant.run("UPDATE devices SET split = :split WHERE customer_id = :customer AND device_id = :device_id", {
    device_id: deviceId,
    split,
  });
}

/** Joins the readings of both again. Throws UsageError while a later change depends on the split. */
export async function undoSplit(tenant: Tenant, change: ChangeRow): Promise<void> {
  const { change_id: changeId, device_id: deviceId, other_id: otherId, at } = change;
  const standing = (await changesOf(tenant, [deviceId, otherId])).filter((each) =>
    each.undone_at === null && each.change_id !== changeId
  );
  const later = standing.find((each) => each.device_id === otherId || each.other_id === otherId);
  if (later !== undefined) {
    throw new UsageError(
      `Cannot undo "${changeId}" as "${later.change_id}" came after it`,
      `opendca-platform device undo ${later.change_id} comes first`,
    );
  }
  const saved: Saved = JSON.parse(
    new TextDecoder().decode(unpackRecord((await savedBySplit(tenant, changeId))!)),
    asBytes,
  );
  await tenant.run(
    `DELETE FROM samples WHERE customer_id = :customer AND device_id IN (:device_id, :other_id) AND origin = :change_id`,
    { device_id: deviceId, other_id: otherId, change_id: changeId },
  );
  const since = await tenant.all<AlertParts>(
    `SELECT * FROM alerts WHERE customer_id = :customer AND device_id = :other_id AND origin = :change_id`,
    { other_id: otherId, change_id: changeId },
  );
  await tenant.run(
    "DELETE FROM alerts WHERE customer_id = :customer AND device_id = :other_id AND origin = :change_id",
    { other_id: otherId, change_id: changeId },
  );
  const row = (await maybeDevice(tenant, deviceId))!, other = (await maybeDevice(tenant, otherId))!;
  const isStill = (standing: readonly ChangeRow[], id: string) =>
    standing.some(({ kind, device_id, other_id }) => kind === "split" && (device_id === id || other_id === id));
  for (const id of [deviceId, otherId]) await setSplit(tenant, id, 0);
  await mergeDevices(tenant, { from: otherId, into: deviceId, at });
  // mergeDevices() records a merge by evidence.
  await tenant.run(
    `DELETE FROM device_history WHERE customer_id = :customer AND device_id = :device_id AND kind = 'merged'
       AND before = :other_id`,
    { device_id: deviceId, other_id: otherId },
  );
  await restore(tenant, { saved, deviceId, since });
  if (isStill(standing, deviceId)) await setSplit(tenant, deviceId, 1);
  await restoreRow(tenant, { saved: saved.row, row, other });
}

async function restore(
  tenant: Tenant,
  { saved, deviceId, since }: { saved: Saved; deviceId: string; since: readonly AlertParts[] },
): Promise<void> {
  const ofDevice = { device_id: deviceId };
  await insert(tenant, "samples", saved.samples.map((sample) => ({ ...sample, ...ofDevice })));
  await insert(
    tenant,
    "alerts",
    saved.alerts.map((alert) => {
      const now = since.find(({ alert_key, last_seen_at }) =>
        alert_key === alert.alert_key && last_seen_at >= alert.first_seen_at
      );
      const { last_seen_at, ended_at } = now ?? alert;
      return { ...alert, ...ofDevice, last_seen_at: Math.max(last_seen_at, alert.last_seen_at), ended_at };
    }),
  );
  for (const row of saved.evidence) {
    await tenant.run(
      `DELETE FROM device_evidence WHERE customer_id = :customer AND device_id = :device_id AND kind = :kind
         AND value = :value`,
      { ...ofDevice, kind: row.kind, value: row.value },
    );
  }
  await insert(tenant, "device_evidence", saved.evidence.map((row) => ({ ...row, ...ofDevice })));
  await insert(tenant, "device_places", saved.places.map((row) => ({ ...row, ...ofDevice })));
  const state = await maybeDeviceState(tenant, deviceId);
  if (saved.state === undefined) return;
  await setDeviceReading(tenant, deviceId, state === undefined ? saved.state : joinedState(state, saved.state));
}

/** Restores a row as it was, or with newer data since. */
async function restoreRow(
  tenant: Tenant,
  { saved, row, other }: { saved: DeviceRow; row: DeviceRow; other: DeviceRow },
): Promise<void> {
  const newest = [row, other].reduce((a, b) => b.last_seen_at > a.last_seen_at ? b : a);
  const { merged_into: _, split: __, device_id: ___, ...facts } = newest.last_seen_at > saved.last_seen_at
    ? newest
    : saved;
  const first_seen_at = Math.min(saved.first_seen_at, row.first_seen_at, other.first_seen_at);
  await tenant.run(
    `UPDATE devices SET ${Object.keys(facts).map((name) => `${name} = :${name}`).join(", ")}
     WHERE customer_id = :customer AND device_id = :device_id`,
    { ...facts, first_seen_at, device_id: saved.device_id },
  );
}

type Value = string | number | null | Uint8Array;

/** Inserts rows; existing ones are unchanged. */
async function insert(tenant: Tenant, table: string, rows: readonly object[]): Promise<void> {
  for (const row of rows) {
    const columns = Object.keys(row);
    await tenant.run(
      `INSERT INTO ${table} (customer_id, ${columns.join(", ")})
       VALUES (:customer, ${columns.map((name) => `:${name}`).join(", ")}) ON CONFLICT DO NOTHING`,
      { ...row } as Record<string, Value>,
    );
  }
}

function withBytes(_: string, value: unknown): unknown {
  return value instanceof Uint8Array ? { base64: Buffer.from(value).toString("base64") } : value;
}

function asBytes(_: string, value: unknown): unknown {
  const isBytes = typeof value === "object" && value !== null && "base64" in value;
  return isBytes ? new Uint8Array(Buffer.from(value.base64 as string, "base64")) : value;
}
