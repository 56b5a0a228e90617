/** Reports of fleets with hard names, and what a browser prints of them. */
import type { ScanDocument } from "../../common/reading/reading.ts";
import { renderHtml } from "../../common/report/html.ts";
import { documentOf, exactly, readingOf, supplyOf } from "../golden/sample_document.ts";

/** Of each kind of name that a column can be too narrow for: without a space, right to left, of wide characters. */
const hardNames = [
  "LaserJet Enterprise Color MFP with a very long marketing name, Stapler-Stacker and Booklet Maker M880z+ Series II",
  "ModelWithoutAnySpaceAtAllThatIsLongerThanEveryColumnOfEveryPaperThatPrintersKnowX9000",
  "طابعة ليزر ملونة متعددة الوظائف للمكتب الرئيسي في الطابق الثالث",
  "彩色數位多功能複合機高速列印掃描傳真影印事務機器企業版第九代",
  "מדפסת לייזר צבעונית משולבת לקבוצות עבודה גדולות במיוחד",
];

/** Every second one in IPv6, every third one low in two supplies, some in trouble. */
export function hardDocument(count: number): ScanDocument {
  const printers = Array.from({ length: count }, (_, index) => {
    const low = index % 3 === 0;
    return readingOf(index % 2 === 0 ? `10.200.${100 + (index >> 8)}.${index & 255}` : ipv6(index), {
      manufacturer: "Example",
      model: hardNames[index % hardNames.length]!,
      serial: `SERIAL${String(index).padStart(8, "0")}LONG`,
      hostname: `prn-${index}.a-rather-long-department-name.branch-office-in-the-north.example.com`,
      location: `Building ${index % 9}, floor 3, ${hardNames[(index + 2) % hardNames.length]}`,
      status: { state: index % 7 === 0 ? "stopped" : "idle", errors: index % 7 === 0 ? ["jammed"] : [], panel: null },
      meters: [{
        name: "total",
        value: 1_000_000_000 + index,
        unit: "impressions",
        source: { oid: "1.3.6.1.2.1.43.10.2.1.4.1.1", rule: "rfc3805.lifeCount", raw: 1_000_000_000 + index },
      }],
      supplies: ["black", "cyan", "magenta", "yellow"].map((colour, at) =>
        supplyOf(at + 1, `toner ${colour}`, exactly(low && at < 2 ? 3 + at : 71), {
          description: `${colour} toner cartridge, ${hardNames[index % hardNames.length]}`,
          partNumber: `PART-NUMBER-${colour.toUpperCase()}-0000000001`,
        })
      ),
      alerts: index % 7 === 0
        ? [{
          severity: "critical",
          code: 8,
          group: "mediaPath",
          description: "Paper jam in the duplex unit behind the left cover",
          since: null,
        }]
        : [],
    });
  });
  return documentOf(printers);
}

function ipv6(index: number): string {
  return `2001:db8:1111:2222:3333:4444:${(0x5555 + index).toString(16)}:${(0x6666 + index).toString(16)}`;
}

export const papers = {
  "A4 portrait": "A4 portrait",
  "A4 landscape": "A4 landscape",
  "Letter portrait": "letter portrait",
  "Letter landscape": "letter landscape",
} as const;

export interface Printed extends AsyncDisposable {
  pdf: string;
}

/** The report as Chromium prints it on this paper; `open`: with the details of each printer unfolded. */
export async function printReport(
  document: ScanDocument,
  { paper, open = false }: { paper: keyof typeof papers; open?: boolean },
): Promise<Printed> {
  const directory = await Deno.makeTempDir({ prefix: "opendca-print-" });
  const html = renderHtml(document);
  // The paper is chosen in a browser's dialogue; here by a second style sheet, which the report's policy would refuse.
  const page = html.replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, "")
    .replace("</head>", `<style>@page { size: ${papers[paper]}; }</style></head>`)
    .replaceAll(
      /<article class="printer card"><details>/g,
      (it) => open ? it.replace("<details>", "<details open>") : it,
    );
  await Deno.writeTextFile(`${directory}/report.html`, page);
  const pdf = `${directory}/report.pdf`;
  const { success, stderr } = await new Deno.Command("chromium", {
    args: [
      ...["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", "--disable-dev-shm-usage"],
      ...[`--user-data-dir=${directory}/profile`, `--print-to-pdf=${pdf}`, `file://${directory}/report.html`],
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return { pdf, [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }) };
}

/** What a tool of poppler says of a PDF. */
export async function poppler(tool: "pdftotext" | "pdfinfo", args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(tool, { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
