/** What a notification says, as text and as simple HTML, in the language of the person who gets it. Pure. */
import type { Mail } from "../mail/mail_queue.ts";
import { supplyText } from "../devices/supply_text.ts";
import { supplyColourWords, supplyKindWords } from "../devices/supply_words.ts";
import type { Language } from "../users/users.ts";

/** In each language. */
type Text = readonly [en: string, de: string, it: string];

const texts = {
  subject: ["{rule} ({count})", "{rule} ({count})", "{rule} ({count})"],
  digestSubject: ["{rule}, of the day ({count})", "{rule}, Tagesbericht ({count})", "{rule}, del giorno ({count})"],
  testSubject: ["test of “{rule}”", "Test von „{rule}“", "prova di «{rule}»"],
  test: [
    "This is a test of the rule “{rule}”, as somebody asked for it in the portal. Nothing has happened.",
    "Dies ist ein Test der Regel „{rule}“, den jemand im Portal angefordert hat. Es ist nichts geschehen.",
    "Questa è una prova della regola «{rule}», richiesta da qualcuno nel portale. Non è successo nulla.",
  ],
  more: [
    "And {count} more: see the portal.",
    "Und {count} weitere: siehe Portal.",
    "E altri {count}: si veda il portale.",
  ],
  times: ["Times are those of {zone}.", "Zeiten sind die von {zone}.", "Gli orari sono quelli di {zone}."],
  why: [
    "You get this mail by the rule “{rule}” of OpenDCA, which names you as a recipient.",
    "Sie erhalten diese E-Mail durch die Regel „{rule}“ von OpenDCA, die Sie als Empfänger nennt.",
    "Ricevete questa e-mail per la regola «{rule}» di OpenDCA, che vi indica come destinatario.",
  ],
  toRule: ["See or pause the rule", "Regel ansehen oder anhalten", "Vedere o sospendere la regola"],
  stop: [
    "No more of these mails to me",
    "Mir keine dieser E-Mails mehr schicken",
    "Non inviarmi più queste e-mail",
  ],
  emptyAt: ["empty about {time}", "leer etwa {time}", "vuoto circa {time}"],
  critical: ["critical", "kritisch", "critico"],
  ended: ["has ended", "beendet", "terminato"],
  wasAndEnded: ["was, and has ended", "war und ist beendet", "c'era ed è terminato"],
  kind_printer: ["Reported by the printer:", "Vom Drucker gemeldet:", "Segnalato dalla stampante:"],
  kind_supply: ["Supply low:", "Material niedrig:", "Materiale basso:"],
  kind_deviceSilent: ["The device does not answer", "Das Gerät antwortet nicht", "Il dispositivo non risponde"],
  kind_agentSilent: ["The agent does not report", "Der Agent meldet sich nicht", "L'agente non si fa sentire"],
  kind_meterFell: ["A meter went down:", "Ein Zähler ist gesunken:", "Un contatore è diminuito:"],
  kind_firmwareChanged: ["Another firmware:", "Andere Firmware:", "Altro firmware:"],
  kind_updateFailed: [
    "The agent could not be updated:",
    "Der Agent konnte nicht aktualisiert werden:",
    "L'agente non è stato aggiornato:",
  ],
} as const satisfies Record<string, Text>;

type TextKey = keyof typeof texts;

/** One thing that has happened. What printers and people have named may be any text. */
export interface Line {
  customer: string;
  site: string;
  /** Manufacturer, model, serial number and address of a device, or the name of an agent. */
  about: string;
  kind: string;
  event: "raised" | "ended";
  /** It has ended meanwhile. */
  isOver: boolean;
  severity: string;
  description: string;
  detail: Record<string, unknown>;
  at: number;
  /** Path of a page of the portal. */
  path: string;
}

export interface Letter {
  language: Language;
  zone: string;
  rule: { id: string; name: string };
  /** Address of the portal; undefined without a portal. */
  origin: string | undefined;
  /** Path at which this person ends these mails. */
  stopPath: string | undefined;
  lines: readonly Line[];
  isDigest: boolean;
  isTest: boolean;
}

const mostLines = 200, mostText = 300;

/**
 * One line without anything that is not seen, or that turns the direction of what follows: a printer names itself as it
 * likes, and must not begin a line or a header of its own.
 */
export function plainText(text: string, most = mostText): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]+/gu, " ").replace(/\s+/g, " ").trim();
  return line.length <= most ? line : `${line.slice(0, most).toWellFormed()}…`;
}

function escaped(text: string): string {
  const names: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (letter) => names[letter]!);
}

const keyOf = ({ customer, site, about }: Line) => JSON.stringify([customer, site, about]);

function inOrder(a: Line, b: Line): number {
  const [x, y] = [keyOf(a), keyOf(b)];
  return x < y ? -1 : x > y ? 1 : a.at - b.at;
}

const said = { ...texts, ...supplyKindWords, ...supplyColourWords };
type Say = (key: keyof typeof said, values?: Record<string, string | number>) => string;

const columns = { en: 0, de: 1, it: 2 } as const;

export function mailOf(letter: Letter): Omit<Mail, "recipient"> {
  const { language, zone, rule, origin, lines, isDigest, isTest, stopPath } = letter;
  const t: Say = (key, values = {}) =>
    said[key][columns[language]].replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
  const time = new Intl.DateTimeFormat(language, {
    dateStyle: "medium",
    timeStyle: "short",
    timeZone: zone,
  });
  const shown = [...lines].sort(inOrder).slice(0, mostLines), name = plainText(rule.name, 100);
  const customers = Map.groupBy(shown, ({ customer, site }) => `${plainText(customer, 100)}: ${plainText(site, 100)}`);
  const onlyCustomer = new Set(lines.map(({ customer }) => plainText(customer, 100)));
  const what = isTest
    ? t("testSubject", { rule: name })
    : `${t(isDigest ? "digestSubject" : "subject", { count: lines.length, rule: name })}${
      onlyCustomer.size === 1 ? ` – ${[...onlyCustomer][0]}` : ""
    }`;
  const parts: { text: string; html: string }[] = [];
  const paragraph = (text: string) => parts.push({ text: `${text}\n`, html: `<p>${escaped(text)}</p>` });
  if (isTest) paragraph(t("test", { rule: name }));
  for (const [place, ofPlace] of customers) {
    parts.push({ text: `${place}\n${"-".repeat(Math.min(place.length, 60))}`, html: `<h2>${escaped(place)}</h2>` });
    for (const [about, ofDevice] of Map.groupBy(ofPlace, ({ about }) => plainText(about, 200))) {
      const rows = ofDevice.map((line) => `${time.format(line.at)}  ${sentence(line, t, time)}`);
      const link = origin === undefined ? undefined : `${origin}${ofDevice[0]!.path}`;
      parts.push({
        text: `${about}\n${rows.map((row) => `  ${row}`).join("\n")}${link === undefined ? "" : `\n  ${link}`}\n`,
        html: `<h3>${link === undefined ? escaped(about) : `<a href="${escaped(link)}">${escaped(about)}</a>`}</h3>` +
          `<ul>${rows.map((row) => `<li>${escaped(row)}</li>`).join("")}</ul>`,
      });
    }
  }
  if (lines.length > shown.length) paragraph(t("more", { count: lines.length - shown.length }));
  paragraph(t("times", { zone }));
  const why = t("why", { rule: name }), ruleLink = `${origin}/notifications/${rule.id}`;
  const links: [text: string, href: string][] = origin === undefined ? [] : [[t("toRule"), ruleLink]];
  if (origin !== undefined && stopPath !== undefined) links.push([t("stop"), `${origin}${stopPath}`]);
  parts.push({
    text: ["-- ", why, ...links.map(([text, href]) => `${text}: ${href}`)].join("\n"),
    html: `<hr><p>${escaped(why)}</p>${
      links.map(([text, href]) => `<p><a href="${escaped(href)}">${escaped(text)}</a></p>`).join("")
    }`,
  });
  return {
    subject: plainText(`OpenDCA: ${what}`, 200),
    text: `${parts.map(({ text }) => text).join("\n")}\n`,
    html:
      `<!doctype html><html lang="${language}"><head><meta charset="utf-8"><title>${escaped(plainText(what, 200))}` +
      `</title></head><body>${parts.map(({ html }) => html).join("\n")}</body></html>\n`,
    ...(origin === undefined || stopPath === undefined ? {} : { unsubscribe: `${origin}${stopPath}` }),
  };
}

function sentence(
  { kind, event, isOver, severity, description, detail, at }: Line,
  t: Say,
  time: Intl.DateTimeFormat,
): string {
  // What a printer says stays as it is; what a supply is called is in the words of the pages.
  const about = plainText(kind === "supply" ? supplyText(description, t) : description), key = `kind_${kind}`;
  const words = [Object.hasOwn(texts, key) ? t(key as TextKey) : plainText(kind, 50)];
  if (about !== "" && kind !== "agentSilent" && kind !== "updateFailed") words.push(`“${about}”`);
  const { percent, emptiesAt, version, message, partNumber } = detail;
  if (typeof partNumber === "string" && partNumber !== "") words.push(`(${plainText(partNumber, 60)})`);
  if (typeof percent === "number") words.push(`${Math.round(percent)} %`);
  if (typeof emptiesAt === "number") words.push(t("emptyAt", { time: time.format(Math.max(emptiesAt, at)) }));
  if (typeof version === "string") words.push(plainText(version, 40));
  if (typeof message === "string" && message !== "") words.push(`“${plainText(message, 200)}”`);
  if (severity === "critical") words.push(`[${t("critical")}]`);
  if (event === "ended") words.push(`– ${t("ended")}`);
  else if (isOver) words.push(`– ${t("wasAndEnded")}`);
  return words.join(" ");
}
