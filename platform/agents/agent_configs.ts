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

export async function keepAgentConfig(
  tenant: Tenant,
  options: { agentId: string; document: ConfigDocument; at: Date },
): Promise<void> {
  const { agentId, document, at } = options;
  await tenant.run(
    `INSERT INTO agent_configs (customer_id, agent_id, hash, content, changed_at)
     VALUES (:customer, :agent_id, :hash, :content, :at)
     ON CONFLICT (customer_id, agent_id) DO UPDATE SET hash = :hash, content = :content, changed_at = :at`,
    { agent_id: agentId, hash: document.hash, content: document.content, at: at.getTime() },
  );
  tenant.transaction.notify(wakeChannel, agentId);
  noteShown(tenant, "agents");
}

export async function maybeAgentConfig(tenant: Tenant, agentId: string): Promise<ConfigDocument | undefined> {
  const row = await tenant.get<{ hash: string; content: Uint8Array }>(
    "SELECT hash, content FROM agent_configs WHERE customer_id = :customer AND agent_id = :agent_id",
    { agent_id: agentId },
  );
  return row === undefined ? undefined : { hash: row.hash, content: Buffer.from(row.content) };
}
