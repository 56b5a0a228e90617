import { visibleText } from "../core/safe_text.ts";

/** HTML created by `markup`: the private field prevents data from posing as markup. */
class Markup {
  readonly #html: string;
  constructor(html: string) {
    this.#html = html;
  }
  toString(): string {
    return this.#html;
  }
}

export type { Markup };

/** What may be inserted into a `markup` template: text to escape, markup, lists of markup, or nothing. */
export type Insertion = string | number | Markup | readonly Markup[] | undefined | false;

/**
 * Safe HTML: the template itself is markup, and all insertions are cleaned and escaped. Insertions belong in elements
 * or in double-quoted attributes, never in tag names, scripts or styles.
 */
export function markup(template: TemplateStringsArray, ...insertions: Insertion[]): Markup {
  let html = template[0]!;
  insertions.forEach((insertion, index) => {
    html += htmlOf(insertion) + template[index + 1]!;
  });
  return new Markup(html);
}

function htmlOf(insertion: Insertion): string {
  if (insertion === undefined || insertion === false) return "";
  if (typeof insertion === "number") return String(insertion);
  if (typeof insertion === "string") return escapeText(insertion);
  if (insertion instanceof Markup) return insertion.toString();
  return insertion.map((part) => htmlOf(part)).join("");
}

const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escapeText(text: string): string {
  return visibleText(text).replace(/[&<>"']/g, (character) => entities[character]!);
}
