import stringWidth from "string-width";

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Cut to `width` display cells, with "…" where something is missing. */
export function cutCell(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  return `${pieceOf(text, width - 1)}…`;
}

/** The beginning of a text, as many whole characters as `width` cells hold. */
function pieceOf(text: string, width: number): string {
  let piece = "", used = 0;
  for (const { segment } of segmenter.segment(text)) {
    used += stringWidth(segment);
    if (used > width) break;
    piece += segment;
  }
  return piece;
}

/** Items side by side, two spaces between; lines of `width` cells, broken between items, then words, then anywhere. */
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
      // A character that is wider than the line would never end.
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
/** One text on lines of `width` cells, broken between words; the second and those behind it are indented. No line end. */
export function hanging(text: string, { indent, width }: { indent: number; width: number }): string {
  if (stringWidth(text) <= width) return text;
  // Blanks in front and between columns stay as they are.
  const words = text.match(/\s*\S+/gu) ?? [];
  let head = "";
  while (words.length > 0 && stringWidth(head + words[0]) <= width) head += words.shift();
  const rest = words.join("").trimStart();
  if (rest === "") return head;
  const room = width - indent;
  return [head, ...wrapped([rest], room).map((line) => " ".repeat(indent) + line)].join("\n");
}
