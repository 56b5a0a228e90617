/** The sheet as a document, with the result of each test beside the sentence that it proves. Pure. */
import type { Outcome } from "./run_proofs.ts";
import type { Sentence } from "./sentence.ts";

type Language = "en" | "de";

const texts = {
  title: { en: "The security sheet", de: "Das Sicherheitsblatt" },
  intro: {
    en:
      "Each sentence is proved by tests of the product, which `deno task sheet` runs; the release gate fails if one does " +
      "not pass. `deno task sheet --breaks` breaks the product on purpose, and these tests notice. S: what an " +
      "installation signs. P: what the agent promises to the network that it is in. Made by `deno task sheet`; the texts " +
      "stand in `tools/sheet/sentences.ts`. [Deutsch](security-sheet.de.md)",
    de:
      "Jeder Satz ist durch Tests des Produkts belegt, die `deno task sheet` ausführt; ohne sie gibt es kein Release. " +
      "`deno task sheet --breaks` macht das Produkt absichtlich kaputt, und diese Tests merken es. S: was eine Installation " +
      "unterschreibt. P: was der Agent dem Netz verspricht, in dem er läuft. Erstellt von `deno task sheet`; die Texte " +
      "stehen in `tools/sheet/sentences.ts`. [English](security-sheet.md)",
  },
  proof: { en: "Test", de: "Test" },
  result: { en: "Result", de: "Ergebnis" },
  brings: { en: "Not software", de: "Nicht Software" },
  broken: { en: "Tried break", de: "Versuchter Fehler" },
  caught: { en: "caught by", de: "bemerkt von" },
  passed: { en: "passed", de: "bestanden" },
  failed: { en: "**failed**", de: "**nicht bestanden**" },
  skipped: { en: "**skipped**", de: "**ausgelassen**" },
  missing: { en: "**missing**", de: "**fehlt**" },
} as const;

/** A test's name in a cell of a table. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("*", "…");
}

/** Markdown as `deno fmt` leaves it, but for line lengths. `results`: of the proofs of a sentence, in their order. */
export function sheetText(
  sentences: readonly Sentence[],
  results: (sentence: Sentence) => Outcome[],
  language: Language,
): string {
  const lines = [`# ${texts.title[language]}`, "", texts.intro[language]];
  for (const sentence of sentences) {
    const { id, proofs, brings, breaks } = sentence, outcomes = results(sentence);
    lines.push("", `## ${id}`, "", `> ${sentence[language]}`, "");
    if (proofs.length > 0) {
      lines.push(`| ${texts.proof[language]} | ${texts.result[language]} |`, "| --- | --- |");
      proofs.forEach(({ file, test }, index) => {
        lines.push(`| ${cell(test)} (\`${file}\`) | ${texts[outcomes[index]!][language]} |`);
      });
      lines.push("");
    }
    if (brings !== undefined) lines.push(`${texts.brings[language]}: ${brings[language]}`, "");
    for (const broken of breaks) {
      const { caughtBy } = broken;
      lines.push(
        `- ${texts.broken[language]}: ${broken[language]} (${texts.caught[language]} “${cell(caughtBy.test)}”)`,
      );
    }
    if (breaks.length === 0) lines.pop();
  }
  return `${lines.join("\n").trimEnd()}\n`;
}
