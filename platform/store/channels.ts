/** Channels of notify() and listen(), each with the id of an agent unless it says otherwise. */
import type { Tenant } from "./store.ts";

/** Its connections must end. */
export const revokedChannel = "agent_revoked";
/** It should poll. */
export const wakeChannel = "agent_wake";

/** With the id of a mail that waits to be sent. */
export const mailChannel = "mail";

/** With a part of a customer's data and the customer's id: a page that shows it should look again. */
export const shownChannel = "shown";

export type ShownPart = "tasks" | "sessions" | "agents" | "approvals";

/** Call it in the transaction that changes what people may be looking at. */
export function noteShown(tenant: Tenant, part: ShownPart): void {
  tenant.transaction.notify(shownChannel, shownPayload(part, tenant.customerId));
}

export function shownPayload(part: ShownPart, customerId: string): string {
  return `${part} ${customerId}`;
}
