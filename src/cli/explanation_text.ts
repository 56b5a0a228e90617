import {
  type AnsweredObject,
  type ExplainedCandidate,
  type ExplainedValue,
  type Explanation,
  explanationGroups,
} from "./explanation.ts";
import { whyNotTakenWords } from "../../common/reading/other_sources.ts";
import { safeText } from "../../common/core/safe_text.ts";
import { cells, renderLine, type Span } from "../../common/report/terminal_line.ts";

/** Octets per line of the hex dump. */
const octetsPerLine = 16;
/** Maximum lines of a dump; JSON has the rest. */
const mostDumpLines = 24;
/** Number of octets shown for plain text. */
const octetsOfText = 8;
const valueColumn = 30;
const ruleCells = 28;

export interface ExplanationOptions {
  /** Width to wrap texts at; object identifiers are never wrapped. */
  columns: number;
  color: boolean;
  unicode: boolean;
}

/** The explanation as lines for a person; ends with a line end. */
export function renderExplanation(explanation: Explanation, options: ExplanationOptions): string {
  const dumped = new Set<string>();
  const lines: Span[][] = [
    ...headingLines(explanation),
    ...explanationGroups.flatMap((group) => {
      const values = explanation.values.filter((value) => value.group === group);
      if (values.length === 0) return [];
      return [[], title(group), ...values.flatMap((value) => valueLines(value, { dumped, options }))];
    }),
    ...problemLines(explanation, options),
    ...listLines("requested, not answered", explanation.notAnswered.map(({ oid, name }) => [place(oid, name)])),
    ...listLines(
      "answered, used by no rule",
      explanation.unused.map((object) => [place(object.oid, object.name), ...rawLines(object, options)]),
    ),
  ];
  const { color, unicode } = options;
  return lines.map((line) => `${renderLine(line, { columns: Infinity, color, unicode })}\n`).join("");
}

function headingLines(explanation: Explanation): Span[][] {
  const { subject, recognised, credentials, reading } = explanation;
  const { printer, profile, evidence } = recognised;
  const name = [reading.manufacturer, reading.model].filter((part) => part !== null).join(" ") || "no name known";
  return [
    [{ text: safeText(subject), style: "bold" }, { text: `, SNMP ${reading.snmp.version}, ${reading.observedAt}` }],
    [{ text: printer ? safeText(name) : "not recognised as a printer", style: printer ? "bold" : "warn" }],
    ...otherPrinters(explanation),
    [{ text: `profile "${profile}"${evidence.length === 0 ? ", without evidence of a maker" : ", as"}` }],
    ...evidence.map((line): Span[] => [{ text: `  ${safeText(line)}` }]),
    ...credentials.map(({ name, version, saw }): Span[] => [
      { text: `credential "${safeText(name)}" by SNMP ${version}: ${safeText(saw)}` },
    ]),
  ];
}

function otherPrinters({ reading, deviceIndexes = [] }: Explanation): Span[][] {
  if (deviceIndexes.length === 0) return [];
  const others = deviceIndexes.filter((index) => index !== reading.deviceIndex).join(", ");
  return [[{ text: `printer ${reading.deviceIndex} at this address; --device-index explains ${others}` }]];
}

function title(text: string): Span[] {
  return [{ text: text.toUpperCase(), style: "bold" }];
}

function valueLines(
  value: ExplainedValue,
  context: { dumped: Set<string>; options: ExplanationOptions },
): Span[][] {
  const { columns } = context.options;
  const shown = safeText(value.value ?? (context.options.unicode ? "—" : "-"), 2000);
  const [first = "", ...more] = wrap(shown, columns - valueColumn - 1);
  const label = `${safeText(value.field)} `;
  const lines: Span[][] = [[{ text: label.padEnd(valueColumn) }, { text: first, style: "bold" }]];
  for (const line of more) lines.push([{ text: " ".repeat(valueColumn) }, { text: line, style: "bold" }]);
  for (const candidate of value.candidates) lines.push(...candidateLines(candidate, context));
  return lines;
}

/** Verdicts for levels that lost because of their codes (RFC 3805 −3, −2 and −1). */
const levelVerdicts: Readonly<Record<string, string>> = {
  some: whyNotTakenWords.levelSome,
  unknown: whyNotTakenWords.levelUnknown,
  unlimited: whyNotTakenWords.levelUnlimited,
};

function candidateLines(
  candidate: ExplainedCandidate,
  { dumped, options }: { dumped: Set<string>; options: ExplanationOptions },
): Span[][] {
  const won = candidate.verdict === "won";
  const indent = won ? "  " : "      lost: ";
  const inner = " ".repeat(won ? 4 : 12);
  const rule = candidate.rule.padEnd(won ? ruleCells : ruleCells - 10);
  const lines: Span[][] = [[
    { text: indent, style: "dim" },
    { text: rule, ...won ? { style: "good" } : {} },
    { text: ` ${candidate.oid}` },
    ...candidate.name === null || candidate.name === candidate.rule
      ? []
      : [{ text: ` ${candidate.name}`, style: "dim" as const }],
  ]];
  if (!won) {
    const { verdict, value, contradicts } = candidate;
    const says = value === null
      ? ""
      : `; it says ${JSON.stringify(value)}${contradicts ? ", which does not agree" : ""}`;
    const text = safeText(`${levelVerdicts[verdict] ?? verdict}${says}`, 2000), style = contradicts ? "bad" : "warn";
    for (const line of wrap(text, options.columns - inner.length)) lines.push([{ text: inner + line, style }]);
  }
  const isDump = candidate.octets !== null && typeof candidate.raw === "string";
  if (isDump && dumped.has(candidate.oid)) {
    if (candidate.octets !== "") lines.push([{ text: `${inner}raw as above`, style: "dim" }]);
    return lines;
  }
  if (isDump) dumped.add(candidate.oid);
  for (const line of rawLines(candidate, options)) lines.push([{ text: inner }, ...line]);
  return lines;
}

/** The raw answer: octets as hexadecimal and text side by side, other values unchanged. */
function rawLines({ raw, octets }: Pick<AnsweredObject, "raw" | "octets">, options: ExplanationOptions): Span[][] {
  if (raw !== null && typeof raw === "object") {
    const pairs = Object.entries(raw).map(([name, value]) => `${name}=${value ?? "-"}`).join("  ");
    return wrap(safeText(`raw ${pairs}`, 4000), options.columns - 12).map((text) => [{ text, style: "dim" }]);
  }
  if (octets === null) return raw === null ? [] : [[{ text: safeText(`raw ${raw}`), style: "dim" }]];
  const bytes = Uint8Array.fromHex(octets);
  if (bytes.length === 0) return [[{ text: 'raw "", no octet', style: "dim" }]];
  if (bytes.every((octet) => octet >= 0x20 && octet < 0x7f)) return textLines(bytes, options);
  const lines: Span[][] = [];
  for (let at = 0; at < bytes.length && lines.length < mostDumpLines; at += octetsPerLine) {
    const piece = bytes.subarray(at, at + octetsPerLine);
    const text = [...piece].map((octet) => octet >= 0x20 && octet < 0x7f ? String.fromCharCode(octet) : ".").join("");
    const start = at === 0 ? "raw " : "    ";
    lines.push([{ text: `${start}${spaced(piece).padEnd(octetsPerLine * 3 - 1)}  ${text}`, style: "dim" }]);
  }
  const left = bytes.length - octetsPerLine * mostDumpLines;
  if (left > 0) lines.push([{ text: `    and ${left} octets more: see --format json`, style: "dim" }]);
  return lines;
}

function textLines(bytes: Uint8Array, { columns, unicode }: ExplanationOptions): Span[][] {
  const more = bytes.length > octetsOfText ? (unicode ? " …" : " ...") : "";
  const hex = `raw ${spaced(bytes.subarray(0, octetsOfText))}${more}`.padEnd(4 + octetsOfText * 3 + 1);
  const room = columns - 12 - hex.length - 3;
  const [first = "", ...rest] = wrap(JSON.stringify(new TextDecoder().decode(bytes)), room);
  return [
    [{ text: `${hex} ${first}`, style: "dim" }],
    ...rest.map((line): Span[] => [{ text: `${" ".repeat(hex.length)} ${line}`, style: "dim" }]),
  ];
}

function spaced(bytes: Uint8Array): string {
  return [...bytes].map((octet) => octet.toString(16).padStart(2, "0")).join(" ");
}

function problemLines({ reading }: Explanation, { columns }: ExplanationOptions): Span[][] {
  const lines = reading.problems.flatMap(({ code, message, oid }) =>
    wrap(safeText(`${code}: ${message}${oid === undefined || message.includes(oid) ? "" : ` (${oid})`}`), columns - 2)
      .map((line, i): Span[] => [{ text: `${i === 0 ? "  " : "    "}${line}` }])
  );
  return [[], title("problems"), ...lines.length > 0 ? lines : [[{ text: "  none" }]]];
}

function place(oid: string, name: string | null): Span[] {
  return name === null ? [{ text: oid }] : [{ text: oid.padEnd(36) }, { text: ` ${name}`, style: "dim" }];
}

function listLines(heading: string, entries: Span[][][]): Span[][] {
  const lines = entries.flatMap(([first = [], ...more]) => [
    [{ text: "  " }, ...first],
    ...more.map((line) => [{ text: "      " }, ...line]),
  ]);
  return [[], title(heading), ...lines.length > 0 ? lines : [[{ text: "  none" }]]];
}

/** Breaks a text at spaces into pieces of at most `width` cells; longer words are split. */
function wrap(text: string, width: number): string[] {
  const most = Math.max(20, width);
  const lines: string[] = [];
  let line = "";
  for (let word of text.split(" ")) {
    if (line !== "" && cells(`${line} ${word}`) > most) {
      lines.push(line);
      line = "";
    }
    while (cells(word) > most) {
      lines.push(word.slice(0, most));
      word = word.slice(most);
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
