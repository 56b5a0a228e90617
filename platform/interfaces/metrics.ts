/**
 * Numbers of the platform and the fleet for Prometheus, in its text format 0.0.4. How many lines there are does not
 * depend on how many customers there are: who wants numbers of one customer asks the REST interface.
 */
import { auditSince } from "../audit/audit_log.ts";
import type { Store, Transaction } from "../store/store.ts";
import { silentAfterMs } from "../devices/device_view.ts";

interface Metric {
  name: string;
  help: string;
  type: "gauge" | "counter";
  values: { labels?: Record<string, string>; value: number }[];
}

export interface MetricsPlatform {
  store: Store;
  clock: { now(): Date };
}

/** Metrics of what is stored: the same from each process of a platform. */
export function storedMetrics({ store, clock }: MetricsPlatform): Promise<Metric[]> {
  const now = clock.now().getTime();
  return store.transaction((tx) => metricsOf(tx, now, store), { readOnly: true });
}

async function metricsOf(tx: Transaction, now: number, store: Store): Promise<Metric[]> {
  const states = (sql: string, known: readonly string[]) => valuesByState(tx, sql, known);
  const one = async (sql: string, parameters = {}) => (await tx.get<{ n: number }>(sql, parameters))!.n;
  const gauge = (name: string, help: string, values: Metric["values"]): Metric => ({
    name,
    help,
    type: "gauge",
    values,
  });
  return [
    gauge("opendca_customers", "Customers that are not closed.", [
      { value: await one("SELECT count(*) AS n FROM customers WHERE closed_at IS NULL") },
    ]),
    gauge(
      "opendca_agents",
      "Agents by state.",
      await states(
        "SELECT state AS label, count(*) AS n FROM agents GROUP BY state",
        ["active", "revoked"],
      ),
    ),
    gauge("opendca_agents_reported_within_hour", "Active agents that reported in the last hour.", [
      {
        value: await one("SELECT count(*) AS n FROM agents WHERE state = 'active' AND last_seen_at > :since", {
          since: now - 3_600_000,
        }),
      },
    ]),
    gauge("opendca_devices", "Devices.", [
      { value: await one("SELECT coalesce(sum(devices), 0) AS n FROM device_counts") },
    ]),
    gauge("opendca_devices_silent", "Devices that have not answered for a day.", [
      { value: await silentDevices(tx, now - silentAfterMs) },
    ]),
    gauge("opendca_devices_low_supplies", "Devices with a supply that is low.", [
      { value: await one("SELECT coalesce(sum(low), 0) AS n FROM low_counts") },
    ]),
    gauge(
      "opendca_alerts_open",
      "Open alerts of devices by severity.",
      (await states(
        "SELECT severity AS label, count(*) AS n FROM alerts WHERE ended_at IS NULL GROUP BY severity",
        ["critical", "warning", "other", "unknown"],
      )).map(({ labels, value }) => ({ labels: { severity: labels.state }, value })),
    ),
    gauge(
      "opendca_tasks_open",
      "Tasks that have not ended, by state.",
      await states(
        `SELECT state AS label, count(*) AS n FROM tasks WHERE state IN ('waiting', 'delivered', 'accepted', 'running')
       GROUP BY state`,
        ["waiting", "delivered", "accepted", "running"],
      ),
    ),
    gauge(
      "opendca_mails",
      "Mails of the last month by state.",
      await states(
        "SELECT state AS label, count(*) AS n FROM mails GROUP BY state",
        ["waiting", "sent", "failed"],
      ),
    ),
    gauge(
      "opendca_webhook_deliveries",
      "Deliveries of webhooks of the last month by state.",
      await states(
        "SELECT state AS label, count(*) AS n FROM webhook_deliveries GROUP BY state",
        ["waiting", "sent", "dead"],
      ),
    ),
    gauge("opendca_devices_not_evaluated", "Devices of the last day whose readings were kept whole as proofs.", [
      {
        value: new Set((await auditSince(tx, { action: "readingsNotEvaluated", since: new Date(now - 86_400_000) }))
          .map(({ subject }) => subject)).size,
      },
    ]),
    gauge("opendca_store_bytes", "Size of the database.", [{ value: await storedBytes(tx, store) }]),
  ];
}

/* From the counts that the store keeps; only devices that were seen within the hour in which silence begins are looked at. */
async function silentDevices(tx: Transaction, since: number): Promise<number> {
  const hour = Math.floor(since / 3_600_000);
  const { n } = (await tx.get<{ n: number }>(
    `SELECT (SELECT coalesce(sum(CASE WHEN seen_hour < :hour THEN devices ELSE offline END), 0) FROM device_counts)
       + (SELECT count(*) FROM device_counts c JOIN devices d ON d.customer_id = c.customer_id AND d.agent_id = c.agent_id
          WHERE c.seen_hour = :hour AND c.devices > c.offline AND d.last_seen_at >= :from AND d.last_seen_at <= :since
            AND d.state <> 'offline') AS n`,
    { hour, from: hour * 3_600_000, since },
  ))!;
  return n;
}

async function valuesByState(tx: Transaction, sql: string, known: readonly string[]) {
  const rows = await tx.all<{ label: string; n: number }>(sql);
  const found = new Map(rows.map(({ label, n }) => [label, n]));
  // Every series is there from the start, so that a rate of it is right; a label that nobody knows is none of its own.
  const other = rows.filter(({ label }) => !known.includes(label)).reduce((sum, { n }) => sum + n, 0);
  const values = known.map((state) => ({ labels: { state }, value: found.get(state) ?? 0 }));
  return other === 0 ? values : [...values, { labels: { state: "other" }, value: other }];
}

async function storedBytes(tx: Transaction, store: Store): Promise<number> {
  if (tx.engine === "sqlite") return await store.usedBytes(tx);
  return (await tx.get<{ n: number }>("SELECT pg_database_size(current_database()) AS n"))!.n;
}

/** Of this process. */
export function processMetrics(
  { version, startedAt, memoryBytes, cpuSeconds }: {
    version: string;
    startedAt: Date;
    memoryBytes: number;
    cpuSeconds: number;
  },
): Metric[] {
  return [
    {
      name: "opendca_build_info",
      help: "The version that runs; always 1.",
      type: "gauge",
      values: [{ labels: { version }, value: 1 }],
    },
    {
      name: "process_start_time_seconds",
      help: "When the process began, in seconds since 1970.",
      type: "gauge",
      values: [{ value: startedAt.getTime() / 1000 }],
    },
    {
      name: "process_resident_memory_bytes",
      help: "Memory of the process.",
      type: "gauge",
      values: [{ value: memoryBytes }],
    },
    {
      name: "process_cpu_seconds_total",
      help: "Processor time of the process.",
      type: "counter",
      values: [{ value: cpuSeconds }],
    },
  ];
}

export function metricsText(metrics: readonly Metric[]): string {
  return metrics.map(({ name, help, type, values }) => {
    const lines = values.map(({ labels = {}, value }) => {
      const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
      return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}\n`;
    });
    return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
  }).join("");
}

function escaped(text: string): string {
  return text.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
}
