/** Sends the mails that wait, by SMTP with TLS, one after another. */
import { Buffer } from "node:buffer";
import nodemailer from "nodemailer";
import { messageOf } from "../../common/core/errors.ts";
import { dial } from "../../common/host/dial.ts";
import { mailChannel } from "../store/channels.ts";
import type { Store } from "../store/store.ts";
import { startQueue } from "../store/work_queue.ts";
import { forgetMails, noteFailed, noteSent, type OnFailed, takeMail, type TakenMail, tryMs } from "./mail_queue.ts";

export interface MailOptions {
  host: string;
  port: number;
  /** TLS from the start; otherwise by STARTTLS, which the server must offer unless it is on this machine. */
  isImplicit: boolean;
  user?: string | undefined;
  password?: string | undefined;
  from: string;
  /** What the server's certificate is checked with, PEM; default: the system's authorities. */
  ca?: string | undefined;
}

export interface MailerPlatform {
  store: Store;
  pepper: Uint8Array;
  clock: { now(): Date };
  log(event: string, fields: Record<string, string | number | boolean>): void;
}

const lookMs = 15_000, forgetMs = 3_600_000, connectMs = 20_000;

/** Until disposed of, which waits for the mail under way. */
export function startMailer(platform: MailerPlatform, options: MailOptions): AsyncDisposable {
  const { store, pepper, clock, log } = platform, send = sender(options);
  let forgotAt = -Infinity;
  const failed: OnFailed = ({ mailId, recipient, tries, failure, isGivenUp }) =>
    log(isGivenUp ? "mailGivenUp" : "mailFailed", { mail: mailId, recipient, tries, message: failure });
  return startQueue(platform, {
    most: 1,
    channel: mailChannel,
    lookMs,
    take: () => takeMail(store, { pepper, at: clock.now(), onFailed: failed }),
    async work(mail) {
      const { mailId, recipient, tries } = mail;
      try {
        await send(mail);
        await noteSent(store, mailId);
        log("mailSent", { mail: mailId });
      } catch (error) {
        // Of a name with several addresses.
        const failure = (error instanceof AggregateError ? error.errors : [error]).map(messageOf).join("; ");
        const isFinal = isPermanent(error);
        const isGivenUp = await noteFailed(store, { mail, failure, isFinal, at: clock.now() });
        failed({ mailId, recipient, tries, failure, isGivenUp });
      }
    },
    async afterLook() {
      const now = clock.now();
      if (now.getTime() - forgotAt < forgetMs) return;
      forgotAt = now.getTime();
      await forgetMails(store, now);
    },
  });
}

function sender({ host, port, isImplicit, user, password, from, ca }: MailOptions): (mail: TakenMail) => Promise<void> {
  const isLocal = /^(localhost|127(\.\d+){3}|::1|\[::1\])$/.test(host);
  const transport = nodemailer.createTransport({
    host,
    port,
    secure: isImplicit,
    requireTLS: !isImplicit && !isLocal,
    // A mail server of this machine need not have a certificate that anybody knows.
    ignoreTLS: !isImplicit && isLocal && ca === undefined,
    ...(user === undefined ? {} : { auth: { user, pass: password ?? "" } }),
    tls: { minVersion: "TLSv1.2", ...(ca === undefined ? {} : { ca }) },
    // The default would disclose the name of this machine.
    name: from.split("@")[1]!,
    // Not by the library, which writes to the console where it finds no network.
    getSocket(_, callback) {
      dial({ host, port }, { proxy: undefined, tls: null, stepTimeoutMs: connectMs }).then(
        (connection) => callback(null, { connection }),
        (error) => callback(error, false),
      );
    },
    connectionTimeout: connectMs,
    greetingTimeout: 20_000,
    socketTimeout: tryMs / 2,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return async ({ mailId, recipient, subject, text, html, unsubscribe, attachments = [] }) => {
    // RFC 3834: no answers by out-of-office programs.
    await transport.sendMail({
      from,
      to: recipient,
      subject,
      text,
      html,
      // The same at each try, so that a mail that comes twice is known as one.
      messageId: `<${mailId}@${from.split("@")[1]!}>`,
      attachments: attachments.map(({ name, mediaType, content }) => ({
        filename: name,
        contentType: mediaType,
        content: Buffer.from(content),
      })),
      headers: {
        "Auto-Submitted": "auto-generated",
        ...(unsubscribe === undefined ? {} : {
          "List-Unsubscribe": `<${unsubscribe}>`,
          "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }),
      },
    });
  };
}

/** RFC 5321, 4.2.1: 5yz means that the same mail will be refused again. That of a sign-in is an operator's mistake. */
function isPermanent(error: unknown): boolean {
  const { responseCode, code } = error as { responseCode?: number; code?: string };
  return code !== "EAUTH" && responseCode !== undefined && responseCode >= 500;
}
