/** Mails to those who can approve what somebody asks for. */
import { type Actor, actorText } from "../audit/audit_log.ts";
import { agentOf } from "../agents/manage_agents.ts";
import type { Tenant } from "../store/store.ts";
import { portalOrigin } from "../users/manage_users.ts";
import { isPermitted } from "../users/permissions.ts";
import { hasMail, tellUser, userMail } from "../users/user_mails.ts";
import { grantsOf, type UserRow } from "../users/users.ts";

/** Requests come in groups: the first one is told of. */
const quietMs = 600_000;
const mostTold = 20, mostLooked = 200;

/** Of a request that was just stored. Those who signed in last are told, 20 at most. */
export async function tellApprovers(
  tenant: Tenant,
  { requestId, agentId, asker, pepper, at, until }: {
    requestId: string;
    agentId: string;
    asker: Actor;
    pepper: Uint8Array;
    at: Date;
    until: Date;
  },
): Promise<void> {
  const tx = tenant.transaction, origin = await portalOrigin(tx);
  if (origin === undefined || !await hasMail(tx)) return;
  const recent = await tenant.get(
    `SELECT 1 FROM approval_requests
     WHERE customer_id = :customer AND asked_at > :since AND request_id <> :request_id LIMIT 1`,
    { since: at.getTime() - quietMs, request_id: requestId },
  );
  if (recent !== undefined) return;
  const { site_id: siteId } = await agentOf(tenant, agentId);
  const { customerId } = tenant;
  const users = await tx.all<UserRow & { customer: string }>(
    `SELECT u.*, c.name AS customer FROM users u JOIN customers c ON c.dealer_id = u.dealer_id
     WHERE c.customer_id = :customer AND u.state = 'active' AND (u.of_customer IS NULL OR u.of_customer = c.customer_id)
       AND EXISTS (SELECT 1 FROM user_roles r WHERE r.user_id = u.user_id AND r.of_customer IN ('', c.customer_id))
     ORDER BY coalesce(u.signed_in_at, 0) DESC, u.user_id LIMIT ${mostLooked}`,
    { customer: customerId },
  );
  let told = 0;
  for (const user of users) {
    const name = actorText({ kind: "user", name: user.email });
    if (name === actorText(asker)) continue;
    if (!isPermitted(await grantsOf(tx, user.user_id), "approve", { customerId, siteId })) continue;
    const link = `${origin}/customers/${customerId}/approvals/${requestId}`;
    const mail = userMail(user, "approval", { link, until, asker: actorText(asker), customer: user.customer });
    await tellUser(tx, { mail, pepper, at });
    if (++told === mostTold) return;
  }
}
