/**
 * The devices of a customer within one transaction. Everything that may be needed is read in advance with a few
 * queries, regardless of the number of readings; changes are made in memory, visible to later reads, and written by
 * flush().
 */
import { queueChanges } from "../events/queue_changes.ts";
import { type PlatformEvent, queueEvents } from "../events/queue_events.ts";
import { newId } from "../store/new_id.ts";
import type { RowsOf, Tenant } from "../store/store.ts";
import { type Split, splitsOf } from "./device_changes.ts";
import { alertTable, type KnownAlert, shownAgain } from "./alerts.ts";
import { type DeviceState, type KnownState, stateColumns } from "./device_state.ts";
import {
  deviceColumns,
  type DeviceFacts,
  type DeviceRow,
  type EvidenceRow,
  type HistoryRow,
  mergeDevices,
  type PlaceRow,
} from "./devices.ts";
import { addRecords, type NewRecord } from "./readings.ts";
import { noteLate } from "./late_arrivals.ts";
import { addSamples, type ReadSamples } from "./samples.ts";

export interface EvidenceKey {
  kind: string;
  value: string;
}

export interface Place {
  scope: string;
  place: string;
}

/** What may be needed: all data of the devices that have one of these, and of those that are at one of the places. */
export interface Wanted {
  evidence?: readonly EvidenceKey[];
  places?: readonly Place[];
  /** Devices by id. */
  deviceIds?: readonly string[];
}

type StateRow = KnownState & { device_id: string };
type EventRow = HistoryRow & { device_id: string };

const deviceTable: RowsOf = { table: "devices", key: ["device_id"], columns: deviceColumns };
const evidenceTable: RowsOf = {
  table: "device_evidence",
  key: ["kind", "value", "device_id"],
  columns: ["kind", "value", "device_id", "seen_at", "current", "shared", "sure"],
};
const placeTable: RowsOf = {
  table: "device_places",
  key: ["scope", "place", "device_id"],
  columns: ["scope", "place", "device_id", "seen_at", "until"],
};
const stateTable: RowsOf = { table: "device_state", key: ["device_id"], columns: ["device_id", ...stateColumns] };
const historyTable: RowsOf = {
  table: "device_history",
  key: [],
  columns: ["device_id", "at", "kind", "before", "after"],
};

const byDevice = ({ device_id }: { device_id: string }) => device_id;
const evidenceKey = ({ kind, value }: EvidenceKey) => `${kind} ${value}`;
const placeKey = ({ scope, place }: Place) => `${scope}\0${place}`;

/** Something that happened to a device. */
export interface DeviceEventNote extends PlatformEvent {
  deviceId: string;
}

export class KnownDevices {
  readonly #tenant: Tenant;
  readonly #devices = new RowCache<DeviceRow>(deviceTable, byDevice);
  readonly #evidence = new RowCache<EvidenceRow>(evidenceTable, byDevice, evidenceKey);
  readonly #places = new RowCache<PlaceRow>(placeTable, byDevice, placeKey);
  readonly #states = new RowCache<StateRow>(stateTable, byDevice);
  readonly #alerts = new RowCache<KnownAlert>(alertTable, byDevice);
  readonly #asked = { evidence: new Set<string>(), places: new Set<string>(), devices: new Set<string>() };
  /** Splits that were not undone; only read if a known device was split. */
  splits: readonly Split[] = [];
  #history: EventRow[] = [];
  #samples: ReadSamples[] = [];
  #records: NewRecord[] = [];
  #events: DeviceEventNote[] = [];
  /** Devices that were merged, and those that they are now: statements may have both. */
  #merged: string[] = [];
  /** When the newest record came. */
  #now = new Date(0);

  private constructor(tenant: Tenant) {
    this.#tenant = tenant;
  }

  static async load(tenant: Tenant, wanted: Wanted): Promise<KnownDevices> {
    const known = new KnownDevices(tenant);
    await known.#load(wanted);
    return known;
  }

  /** Devices that were seen with this evidence. */
  evidenceHolders(key: EvidenceKey): EvidenceRow[] {
    return this.#evidence.in(1, this.#checked("evidence", evidenceKey(key)));
  }

  /** All that the device was ever seen with. */
  evidenceOf(deviceId: string): EvidenceRow[] {
    return this.#evidence.in(0, this.#checked("devices", deviceId));
  }

  setEvidence(evidence: EvidenceRow): void {
    this.#evidence.set(evidence);
  }

  placeHolders(key: Place): PlaceRow[] {
    return this.#places.in(1, this.#checked("places", placeKey(key)));
  }

  /** Present places of the device in the scope of this agent or site. */
  placesOf({ scope, deviceId }: { scope: string; deviceId: string }): PlaceRow[] {
    const places = this.#places.in(0, this.#checked("devices", deviceId));
    return places.filter((each) => each.scope === scope && each.until === null);
  }

  setPlace(place: PlaceRow): void {
    this.#places.set(place);
  }

  device(deviceId: string): DeviceRow | undefined {
    return this.#devices.in(0, this.#checked("devices", deviceId))[0];
  }

  addDevice({ facts, at }: { facts: DeviceFacts; at: Date }): string {
    const deviceId = newId("dev"), ms = at.getTime();
    this.#asked.devices.add(deviceId);
    this.#devices.set({
      ...facts,
      device_id: deviceId,
      first_seen_at: ms,
      last_seen_at: ms,
      agent_seen_at: ms,
      merged_into: null,
      split: 0,
    });
    return deviceId;
  }

  setDevice(device: DeviceRow): void {
    this.#devices.set(device);
  }

  addHistory({ deviceId, ...entry }: HistoryRow & { deviceId: string }): void {
    this.#history.push({ ...entry, device_id: deviceId });
  }

  /** Undefined for a device that was not read yet. */
  state(deviceId: string): KnownState | undefined {
    return this.#states.in(0, this.#checked("devices", deviceId))[0];
  }

  setState(deviceId: string, state: DeviceState): void {
    this.#states.set({ ...state, device_id: deviceId });
  }

  /** Open alerts, and those that ended in this transaction. */
  alerts(deviceId: string): KnownAlert[] {
    return this.#alerts.in(0, this.#checked("devices", deviceId));
  }

  setAlert(alert: KnownAlert): void {
    this.#alerts.set(alert);
  }

  addSamples(samples: ReadSamples): void {
    this.#samples.push(samples);
  }

  addRecord(record: NewRecord): void {
    this.#records.push(record);
    this.#now = record.receivedAt;
  }

  /** About a device, for webhooks. */
  addEvent(event: DeviceEventNote): void {
    this.#events.push(event);
  }

  /** Merges two devices that are one. */
  async merge({ from, into, at }: { from: string; into: string; at: number }): Promise<void> {
    await this.flush();
    await mergeDevices(this.#tenant, { from, into, at });
    this.#merged.push(from, into);
    await queueChanges(this.#tenant, [from, into]);
    const places = [from, into].flatMap((deviceId) => this.#places.in(0, deviceId));
    for (const rows of [this.#devices, this.#evidence, this.#places, this.#states, this.#alerts]) {
      for (const deviceId of [from, into]) rows.forget(deviceId);
    }
    this.#asked.devices.delete(from);
    this.#asked.devices.delete(into);
    await this.#load({ places, deviceIds: [from, into] });
  }

  /** Writes all changes. */
  async flush(): Promise<void> {
    const written: Promise<unknown>[] = [];
    /* None waits for the one before, whose rows are there first all the same. */
    const write = (rows: Promise<void>) => {
      const each = rows.then(() => {});
      // It is waited for below.
      each.catch(() => {});
      written.push(each);
    };
    const told = new Set<string>();
    // A table is written before those that refer to it.
    for (const rows of [this.#devices, this.#evidence, this.#places, this.#states]) {
      const { added, changed } = rows.takeChanges();
      if (rows === this.#devices) {
        for (const { device_id, first_seen_at } of added as DeviceRow[]) {
          this.addEvent({ type: "device.new", deviceId: device_id, at: new Date(first_seen_at), data: {} });
        }
      }
      if (rows === this.#devices || rows === this.#states) {
        for (const row of [...added, ...changed]) told.add(byDevice(row as DeviceRow | StateRow));
      }
      if (added.length > 0) write(this.#tenant.insertMany(rows.table, added));
      if (changed.length > 0) write(this.#tenant.updateMany(rows.table, changed));
    }
    write(queueChanges(this.#tenant, told));
    const { added, changed } = this.#alerts.takeChanges();
    if (added.length > 0) write(this.#tenant.insertMany(alertTable, added, shownAgain));
    if (changed.length > 0) write(this.#tenant.updateMany(alertTable, changed));
    for (const alert of [...added, ...changed]) {
      if (added.includes(alert)) this.#noteAlert("alert.raised", alert, alert.first_seen_at);
      if (alert.ended_at !== null) this.#noteAlert("alert.ended", alert, alert.ended_at);
    }
    const [history, samples, records] = [this.#history, this.#samples, this.#records];
    [this.#history, this.#samples, this.#records] = [[], [], []];
    if (history.length > 0) write(this.#tenant.insertMany(historyTable, history));
    for (const { kind, at, before, after, device_id: deviceId } of history) {
      if (kind === "meterFell") {
        this.addEvent({ type: "meter.reset", deviceId, at: new Date(at), data: { before, after } });
      }
    }
    write(this.#queueEvents());
    write(addSamples(this.#tenant, samples));
    write(addRecords(this.#tenant, records));
    // The record by which they were merged is added later, and says when.
    const merged = records.length === 0 ? [] : this.#merged.splice(0);
    write(noteLate(this.#tenant, { records, merged }));
    await Promise.all(written);
  }

  #noteAlert(type: "alert.raised" | "alert.ended", alert: KnownAlert, at: number): void {
    const { device_id: deviceId, severity, code, alert_group: group, description } = alert;
    this.addEvent({ type, deviceId, at: new Date(at), data: { severity, code, group, description } });
  }

  async #queueEvents(): Promise<void> {
    const events = this.#events.splice(0).map(({ type, deviceId, at, data }): PlatformEvent => {
      const { serial = null, manufacturer = null, model = null, address = null } = this.#devices.in(0, deviceId)[0] ??
        {};
      return { type, at, data: { deviceId, serial, manufacturer, model, address, ...data } };
    });
    await queueEvents(this.#tenant, events, this.#now);
  }

  async #load({ evidence = [], places = [], deviceIds = [] }: Wanted): Promise<void> {
    const all = async <Row extends object>(
      rows: RowCache<Row>,
      condition: string,
      each: readonly object[],
      index?: string,
    ) => {
      if (each.length === 0) return [];
      const { table, columns } = rows.table;
      // Otherwise SQLite scans all rows of the customer.
      const by = index === undefined ? "" : `INDEXED BY ${index}`;
      // The newest record is only written, never read.
      const read = columns.filter((name) => name !== "record").join(", ");
      const sql = `SELECT ${read} FROM ${table} ${by} WHERE customer_id = :customer AND ${condition}`;
      const found = await this.#tenant.allOf<Row>(sql, each as Record<string, string>[]);
      for (const row of found) rows.add(row);
      return found;
    };
    const values = distinct(evidence, evidenceKey).map(({ kind, value }) => ({ kind, value }));
    const spots = distinct(places, placeKey).map(({ scope, place }) => ({ scope, place }));
    for (const each of values) this.#asked.evidence.add(evidenceKey(each));
    for (const each of spots) this.#asked.places.add(placeKey(each));
    const holding =
      "SELECT device_id FROM device_evidence WHERE customer_id = :customer AND kind = :kind AND value = :value";
    const [holdersOfEvidence, holdersOfPlaces] = await Promise.all([
      // What else is known of it is read with its device.
      values.length === 0 ? [] : this.#tenant.allOf<{ device_id: string }>(holding, values),
      all(this.#places, "scope = :scope AND place = :place", spots),
    ]);
    const holders: { device_id: string }[] = [
      ...holdersOfEvidence,
      // An address of a DHCP pool has had many devices, and only the present one may be what was read.
      ...holdersOfPlaces.filter(({ until }) => until === null),
      ...deviceIds.map((device_id) => ({ device_id })),
    ];
    const devices = distinct(holders, byDevice).filter(({ device_id }) => !this.#asked.devices.has(device_id))
      .map(({ device_id }) => ({ device_id }));
    for (const { device_id } of devices) this.#asked.devices.add(device_id);
    const isDevice = "device_id = :device_id";
    const [known] = await Promise.all([
      all(this.#devices, isDevice, devices),
      all(this.#evidence, isDevice, devices, "device_evidence_by_device"),
      all(this.#places, `${isDevice} AND until IS NULL`, devices, "device_places_by_device"),
      all(this.#states, isDevice, devices),
      all(this.#alerts, `${isDevice} AND ended_at IS NULL`, devices),
    ]);
    if (this.splits.length > 0 || !known.some(({ split }) => split === 1)) return;
    this.splits = await splitsOf(this.#tenant);
    await this.#load({ deviceIds: this.splits.flatMap(({ from, into }) => [from, into]) });
  }

  #checked(what: "evidence" | "places" | "devices", key: string): string {
    if (!this.#asked[what].has(key)) throw new Error(`Cannot tell what is known of ${key}: it was not asked for`);
    return key;
  }
}

function distinct<T>(values: readonly T[], keyOf: (value: T) => string): T[] {
  return [...new Map(values.map((value) => [keyOf(value), value])).values()];
}

interface Kept<Row> {
  row: Row;
  isNew: boolean;
  isChanged: boolean;
}

/** Stored and changed rows of a table, indexed by their groups. */
class RowCache<Row extends object> {
  readonly table: RowsOf;
  readonly #groupsOf: ((row: Row) => string)[];
  readonly #kept = new Map<string, Kept<Row>>();
  /** By group of each kind, then by key. */
  readonly #groups: Map<string, Map<string, Kept<Row>>>[];
  #changes: Kept<Row>[] = [];

  /** The first kind of group is the device. */
  constructor(table: RowsOf, ...groupsOf: ((row: Row) => string)[]) {
    this.table = table;
    this.#groupsOf = groupsOf;
    this.#groups = groupsOf.map(() => new Map());
  }

  /** Adds a row from the store. */
  add(row: Row): void {
    const key = this.#keyOf(row);
    if (!this.#kept.has(key)) this.#keep(key, { row, isNew: false, isChanged: false });
  }

  set(row: Row): void {
    const key = this.#keyOf(row);
    let kept = this.#kept.get(key);
    if (kept === undefined) this.#keep(key, kept = { row, isNew: true, isChanged: false });
    if (!kept.isChanged) this.#changes.push(kept);
    kept.isChanged = true;
    kept.row = row;
  }

  /** Rows of a group, ordered by key as in the store. */
  in(kind: number, group: string): Row[] {
    const rows = this.#groups[kind]!.get(group);
    if (rows === undefined) return [];
    if (rows.size > 1) return [...rows.keys()].sort().map((key) => rows.get(key)!.row);
    return Array.from(rows.values(), ({ row }) => row);
  }

  forget(deviceId: string): void {
    for (const key of this.#groups[0]!.get(deviceId)?.keys() ?? []) {
      const { row } = this.#kept.get(key)!;
      this.#kept.delete(key);
      for (const [kind, groupOf] of this.#groupsOf.entries()) {
        if (kind > 0) this.#groups[kind]!.get(groupOf(row))?.delete(key);
      }
    }
    this.#groups[0]!.delete(deviceId);
  }

  takeChanges(): { added: Row[]; changed: Row[] } {
    const added: Row[] = [], changed: Row[] = [];
    for (const kept of this.#changes) {
      (kept.isNew ? added : changed).push(kept.row);
      kept.isNew = kept.isChanged = false;
    }
    this.#changes = [];
    return { added, changed };
  }

  #keep(key: string, kept: Kept<Row>): void {
    this.#kept.set(key, kept);
    for (const [kind, groupOf] of this.#groupsOf.entries()) {
      const group = groupOf(kept.row), rows = this.#groups[kind]!.get(group);
      if (rows === undefined) this.#groups[kind]!.set(group, new Map([[key, kept]]));
      else rows.set(key, kept);
    }
  }

  #keyOf(row: Row): string {
    const [first, ...rest] = this.table.key;
    let key = String(row[first as keyof Row]);
    for (const name of rest) key += `\0${row[name as keyof Row]}`;
    return key;
  }
}
