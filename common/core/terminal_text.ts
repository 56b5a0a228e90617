import stringWidth from "string-width";

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Cuts a text to `width` display cells, with "…" if something is missing. */
export function cutCell(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  return `${pieceOf(text, width - 1)}…`;
}

/** The beginning of a text: as many whole characters as fit into `width` cells. */
function pieceOf(text: string, width: number): string {
  let piece = "", used = 0;
  for (const { segment } of segmenter.segment(text)) {
    used += stringWidth(segment);
    if (used > width) break;
    piece += segment;
  }
  return piece;
}

/**
 * Items separated by two spaces, in lines of `width` cells; broken between items if possible, then words, then
 * anywhere.
 */
export function wrapped(items: readonly string[], width: number): string[] {
  const most = Math.max(20, width);
  const lines: string[] = [];
  let line = "";
  const add = (word: string, space: string) => {
    if (line !== "" && stringWidth(line) + space.length + stringWidth(word) <= most) {
      line += space + word;
      return;
    }
    if (line !== "") lines.push(line);
    line = word;
    while (stringWidth(line) > most) {
      // A character that is wider than the line would loop endlessly.
      const piece = pieceOf(line, most) || [...line][0]!;
      lines.push(piece);
      line = line.slice(piece.length);
    }
  };
  for (const item of items) {
    if (stringWidth(item) <= most) add(item, "  ");
    else item.split(" ").forEach((word, i) => add(word, i === 0 ? "  " : " "));
  }
  if (line !== "") lines.push(line);
  return lines;
}
/** A text in lines of `width` cells, broken between words; all lines except the first are indented. No line end. */
export function hanging(text: string, { indent, width }: { indent: number; width: number }): string {
  if (stringWidth(text) <= width) return text;
  // Leading blanks and blanks between columns are kept.
  const words = text.match(/\s*\S+/gu) ?? [];
  let head = "";
  while (words.length > 0 && stringWidth(head + words[0]) <= width) head += words.shift();
  const rest = words.join("").trimStart();
  if (rest === "") return head;
  const room = width - indent;
  return [head, ...wrapped([rest], room).map((line) => " ".repeat(indent) + line)].join("\n");
}
