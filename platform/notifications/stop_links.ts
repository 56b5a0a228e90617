/** The address at which a recipient ends the mails of a rule, without signing in; nobody else can make it. */
import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { UsageError } from "../../common/core/errors.ts";
import { type Base, changePlatform, readPlatform } from "../audit/use_case.ts";
import type { RecipientRow, RuleRow } from "./rules.ts";

function proofOf(recipientId: string, pepper: Uint8Array): string {
  const key = new Uint8Array(hkdfSync("sha256", pepper, "", "opendca.notification-stop.v1", 32));
  return createHmac("sha256", key).update(recipientId).digest("base64url");
}

export function stopPathOf(recipientId: string, pepper: Uint8Array): string {
  return `/notification-stop/${recipientId}/${proofOf(recipientId, pepper)}`;
}

export interface StopLink {
  recipientId: string;
  proof: string;
}

type Parts = Base & { pepper: Uint8Array };
type Found = RecipientRow & Pick<RuleRow, "name">;

function isProved({ recipientId, proof }: StopLink, pepper: Uint8Array): boolean {
  const wanted = new TextEncoder().encode(proofOf(recipientId, pepper)), given = new TextEncoder().encode(proof);
  return wanted.length === given.length && timingSafeEqual(wanted, given);
}

/** Undefined for a link that is not true, or whose rule is gone. */
export function maybeStopLink(
  platform: Parts,
  link: StopLink,
): Promise<{ rule: string; isStopped: boolean } | undefined> {
  if (!isProved(link, platform.pepper)) return Promise.resolve(undefined);
  return readPlatform(platform, { actor: "platform" }, async (tx) => {
    const row = await tx.get<Found>(
      `SELECT r.*, n.name FROM notification_recipients r JOIN notification_rules n ON n.rule_id = r.rule_id
       WHERE r.recipient_id = :id`,
      { id: link.recipientId },
    );
    return row && { rule: row.name, isStopped: row.stopped_at !== null };
  });
}

/** Tells this person nothing more by the rule; anyone who may change the rule can undo it. Throws UsageError. */
export async function stopMails(platform: Parts, link: StopLink): Promise<void> {
  if (!isProved(link, platform.pepper)) throw new UsageError("Cannot use this link");
  await changePlatform(platform, { actor: "platform" }, async (tx, at) => {
    const row = await tx.get<RecipientRow>(
      `UPDATE notification_recipients SET stopped_at = coalesce(stopped_at, :at) WHERE recipient_id = :id RETURNING *`,
      { id: link.recipientId, at: at.getTime() },
    );
    if (row === undefined) throw new UsageError("Cannot use this link as the rule is gone");
    return {
      answer: undefined,
      customerId: row.of_customer,
      audit: { action: "notificationsStopped", subject: row.rule_id, detail: { recipient: row.recipient_id } },
    };
  });
}
