/** What was sent by a rule lately and what became of it, and tests of a rule. */
import { UsageError } from "../../common/core/errors.ts";
import { type Base, type By, changePlatform, readPlatform } from "../audit/use_case.ts";
import { ruleOf, type Whose } from "./rules.ts";
import { tellAll } from "./send.ts";

export interface SentNotification {
  notification_id: string;
  at: number;
  recipient: string;
  items: number;
  isTest: boolean;
  /** `unknown`: it is not kept so long. */
  state: "waiting" | "sent" | "failed" | "unknown";
  failure: string | null;
}

/** Of a page of the list, the last row; the next page goes on behind it. */
export interface SentPosition {
  at: number;
  notificationId: string;
}

/** The newest first. Throws UsageError. */
export function listSent(
  platform: Base,
  by: By,
  { ruleId, whose, limit = 50, after }: {
    ruleId: string;
    whose?: Whose | undefined;
    limit?: number;
    after?: SentPosition | undefined;
  },
): Promise<SentNotification[]> {
  return readPlatform(platform, by, async (tx) => {
    await ruleOf(tx, ruleId, whose);
    const rows = await tx.all<
      Omit<SentNotification, "state" | "isTest"> & { batch_id: string; state: string | null; last: string | null }
    >(
      `SELECT n.notification_id, n.at, n.recipient, n.items, n.batch_id, n.failure, coalesce(m.state, w.state) AS state,
         coalesce(m.failure, w.failure) AS last
       FROM notifications n LEFT JOIN mails m ON m.mail_id = n.mail_id
       LEFT JOIN webhook_deliveries w ON w.customer_id = n.of_customer AND w.delivery_id = n.delivery_id
       WHERE n.rule_id = :id${
        after === undefined ? "" : " AND n.at <= :at AND (n.at < :at OR n.notification_id > :last)"
      }
       ORDER BY n.at DESC, n.notification_id LIMIT :limit`,
      { id: ruleId, limit, ...(after === undefined ? {} : { at: after.at, last: after.notificationId }) },
    );
    return rows.map(({ batch_id, state, last, failure, ...row }) => ({
      ...row,
      isTest: batch_id === "",
      failure: failure ?? last,
      state: failure !== null || state === "failed" || state === "dead"
        ? "failed"
        : state === "waiting" || state === "sent"
        ? state
        : "unknown",
    }));
  });
}

/** Tells everybody whom the rule names, now. Returns how many. Throws UsageError. */
export function testRule(
  platform: Base & { pepper: Uint8Array },
  by: By,
  { ruleId, whose }: { ruleId: string; whose?: Whose | undefined },
): Promise<number> {
  return changePlatform(platform, by, async (tx, at) => {
    const rule = await ruleOf(tx, ruleId, whose), now = at.getTime();
    const recent = await tx.get<{ n: number }>(
      "SELECT count(*) AS n FROM notifications WHERE rule_id = :id AND batch_id = '' AND at > :since",
      { id: ruleId, since: now - 3_600_000 },
    );
    if (recent!.n >= mostTests) {
      throw new UsageError("Cannot test the rule as it was tested often within the last hour");
    }
    const telling = {
      rule,
      settings: JSON.parse(rule.settings),
      items: [],
      pepper: platform.pepper,
      now,
      isTest: true,
    };
    const count = await tellAll(tx, telling);
    if (count === 0) throw new UsageError("Cannot test the rule as none of its recipients may be notified");
    return {
      answer: count,
      customerId: rule.of_customer,
      audit: { action: "notificationRuleTested", subject: ruleId, detail: { recipients: count } },
    };
  });
}

const mostTests = 60;
