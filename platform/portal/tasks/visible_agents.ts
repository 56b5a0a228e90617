/** Agents at sites that the viewer may see. */
import { UsageError } from "../../../common/core/errors.ts";
import { listAgents } from "../../agents/manage_agents.ts";
import type { CustomerRequest } from "../page/route.ts";

export function tenantOf({ by, customer }: CustomerRequest) {
  return { ...by, tenant: customer.customerId };
}

export type VisibleAgent = Awaited<ReturnType<typeof listAgents>>[number];

/** Agents at sites that the viewer may see. */
export async function visibleAgents(request: CustomerRequest): Promise<VisibleAgent[]> {
  const { platform, customer: { sites } } = request;
  const agents = await listAgents(platform, tenantOf(request));
  return sites === "all" ? agents : agents.filter(({ site_id }) => sites.includes(site_id));
}

/** Throws UsageError for an agent that the viewer may not see. */
export async function agentId(request: CustomerRequest): Promise<string> {
  const id = request.c.req.param("agent") ?? "";
  if ((await visibleAgents(request)).some(({ agent_id }) => agent_id === id)) return id;
  throw new UsageError("Cannot find this agent");
}
