/** Agents at sites that the viewer may see. */
import { UsageError } from "../../../common/core/errors.ts";
import { agentsNamed, type SeenAgent } from "../../agents/list_agents.ts";
import type { CustomerRequest } from "../page/route.ts";

export function tenantOf({ by, customer }: CustomerRequest) {
  return { ...by, tenant: customer.customerId };
}

export type VisibleAgent = SeenAgent;

/** Those of these ids that are at sites that the viewer may see. */
export function visibleAgents(
  request: CustomerRequest,
  ids: readonly string[],
): Promise<ReadonlyMap<string, VisibleAgent>> {
  const { platform, customer: { sites } } = request;
  return agentsNamed(platform, tenantOf(request), { ids: [...new Set(ids)], sites });
}

/** That of the address, or with this id; undefined for one that the viewer may not see. */
export async function maybeVisibleAgent(
  request: CustomerRequest,
  id = request.c.req.param("agent") ?? "",
): Promise<VisibleAgent | undefined> {
  return (await visibleAgents(request, [id])).get(id);
}

/** Of the address. Throws UsageError for an agent that the viewer may not see. */
export async function agentId(request: CustomerRequest): Promise<string> {
  const agent = await maybeVisibleAgent(request);
  if (agent !== undefined) return agent.agent_id;
  throw new UsageError("Cannot find this agent");
}
