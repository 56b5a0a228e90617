/** What waits for a decision of the viewer. */
import { waitingApprovals } from "../../access/approvals.ts";
import { isPermitted, permittedSites, seesSite } from "../../users/permissions.ts";
import type { UserRequest } from "./route.ts";

/** Numbers of requests of others, by the customer's id; of those sites alone that the viewer may approve for. */
export async function waitingForViewer({ platform, by, viewer }: UserRequest): Promise<Map<string, number>> {
  const waiting = new Map<string, number>(), { grants, dealerId } = viewer;
  if (!grants.some((grant) => isPermitted([grant], "approve", grant))) return waiting;
  for (const row of await waitingApprovals(platform, by, { dealerId })) {
    if (!seesSite(permittedSites(grants, "approve", row.customer_id), row.site_id)) continue;
    waiting.set(row.customer_id, (waiting.get(row.customer_id) ?? 0) + row.waiting);
  }
  return waiting;
}
