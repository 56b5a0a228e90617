/** What a poll has to do with updates: which release it offers, and what the agent says of the last one. */
import { type UpdateOffer, UpdatePhase, type UpdateStatus } from "../../proto/gen/opendca/v1/update.ts";
import type { UpdateFacts } from "../agents/agents.ts";
import type { TenantAgent } from "../agents/caller.ts";
import type { Platform } from "../agents/platform.ts";
import { noteShown } from "../store/channels.ts";
import { shortText } from "../store/storable.ts";
import { catalogueAt } from "./catalogue.ts";
import { pauseIfFailing } from "./pause_failing.ts";
import { offerOf, releaseFor } from "./release_for.ts";

export interface UpdatePoll {
  facts: UpdateFacts;
  /** The version that runs. */
  version: string;
  /** Empty if the agent cannot update itself. */
  target: string;
  told: UpdateStatus | undefined;
}

/** Makes further statements only if the offer, or what the agent says, is another than at the poll before. */
export async function offerUpdate(
  { store, clock }: Platform,
  { tenant, agentId }: TenantAgent,
  { facts, version, target, told }: UpdatePoll,
): Promise<UpdateOffer | undefined> {
  const { customerId, transaction } = tenant;
  const at = clock.now();
  const catalogue = await catalogueAt(store, transaction, facts.revision);
  const found = releaseFor(catalogue, { ...facts, customerId, version, target }, at);
  if (found !== undefined && facts.update_offered !== found.release.version) {
    await noteOffer(tenant, { agentId, version: found.release.version, at });
  }
  const news = told === undefined || told.version === "" ? null : toldText(told);
  if (news !== null && news !== facts.update_told) {
    await noteTold(tenant, { agentId, told: told!, news, at });
    const { version: failed, phase } = told!;
    if (isFailure(phase) && await pauseIfFailing(transaction, { version: failed, at })) return undefined;
  }
  if (found === undefined) return undefined;
  return offerOf(found);
}

/* In lists, and for reasons of failures. */
const longestMessage = 300;

function toldText({ version, phase, message }: UpdateStatus): string {
  return JSON.stringify([shortText(version, 40), phase, shortText(message, longestMessage)]);
}

/** What an agent last said of an update, from its row; undefined if it has said nothing. */
export function toldOf(text: string | null): { version: string; phase: UpdatePhase; message: string } | undefined {
  if (text === null) return undefined;
  const [version, phase, message]: [string, UpdatePhase, string] = JSON.parse(text);
  return { version, phase, message };
}

const isFailure = (phase: UpdatePhase) => phase === UpdatePhase.FAILED || phase === UpdatePhase.RETURNED;

const isTrial = (phase: UpdatePhase) =>
  isFailure(phase) || phase === UpdatePhase.INSTALLING || phase === UpdatePhase.INSTALLED;

type Tenant = TenantAgent["tenant"];

async function noteOffer(tenant: Tenant, { agentId, version, at }: { agentId: string; version: string; at: Date }) {
  const parameters = { agent_id: agentId, version };
  noteShown(tenant, "agents");
  await tenant.run(
    "UPDATE agents SET update_offered = :version WHERE customer_id = :customer AND agent_id = :agent_id",
    parameters,
  );
  await tenant.run(
    `INSERT INTO agent_updates (customer_id, agent_id, version, offered_at, phase, message)
     VALUES (:customer, :agent_id, :version, :at, 0, '') ON CONFLICT (customer_id, agent_id, version) DO NOTHING`,
    { ...parameters, at: at.getTime() },
  );
}

/** Only of what it was offered: an agent that makes up versions fills nothing, and pauses nothing. */
async function noteTold(
  tenant: Tenant,
  { agentId, told, news, at }: { agentId: string; told: UpdateStatus; news: string; at: Date },
): Promise<void> {
  noteShown(tenant, "agents");
  await tenant.run(
    "UPDATE agents SET update_told = :news WHERE customer_id = :customer AND agent_id = :agent_id",
    { agent_id: agentId, news },
  );
  const ms = at.getTime();
  await tenant.run(
    `UPDATE agent_updates SET phase = :phase, message = :message, told_at = :at,
       tried_at = coalesce(:tried, tried_at), failed_at = coalesce(:failed, failed_at)
     WHERE customer_id = :customer AND agent_id = :agent_id AND version = :version`,
    {
      agent_id: agentId,
      version: shortText(told.version, 40),
      phase: told.phase,
      message: shortText(told.message, longestMessage),
      at: ms,
      tried: isTrial(told.phase) ? ms : null,
      failed: isFailure(told.phase) ? ms : null,
    },
  );
}
