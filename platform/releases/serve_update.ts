/** What an agent is offered now, and the file of it. */
import type { CheckUpdateRequest, CheckUpdateResponse } from "../../proto/gen/opendca/v1/update.ts";
import { AgentStatus } from "../../proto/gen/opendca/v1/agent_service.ts";
import { updateColumns, type UpdateFacts } from "../agents/agents.ts";
import { CallError } from "../agents/call_error.ts";
import type { Caller } from "../agents/caller.ts";
import type { Platform } from "../agents/platform.ts";
import { catalogueAt, type OfferedFile } from "./catalogue.ts";
import { offerOf, releaseFor } from "./release_for.ts";

/** What its next poll would offer; nothing is noted. Throws CallError for an agent that is not active. */
export function offerNow(
  { store, clock }: Platform,
  { customerId, agentId }: Caller,
  { agentVersion: version, target }: CheckUpdateRequest,
): Promise<CheckUpdateResponse> {
  return store.transaction(async (tx) => {
    const row = await tx.tenant(customerId).get<UpdateFacts>(
      `SELECT ${updateColumns(tx)} FROM agents
       WHERE customer_id = :customer AND agent_id = :agent_id AND state = 'active'`,
      { agent_id: agentId },
    );
    if (row === undefined) throw new CallError("agent-revoked", "Cannot answer as this agent is not active");
    const now = clock.now();
    const found = releaseFor(await catalogueAt(store, tx, row.revision), { ...row, customerId, version, target }, now);
    return { update: found && offerOf(found), serverTime: now };
  }, { readOnly: true });
}

/** By its hash. Throws CallError if the agent is not offered it now, by what it said at its last poll. */
export function offeredFile(
  { store, clock }: Platform,
  { customerId, agentId }: Caller,
  sha256: string,
): Promise<OfferedFile> {
  return store.transaction(async (tx) => {
    const row = await tx.tenant(customerId).get<UpdateFacts & { version: string; status: Uint8Array | null }>(
      `SELECT version, status, ${updateColumns(tx)} FROM agents
       WHERE customer_id = :customer AND agent_id = :agent_id AND state = 'active'`,
      { agent_id: agentId },
    );
    if (row === undefined || row.status === null) throw notOffered();
    const { updateTarget: target } = AgentStatus.decode(row.status);
    const catalogue = await catalogueAt(store, tx, row.revision);
    const found = releaseFor(catalogue, { ...row, customerId, target }, clock.now());
    if (found?.file.sha256 !== sha256) throw notOffered();
    return found.file;
  }, { readOnly: true });
}

/** One chunk of its encoded file. Throws CallError if it was withdrawn meanwhile. */
export async function chunkOf({ store }: Platform, fileId: string, number: number): Promise<Uint8Array> {
  const row = await store.transaction(
    (tx) =>
      tx.get<{ bytes: Uint8Array }>("SELECT bytes FROM release_chunks WHERE file_id = :file_id AND number = :number", {
        file_id: fileId,
        number,
      }),
    { readOnly: true },
  );
  if (row === undefined) throw notOffered();
  return row.bytes;
}

function notOffered(): CallError {
  return new CallError(
    "update-not-offered",
    "Cannot give this file as it is not, or no longer, offered to this agent",
  );
}
