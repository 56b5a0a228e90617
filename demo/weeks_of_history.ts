/**
 * Ten weeks before the demo: an agent on another machine that was replaced yesterday, and one at a branch that fell silent
 * four days ago. Readings go the way of every upload, by a clock that is set to each day; nothing but the demo's own
 * folder is touched.
 */
import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { readingToMessage } from "../common/reading/encode_reading.ts";
import type { Reading, Supply } from "../common/reading/reading.ts";
import { acknowledgeAlerts } from "../platform/alerts/acknowledge_alerts.ts";
import { watchAlerts } from "../platform/alerts/alert_watch.ts";
import { listRaisedAlerts } from "../platform/alerts/list_alerts.ts";
import { addAgent, notePoll } from "../platform/agents/agents.ts";
import { revokeAgent } from "../platform/agents/manage_agents.ts";
import { openPlatform } from "../platform/compose.ts";
import { createSite, listCustomers, listSites } from "../platform/customers/customers.ts";
import { upload } from "../platform/devices/upload.ts";
import { Batch, Record as RecordMessage, RecordList } from "../proto/gen/opendca/v1/batch.ts";

const dayMs = 86_400_000, days = 70, branchDays = 4, branchPrinters = 6;
/** On days before this one, looks for alerts are left out: they would only tell what is long over. */
const lookedAtDays = 30;

export interface PastAgent {
  agentId: string;
  /** Last day on which it uploaded, counted back from today. */
  until: number;
  printers: readonly Reading[];
}

/** Returns how many readings were uploaded. */
export async function addWeeks(
  { dataDirectory, printers, now, signal }: {
    dataDirectory: string;
    printers: readonly Reading[];
    now: Date;
    signal: AbortSignal;
  },
): Promise<number> {
  let ms = now.getTime() - (days + 1) * dayMs;
  const clock = { now: () => new Date(ms), monotonicMs: () => ms };
  await using platform = await openPlatform({ dataDirectory, clock, log() {} });
  const operator = { actor: { kind: "operator", name: "demo" } } as const;
  const [customer] = await listCustomers(platform, operator, {});
  const by = { ...operator, tenant: customer!.customer_id };
  const [office] = await listSites(platform, by), branch = await createSite(platform, by, { name: "Branch" });
  const newAgent = (siteId: string, hostname: string) =>
    platform.store.transaction((tx) =>
      addAgent(tx.tenant(by.tenant), {
        siteId,
        hostname,
        installationId: randomUUID(),
        version: "0.1.0",
        at: clock.now(),
      })
    );
  // What no serial number or MAC address tells apart would be another device of another agent.
  const known = printers.filter(({ serial, mac }) => serial !== null || mac !== null);
  const past: PastAgent[] = [
    { agentId: await newAgent(office!.site_id, "old-server"), until: 1, printers: known },
    {
      agentId: await newAgent(branch.site_id, "branch-server"),
      until: branchDays,
      printers: known.slice(0, branchPrinters).map(atBranch),
    },
  ];
  let uploaded = 0;
  for (let day = days; day >= 1; day--) {
    signal.throwIfAborted();
    ms = now.getTime() - day * dayMs;
    for (const agent of past.filter(({ until }) => day >= until)) {
      const readings = agent.printers.map((printer, n) => onDay(printer, { day, n, at: clock.now(), now }));
      await upload(
        platform,
        { customerId: by.tenant, agentId: agent.agentId },
        batchOf(readings, agent, days - day + 1),
      );
      await platform.store.transaction((tx) =>
        notePoll(tx.tenant(by.tenant), {
          agentId: agent.agentId,
          at: clock.now(),
          version: "",
          hostname: "",
          status: new Uint8Array(),
          effectiveConfigHash: "",
          effectiveConfig: undefined,
          pollSeconds: 300,
        })
      );
      uploaded += readings.length;
    }
    if (day <= lookedAtDays) await watchAlerts(platform, { isSlow: day % 3 === 0 || day < 5, signal });
  }
  ms = now.getTime();
  await revokeAgent(platform, by, { agentId: past[0]!.agentId, reason: "replaced by another machine" });
  await watchAlerts(platform, { isSlow: true, signal });
  const [low] = await listRaisedAlerts(platform, by, { kind: "supplyLow" });
  if (low !== undefined) {
    await acknowledgeAlerts(platform, by, { alertId: low.alert_id, note: "ordered, arrives on Thursday" });
  }
  return uploaded;
}

/** Other machines of the same models. */
function atBranch(printer: Reading, n: number): Reading {
  return {
    ...printer,
    address: `10.66.0.${n + 11}`,
    hostname: null,
    mac: null,
    serial: `BR${10_000 + n}`,
    snmp: { ...printer.snmp, engineId: null },
  };
}

/** The same numbers each time: from 0 to 1. */
function chance(...parts: number[]): number {
  const x = Math.sin(parts.reduce((sum, part, i) => sum + part * (12.9898 + 65.1 * i), 1)) * 43_758.5453;
  return x - Math.floor(x);
}

/** From that day until now; nobody prints at weekends. */
function workdays(day: number, now: Date): number {
  let count = 0;
  for (let back = day; back > 0; back--) if (new Date(now.getTime() - back * dayMs).getUTCDay() % 6 !== 0) count++;
  return count;
}

/** A printer as it was then: fewer pages, and supplies that were replaced since, where they would have been overfull. */
export function onDay(
  printer: Reading,
  { day, n, at, now }: { day: number; n: number; at: Date; now: Date },
): Reading {
  const worked = workdays(day, now), total = printer.meters.find(({ name }) => name === "total")?.value ?? 0;
  const share = total === 0 ? 0 : Math.min(0.9, worked * (40 + 200 * chance(n, 1)) / total);
  const isJammed = new Date(at).getUTCDay() % 6 !== 0 && chance(n, day, 2) < 0.03;
  return {
    ...printer,
    observedAt: at.toISOString(),
    meters: printer.meters.map((meter) => ({ ...meter, value: Math.floor(meter.value * (1 - share)) })),
    supplies: printer.supplies.map((supply, i) => levelOn(supply, worked * (0.6 + 2 * chance(n, i, 3)))),
    alerts: isJammed
      ? [{ severity: "critical", code: 8, group: "mediaPath", description: "Paper jam", since: null }]
      : [],
  };
}

function levelOn(supply: Supply, used: number): Supply {
  const { kind, percent, capacity } = supply.level;
  if (kind !== "exact" || percent === null) return supply;
  // From 100 down to 3, again and again.
  const before = Math.min(100, Math.round(3 + (percent - 3 + used + 98) % 98));
  const level = capacity === null ? null : Math.round(capacity * before / 100);
  return { ...supply, level: { ...supply.level, percent: before, level } };
}

function batchOf(readings: readonly Reading[], agent: PastAgent, sequence: number): Batch {
  const records = readings.map((reading) =>
    RecordMessage.fromPartial({
      recordId: randomUUID(),
      observedAt: new Date(reading.observedAt),
      site: "office",
      content: { $case: "reading", value: readingToMessage(reading) },
    })
  );
  return Batch.fromPartial({
    batchId: randomUUID(),
    sequence: BigInt(sequence),
    agentEpoch: "past",
    payload: Buffer.from(RecordList.encode(RecordList.fromPartial({ records })).finish()),
    recordCount: records.length,
    installationId: idOf(agent.agentId, 1),
    runId: idOf(agent.agentId, 2),
  });
}

function idOf(text: string, n: number): string {
  const hex = Buffer.from(text).toString("hex").slice(-12).padStart(12, "0");
  return `00000000-0000-4000-800${n}-${hex}`;
}
