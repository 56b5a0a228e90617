/** Which tasks a customer's second person must approve: the rules. Requests are in access/approvals.ts. */
import { UsageError } from "../../common/core/errors.ts";
import type { Platform } from "../agents/platform.ts";
import { actorText } from "../audit/audit_log.ts";
import { changeTenant, readTenant, type TenantBy } from "../audit/use_case.ts";
import { noteShown } from "../store/channels.ts";
import type { Tenant } from "../store/store.ts";

/** Kinds of tasks that can need an approval: what reaches into the customer's network, or brings data out of it. */
export const approvableKinds = ["openWebAccess", "scanNow", "ping", "diagnostics"] as const;
export type ApprovableKind = (typeof approvableKinds)[number];

export function isApprovable(kind: string): kind is ApprovableKind {
  return (approvableKinds as readonly string[]).includes(kind);
}

export async function rulesOf(tenant: Tenant): Promise<ApprovableKind[]> {
  const rows = await tenant.all<{ kind: string }>("SELECT kind FROM approval_rules WHERE customer_id = :customer");
  return approvableKinds.filter((each) => rows.some(({ kind }) => kind === each));
}

export async function needsApproval(tenant: Tenant, kind: string): Promise<boolean> {
  return isApprovable(kind) && (await rulesOf(tenant)).includes(kind);
}

/** Throws UsageError for what cannot be done without asking for an approval. */
export async function refuseUnapproved(tenant: Tenant, kind: string): Promise<void> {
  if (!await needsApproval(tenant, kind)) return;
  throw new UsageError(
    "Cannot do this at once as the customer requires the approval of a second person",
    "ask for it in the portal or by a command of opendca-platform; opendca-platform approval rules shows what needs one",
  );
}

export function listApprovalRules(platform: Platform, by: TenantBy): Promise<ApprovableKind[]> {
  return readTenant(platform, by, rulesOf);
}

/** In place of those before. What waits then goes on waiting. */
export function setApprovalRules(
  platform: Platform,
  by: TenantBy,
  { kinds }: { kinds: readonly ApprovableKind[] },
): Promise<void> {
  return changeTenant(platform, by, async (tenant, at) => {
    await tenant.run("DELETE FROM approval_rules WHERE customer_id = :customer");
    const wanted = approvableKinds.filter((kind) => kinds.includes(kind));
    for (const kind of wanted) {
      await tenant.run(
        "INSERT INTO approval_rules (customer_id, kind, set_by, set_at) VALUES (:customer, :kind, :by, :at)",
        { kind, by: actorText(by.actor), at: at.getTime() },
      );
    }
    noteShown(tenant, "approvals");
    const detail = { kinds: wanted.join(" ") };
    return { answer: undefined, audit: { action: "approvalRulesSet", subject: tenant.customerId, detail } };
  });
}
