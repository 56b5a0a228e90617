/** PDF of a definition of pdfmake, with fonts of its own, in memory. */
import { Buffer } from "node:buffer";
// @ts-types="./pdfmake_modules.d.ts"
import pdfDocument from "pdfmake/js/PDFDocument.js";
// @ts-types="./pdfmake_modules.d.ts"
import pdfPrinter from "pdfmake/js/Printer.js";
// @ts-types="./pdfmake_modules.d.ts"
import urlResolver from "pdfmake/js/URLResolver.js";
// @ts-types="./pdfmake_modules.d.ts"
import files from "pdfmake/js/virtual-fs.js";
// @ts-types="./pdfmake_fonts.d.ts"
import fonts from "pdfmake/build/vfs_fonts.js";

/* Of the parts that are used here: the types of the library bring those of browsers with them. */
export type PdfCell = string | { [name: string]: unknown };

export interface PdfAttachment {
  name: string;
  mediaType: string;
  content: Uint8Array;
  at: Date;
}

export const pdfLocales = { en: "en-GB", de: "de-DE", it: "it-IT" } as const;

/** Text of others goes through `printable`. */
export async function* pdfParts(
  definition: Record<string, unknown>,
  attachments: readonly PdfAttachment[] = [],
): AsyncGenerator<Uint8Array> {
  const resolver = new urlResolver.default(fontFiles());
  const printer = new pdfPrinter.default(roboto(), files.default, resolver, () => false);
  const document = await printer.createPdfKitDocument(definition);
  for (const { name, mediaType, content, at } of attachments) {
    document.file(Buffer.from(content), { name, type: mediaType, creationDate: at, modifiedDate: at });
  }
  document.end();
  for await (const part of document as AsyncIterable<Uint8Array>) yield new Uint8Array(part);
}

/* The library puts the bytes of a font in place of its name. */
function roboto() {
  return {
    Roboto: {
      normal: "Roboto-Regular.ttf",
      bold: "Roboto-Medium.ttf",
      italics: "Roboto-Italic.ttf",
      bolditalics: "Roboto-MediumItalic.ttf",
    },
  };
}

function fontFiles() {
  for (const [name, base64] of Object.entries(fonts)) {
    files.default.writeFileSync(name, Buffer.from(base64, "base64"));
  }
  return files.default;
}

let font: { hasGlyphForCodePoint(point: number): boolean } | undefined;

/** The text, with `[U+738B]` for what the fonts have no glyph of: otherwise names of some scripts would be empty boxes. */
export function printable(text: string): string {
  let shown = "";
  for (const character of text) {
    const point = character.codePointAt(0)!;
    shown += hasGlyph(point) ? character : `[U+${point.toString(16).toUpperCase().padStart(4, "0")}]`;
  }
  return shown;
}

function hasGlyph(point: number): boolean {
  if (point < 0x7f) return true;
  // Kept, as a font is read once.
  font ??= new pdfDocument.default(roboto(), {}, {}, {}, { font: null }, fontFiles())
    .provideFont("Roboto", false, false).font;
  return font!.hasGlyphForCodePoint(point);
}
