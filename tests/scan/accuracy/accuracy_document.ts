/**
 * docs/accuracy.md: what the recordings' sources state, and what the agent reads. Device names, counts and percentages
 * only: serial numbers, host names and other texts of the recordings are not ours to publish.
 */
import type { Judgement, Verdict } from "./judge.ts";
import type { FieldKind } from "./stated.ts";
import type { Case } from "./cases.ts";
import type { Survey, Surveyed } from "./survey.ts";

const kinds: [kind: FieldKind, name: string][] = [
  ["maker", "maker"],
  ["model", "model"],
  ["serial", "serial number"],
  ["firmware", "firmware"],
  ["mac", "MAC address"],
  ["meter", "meters"],
  ["supply", "supply levels"],
  ["tray", "tray levels"],
  ["panel", "panel text"],
];

const verdicts: Readonly<Record<Verdict, string>> = {
  right: "right",
  convention: "source's convention",
  notRecorded: "not in the recording",
  wrong: "**wrong**",
};

/** The document, formatted as `deno fmt` leaves it. */
export function accuracyDocument({ devices, negatives }: Survey, cases: readonly Case[]): string {
  const judgements = devices.flatMap((device) => device.judgements);
  const system = devices.filter((device) => device.system);
  const stated = devices.filter((device) => device.judgements.length > 0);
  const mistaken = negatives.filter((negative) => negative.mistaken.length > 0);
  return [
    "# Accuracy",
    wrapped(
      "Every recording of `../shared/recordings` is read as the agent reads a device: from the answers to what it asks, " +
        "and nothing else of the walk. What comes out is held against what the source of the recording states. Made by " +
        "`deno task accuracy`; a test fails when it is not what the generator makes. The recordings are not ours to " +
        "publish: serial numbers, addresses, versions and texts are shown only as equal or different.",
    ),
    wrapped(
      "A fact counts only where a source states it: not stated is not right. A value that is not read is wrong unless " +
        "the recording does not hold it, which is checked.",
    ),
    "## Summary",
    table([
      ["field", "right / stated", "source's convention", "not in the recording", "wrong", "right of what is left"],
      ...kinds.map(([kind, name]) => summaryRow(name, judgements.filter(({ fact }) => fact.kind === kind))),
    ]),
    [
      `Recognised as a printer: ${system.filter((it) => it.recognised).length} of ${system.length} recordings with a ` +
      "system group.",
      `Taken for a printer wrongly: ${mistaken.length} of ${negatives.length} other devices` +
      `${mistaken.length > 0 ? ` (${mistaken.map(({ name }) => name).join(", ")})` : ""}.`,
      `Stated: ${judgements.length} facts of ${stated.length} printers, and ${
        devices.flatMap((it) => it.outside).length
      } values that a reading has no field for (counts since power-on or of one drum, status codes, pages beside a percentage).`,
    ].map((line) => wrapped(`- ${line}`, "  ")).join("\n"),
    "## Differences",
    wrapped(
      "_Source's convention_: the source converts or shortens what the device says, and the reading does not copy that; " +
        "that it is nothing but the conversion is checked. _Not in the recording_: no recorded value holds it.",
    ),
    table([
      ["device", "field", "stated", "read", "counted as", "why"],
      ...judgements.filter(({ verdict }) => verdict !== "right").map(differenceRow),
    ]),
    "## Devices",
    ...stated.flatMap(deviceSection),
    "## Other devices",
    "Switches, hosts, scanners and others, judged by the whole walk and by what the agent asks.",
    table([
      ["device", "taken for a printer"],
      ...negatives.map(({ name, mistaken }) => [name, mistaken.length > 0 ? "**yes**" : "no"]),
    ]),
    "## Cases",
    wrapped(
      "Small inputs from public bug reports and forum posts (`../shared/cases`), and mutations of them (`m-`): the same " +
        "structure at another maker, in another language or at another index. Each states few facts.",
    ),
    `Right: ${cases.filter(({ wrong }) => wrong.length === 0).length} of ${cases.length} cases.`,
    table([
      ["case", "what", "right / stated"],
      ...cases.map(({ name, what, stated, wrong }) => [name, what, `${stated - wrong.length} / ${stated}`]),
    ]),
  ].join("\n\n") + "\n";
}

function summaryRow(name: string, judgements: Judgement[]): string[] {
  const count = (verdict: Verdict) => judgements.filter((judgement) => judgement.verdict === verdict).length;
  const left = count("right") + count("wrong");
  return [
    name,
    `${count("right")} / ${judgements.length}`,
    ...(["convention", "notRecorded", "wrong"] as const).map((verdict) => String(count(verdict))),
    `${(count("right") / left * 100).toFixed(1)} %`,
  ];
}

function differenceRow({ device, fact, stated, read, verdict, reason }: Judgement): string[] {
  return [device, fact.field, stated, read, verdicts[verdict], reason];
}

function deviceSection(device: Surveyed): string[] {
  const notes = [
    device.sourceKind === null ? "maker and model by the manifest" : shortSource(device.sourceKind),
    ...device.system ? [] : ["no system group, so the maker is given"],
    ...device.outside.length > 0 ? [`${device.outside.length} stated values have no field in a reading`] : [],
  ];
  return [
    `### ${device.name}`,
    wrapped(sentence(notes)),
    table([
      ["field", "stated", "read", "counted as"],
      ...device.judgements.map(({ fact, stated, read, verdict }) => [fact.field, stated, read, verdicts[verdict]]),
    ]),
  ];
}

/** The kind of source without its asides. */
function shortSource(kind: string): string {
  return kind.replace(/ \(.*$/, "").replace(/:.*$/, "");
}

function sentence(notes: string[]): string {
  const text = `${notes.join("; ")}.`;
  return text[0]!.toUpperCase() + text.slice(1);
}

/** A table whose columns are padded. */
function table(rows: string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (cells: string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  const [header, ...body] = rows;
  return [line(header!), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n");
}

/** Lines of at most 120 characters, as `deno fmt` fills them; `indent` goes before every line but the first. */
function wrapped(text: string, indent = ""): string {
  const lines: string[] = [];
  for (const [word] of text.matchAll(/(?:`[^`]*`|\S)+/g)) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > 120) {
      lines.push(line === undefined ? word : indent + word);
    } else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines.join("\n");
}
