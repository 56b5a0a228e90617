/** The HTML report on paper, as Chromium prints it. */
import assert from "node:assert/strict";
import { nameOf, placeOf } from "../../common/report/fleet.ts";
import { peerTest } from "../fixtures/peers.ts";
import { hardDocument, papers, poppler, printReport } from "./print_report.ts";

const tools = ["chromium", "pdftotext", "pdfinfo"];

interface Word {
  page: number;
  text: string;
  left: number;
  right: number;
  top: number;
}

/** Of the style sheet, in percent of the width between the margins of 10 mm. */
const fleetColumns = [15, 25, 12, 9, 22, 17], marginPt = 10 / 25.4 * 72;

async function wordsOf(pdf: string): Promise<{ widthPt: number; words: Word[]; pages: number }> {
  const xml = await poppler("pdftotext", ["-bbox", pdf, "-"]);
  const words: Word[] = [];
  let page = 0, widthPt = 0;
  for (const line of xml.split("\n")) {
    const start = line.match(/<page width="([\d.]+)"/);
    if (start !== null) [page, widthPt] = [page + 1, Number(start[1])];
    const word = line.match(/<word xMin="(-?[\d.]+)" yMin="(-?[\d.]+)" xMax="(-?[\d.]+)" yMax="[^"]*">(.*)<\/word>/);
    if (word === null) continue;
    const [, left, top, right, text] = word;
    words.push({ page, text: text!, left: Number(left), right: Number(right), top: Number(top) });
  }
  return { widthPt, words, pages: page };
}

const packed = (text: string) => text.normalize("NFKC").replaceAll(/[\s…]+/g, "");

/** The words of one column below a heading of the document, from top to bottom, without spaces. */
function columnText(words: Word[], { from, to }: { from: number; to: number }): string {
  const inside = words.filter(({ left, right }) => left >= from - 0.5 && right <= to + 0.5);
  inside.sort((a, b) => a.page - b.page || Math.round(a.top - b.top) || a.left - b.left);
  return packed(inside.map(({ text }) => text).join(""));
}

for (const paper of Object.keys(papers) as (keyof typeof papers)[]) {
  peerTest(`the report of 60 printers prints on ${paper} with no column cut`, tools, async () => {
    const document = hardDocument(60);
    await using printed = await printReport(document, { paper });
    const { widthPt, words, pages } = await wordsOf(printed.pdf);
    assert(pages >= 3 && pages <= 26, `${pages} pages`);
    for (const { text, left, right } of words) {
      assert(left >= marginPt - 1 && right <= widthPt - marginPt + 1, `"${text}" leaves the paper`);
    }
    const all = words.map(({ text }) => text).join(" ");
    assert.match(all, /40 low supplies in 20 printers, lowest first/);
    assert.doesNotMatch(all, /Printer by printer|Where from “|Back to all/);
    // The headings stand on each page of the table, and its rows are whole.
    const heads = words.filter(({ text }) => text === "Needs");
    const begin = heads[0]!;
    const fleet = words.filter(({ page, top }) => page > begin.page || (page === begin.page && top > begin.top));
    const lastPage = Math.max(...heads.map(({ page }) => page));
    assert.deepEqual(
      heads.map(({ page }) => page),
      Array.from({ length: lastPage - begin.page + 1 }, (_, index) => begin.page + index),
    );
    const width = widthPt - 2 * marginPt;
    let at = marginPt;
    const columns = fleetColumns.map((percent) => {
      const from = at;
      at += width * percent / 100;
      return columnText(fleet, { from, to: at });
    });
    const otherScripts = fleet.filter(({ text }) => /[\u0590-\u06ff\u4e00-\u9fff\ufb1d-\ufefc]/.test(text));
    assert(otherScripts.length > 100);
    for (const { text, left, right } of otherScripts) {
      const [from, to] = [marginPt + width * 0.15, marginPt + width * 0.4];
      assert(left >= from && right <= to, `${text} leaves its column`);
    }
    for (const reading of document.printers) {
      assert(columns[0]!.includes(packed(placeOf(reading))), `${placeOf(reading)} is cut`);
      // Of other scripts a PDF has the letters as they are drawn; that they stay in their column was seen above.
      const isAscii = /^[ -~]*$/.test(reading.model!);
      if (isAscii) assert(columns[1]!.includes(packed(nameOf(reading)).slice(0, 100)), `${nameOf(reading)} is cut`);
      assert(columns[1]!.includes(reading.serial!), `${reading.serial} is cut`);
      const [total] = reading.meters;
      assert(columns[2]!.includes(total!.value.toLocaleString("en-US")), "pages are cut");
    }
  });
}

peerTest("the report prints the details of what was opened, and of nothing else", tools, async () => {
  // Up to three printers are unfolded by themselves.
  await using one = await printReport(hardDocument(1), { paper: "A4 portrait" });
  const details = await poppler("pdftotext", [one.pdf, "-"]);
  assert.match(details, /Printer by printer/);
  assert.match(details, /Where from/);
  await using many = await printReport(hardDocument(6), { paper: "A4 portrait" });
  await using opened = await printReport(hardDocument(6), { paper: "A4 portrait", open: true });
  assert.doesNotMatch(await poppler("pdftotext", [many.pdf, "-"]), /Printer by printer|rfc3805/);
  assert.match(await poppler("pdftotext", [opened.pdf, "-"]), /Printer by printer[\s\S]*rfc3805/);
});
