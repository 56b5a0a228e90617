import stringWidth from "string-width";

/** Styles of text; the words or signs always have the same meaning, for output without colour. */
export type Style = "plain" | "bold" | "dim" | "bad" | "warn" | "good" | "cyan" | "magenta" | "yellow";

/** A piece of a terminal line; its text must be escaped already. */
export interface Span {
  text: string;
  style?: Style;
}

/* Only the sixteen colours that every terminal theme makes legible on its own background. Black toner has none: black
 * on black would vanish. */
const codes: Record<Style, string> = {
  plain: "",
  bold: "1",
  dim: "2",
  bad: "1;31",
  warn: "33",
  good: "32",
  cyan: "36",
  magenta: "35",
  yellow: "33",
};

/** Display cells of a text: CJK characters take two, combining marks none. */
export function cells(text: string): number {
  return stringWidth(text);
}

/** Display cells of a line. */
export function lineCells(spans: Span[]): number {
  return spans.reduce((sum, span) => sum + cells(span.text), 0);
}

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Cuts a text to `limit` display cells, with "…" (or "~" without Unicode) if something is missing. */
export function cut(text: string, limit: number, unicode = true): string {
  if (cells(text) <= limit) return text;
  if (limit <= 0) return "";
  const parts = [];
  let used = 0;
  for (const { segment } of segmenter.segment(text)) {
    const width = cells(segment);
    if (used + width > limit - 1) break;
    parts.push(segment);
    used += width;
  }
  return `${parts.join("").trimEnd()}${unicode ? "…" : "~"}`;
}

/** Fills a text with spaces on the right to `width` cells, or cuts it. */
export function padRight(text: string, width: number, unicode = true): string {
  const fitted = cut(text, width, unicode);
  return fitted + " ".repeat(Math.max(0, width - cells(fitted)));
}

/** Fills a text with spaces on the left to `width` cells, or cuts it. */
export function padLeft(text: string, width: number, unicode = true): string {
  const fitted = cut(text, width, unicode);
  return " ".repeat(Math.max(0, width - cells(fitted))) + fitted;
}

/** One line without line end, cut to `columns` cells, without spaces at its end. */
export function renderLine(spans: Span[], options: { columns: number; color: boolean; unicode: boolean }): string {
  const { columns, color, unicode } = options;
  const fitted: Span[] = [];
  let left = columns;
  for (const span of withoutTrailingSpaces(spans)) {
    if (left <= 0) break;
    const text = cut(span.text, left, unicode);
    left = text === span.text ? left - cells(text) : 0;
    fitted.push({ ...span, text });
  }
  return fitted.map((span) => paint(span, color)).join("");
}

function withoutTrailingSpaces(spans: Span[]): Span[] {
  const last = spans.findLastIndex((span) => span.text.trim() !== "");
  return spans.slice(0, last + 1).map((span, index) => index === last ? { ...span, text: span.text.trimEnd() } : span);
}

function paint({ text, style }: Span, color: boolean): string {
  const code = codes[style ?? "plain"];
  return color && code !== "" && text.trim() !== "" ? `\u001b[${code}m${text}\u001b[0m` : text;
}

/** Puts items side by side with `gap` cells between, as many per line as fit into `width` cells. */
export function flow(items: Span[][], options: { width: number; gap: number }): Span[][] {
  const lines: Span[][] = [];
  let line: Span[] = [];
  for (const item of items) {
    const gap = line.length === 0 ? 0 : options.gap;
    if (line.length > 0 && lineCells(line) + gap + lineCells(item) > options.width) {
      lines.push(line);
      line = [...item];
      continue;
    }
    if (gap > 0) line.push({ text: " ".repeat(gap) });
    line.push(...item);
  }
  if (line.length > 0) lines.push(line);
  return lines;
}
