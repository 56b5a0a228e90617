/** A customer with two agents whose uploads a test makes one by one, by a clock of its own; without a network. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { Batch, DeviceEvent, DeviceEventKind, RecordList } from "../../proto/gen/opendca/v1/batch.ts";
import { AlertSeverity, LevelKind, Supply } from "../../proto/gen/opendca/v1/reading.ts";
import { addAgent } from "../../platform/agents/agents.ts";
import type { Platform } from "../../platform/agents/platform.ts";
import { defaultQuotas } from "../../platform/agents/quota.ts";
import type { TenantBy } from "../../platform/audit/use_case.ts";
import { addSite } from "../../platform/customers/customers.ts";
import { upload } from "../../platform/devices/upload.ts";
import type { Store, Tenant } from "../../platform/store/store.ts";
import { openTestStore } from "../fixtures/each_database.ts";
import { addTestCustomer, looseTenant } from "../fixtures/loose_queries.ts";
import { readingOf, type ReadingParts, recordOf } from "../fixtures/platform_uploads.ts";

export const firstMs = Date.parse("2026-03-02T08:00:00Z");

export interface Upload extends ReadingParts {
  /** Number of the agent. */
  agent?: number;
  network?: string;
  deviceKey?: string;
  engineId?: string;
  alert?: string;
  supplies?: Partial<Supply>[];
  /** The agent has found that this id of its own is the same device as `deviceKey`: an event in place of a reading. */
  mergedKey?: string;
  /** Its black toner is low, or full; undefined: it tells nothing of it. */
  low?: boolean | undefined;
  /** It does not answer any more: an event in place of a reading. */
  offline?: boolean;
}

export interface DeviceScene extends AsyncDisposable {
  platform: Platform;
  store: Store;
  by: TenantBy;
  tenant: Tenant;
  agentIds: string[];
  pass(ms: number): void;
  now(): number;
  /** One reading, now. Returns the id of the row that it went to. */
  upload(parts: Upload): Promise<string>;
}

export async function deviceScene(customer = "Acme", store?: Store): Promise<DeviceScene> {
  const isOwn = store === undefined;
  const opened = store ?? await openTestStore();
  let ms = firstMs;
  const at = () => new Date(ms);
  const platform = {
    store: opened,
    quotas: defaultQuotas,
    clock: { now: at, monotonicMs: () => ms },
    log() {},
  } as unknown as Platform;
  const { customerId, agentIds } = await opened.transaction(async (tx) => {
    const { customer_id: customerId } = await addTestCustomer(tx, { name: customer, at: at() });
    const tenant = tx.tenant(customerId);
    const { site_id: siteId } = await addSite(tenant, { name: "Berlin", at: at() });
    const agent = (n: number) =>
      addAgent(tenant, { siteId, installationId: idOf(9000 + n), hostname: `h${n}`, version: "1", at: at() });
    return { customerId, agentIds: [await agent(0), await agent(1)] };
  });
  const tenant = looseTenant(opened, customerId);
  let uploads = 0;
  return {
    platform,
    store: opened,
    tenant,
    agentIds,
    by: { actor: { kind: "operator", name: "eva" }, tenant: customerId },
    pass: (by) => void (ms += by),
    now: () => ms,
    async upload(
      { agent = 0, network = "office", deviceKey = "", engineId, alert, supplies, mergedKey, low, offline, ...parts },
    ) {
      uploads++;
      const reading = readingOf({ observedAt: at(), ...parts });
      if (engineId !== undefined) reading.snmp!.engineId = engineId;
      if (alert !== undefined) {
        const severity = AlertSeverity.WARNING;
        reading.alerts.push({ severity, code: 8, group: "mediaPath", description: alert, since: undefined });
      }
      if (low !== undefined) reading.supplies.push(toner(low ? 3 : 90));
      reading.supplies.push(...supplies?.map((supply) => Supply.fromPartial(supply)) ?? []);
      const recordId = idOf(uploads);
      const event = offline
        ? { kind: DeviceEventKind.OFFLINE, address: reading.address }
        : { kind: DeviceEventKind.MERGED, mergedDeviceKey: mergedKey };
      const content = mergedKey === undefined && !offline
        ? undefined
        : { content: { $case: "deviceEvent" as const, value: DeviceEvent.fromPartial(event) } };
      const records = [recordOf(reading, { recordId, site: network, deviceKey, ...content })];
      const batch = Batch.fromPartial({
        batchId: idOf(uploads),
        sequence: BigInt(uploads),
        agentEpoch: `epoch-${agent}`,
        payload: Buffer.from(RecordList.encode(RecordList.fromPartial({ records })).finish()),
        recordCount: 1,
        installationId: idOf(9000 + agent),
        runId: idOf(8000 + agent),
      });
      await upload(platform, { customerId, agentId: agentIds[agent]! }, batch);
      const row = await tenant.get<{ device_id: string }>(
        "SELECT device_id FROM records WHERE customer_id = :customer AND record_id = :record_id",
        { record_id: recordId },
      );
      return row?.device_id ?? "";
    },
    async [Symbol.asyncDispose]() {
      if (isOwn) await opened[Symbol.asyncDispose]();
    },
  };
}

function toner(percent: number): Supply {
  const level = { kind: LevelKind.EXACT, percent, level: percent, capacity: 100, unit: "percent" };
  return Supply.fromPartial({ index: "1.1", kind: "toner", colorant: "black", description: "Toner", level });
}

function idOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
}

const tables = ["devices", "device_state", "samples", "alerts", "records", "device_evidence", "device_places"];

/** All that is known of devices, each table as a digest, but for what a person said of them. */
export async function knownOf(tenant: Tenant): Promise<Record<string, string>> {
  const known: Record<string, string> = {};
  for (const table of [...tables, "device_history"]) {
    const rows = await tenant.all<Record<string, unknown>>(`SELECT * FROM ${table} WHERE customer_id = :customer`);
    const texts = rows.map(({ merged_into: _, split: __, rowid: ___, ...row }) =>
      JSON.stringify(row, (_, value) => value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value)
    );
    known[table] = `${rows.length} ${createHash("sha256").update(texts.sort().join("\n")).digest("hex")}`;
  }
  return known;
}
