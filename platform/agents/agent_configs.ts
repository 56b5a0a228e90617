import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { type ConfigDocument, PlatformConfig } from "../../proto/gen/opendca/v1/config.ts";
import { noteShown, wakeChannel } from "../store/channels.ts";
import type { Tenant } from "../store/store.ts";

/** The document of a configuration: its bytes and their hash. */
export function configDocument(config: PlatformConfig): ConfigDocument {
  const content = Buffer.from(PlatformConfig.encode(config).finish());
  return { hash: createHash("sha256").update(content).digest("hex"), content };
}

/** How many versions of an agent are kept. */
export const mostVersions = 100;

export interface ConfigVersion {
  number: number;
  hash: string;
  content: Uint8Array;
  changed_at: number;
  /** Empty where it is not known. */
  changed_by: string;
}

/** Also as a version, unless it is what the agent should have already. */
export async function keepAgentConfig(
  tenant: Tenant,
  options: { agentId: string; document: ConfigDocument; at: Date; by?: string },
): Promise<void> {
  const { agentId, document, at, by = "" } = options;
  await keepVersion(tenant, { agentId, document, at, by });
  await tenant.run(
    `INSERT INTO agent_configs (customer_id, agent_id, hash, content, changed_at)
     VALUES (:customer, :agent_id, :hash, :content, :at)
     ON CONFLICT (customer_id, agent_id) DO UPDATE SET hash = :hash, content = :content, changed_at = :at`,
    { agent_id: agentId, hash: document.hash, content: document.content, at: at.getTime() },
  );
  tenant.transaction.notify(wakeChannel, agentId);
  noteShown(tenant, "agents");
}

async function keepVersion(
  tenant: Tenant,
  { agentId, document, at, by }: { agentId: string; document: ConfigDocument; at: Date; by: string },
): Promise<void> {
  const [latest] = await configVersions(tenant, { agentId, limit: 1 });
  if (latest?.hash === document.hash) return;
  const before = latest === undefined
    ? await tenant.get<{ hash: string; content: Uint8Array; changed_at: number }>(
      "SELECT hash, content, changed_at FROM agent_configs WHERE customer_id = :customer AND agent_id = :agent_id",
      { agent_id: agentId },
    )
    : undefined;
  const sql = `INSERT INTO agent_config_versions (customer_id, agent_id, number, hash, content, changed_at, changed_by)
     VALUES (:customer, :agent_id, :number, :hash, :content, :at, :by)`;
  if (before !== undefined) {
    const { hash, content, changed_at } = before;
    await tenant.run(sql, { agent_id: agentId, number: 1, hash, content, at: changed_at, by: "" });
  }
  const number = (latest?.number ?? (before === undefined ? 0 : 1)) + 1, { hash, content } = document;
  await tenant.run(sql, { agent_id: agentId, number, hash, content, at: at.getTime(), by });
  await tenant.run(
    "DELETE FROM agent_config_versions WHERE customer_id = :customer AND agent_id = :agent_id AND number <= :last",
    { agent_id: agentId, last: number - mostVersions },
  );
}

/** Latest first. */
export function configVersions(
  tenant: Tenant,
  { agentId, limit = mostVersions }: { agentId: string; limit?: number },
): Promise<ConfigVersion[]> {
  return tenant.all(
    `SELECT number, hash, content, changed_at, changed_by FROM agent_config_versions
     WHERE customer_id = :customer AND agent_id = :agent_id ORDER BY number DESC LIMIT :limit`,
    { agent_id: agentId, limit },
  );
}

export async function maybeAgentConfig(tenant: Tenant, agentId: string): Promise<ConfigDocument | undefined> {
  const row = await tenant.get<{ hash: string; content: Uint8Array }>(
    "SELECT hash, content FROM agent_configs WHERE customer_id = :customer AND agent_id = :agent_id",
    { agent_id: agentId },
  );
  return row === undefined ? undefined : { hash: row.hash, content: Buffer.from(row.content) };
}
