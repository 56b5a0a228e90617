/** A customer with rows in every table, and what the database holds of it. */
import { PlatformConfig } from "../../proto/gen/opendca/v1/config.ts";
import { AlertSeverity, LevelKind, Supply } from "../../proto/gen/opendca/v1/reading.ts";
import { Task } from "../../proto/gen/opendca/v1/task.ts";
import { signTask } from "../../common/protocol/signed_task.ts";
import { askForTask } from "../../platform/access/approvals.ts";
import { setApprovalRules } from "../../platform/tasks/approval_rules.ts";
import * as legacyTls from "../../platform/access/legacy_tls_permission.ts";
import * as sessions from "../../platform/access/sessions.ts";
import * as webSessions from "../../platform/access/web_sessions.ts";
import * as agentConfigs from "../../platform/agents/agent_configs.ts";
import { correctMeter } from "../../platform/billing/corrections.ts";
import { makeStatement } from "../../platform/billing/make_statement.ts";
import { changeBillingSettings } from "../../platform/billing/settings.ts";
import * as quota from "../../platform/agents/quota.ts";
import * as deviceChanges from "../../platform/devices/device_changes.ts";
import * as listedDevices from "../../platform/devices/listed_devices.ts";
import { newId } from "../../platform/store/new_id.ts";
import type { Transaction } from "../../platform/store/store.ts";
import * as tasks from "../../platform/tasks/tasks.ts";
import {
  activatedAgent,
  call,
  connect,
  pollOf,
  type TestAgent,
  type TestPlatform,
} from "../fixtures/platform_fixture.ts";
import { batchOf, readingOf, recordOf } from "../fixtures/platform_uploads.ts";

const at = new Date();

/** A decision about a device, which stands for the other one of it as well. */
export const changeOf = (id: string) => ({
  change_id: id,
  kind: "split" as const,
  device_id: id,
  other_id: id,
  at: 0,
  actor: "operator:eva",
  reason: null,
  selector: JSON.stringify({ serial: "ABC12345" }),
  saved: null,
});

export const keyDigest = new Uint8Array(32);
/** A session of web access, in which one id stands for everything. */
export const sessionOf = (id: string) => ({
  session_id: id,
  label: id,
  agent_id: id,
  device_id: id,
  task_id: id,
  address: "10.1.0.7",
  port: 443,
  scheme: "https" as const,
  openedBy: "operator:eva",
  keyDigest,
  at,
  endsAt: new Date(at.getTime() + 60_000),
});

export async function customerWithEverything(platform: TestPlatform, name: string): Promise<TestAgent> {
  const customer = await platform.customer(name);
  await platform.code(customer);
  const agent = await activatedAgent(platform, customer);
  using client = connect(platform, agent.identity);
  await call(client, {
    method: client.upload,
    request: batchOf(agent, {
      sequence: 1,
      records: [recordOf({
        ...readingOf(),
        alerts: [{ severity: AlertSeverity.WARNING, group: "cover", description: "Door open", since: undefined }],
        supplies: [Supply.fromPartial({ index: "1.1", kind: "toner", level: { kind: LevelKind.EMPTY } })],
      })],
    }),
  });
  const ledgerHead = { number: 7n, hash: "b".repeat(64) };
  await call(client, { method: client.poll, request: pollOf(agent, {}, { ledgerHead }) });
  const taskId = crypto.randomUUID();
  const signed = signTask(platform.platform.signingKey, Task.create({ taskId, agentId: agent.agentId }));
  const expiresAt = new Date(at.getTime() + 3_600_000);
  await tasks.addTask(agent.tenant, { taskId, agentId: agent.agentId, kind: "ping", signed, at, expiresAt });
  await agentConfigs.keepAgentConfig(agent.tenant, {
    agentId: agent.agentId,
    document: agentConfigs.configDocument(PlatformConfig.fromPartial({ pollIntervalSeconds: 60 })),
    at,
  });
  const [device] = await listedDevices.deviceRows(agent.tenant);
  await deviceChanges.addChange(agent.tenant, { ...changeOf("chg-000000000000"), device_id: device!.device_id });
  const sessionId = crypto.randomUUID();
  await sessions.addSession(agent.tenant, { ...sessionOf(sessionId), agent_id: agent.agentId });
  await showInBrowser(platform, agent, sessionId);
  const by = { actor: "platform" as const, tenant: agent.tenant.customerId };
  await legacyTls.setLegacyTls(platform.platform, by, { device: device!.device_id, isAllowed: true });
  await quota.addUsage(agent.tenant, { agentId: agent.agentId, at, bytes: 1 });
  await agent.tenant.run(
    `INSERT INTO raised_alerts (customer_id, alert_id, kind, device_id, agent_id, alert_key, alert_group, severity,
       description, detail, began_at, raised_at)
     VALUES (:customer, 'alr-000000000000', 'deviceSilent', :device_id, :agent_id, '', '', 'warning', '', '{}', 0, 0)`,
    { device_id: device!.device_id, agent_id: agent.agentId },
  );
  await agent.tenant.run(
    `INSERT INTO alert_events (customer_id, number, at, alert_id, event, actor, detail)
     VALUES (:customer, 1, 0, 'alr-000000000000', 'raised', 'platform', '{}')`,
  );
  await agent.tenant.run(
    `INSERT INTO supply_forecasts (customer_id, device_id, supply, name, made_at, forecast)
     VALUES (:customer, :device_id, '1.1', 'black toner', 0, '{}')`,
    { device_id: device!.device_id },
  );
  await agent.tenant.run(
    `INSERT INTO agent_updates (customer_id, agent_id, version, offered_at, phase, message)
     VALUES (:customer, :agent_id, '0.2.0', 0, 7, 'no poll')`,
    { agent_id: agent.agentId },
  );
  await agent.tenant.run(
    `INSERT INTO webhook_deliveries (customer_id, delivery_id, webhook_id, type, body, state, next_at, created_at)
     VALUES (:customer, :id, 'hok-000000000000', 'alert.raised', '{}', 'sent', 0, :now)`,
    { id: newId("msg"), now: Date.now() },
  );
  await fed(agent, device!.device_id);
  await setApprovalRules(platform.platform, by, { kinds: ["ping"] });
  await askForTask(platform.platform, by, {
    agentId: agent.agentId,
    payload: { $case: "ping", value: { target: "10.1.0.7", count: 1 } },
    validMs: 60_000,
  });
  await agent.tenant.run("INSERT INTO silent_told (customer_id, subject, at) VALUES (:customer, :subject, 0)", {
    subject: agent.agentId,
  });
  await notified(agent);
  await billed(platform, agent, device!.device_id);
  return agent;
}

async function fed(agent: TestAgent, deviceId: string): Promise<void> {
  await agent.tenant.run(
    `INSERT INTO feed_devices (customer_id, feed_id, device_id, digest, kept, sent_at)
     VALUES (:customer, 'fed-000000000000', :device_id, '', '[]', 0)`,
    { device_id: deviceId },
  );
  await agent.tenant.run(
    `INSERT INTO feed_customers (customer_id, feed_id, name, began_at) VALUES (:customer, 'fed-000000000000', '', 0)`,
  );
  await agent.tenant.run(
    `INSERT INTO feed_changes (customer_id, feed_id, change_id, devices)
     VALUES (:customer, 'fed-000000000000', 'chg-000000000000', '[]')`,
  );
}

async function notified({ tenant, agentId }: TestAgent): Promise<void> {
  await tenant.run("INSERT INTO notification_cursors (customer_id, number, at) VALUES (:customer, 0, 0)");
  await tenant.run(
    `INSERT INTO notification_told (customer_id, rule_id, subject, at) VALUES (:customer, 'rul-000000000000', 's', 0)`,
  );
  await tenant.run(
    `INSERT INTO notification_items (customer_id, item_id, rule_id, at, event, kind, severity, alert_id, subject, device_id,
       agent_id, description, detail, due_at, state)
     VALUES (:customer, :id, 'rul-000000000000', :now, 'raised', 'agentSilent', 'critical', '', '', '', :agentId, '', '{}',
       0, 'told')`,
    { id: newId("nti"), now: Date.now(), agentId },
  );
}

async function billed({ platform }: TestPlatform, { tenant, agentId }: TestAgent, device: string): Promise<void> {
  const by = { actor: "platform" as const, tenant: tenant.customerId };
  await changeBillingSettings(platform, by, { zone: "UTC" });
  const until = platform.clock.now(), from = new Date(until.getTime() - 1000);
  await correctMeter(platform, by, { device, meter: "total", from, until, pages: 1, reason: "a test" });
  const yesterday = new Date(until.getTime() - 86_400_000).toISOString().slice(0, 10);
  await makeStatement(platform, by, { fromDay: yesterday, toDay: yesterday });
  await tenant.run(
    `INSERT INTO batch_seals (customer_id, agent_id, received_at, epoch, sequence, batch_id, records, root, previous, head,
       signature, certificate, leaves, fault)
     VALUES (:customer, :agentId, 0, 'e', 1, 'b', 1, :d, :d, :d, :d, :d, :d, '')`,
    { agentId, d: keyDigest },
  );
  await tenant.run("INSERT INTO agent_chains (customer_id, agent_id, head) VALUES (:customer, :agentId, :d)", {
    agentId,
    d: keyDigest,
  });
  await tenant.run(
    `INSERT INTO kept_seals (customer_id, agent_id, received_at, epoch, sequence, batch_id, records, root, previous,
       signature, certificate, fault)
     VALUES (:customer, :agentId, 0, 'e', 0, 'b', 1, :d, :d, :d, :d, '')`,
    { agentId, d: keyDigest },
  );
  await tenant.run(
    `INSERT INTO kept_readings (customer_id, device_id, observed_at, agent_id, record_id, received_at, epoch, sequence,
       leaf_index, path, record)
     VALUES (:customer, :device, 0, :agentId, 'r', 0, 'e', 0, 0, :d, :none)`,
    { agentId, device, d: keyDigest, none: new Uint8Array() },
  );
  await tenant.run("INSERT INTO proof_work VALUES (:customer, :device, 0, 0)", { device });
  await tenant.run("INSERT INTO late_readings VALUES (:customer, :device, 0, 0, 0)", { device });
}

/** A link, a printer's certificate and a request of the session's browser. */
async function showInBrowser({ platform }: TestPlatform, { tenant }: TestAgent, sessionId: string): Promise<void> {
  await tenant.run(
    `INSERT INTO access_links (customer_id, token_digest, session_id, created_at, expires_at)
     VALUES (:customer, :digest, :session_id, 0, 0)`,
    { digest: keyDigest, session_id: sessionId },
  );
  await using web = webSessions.createWebSessions(platform);
  const found = await web.find(sessionId);
  await web.pin(found!, "f".repeat(64), "first use");
  const { customerId } = tenant;
  web.note({
    sessionId,
    customerId,
    at,
    method: "GET",
    path: "/",
    queryLength: 0,
    status: 200,
    bytesIn: 0,
    bytesOut: 1,
    ms: 1,
  });
}

/** Tables and their columns, as the database knows them. */
export async function tablesOf(tx: Transaction): Promise<Map<string, string[]>> {
  const sql = tx.engine === "sqlite"
    ? `SELECT t.name AS "table", c.name AS "column" FROM sqlite_schema t, pragma_table_info(t.name) c
       WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'`
    : `SELECT c.relname AS "table", a.attname AS "column" FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
       WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
         AND c.relname <> 'store_version'`;
  const rows = await tx.all<{ table: string; column: string }>(sql);
  const byTable = Map.groupBy(rows, ({ table }) => table);
  return new Map([...byTable].map(([table, columns]) => [table, columns.map(({ column }) => column)]));
}

/* Tables of failed activations before anybody knows whose, of how much an agent has in the audit log, and of releases. */
export const ofNobody = [
  "access_forwards",
  "access_gateways",
  "activation_calls",
  "agreement_signatures",
  "agreement_texts",
  "api_answers",
  "api_tokens",
  "audit_counts",
  "dealers",
  "failed_keys",
  "feeds",
  "guess_hours",
  "guess_sources",
  "identity_providers",
  "installation",
  "kept_forms",
  "mails",
  "mqtt_brokers",
  "notification_recipients",
  "notification_rules",
  "notifications",
  "own_roles",
  "portal",
  "provider_domains",
  "provider_flows",
  "provider_keys",
  "provider_roles",
  "release_chunks",
  "release_files",
  "release_revision",
  "release_rollouts",
  "releases",
  "saved_views",
  "sign_in_sources",
  "trust_documents",
  "used_assertions",
  "user_browsers",
  "user_challenges",
  "user_identities",
  "user_links",
  "user_passkeys",
  "user_recovery_codes",
  "user_roles",
  "user_sessions",
  "users",
  "webhooks",
];

const owned = new Map<string, string[]>();

/** Everything that a customer owns: of each table its rows, in an order that does not change. */
export async function dump(tx: Transaction, customerId: string): Promise<Record<string, unknown[]>> {
  const names = owned.get(tx.engine) ?? [...(await tablesOf(tx)).keys()].filter((name) => !ofNobody.includes(name));
  owned.set(tx.engine, names);
  const rows: Record<string, unknown[]> = Object.fromEntries(names.map((name) => [name, []]));
  const own = { customer: customerId };
  if (tx.engine === "postgres") {
    // In one statement, as most of the time is for the way there and back.
    const each = names.map((name) =>
      `SELECT '${name}' AS name, to_jsonb(t) AS row FROM ${name} t WHERE customer_id = :customer`
    );
    const found = await tx.all<{ name: string; row: never }>(`${each.join(" UNION ALL ")} ORDER BY 1, 2`, own);
    for (const { name, row } of found) rows[name]!.push(row);
    return rows;
  }
  for (const name of names) {
    rows[name] = await tx.all(`SELECT * FROM ${name} WHERE customer_id = :customer ORDER BY 1, 2, 3`, own);
  }
  return rows;
}

/** Every text in the dump that looks like an id. */
export function idsIn(rows: Record<string, unknown[]>, customerId: string): string[] {
  const texts = Object.values(rows).flat().flatMap((row) => Object.values(row as Record<string, unknown>));
  const isId = (text: unknown): text is string =>
    typeof text === "string" && /^([a-z]{3}-\w{12}|[\da-f-]{36})$/.test(text);
  return [...new Set(texts.filter(isId))].filter((id) => id !== customerId);
}
