/** Mails to users, in their language, and whether there are any: only where a server sends mails. */
import { type Base, type By, readPlatform } from "../audit/use_case.ts";
import { type Mail, queueMail } from "../mail/mail_queue.ts";
import type { Transaction } from "../store/store.ts";
import type { Language, UserRow } from "./users.ts";

type Kind = "invitation" | "password" | "inactive" | "deactivated" | "approval";
type Texts = { subject: string; text: string };

const texts: Record<Language, Record<Kind, Texts>> = {
  en: {
    invitation: {
      subject: "Your access to OpenDCA",
      text: "Hello {name},\n\nchoose your password here:\n\n{link}\n\nThe link works once, until {until}.\n",
    },
    password: {
      subject: "New password for OpenDCA",
      text:
        "Hello {name},\n\nsomebody, probably you, asked for a new password. Choose it here:\n\n{link}\n\nThe link works once, until {until}. If it was not you, do nothing: your password stays as it is.\n",
    },
    inactive: {
      subject: "Your access to OpenDCA ends soon",
      text:
        "Hello {name},\n\nyou have not signed in for a long time. On {until} your user will be deactivated. To keep it, sign in before:\n\n{link}\n",
    },
    deactivated: {
      subject: "Your user of OpenDCA was deactivated",
      text:
        "Hello {name},\n\nyour user was deactivated after 5 failed attempts to sign in. If it was not you, tell your administrator, who can also let you in again.\n",
    },
    approval: {
      subject: "Somebody waits for your approval",
      text:
        "Hello {name},\n\n{asker} has asked for something at {customer} that a second person must approve. Approve or refuse it until {until}:\n\n{link}\n",
    },
  },
  de: {
    invitation: {
      subject: "Ihr Zugang zu OpenDCA",
      text: "Guten Tag {name},\n\nwählen Sie hier Ihr Passwort:\n\n{link}\n\nDer Link gilt einmal, bis {until}.\n",
    },
    password: {
      subject: "Neues Passwort für OpenDCA",
      text:
        "Guten Tag {name},\n\njemand, vermutlich Sie, hat ein neues Passwort angefordert. Wählen Sie es hier:\n\n{link}\n\nDer Link gilt einmal, bis {until}. Wenn Sie es nicht waren, tun Sie nichts: Ihr Passwort bleibt, wie es ist.\n",
    },
    inactive: {
      subject: "Ihr Zugang zu OpenDCA endet bald",
      text:
        "Guten Tag {name},\n\nSie haben sich lange nicht angemeldet. Am {until} wird Ihr Benutzer deaktiviert. Um ihn zu behalten, melden Sie sich vorher an:\n\n{link}\n",
    },
    deactivated: {
      subject: "Ihr Benutzer bei OpenDCA wurde deaktiviert",
      text:
        "Guten Tag {name},\n\nIhr Benutzer wurde nach 5 fehlgeschlagenen Anmeldungen deaktiviert. Wenn Sie das nicht waren, sagen Sie es Ihrem Administrator; er kann Sie auch wieder zulassen.\n",
    },
    approval: {
      subject: "Jemand wartet auf Ihre Freigabe",
      text:
        "Guten Tag {name},\n\n{asker} hat bei {customer} etwas angefragt, das eine zweite Person freigeben muss. Geben Sie es bis {until} frei, oder lehnen Sie es ab:\n\n{link}\n",
    },
  },
  it: {
    invitation: {
      subject: "Il vostro accesso a OpenDCA",
      text: "Buongiorno {name},\n\nscegliete qui la password:\n\n{link}\n\nIl link vale una volta, fino al {until}.\n",
    },
    password: {
      subject: "Nuova password per OpenDCA",
      text:
        "Buongiorno {name},\n\nqualcuno, probabilmente voi, ha chiesto una nuova password. Sceglietela qui:\n\n{link}\n\nIl link vale una volta, fino al {until}. Se non siete stati voi, non fate nulla: la password resta com'è.\n",
    },
    inactive: {
      subject: "Il vostro accesso a OpenDCA sta per scadere",
      text:
        "Buongiorno {name},\n\nnon accedete da molto tempo. Il {until} il vostro utente sarà disattivato. Per conservarlo, accedete prima:\n\n{link}\n",
    },
    deactivated: {
      subject: "Il vostro utente di OpenDCA è stato disattivato",
      text:
        "Buongiorno {name},\n\nil vostro utente è stato disattivato dopo 5 accessi falliti. Se non siete stati voi, avvisate il vostro amministratore, che può anche riammettervi.\n",
    },
    approval: {
      subject: "Qualcuno attende la vostra approvazione",
      text:
        "Buongiorno {name},\n\n{asker} ha chiesto presso {customer} qualcosa che una seconda persona deve approvare. Approvatelo o rifiutatelo entro il {until}:\n\n{link}\n",
    },
  },
};

/** Names are one line: `{link}` in one of them is a text. */
export function userMail(
  { email, name, language }: Pick<UserRow, "email" | "name" | "language">,
  kind: Kind,
  { link = "", until, asker = "", customer = "" }: { link?: string; until?: Date; asker?: string; customer?: string } =
    {},
): Mail {
  const { subject, text } = texts[language][kind];
  const time = until && new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short", timeZone: "UTC" });
  const values: Record<string, string> = {
    name: name.replace(/\s+/g, " "),
    asker: asker.replace(/^user:/, ""),
    customer: customer.replace(/\s+/g, " "),
    link,
    until: time === undefined ? "" : `${time.format(until)} UTC`,
  };
  return { recipient: email, subject, text: text.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "") };
}

/** Whether a server sends mails, as it last said. */
export async function hasMail(tx: Transaction): Promise<boolean> {
  return await tx.get("SELECT 1 FROM portal WHERE what = 'mail'") !== undefined;
}

export function readHasMail(platform: Base, by: By): Promise<boolean> {
  return readPlatform(platform, by, hasMail);
}

/** Says whether this installation sends mails. */
export async function setMail(tx: Transaction, from: string | undefined): Promise<void> {
  await tx.run("DELETE FROM portal WHERE what = 'mail'");
  if (from !== undefined) {
    await tx.run("INSERT INTO portal (what, origin) VALUES ('mail', :from)", { from });
  }
}

/** Whether a user can have mails: in place of an address that no provider has said, there is one that nobody has. */
export function isReachable({ email }: Pick<UserRow, "email">): boolean {
  return !/\.invalid$/i.test(email);
}

/** Queues the mail where mails are sent, and its recipient has an address. */
export async function tellUser(
  tx: Transaction,
  { mail, pepper, at }: { mail: Mail; pepper: Uint8Array; at: Date },
): Promise<void> {
  if (isReachable({ email: mail.recipient }) && await hasMail(tx)) await queueMail(tx, { mail, pepper, at });
}
