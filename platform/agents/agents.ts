import { noteShown, revokedChannel } from "../store/channels.ts";
import { newId } from "../store/new_id.ts";
import type { Tenant } from "../store/store.ts";

export interface AgentRow {
  customer_id: string;
  agent_id: string;
  site_id: string;
  installation_id: string;
  state: "active" | "revoked";
  created_at: number;
  revoked_at: number | null;
  revoked_reason: string | null;
  hostname: string;
  version: string;
  last_seen_at: number | null;
  status: Uint8Array | null;
  effective_config_hash: string | null;
  effective_config: string | null;
  suspected_clone_at: number | null;
  suspected_clone_reason: string | null;
  /** JSON list of sentences. */
  config_refusals: string;
  /** Hash of the platform's part of its configuration that it has; null before it has said so. */
  config_hash: string | null;
  ledger_rewound_at: number | null;
  ledger_rewound_reason: string | null;
  /** Poll interval in seconds that it was told; 0: by its own file, null before its first poll. */
  poll_seconds: number | null;
  /** When it last connected to the broker, and when it last left it; null if it never did. */
  mqtt_online_at: number | null;
  mqtt_offline_at: number | null;
  /** The broker that it was last connected to. */
  mqtt_broker: string | null;
  /** Bytes that it may store a day; null: the default. */
  quota_bytes: number | null;
  /** Version that it is to have, or `hold`; null: as its site. */
  update_pin: string | null;
  update_offered: string | null;
  update_told: string | null;
}

export interface NewAgent {
  siteId: string;
  installationId: string;
  hostname: string;
  version: string;
  at: Date;
  /** The code, and the attempt to use it. */
  codeId?: string;
  attemptId?: string;
}

/** Returns the new agent's id. */
export async function addAgent(tenant: Tenant, agent: NewAgent): Promise<string> {
  const agentId = newId("agt");
  noteShown(tenant, "agents");
  await tenant.run(
    `INSERT INTO agents (customer_id, agent_id, site_id, installation_id, state, created_at, hostname, version, code_id,
       attempt_id)
     VALUES (:customer, :agent_id, :site_id, :installation_id, 'active', :created_at, :hostname, :version, :code_id,
       :attempt_id)`,
    {
      agent_id: agentId,
      site_id: agent.siteId,
      installation_id: agent.installationId,
      created_at: agent.at.getTime(),
      hostname: agent.hostname,
      version: agent.version,
      code_id: agent.codeId ?? null,
      attempt_id: agent.attemptId ?? null,
    },
  );
  return agentId;
}

/** Undefined for an unknown agent. */
export async function siteOfAgent(tenant: Tenant, agentId: string): Promise<string | undefined> {
  return (await tenant.get<{ site_id: string }>(
    "SELECT site_id FROM agents WHERE customer_id = :customer AND agent_id = :agent_id",
    { agent_id: agentId },
  ))?.site_id;
}

export function maybeAgent(tenant: Tenant, agentId: string): Promise<AgentRow | undefined> {
  return tenant.get("SELECT * FROM agents WHERE customer_id = :customer AND agent_id = :agent_id", {
    agent_id: agentId,
  });
}

/** Whom an attempt to use a code has activated. */
export function maybeAgentOfAttempt(
  tenant: Tenant,
  { codeId, attemptId }: { codeId: string; attemptId: string },
): Promise<AgentRow | undefined> {
  return tenant.get(
    "SELECT * FROM agents WHERE customer_id = :customer AND code_id = :code_id AND attempt_id = :attempt_id",
    { code_id: codeId, attempt_id: attemptId },
  );
}

export interface ListedAgent extends AgentRow {
  site_name: string;
  devices: number;
}

/** Of which parts of merged devices count once: as many as there are, without those that are another part of one. */
const devicesOfAgent = `(SELECT coalesce(sum(c.devices), 0) FROM device_counts c
    WHERE c.customer_id = a.customer_id AND c.agent_id = a.agent_id)
    - (SELECT count(*) - count(DISTINCT d.merged_into) FROM devices d
    WHERE d.customer_id = a.customer_id AND d.agent_id = a.agent_id AND d.merged_into IS NOT NULL)`;

/** What lists of agents are made of. */
export const listedAgents = {
  columns: `a.*, s.name AS site_name, ${devicesOfAgent} AS devices`,
  from: "agents a JOIN sites s ON s.customer_id = a.customer_id AND s.site_id = a.site_id",
};

export function agentRows(tenant: Tenant): Promise<ListedAgent[]> {
  return tenant.all(
    `SELECT ${listedAgents.columns} FROM ${listedAgents.from}
     WHERE a.customer_id = :customer ORDER BY a.created_at, a.agent_id`,
  );
}

/** Refuses all further calls of the agent; returns false if it is not active. */
export async function markRevoked(
  tenant: Tenant,
  options: { agentId: string; reason: string; at: Date },
): Promise<boolean> {
  const parameters = { agent_id: options.agentId, at: options.at.getTime() };
  await tenant.run(
    "UPDATE certificates SET revoked_at = :at WHERE customer_id = :customer AND agent_id = :agent_id AND revoked_at IS NULL",
    parameters,
  );
  tenant.transaction.notify(revokedChannel, options.agentId);
  noteShown(tenant, "agents");
  return await tenant.run(
    `UPDATE agents SET state = 'revoked', revoked_at = :at, revoked_reason = :reason
     WHERE customer_id = :customer AND agent_id = :agent_id AND state = 'active'`,
    { ...parameters, reason: options.reason },
  ) === 1;
}

export interface AgentOrigin {
  /** When the agent's installation was first activated for this customer, under any agent id. */
  since: Date;
  siteId: string;
}

export async function maybeOrigin(tenant: Tenant, agentId: string): Promise<AgentOrigin | undefined> {
  const row = await tenant.get<{ since: number; site_id: string }>(
    `SELECT a.site_id, (SELECT min(created_at) FROM agents
       WHERE customer_id = :customer AND installation_id = a.installation_id) AS since
     FROM agents a WHERE a.customer_id = :customer AND a.agent_id = :agent_id`,
    { agent_id: agentId },
  );
  return row && { since: new Date(row.since), siteId: row.site_id };
}

export interface PollNote {
  agentId: string;
  at: Date;
  version: string;
  hostname: string;
  /** Encoded AgentStatus. */
  status: Uint8Array;
  effectiveConfigHash: string;
  effectiveConfig: string | undefined;
  pollSeconds: number;
}

export interface Polled extends UpdateFacts {
  /** As before the poll. */
  config_refusals: string;
  /** As before the poll. */
  config_hash: string | null;
  /** Whether the text of its configuration is not known: 1 or 0. */
  wants_config: number;
}

/** What decides which release an agent is offered. */
export interface UpdateFacts {
  installation_id: string;
  site_id: string;
  dealer_id: string;
  /** A version, or `hold`; null: as the next larger group. */
  agent_pin: string | null;
  site_pin: string | null;
  customer_pin: string | null;
  /** The version that it was last offered. */
  update_offered: string | null;
  /** What it last said of an update. */
  update_told: string | null;
  /** Of the releases: see releases/catalogue.ts. */
  revision: number;
}

/** Columns of UpdateFacts in a statement about one row of `agents`. */
export function updateColumns({ engine }: Pick<Tenant["transaction"], "engine">): string {
  const revision = engine === "postgres"
    ? "opendca_release_revision()"
    : "coalesce((SELECT revision FROM release_revision WHERE whose = 'all'), 0)";
  const ofCustomer = "FROM customers c WHERE c.customer_id = agents.customer_id";
  return `installation_id, site_id, update_pin AS agent_pin, update_offered, update_told,
    (SELECT c.dealer_id ${ofCustomer}) AS dealer_id, (SELECT c.update_pin ${ofCustomer}) AS customer_pin,
    (SELECT s.update_pin FROM sites s WHERE s.customer_id = agents.customer_id AND s.site_id = agents.site_id) AS site_pin,
    ${revision} AS revision`;
}

/**
 * Stores the data of a poll; a configuration text that does not belong to the present hash is dropped. Undefined for an
 * unknown agent.
 */
export function notePoll(tenant: Tenant, note: PollNote): Promise<Polled | undefined> {
  return tenant.get(
    `UPDATE agents SET last_seen_at = :at, status = :status, poll_seconds = :poll_seconds,
       version = CASE :version WHEN '' THEN version ELSE :version END,
       hostname = CASE :hostname WHEN '' THEN hostname ELSE :hostname END,
       effective_config = coalesce(:config,
         CASE WHEN effective_config_hash IS NOT DISTINCT FROM :hash THEN effective_config END),
       effective_config_hash = :hash
     WHERE customer_id = :customer AND agent_id = :agent_id
     RETURNING config_refusals, config_hash,
       CASE WHEN effective_config IS NULL AND effective_config_hash <> '' THEN 1 ELSE 0 END AS wants_config,
       ${updateColumns(tenant.transaction)}`,
    {
      agent_id: note.agentId,
      at: note.at.getTime(),
      version: note.version,
      hostname: note.hostname,
      status: note.status,
      hash: note.effectiveConfigHash,
      config: note.effectiveConfig ?? null,
      poll_seconds: note.pollSeconds,
    },
  );
}

/** Stores what the agent's policy refused of the configuration; returns whether the list has changed. */
export async function noteConfigRefusals(
  tenant: Tenant,
  options: { agentId: string; refusals: string[] },
): Promise<boolean> {
  noteShown(tenant, "agents");
  return await tenant.run(
    `UPDATE agents SET config_refusals = :refusals
     WHERE customer_id = :customer AND agent_id = :agent_id AND config_refusals <> :refusals`,
    { agent_id: options.agentId, refusals: JSON.stringify(options.refusals) },
  ) === 1;
}

/** Stores which part of the platform's configuration the agent has. */
export async function noteConfigHash(
  tenant: Tenant,
  { agentId, hash }: { agentId: string; hash: string },
): Promise<void> {
  noteShown(tenant, "agents");
  await tenant.run("UPDATE agents SET config_hash = :hash WHERE customer_id = :customer AND agent_id = :agent_id", {
    agent_id: agentId,
    hash,
  });
}

export function configRefusalsOf(row: Pick<AgentRow, "config_refusals">): string[] {
  return JSON.parse(row.config_refusals);
}

/* Maximum number that is kept per agent, as an agent may start any number. */
const mostRuns = 1000;

export interface RunNote {
  agentId: string;
  runId: string;
  at: Date;
}

/**
 * Records which process of the agent calls; returns true if a later process had replaced it before, which only happens
 * with two copies of one state directory.
 */
export async function noteRun(tenant: Tenant, { agentId, runId, at }: RunNote): Promise<boolean> {
  const latest = await tenant.get<{ run_id: string; run_number: number }>(
    `SELECT run_id, run_number FROM agent_runs WHERE customer_id = :customer AND agent_id = :agent_id
     ORDER BY run_number DESC LIMIT 1`,
    { agent_id: agentId },
  );
  if (latest?.run_id === runId) return false;
  const parameters = { agent_id: agentId, run_id: runId };
  const isOld = await tenant.get(
    "SELECT 1 FROM agent_runs WHERE customer_id = :customer AND agent_id = :agent_id AND run_id = :run_id",
    parameters,
  ) !== undefined;
  await tenant.run(
    `INSERT INTO agent_runs (customer_id, agent_id, run_id, run_number, first_seen_at)
     VALUES (:customer, :agent_id, :run_id, :run_number, :at)
     ON CONFLICT (customer_id, agent_id, run_id) DO UPDATE SET run_number = :run_number`,
    { ...parameters, run_number: (latest?.run_number ?? 0) + 1, at: at.getTime() },
  );
  await tenant.run(
    "DELETE FROM agent_runs WHERE customer_id = :customer AND agent_id = :agent_id AND run_number <= :last",
    { agent_id: agentId, last: (latest?.run_number ?? 0) + 1 - mostRuns },
  );
  return isOld;
}

/** Marks an agent as a suspected copy; returns true the first time. */
export async function suspectClone(
  tenant: Tenant,
  options: { agentId: string; reason: string; at: Date },
): Promise<boolean> {
  return await tenant.run(
    `UPDATE agents SET suspected_clone_at = :at, suspected_clone_reason = :reason
     WHERE customer_id = :customer AND agent_id = :agent_id AND suspected_clone_at IS NULL`,
    { agent_id: options.agentId, reason: options.reason, at: options.at.getTime() },
  ) === 1;
}
