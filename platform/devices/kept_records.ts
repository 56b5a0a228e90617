/** The stored records of a device, decoded in order. */
import { evidenceOf, evidenceValues, isWhole } from "../../common/reading/device_evidence.ts";
import { isLost } from "../../common/reading/lost_codes.ts";
import { DeviceEventKind, ReadingScope, Record as UploadedRecord } from "../../proto/gen/opendca/v1/batch.ts";
import type { Reading } from "../../proto/gen/opendca/v1/reading.ts";
import { siteOfAgent } from "../agents/agents.ts";
import { unpackRecord } from "../store/stored_record.ts";
import type { Tenant } from "../store/store.ts";
import { alertKey, severityOf } from "./alerts.ts";
import type { SeenBy } from "./device_changes.ts";
import type { ArrivedReading } from "./device_state.ts";
import type { DeviceRow } from "./devices.ts";
import type { TimeBasis } from "./record_time.ts";
import { agentScope, factsOf, keyOf, placeText, siteScope } from "./resolve_device.ts";

export interface KeptRecord {
  agentId: string;
  recordId: string;
  observedAt: Date;
  seen: SeenBy;
  /** Undefined for an event. */
  reading: ArrivedReading | undefined;
  isOffline: boolean;
}

/** Oldest first. */
export async function keptRecords(tenant: Tenant, deviceId: string): Promise<KeptRecord[]> {
  const rows = await tenant.all<{
    agent_id: string;
    record_id: string;
    observed_at: number;
    received_at: number;
    time_basis: TimeBasis;
    record: Uint8Array;
  }>(
    `SELECT agent_id, record_id, observed_at, received_at, time_basis, record FROM records
     WHERE customer_id = :customer AND device_id = :device_id ORDER BY observed_at, received_at, record_id`,
    { device_id: deviceId },
  );
  return rows.map(({ agent_id: agentId, record_id: recordId, record: stored, ...row }) => {
    const { site: network, deviceKey, content, scope } = UploadedRecord.decode(unpackRecord(stored));
    const observedAt = new Date(row.observed_at);
    const reading = content?.$case !== "reading" ? undefined : {
      deviceId,
      agentId,
      observedAt,
      receivedAt: new Date(row.received_at),
      basis: row.time_basis,
      scope: scope === ReadingScope.STATUS ? "status" as const : "full" as const,
      reading: content.value,
      stored,
    };
    const event = content?.$case === "deviceEvent" ? content.value : undefined;
    const serial = reading === undefined
      ? evidenceOf({ ...nothing, serial: event?.evidence?.serial }).serial
      : evidenceIn(reading.reading).serial;
    const isOffline = event?.kind === DeviceEventKind.OFFLINE;
    return { agentId, recordId, observedAt, seen: { agentId, network, deviceKey, serial }, reading, isOffline };
  });
}

const nothing = { serial: null, engineId: null, macs: [], maker: null, model: null };

function evidenceIn({ serial, snmp, mac, manufacturer: maker, model }: Reading) {
  return evidenceOf({ serial, engineId: snmp?.engineId, macs: [mac], maker, model });
}

/** Facts about the device from the newest record, completed from earlier ones; undefined without readings. */
export function lastFacts(
  records: readonly KeptRecord[],
): Omit<DeviceRow, "device_id" | "first_seen_at" | "merged_into" | "split"> | undefined {
  let facts: ReturnType<typeof factsOf> | undefined;
  let seenAt = 0;
  for (const { agentId, observedAt, seen, reading, isOffline } of records) {
    if (isOffline && facts !== undefined) facts = { ...facts, state: "offline" };
    if (reading === undefined) continue;
    const sighting = { ...seen, agentId, siteId: "", observedAt, scope: reading.scope };
    const whole = isWhole({ scope: reading.scope, problems: reading.reading.problems });
    facts = factsOf(sighting, reading.reading, facts === undefined ? undefined : { before: facts, whole });
    seenAt = observedAt.getTime();
  }
  return facts === undefined ? undefined : { ...facts, last_seen_at: seenAt, agent_seen_at: seenAt };
}

/** A value of evidence, an agent's id (`key`), or a place: scope and place with a line feed between. */
export interface Shown {
  kind: string;
  value: string;
}

export async function shownBy(tenant: Tenant, records: readonly KeptRecord[]): Promise<Shown[]> {
  const shown = new Map<string, Shown>(), sites = new Map<string, string>();
  for (const { agentId, seen, reading } of records) {
    if (reading === undefined) continue;
    if (!sites.has(agentId)) sites.set(agentId, await siteOfAgent(tenant, agentId) ?? "");
    const values: Shown[] = evidenceValues(evidenceIn(reading.reading));
    const key = keyOf(agentId, seen.deviceKey), place = placeText(reading.reading);
    if (key !== undefined) values.push({ kind: "key", value: key });
    if (place !== "") {
      for (const scope of [agentScope(agentId), siteScope(sites.get(agentId)!, seen.network)]) {
        values.push({ kind: "place", value: `${scope}\n${place}` });
      }
    }
    for (const each of values) shown.set(`${each.kind} ${each.value}`, each);
  }
  return [...shown.values()];
}

export interface AlertParts {
  alert_key: string;
  first_seen_at: number;
  origin: string;
  severity: string;
  code: number | null;
  alert_group: string;
  description: string;
  since: number | null;
  last_seen_at: number;
  ended_at: number | null;
}

/** Alerts from only these readings: see noteAlerts(). */
export function alertsOf(records: readonly KeptRecord[]): AlertParts[] {
  const all: AlertParts[] = [];
  for (const { reading: arrived, observedAt } of records) {
    if (arrived === undefined) continue;
    const at = observedAt.getTime(), shown = new Set<string>();
    for (const alert of arrived.reading.alerts) {
      const alert_key = alertKey(alert);
      shown.add(alert_key);
      const open = all.find((each) => each.alert_key === alert_key && each.ended_at === null);
      if (open !== undefined) open.last_seen_at = at;
      else {
        all.push({
          alert_key,
          first_seen_at: at,
          origin: "",
          severity: severityOf(alert),
          code: alert.code ?? null,
          alert_group: alert.group,
          description: alert.description,
          since: alert.since?.getTime() ?? null,
          last_seen_at: at,
          ended_at: null,
        });
      }
    }
    if (arrived.reading.problems.some(({ code }) => isLost(code))) continue;
    for (const open of all) if (open.ended_at === null && !shown.has(open.alert_key)) open.ended_at = at;
  }
  return all;
}
