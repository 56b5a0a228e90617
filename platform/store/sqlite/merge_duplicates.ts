/**
 * Migrates evidence from the second to the third version of the store, and merges devices that were created by mistake.
 * It has its own statements of that version, so that later versions of the tables do not change it.
 */
import type { DatabaseSync } from "node:sqlite";
import {
  type EvidenceKind,
  maybeDeviceMac,
  maybeDeviceSerial,
  maybeEngineId,
} from "../../../common/reading/device_evidence.ts";
import { isDuplicateOf, type KnownValue, twoPlacesMs } from "../../../common/reading/device_identity.ts";
import { Record as UploadedRecord } from "../../../proto/gen/opendca/v1/batch.ts";
import type { Parameters } from "../store.ts";
import { unpackRecord } from "../stored_record.ts";

/** One customer's rows, within the migration. */
interface Tenant {
  all<Row>(sql: string, parameters?: Parameters): Row[];
  get<Row>(sql: string, parameters?: Parameters): Row | undefined;
  run(sql: string, parameters?: Parameters): void;
}

interface DeviceRow {
  device_id: string;
  agent_id: string;
  site: string;
  serial: string | null;
  manufacturer: string | null;
  model: string | null;
  hostname: string | null;
  firmware: string | null;
  location: string | null;
  address: string;
  state: string;
  first_seen_at: number;
  last_seen_at: number;
  agent_seen_at: number;
}

interface EvidenceRow {
  kind: string;
  value: string;
  device_id: string;
  seen_at: number;
  current: number;
  shared: number;
  sure: number;
}

export function moveEvidence(database: DatabaseSync): void {
  for (const row of database.prepare("SELECT customer_id FROM customers").all()) {
    const tenant = tenantOn(database, String(row.customer_id));
    respell(tenant);
    mergeDuplicates(tenant);
  }
}

function tenantOn(database: DatabaseSync, customerId: string): Tenant {
  const of = (parameters?: Parameters) => ({ ...parameters, customer: customerId });
  return {
    all: <Row>(sql: string, parameters?: Parameters) => database.prepare(sql).all(of(parameters)) as Row[],
    get: <Row>(sql: string, parameters?: Parameters) => database.prepare(sql).get(of(parameters)) as Row | undefined,
    run: (sql, parameters) => void database.prepare(sql).run(of(parameters)),
  };
}

const kinds: Record<string, { kind: EvidenceKind | "key"; spell(value: string): string | null }> = {
  // In the second version the maker preceded the serial number.
  serial: { kind: "serial", spell: (value) => maybeDeviceSerial(value.slice(value.lastIndexOf("/") + 1)) },
  engine: { kind: "engineId", spell: maybeEngineId },
  mac: { kind: "mac", spell: maybeDeviceMac },
  key: { kind: "key", spell: (value) => value },
};

/** Converts evidence. A value had one holder; earlier holders and sharing are in the history. */
function respell(tenant: Tenant): void {
  const held = tenant.all<
    { kind: string; value: string; device_id: string; seen_at: number; shared_at: number | null }
  >(
    "SELECT * FROM device_evidence_before WHERE customer_id = :customer",
  );
  const past = tenant.all<{ kind: string; before: string | null; device_id: string; at: number }>(
    `SELECT kind, before, device_id, at FROM device_history WHERE customer_id = :customer
       AND kind IN ('engineLost', 'macLost', 'engineShared', 'macShared')`,
  );
  const put = (
    row: { kind: string; value: string; device_id: string; seen_at: number },
    state: { current: number; shared: number },
  ) => {
    const known = kinds[row.kind], value = known?.spell(row.value) ?? null;
    if (known === undefined || value === null) return;
    setEvidence(tenant, { kind: known.kind, value, device_id: row.device_id, seen_at: row.seen_at, sure: 1, ...state });
  };
  for (const { kind: what, before, device_id, at } of past) {
    const [, kind, how] = /^(engine|mac)(Lost|Shared)$/.exec(what)!;
    put({ kind: kind!, value: before ?? "", device_id, seen_at: at }, { current: 0, shared: how === "Shared" ? 1 : 0 });
  }
  for (const row of held) put(row, { current: 1, shared: row.shared_at === null ? 0 : 1 });
  tenant.run("DELETE FROM device_evidence_before WHERE customer_id = :customer");
}

interface Suspect {
  row: DeviceRow;
  evidence: KnownValue[];
  place: string;
}

/**
 * If of two devices at one place of an agent one has no evidence, or only evidence that the other has as well, it was
 * created from incomplete answers, or from a device without evidence.
 */
function mergeDuplicates(tenant: Tenant): void {
  const byPlace = new Map<string, Suspect[]>();
  for (const row of tenant.all<DeviceRow>("SELECT * FROM devices WHERE customer_id = :customer ORDER BY device_id")) {
    const place = placeOf(tenant, row);
    if (place === "") continue;
    const evidence = allEvidenceOf(tenant, row.device_id).filter(({ kind }) => kind !== "key").map((each) => ({
      kind: each.kind as EvidenceKind,
      value: each.value,
      current: each.current === 1,
      shared: each.shared === 1,
      sure: true,
    }));
    const key = `${row.agent_id} ${place}`;
    byPlace.set(key, [...byPlace.get(key) ?? [], { row, evidence, place }]);
  }
  for (const suspects of byPlace.values()) {
    const left = mergedAt(tenant, suspects);
    left.sort((a, b) => a.row.last_seen_at - b.row.last_seen_at);
    for (const [i, { row, place }] of left.entries()) notePlace(tenant, { row, place, isLast: i === left.length - 1 });
  }
}

/** Merges devices at one place that are one; returns the remaining ones. */
function mergedAt(tenant: Tenant, suspects: Suspect[]): Suspect[] {
  // The weakest first, of equal ones the youngest: each is merged into one that comes later in this order.
  suspects.sort((a, b) => strength(a) - strength(b) || b.row.first_seen_at - a.row.first_seen_at);
  const left: Suspect[] = [];
  for (const [i, weak] of suspects.entries()) {
    const into = bestOf(weak, suspects.slice(i + 1));
    if (into === undefined) {
      left.push(weak);
      continue;
    }
    const at = Math.max(weak.row.last_seen_at, into.row.last_seen_at);
    mergeDevices(tenant, { from: weak.row.device_id, into: into.row.device_id, at });
    into.row.first_seen_at = Math.min(into.row.first_seen_at, weak.row.first_seen_at);
    into.row.last_seen_at = at;
  }
  return left;
}

function strength({ evidence }: Suspect): number {
  return evidence.length + (evidence.some(({ kind }) => kind === "serial") ? 100 : 0);
}

/** Of several consecutive devices at the place, the one that was there when the weak one appeared. */
function bestOf(weak: Suspect, stronger: readonly Suspect[]): Suspect | undefined {
  const fitting = stronger.filter((each) => {
    if (!isDuplicateOf(named(weak), named(each))) return false;
    // A device that was gone for long by then may really have been replaced by it.
    return weak.evidence.length > 0 || each.evidence.length === 0 ||
      weak.row.first_seen_at - each.row.last_seen_at < twoPlacesMs;
  });
  const told = fitting.some(({ evidence }) => evidence.length > 0)
    ? fitting.filter(({ evidence }) => evidence.length > 0)
    : fitting;
  const before = told.filter(({ row }) => row.first_seen_at <= weak.row.first_seen_at);
  if (before.length > 0) return before.sort((a, b) => b.row.first_seen_at - a.row.first_seen_at)[0];
  return told.sort((a, b) => a.row.first_seen_at - b.row.first_seen_at)[0];
}

function named({ row, evidence }: Suspect) {
  return { evidence, maker: row.manufacturer, model: row.model };
}

/** The address is in the device's row; port and index only in the uploaded records. */
function placeOf(tenant: Tenant, { device_id, agent_id, address }: DeviceRow): string {
  const last = tenant.get<{ record: Uint8Array }>(
    `SELECT record FROM readings WHERE customer_id = :customer AND device_id = :device_id AND kind = 'reading'
       AND agent_id = :agent_id ORDER BY observed_at DESC LIMIT 1`,
    { device_id, agent_id },
  );
  if (last === undefined) return "";
  const { content } = UploadedRecord.decode(unpackRecord(last.record));
  if (content?.$case !== "reading" || content.value.address !== address || address === "") return "";
  return `${address} ${content.value.port} ${content.value.deviceIndex ?? 0}`;
}

function notePlace(tenant: Tenant, { row, place, isLast }: { row: DeviceRow; place: string; isLast: boolean }): void {
  const { agent_id, device_id, last_seen_at } = row;
  const agent = tenant.get<{ site_id: string }>(
    "SELECT site_id FROM agents WHERE customer_id = :customer AND agent_id = :agent_id",
    { agent_id },
  )!;
  const until = isLast ? null : last_seen_at;
  setPlace(tenant, { scope: `agent ${agent_id}`, place, device_id, seen_at: last_seen_at, until });
  const scope = `site ${agent.site_id} ${row.site.toLowerCase()}`;
  const there = tenant.get(
    "SELECT 1 FROM device_places WHERE customer_id = :customer AND scope = :scope AND place = :place AND until IS NULL",
    { scope, place },
  );
  // With two agents of a site, the first one's device stays there.
  setPlace(tenant, {
    scope,
    place,
    device_id,
    seen_at: last_seen_at,
    until: there === undefined ? until : last_seen_at,
  });
}

function setPlace(
  tenant: Tenant,
  place: { scope: string; place: string; device_id: string; seen_at: number; until: number | null },
): void {
  tenant.run(
    `INSERT INTO device_places (customer_id, scope, place, device_id, seen_at, until)
     VALUES (:customer, :scope, :place, :device_id, :seen_at, :until)
     ON CONFLICT (customer_id, scope, place, device_id) DO UPDATE SET seen_at = :seen_at, until = :until`,
    place,
  );
}

function setEvidence(tenant: Tenant, evidence: EvidenceRow): void {
  tenant.run(
    `INSERT INTO device_evidence (customer_id, kind, value, device_id, seen_at, current, shared, sure)
     VALUES (:customer, :kind, :value, :device_id, :seen_at, :current, :shared, :sure)
     ON CONFLICT (customer_id, kind, value, device_id)
     DO UPDATE SET seen_at = :seen_at, current = :current, shared = :shared, sure = :sure`,
    { ...evidence },
  );
}

function allEvidenceOf(tenant: Tenant, deviceId: string): EvidenceRow[] {
  return tenant.all(
    `SELECT kind, value, device_id, seen_at, current, shared, sure
     FROM device_evidence INDEXED BY device_evidence_by_device
     WHERE customer_id = :customer AND device_id = :device_id ORDER BY kind, value`,
    { device_id: deviceId },
  );
}

function maybeDevice(tenant: Tenant, deviceId: string): DeviceRow | undefined {
  return tenant.get("SELECT * FROM devices WHERE customer_id = :customer AND device_id = :device_id", {
    device_id: deviceId,
  });
}

/** Moves readings, history and evidence of one to the other; neither has a place yet. */
function mergeDevices(tenant: Tenant, { from, into, at }: { from: string; into: string; at: number }): void {
  const gone = maybeDevice(tenant, from)!, stays = maybeDevice(tenant, into)!;
  const ids = { from, into };
  for (const table of ["readings", "device_history"]) {
    tenant.run(`UPDATE ${table} SET device_id = :into WHERE customer_id = :customer AND device_id = :from`, ids);
  }
  tenant.run(
    `INSERT INTO device_evidence (customer_id, kind, value, device_id, seen_at, current, shared, sure)
     SELECT customer_id, kind, value, :into, seen_at, current, shared, sure FROM device_evidence
     WHERE customer_id = :customer AND device_id = :from
     ON CONFLICT (customer_id, kind, value, device_id) DO UPDATE SET seen_at = max(seen_at, excluded.seen_at),
       current = max(current, excluded.current), shared = max(shared, excluded.shared), sure = max(sure, excluded.sure)`,
    ids,
  );
  tenant.run("DELETE FROM device_evidence WHERE customer_id = :customer AND device_id = :from", { from });
  const newer = gone.last_seen_at > stays.last_seen_at ? gone : stays;
  tenant.run(
    `UPDATE devices SET agent_id = :agent_id, site = :site, serial = :serial, manufacturer = :manufacturer,
       model = :model, hostname = :hostname, firmware = :firmware, location = :location, address = :address,
       state = :state, first_seen_at = :first_seen_at, last_seen_at = :last_seen_at, agent_seen_at = :agent_seen_at
     WHERE customer_id = :customer AND device_id = :into`,
    {
      into,
      agent_id: newer.agent_id,
      site: newer.site,
      address: newer.address,
      state: newer.state,
      serial: stays.serial ?? gone.serial,
      manufacturer: stays.manufacturer ?? gone.manufacturer,
      model: stays.model ?? gone.model,
      hostname: stays.hostname ?? gone.hostname,
      firmware: stays.firmware ?? gone.firmware,
      location: stays.location ?? gone.location,
      first_seen_at: Math.min(gone.first_seen_at, stays.first_seen_at),
      last_seen_at: newer.last_seen_at,
      agent_seen_at: newer.agent_seen_at,
    },
  );
  tenant.run("DELETE FROM devices WHERE customer_id = :customer AND device_id = :from", { from });
  tenant.run(
    `INSERT INTO device_history (customer_id, device_id, at, kind, before, after)
     VALUES (:customer, :into, :at, 'merged', :from, :into)`,
    { ...ids, at },
  );
}
