/**
 * Makes the statement of the month before on the day that a customer's settings name, and mails it once. Several
 * processes may do so at the same time: the one that notes the month first queues the mails.
 */
import { messageOf, UnavailableError, UsageError } from "../../common/core/errors.ts";
import { readTenant, type TenantBy } from "../audit/use_case.ts";
import { type Attachment, queueMail } from "../mail/mail_queue.ts";
import { eachApart } from "../store/each_apart.ts";
import type { Store } from "../store/store.ts";
import { startLooking } from "../store/work_queue.ts";
import type { Language } from "../users/users.ts";
import { titleOf } from "./columns.ts";
import { exportStatement } from "./export_statement.ts";
import { type BillingPlatform, makeStatement } from "./make_statement.ts";
import { daysOfMonth, monthBefore } from "./period.ts";
import { type BillingSettings, defaultSettings } from "./settings.ts";
import type { StatementRecord } from "./statement.ts";
import { statementRecords } from "./statements.ts";

export type MailingPlatform = BillingPlatform & {
  store: Store;
  pepper: Uint8Array;
  log(event: string, fields: Record<string, string | number | boolean>): void;
};

const lookMs = 15 * 60_000;
/* Many mail servers take no larger mails. */
const mostBytes = 10 * 1024 * 1024;

/** Until disposed of, which waits for the statement under way. */
export function startStatementMails(platform: MailingPlatform): AsyncDisposable {
  return startLooking(platform, { look: (signal) => mailStatements(platform, signal), lookMs });
}

interface Due {
  customer_id: string;
  customer: string;
  settings: string;
  mailed: string;
}

/** Mails what is due now; the signal ends it before the next statement. */
export async function mailStatements(platform: MailingPlatform, signal?: AbortSignal): Promise<void> {
  const rows = await platform.store.transaction((tx) =>
    tx.all<Due>(
      `SELECT b.customer_id, c.name AS customer, b.settings, b.mailed FROM billing_settings b
       JOIN customers c ON c.customer_id = b.customer_id JOIN dealers d ON d.dealer_id = c.dealer_id
       WHERE c.closed_at IS NULL AND d.closed_at IS NULL ORDER BY b.customer_id`,
    ), { readOnly: true });
  // One customer must not keep the others from their statements.
  await eachApart(rows, async (due) => {
    if (signal?.aborted) return;
    try {
      await mailDue(platform, due);
    } catch (error) {
      if (error instanceof UnavailableError) throw error;
      platform.log("statementNotMade", { customer: due.customer_id, message: messageOf(error) });
    }
  });
}

async function mailDue(platform: MailingPlatform, { customer_id, customer, settings, mailed }: Due): Promise<void> {
  const own: BillingSettings = { ...defaultSettings, ...JSON.parse(settings) };
  const now = platform.clock.now(), month = monthBefore(now, own.zone);
  const day = Temporal.Instant.fromEpochMilliseconds(now.getTime()).toZonedDateTimeISO(own.zone).day;
  if (own.schedule === undefined || day < own.schedule.day || mailed >= month) return;
  await mailOne(platform, { actor: "platform", tenant: customer_id }, { month, settings: own, customer });
}

async function mailOne(
  platform: MailingPlatform,
  by: TenantBy,
  { month, settings, customer }: { month: string; settings: BillingSettings; customer: string },
): Promise<void> {
  const statement = await statementFor(platform, by, month);
  const { recipients, forms } = settings.schedule!, { language } = settings;
  const attachments: Attachment[] = [];
  let bytes = 0;
  for (const form of forms) {
    const { name, mediaType, parts } = await exportStatement(platform, by, { number: statement.number, form });
    const content: Uint8Array[] = [];
    for await (const part of parts) if ((bytes += part.length) <= mostBytes) content.push(part);
    attachments.push({ name, mediaType, content: joined(content) });
  }
  const isTooLarge = bytes > mostBytes;
  const title = `${titleOf(statement.number, language)}, ${customer}, ${month}`;
  await platform.store.transaction(async (tx) => {
    const noted = await tx.tenant(by.tenant).run(
      "UPDATE billing_settings SET mailed = :month WHERE customer_id = :customer AND mailed < :month",
      { month },
    );
    if (noted === 0) return;
    for (const recipient of recipients) {
      await queueMail(tx, {
        mail: {
          recipient,
          subject: title,
          text: textOf(language, { title, hash: statement.hash, isTooLarge }),
          ...(isTooLarge ? {} : { attachments }),
        },
        pepper: platform.pepper,
        at: platform.clock.now(),
      });
    }
  });
}

/** That of the month, if a person has made it before. */
async function statementFor(platform: MailingPlatform, by: TenantBy, month: string): Promise<StatementRecord> {
  const period = daysOfMonth(month);
  const find = async () => {
    const all = await readTenant(platform, by, (tenant) => statementRecords(tenant, { siteId: "", deviceId: "" }));
    return all.find(({ supersededBy, head }) =>
      supersededBy === null && head.period.fromDay === period.fromDay && head.period.toDay === period.toDay
    );
  };
  const made = await find();
  if (made !== undefined) return made;
  try {
    return await makeStatement(platform, by, period);
  } catch (error) {
    // Another process may have made it meanwhile.
    const other = error instanceof UsageError ? await find() : undefined;
    if (other === undefined) throw error;
    return other;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const texts = {
  attached: ["The statement is attached.", "Die Abrechnung liegt bei.", "Il rendiconto è allegato."],
  tooLarge: [
    "Its files are too large for a mail: take them from the portal.",
    "Ihre Dateien sind zu groß für eine E-Mail: Holen Sie sie im Portal ab.",
    "I suoi file sono troppo grandi per un'e-mail: si trovano nel portale.",
  ],
} as const;

function textOf(
  language: Language,
  { title, hash, isTooLarge }: { title: string; hash: string; isTooLarge: boolean },
): string {
  const sentence = texts[isTooLarge ? "tooLarge" : "attached"][["en", "de", "it"].indexOf(language)];
  return `${title}\n\n${sentence}\n\nSHA-256 ${hash}\n`;
}
