/**
 * Mails wait in the store, in the transaction of what they are about, so that none is lost with a server, and none is sent
 * of something that did not happen. Of several processes, one sends each: the one that takes a mail moves its next time on,
 * and a process that dies meanwhile leaves it to the next try. So a mail may come twice, but never not at all.
 */
import { messageOf } from "../../common/core/errors.ts";
import { mailChannel } from "../store/channels.ts";
import { newId } from "../store/new_id.ts";
import { openSealed, seal } from "../keys/sealed.ts";
import type { Store, Transaction } from "../store/store.ts";

export interface Mail {
  recipient: string;
  subject: string;
  text: string;
  /** The same as HTML. */
  html?: string;
  /** An address at which its recipient ends mails of this kind, by one request (RFC 8058). */
  unsubscribe?: string;
  attachments?: readonly Attachment[];
}

export interface Attachment {
  name: string;
  mediaType: string;
  content: Uint8Array;
}

export interface TakenMail extends Mail {
  mailId: string;
  tries: number;
}

interface MailRow {
  mail_id: string;
  recipient: string;
  subject: string;
  body: Uint8Array;
  tries: number;
}

const minute = 60_000, hour = 60 * minute;
/* A server that refuses for a moment, is restarted, or is repaired over a weekend: three days in all. */
const firstWaitsMs = [minute, 5 * minute, 15 * minute, hour, 4 * hour, 12 * hour, 24 * hour, 24 * hour];
const waitsMs = [...firstWaitsMs, 72 * hour - firstWaitsMs.reduce((sum, ms) => sum + ms)];
/** For one try; after it, another process may try. */
export const tryMs = 5 * minute;

/** Returns the id of the mail. */
export async function queueMail(
  tx: Transaction,
  { mail, pepper, at }: { mail: Mail; pepper: Uint8Array; at: Date },
): Promise<string> {
  const id = newId("mai");
  await tx.run(
    `INSERT INTO mails (mail_id, recipient, subject, body, state, created_at, next_at)
     VALUES (:id, :recipient, :subject, :body, 'waiting', :at, :at)`,
    {
      id,
      recipient: mail.recipient,
      subject: mail.subject,
      body: seal(bodyOf(mail), { pepper, purpose: "mail", of: id }),
      at: at.getTime(),
    },
  );
  tx.notify(mailChannel, id);
  return id;
}

interface Taking {
  pepper: Uint8Array;
  at: Date;
  /** Told of a mail that cannot be read, which waits as if it could not be sent. */
  onFailed?: OnFailed | undefined;
}

type FailedMail = Pick<TakenMail, "mailId" | "recipient" | "tries">;
export type OnFailed = (mail: FailedMail & { failure: string; isGivenUp: boolean }) => void;

/** The mail that has waited longest, for one try; undefined if none is due. */
export async function takeMail(store: Store, { pepper, at, onFailed }: Taking): Promise<TakenMail | undefined> {
  for (;;) {
    const row = await takeRow(store, at);
    if (row === undefined) return undefined;
    const { mail_id: mailId, recipient, subject, body, tries } = row;
    try {
      const content = contentOf(openSealed(body, { pepper, purpose: "mail", of: mailId }));
      return { mailId, recipient, subject, ...content, tries };
    } catch (error) {
      const failure = `Cannot read the mail as it is stored: ${messageOf(error)}`, mail = { mailId, recipient, tries };
      const isGivenUp = await noteFailed(store, { mail, failure, isFinal: false, at });
      onFailed?.({ ...mail, failure, isGivenUp });
    }
  }
}

async function takeRow(store: Store, at: Date): Promise<MailRow | undefined> {
  const due = "state = 'waiting' AND next_at <= :now", now = at.getTime();
  const some = await store.transaction((tx) => tx.get(`SELECT 1 FROM mails WHERE ${due} LIMIT 1`, { now }), {
    readOnly: true,
  });
  if (some === undefined) return undefined;
  return await store.transaction((tx) =>
    tx.get<MailRow>(
      `UPDATE mails SET next_at = :until, tries = tries + 1
       WHERE mail_id = (SELECT mail_id FROM mails WHERE ${due} ORDER BY next_at, mail_id LIMIT 1) AND ${due}
       RETURNING mail_id, recipient, subject, body, tries`,
      { now, until: now + tryMs },
    )
  );
}

/* No text begins with it. */
const withParts = "\u0000";

function bodyOf({ text, html, unsubscribe, attachments = [] }: Mail): Uint8Array {
  const isText = html === undefined && unsubscribe === undefined && attachments.length === 0;
  const body = isText ? text : withParts + JSON.stringify({
    text,
    html,
    unsubscribe,
    attachments: attachments.map((each) => ({ ...each, content: each.content.toBase64() })),
  });
  return new TextEncoder().encode(body);
}

function contentOf(body: Uint8Array): Omit<Mail, "recipient" | "subject"> {
  const text = new TextDecoder().decode(body);
  if (!text.startsWith(withParts)) return { text };
  const mail = JSON.parse(text.slice(1));
  return {
    ...mail,
    attachments: mail.attachments.map((each: Attachment & { content: string }) => ({
      ...each,
      content: Uint8Array.fromBase64(each.content),
    })),
  };
}

export async function noteSent(store: Store, mailId: string): Promise<void> {
  await store.transaction((tx) =>
    tx.run("UPDATE mails SET state = 'sent', body = NULL, failure = NULL WHERE mail_id = :id", { id: mailId })
  );
}

/** `isFinal`: the server said that it will never take it. Returns whether the mail is given up. */
export async function noteFailed(
  store: Store,
  { mail: { mailId, tries }, failure, isFinal, at }: { mail: FailedMail; failure: string; isFinal: boolean; at: Date },
): Promise<boolean> {
  const waitMs = isFinal ? undefined : waitsMs[tries - 1];
  const parameters = { id: mailId, failure: failure.slice(0, 500) };
  await store.transaction((tx) =>
    waitMs === undefined
      ? tx.run("UPDATE mails SET state = 'failed', body = NULL, failure = :failure WHERE mail_id = :id", parameters)
      : tx.run("UPDATE mails SET next_at = :next, failure = :failure WHERE mail_id = :id", {
        ...parameters,
        next: at.getTime() + waitMs,
      })
  );
  return waitMs === undefined;
}

/** Forgets mails that were sent or given up a month ago. */
export async function forgetMails(store: Store, at: Date): Promise<void> {
  await store.transaction((tx) =>
    tx.run("DELETE FROM mails WHERE state <> 'waiting' AND created_at < :before", {
      before: at.getTime() - 30 * 24 * hour,
    })
  );
}
