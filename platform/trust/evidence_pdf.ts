/** The evidence of a signature as PDF, to read; the file that `agreement verify` takes is attached to it. */
import { visibleText } from "../../common/core/safe_text.ts";
import { type PdfCell, pdfLocales, pdfParts, printable } from "../pdf/pdf_document.ts";
import type { Language } from "../users/users.ts";
import type { KeptEvidence } from "./agreements.ts";

const labels = {
  title: ["Evidence of a signature", "Nachweis einer Unterschrift", "Prova di una firma"],
  signature: ["Signature", "Unterschrift", "Firma"],
  agreement: ["Agreement", "Vereinbarung", "Accordo"],
  nda: ["Non-disclosure agreement", "Vertraulichkeitsvereinbarung", "Accordo di riservatezza"],
  dpa: ["Data processing agreement", "Vertrag zur Auftragsverarbeitung", "Accordo sul trattamento dei dati"],
  version: ["Version", "Fassung", "Versione"],
  language: ["Language", "Sprache", "Lingua"],
  textHash: ["SHA-256 of the text", "SHA-256 des Textes", "SHA-256 del testo"],
  dealer: ["Dealer", "Händler", "Rivenditore"],
  customer: ["Customer", "Kunde", "Cliente"],
  noCustomer: [
    "none: signed for the dealer",
    "keiner: für den Händler unterschrieben",
    "nessuno: firmato per il rivenditore",
  ],
  signer: ["Signed by", "Unterschrieben von", "Firmato da"],
  capacity: ["Capacity", "Funktion", "Qualità"],
  account: ["Account", "Konto", "Account"],
  email: ["E-mail", "E-Mail", "E-mail"],
  user: ["User", "Benutzer", "Utente"],
  signedAt: ["Time (UTC)", "Zeitpunkt (UTC)", "Ora (UTC)"],
  source: ["Address", "Adresse", "Indirizzo"],
  browser: ["Browser", "Browser", "Browser"],
  proof: ["Who it was", "Wer es war", "Identità"],
  log: ["In the audit log", "Im Prüfprotokoll", "Nel registro di controllo"],
  entry: ["Entry", "Eintrag", "Voce"],
  evidenceHash: ["SHA-256 of this evidence", "SHA-256 dieses Nachweises", "SHA-256 di questa prova"],
  previous: ["Digest before", "Prüfsumme davor", "Impronta precedente"],
  digest: ["Digest of the entry", "Prüfsumme des Eintrags", "Impronta della voce"],
  text: ["The text", "Der Text", "Il testo"],
  page: ["page {page} of {pages}", "Seite {page} von {pages}", "pagina {page} di {pages}"],
  attached: [
    "{file} is attached to this PDF: it has the text exactly, and “opendca-platform agreement verify {file}” checks it. [U+…] stands for a character that the fonts of this PDF do not have.",
    "{file} ist an diese PDF angehängt: Sie hat den Text genau, und „opendca-platform agreement verify {file}“ prüft sie. [U+…] steht für ein Zeichen, das die Schriften dieser PDF nicht haben.",
    "{file} è allegato a questo PDF: contiene il testo esatto, e «opendca-platform agreement verify {file}» lo verifica. [U+…] sta per un carattere che i font di questo PDF non hanno.",
  ],
} as const;

export function evidencePdf(kept: KeptEvidence, language: Language): AsyncGenerator<Uint8Array> {
  const { signature, evidence } = kept;
  return pdfParts(definitionOf(kept, language), [{
    name: `${signature.signature_id}.json`,
    mediaType: "application/json",
    content: new TextEncoder().encode(signature.evidence),
    at: new Date(evidence.signedAt),
  }]);
}

function definitionOf({ signature, evidence, log }: KeptEvidence, language: Language): Record<string, unknown> {
  const t = (name: keyof typeof labels) => labels[name][["en", "de", "it"].indexOf(language)]!;
  const { agreement, party, signer, signedAt } = evidence;
  const facts: [string, string][] = [
    [t("signature"), evidence.signatureId],
    [t("agreement"), t(agreement.kind)],
    [t("version"), agreement.version],
    [t("language"), agreement.language],
    [t("textHash"), agreement.textSha256],
    [t("dealer"), `${party.dealer.name} (${party.dealer.id})`],
    [t("customer"), party.customer === null ? t("noCustomer") : `${party.customer.name} (${party.customer.id})`],
    [t("signer"), signer.typedName],
    [t("capacity"), signer.capacity],
    [t("account"), signer.accountName],
    [t("email"), signer.email],
    [t("user"), signer.userId],
    [t("signedAt"), signedAt],
    [t("source"), evidence.source],
    [t("browser"), evidence.browser],
    [t("proof"), evidence.proof],
  ];
  const chain: [string, string][] = [
    [t("entry"), String(log.entry)],
    [t("evidenceHash"), signature.evidence_sha256],
    [t("previous"), log.previous],
    [t("digest"), log.digest],
  ];
  const table = (rows: [string, string][]) => ({
    table: {
      widths: [110, "*"],
      body: rows.map(([label, value]): PdfCell[] => [{ text: label, color: "#555555" }, { stack: shownLines(value) }]),
    },
    layout: "noBorders",
  });
  const title = `${t("title")} ${evidence.signatureId}`, heading = { fontSize: 11, bold: true, margin: [0, 12, 0, 4] };
  return {
    info: {
      title,
      author: "OpenDCA",
      subject: `SHA-256 ${signature.evidence_sha256}`,
      creationDate: new Date(signedAt),
    },
    language: pdfLocales[language],
    pageMargins: [48, 48, 48, 56],
    defaultStyle: { fontSize: 9 },
    footer: (page: number, pages: number) => ({
      text: `${title} · ${t("page").replace("{page}", String(page)).replace("{pages}", String(pages))}`,
      fontSize: 6,
      margin: [48, 12, 48, 0],
    }),
    content: [
      { text: title, fontSize: 14, bold: true, margin: [0, 0, 0, 8] },
      table(facts),
      { text: t("log"), ...heading },
      table(chain),
      {
        text: t("attached").replaceAll("{file}", `${signature.signature_id}.json`),
        italics: true,
        margin: [0, 8, 0, 0],
      },
      { text: t("text"), ...heading },
      ...shownLines(agreement.text),
    ],
  };
}

/* The library takes the square of the time for long words and paragraphs. */
const longestWord = 80, longestLine = 2000;

function shownLines(text: string): PdfCell[] {
  return text.split("\n").flatMap(lineParts).map((line) => ({
    text: line === "" ? " " : line,
    preserveLeadingSpaces: true,
  }));
}

function lineParts(line: string): string[] {
  const words = printable(visibleText(line, line.length + 1)).split(/(?<= )/);
  const parts = [""];
  for (const word of words) {
    for (let at = 0; at === 0 || at < word.length; at += longestWord) {
      const piece = word.slice(at, at + longestWord);
      if (at > 0 || parts.at(-1)!.length + piece.length > longestLine) parts.push(piece);
      else parts[parts.length - 1] += piece;
    }
  }
  return parts;
}
