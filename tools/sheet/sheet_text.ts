/** The sheet as a document: sentences with the numbers of the tests that prove them, and what became of each test. Pure. */
import type { Outcome } from "./run_proofs.ts";
import type { Proof, Sentence } from "./sentence.ts";

type Language = "en" | "de";

const texts = {
  title: { en: "The security sheet", de: "Das Sicherheitsblatt" },
  intro: {
    en:
      "S: what an installation signs. P: what the agent promises to the network that it is in. Tests of the product " +
      "(T) prove the sentences: without them there is no release. A tried break makes the product wrong on purpose; " +
      "the test named noticed it. Made by `deno task sheet` (with `--breaks`, all breaks are tried again) from the " +
      "texts in `tools/sheet`. [Deutsch](security-sheet.de.md)",
    de: "S: was eine Installation unterschreibt. P: was der Agent dem Netz verspricht, in dem er läuft. Tests des " +
      "Produkts (T) belegen die Sätze: Ohne sie gibt es kein Release. Ein versuchter Fehler macht das Produkt absichtlich " +
      "falsch; der genannte Test hat es bemerkt. Erstellt von `deno task sheet` (mit `--breaks` werden alle Fehler neu " +
      "versucht) aus den Texten in `tools/sheet`. [English](security-sheet.md)",
  },
  proof: { en: "Tests", de: "Tests" },
  allPassed: { en: "all passed", de: "alle bestanden" },
  brings: { en: "Not software", de: "Nicht Software" },
  broken: { en: "Tried break", de: "Versuchter Fehler" },
  failed: { en: "**failed**", de: "**nicht bestanden**" },
  skipped: { en: "**skipped**", de: "**ausgelassen**" },
  missing: { en: "**missing**", de: "**fehlt**" },
} as const;

const keyOf = ({ file, test }: Proof) => `${file}: ${test}`;

/** "T1–T3, T7" of ascending numbers. */
function ranges(numbers: readonly number[]): string {
  const found: [first: number, last: number][] = [];
  for (const number of numbers) {
    const range = found.at(-1);
    if (range !== undefined && range[1] === number - 1) range[1] = number;
    else found.push([number, number]);
  }
  return found.map(([first, last]) => {
    if (first === last) return `T${first}`;
    return `T${first}${last === first + 1 ? ", " : "–"}T${last}`;
  }).join(", ");
}

/**
 * Markdown as `deno fmt` leaves it, but for line lengths. `results`: of the proofs of a sentence, in their order. The
 * tests are listed in the English sheet, which the German one links to.
 */
export function sheetText(
  sentences: readonly Sentence[],
  results: (sentence: Sentence) => Outcome[],
  language: Language,
): string {
  const lines = [`# ${texts.title[language]}`, "", texts.intro[language]];
  const tests = new Map<string, { number: number; proof: Proof; outcome: Outcome }>();
  for (const sentence of sentences) {
    const { id, proofs, brings, breaks } = sentence, outcomes = results(sentence);
    proofs.forEach((proof, index) => {
      const key = keyOf(proof);
      if (!tests.has(key)) tests.set(key, { number: tests.size + 1, proof, outcome: outcomes[index]! });
    });
    lines.push("", `## ${id}`, "", `> ${sentence[language]}`, "");
    if (proofs.length > 0) {
      const own = proofs.map((proof) => tests.get(keyOf(proof))!);
      const others = own.flatMap(({ number, outcome }) =>
        outcome === "passed" ? [] : [`T${number} ${texts[outcome][language]}`]
      );
      lines.push(
        `- ${texts.proof[language]}: ${ranges(own.map(({ number }) => number).sort((a, b) => a - b))} ` +
          `(${others.length === 0 ? texts.allPassed[language] : others.join(", ")})`,
      );
    }
    if (brings !== undefined) lines.push(`- ${texts.brings[language]}: ${brings[language]}`);
    for (const broken of breaks) {
      const { number } = tests.get(keyOf(broken.caughtBy))!;
      lines.push(`- ${texts.broken[language]} (T${number}): ${broken[language]}`);
    }
  }
  lines.push("", `## ${texts.proof[language]}`, "");
  if (language === "de") {
    lines.push(`T1 bis T${tests.size} und ihre Ergebnisse stehen im [englischen Blatt](security-sheet.md#tests).`);
  } else {
    lines.push("All have passed but those that say otherwise. … stands for any text.", "");
    for (const { number, proof: { file, test }, outcome } of tests.values()) {
      const result = outcome === "passed" ? "" : ` ${texts[outcome].en}`;
      lines.push(`- T${number}: ${test.replaceAll("*", "…")} (\`${file}\`)${result}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
