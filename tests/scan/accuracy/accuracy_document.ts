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
  convention: "_Source's convention_",
  notRecorded: "_Not in the recording_",
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
      "How accurately the agent reads recorded printers: every recording in `../shared/recordings`, read as a device is, " +
        "compared with what the recording's source states. Made by `deno task accuracy`. A stated value that is not " +
        "read is wrong, unless the recording does not contain it, which is checked.",
    ),
    "## Summary",
    table([
      ["field", "right / stated", "source's convention", "not in the recording", "wrong", "right of what is left"],
      ...kinds.map(([kind, name]) => summaryRow(name, judgements.filter(({ fact }) => fact.kind === kind))),
    ]),
    [
      `Recognised as a printer: ${system.filter((it) => it.recognised).length} of ${system.length} recordings with a ` +
      "system group.",
      `Wrongly recognised as a printer: ${mistaken.length} of ${negatives.length} other devices` +
      `${mistaken.length > 0 ? ` (${mistaken.map(({ name }) => name).join(", ")})` : ""}.`,
      `Stated: ${judgements.length} facts of ${stated.length} printers, and ${
        devices.flatMap((it) => it.outside).length
      } values that a reading has no field for (counts since power-on or of one drum, status codes, pages beside a percentage).`,
    ].map((line) => wrapped(`- ${line}`, "  ")).join("\n"),
    "## Differences",
    wrapped(
      "_Source's convention_: the source converts or shortens the device's value, which is checked to be the only " +
        "difference. _Not in the recording_: no recorded value contains it.",
    ),
    [...Map.groupBy(judgements.filter(({ verdict }) => verdict !== "right"), reasonOf)]
      .map(([reason, group]) => wrapped(`- ${reason}: ${differencesText(group)}`, "  ")).join("\n"),
    "## Devices",
    wrapped(
      "How many facts are right of those that the source states, and which. Where no maker is named, the recording has " +
        "no system group and the maker was given.",
    ),
    ...[...Map.groupBy(stated, ({ sourceKind }) => shortSource(sourceKind))].flatMap(([source, group]) => [
      `### ${source}`,
      group.every(({ sourceKind }) => sourceKind === null)
        ? wrapped(shortList(group))
        : group.map((one) => wrapped(`- ${deviceLine(one)}`, "  ")).join("\n"),
    ]),
    "## Other devices",
    wrapped(`Taken for no printer: ${negatives.map(({ name }) => name).join(", ")}.`),
    "## Cases",
    wrapped(
      "Small inputs from public bug reports and forum posts (`../shared/cases`) and variants of them (`m-`) with another " +
        `maker, language or index. Right: ${
          cases.filter(({ wrong }) => wrong.length === 0).length
        } of ${cases.length}.`,
    ),
    [...Map.groupBy(cases, ({ what }) => what)].map(([what, group]) =>
      wrapped(`- ${group.map(caseName).join(", ")}${what === "" ? "" : `: ${what}`}`, "  ")
    ).join("\n"),
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

function reasonOf({ verdict, reason }: Judgement): string {
  return `${verdicts[verdict]}: ${reason}`;
}

/** By device; a difference that all of them have stands once. */
function differencesText(judgements: readonly Judgement[]): string {
  const valuesOf = ({ stated, read, verdict }: Judgement) => {
    const values = verdict === "notRecorded" ? stated : `${stated}, read ${read}`;
    return values === "stated" ? "" : values;
  };
  const all = new Set(judgements.map(valuesOf));
  const common = all.size === 1 && judgements.length > 1 ? [...all][0]! : undefined;
  const devices = [...Map.groupBy(judgements, ({ device }) => device)].map(([device, group]) => {
    const fields = group.map((one) =>
      common !== undefined ? one.fact.field : `${one.fact.field} ${valuesOf(one)}`.trim()
    );
    return `${device} ${fields.join(", ")}`;
  });
  return (common === undefined || common === "" ? "" : `${common}: `) + devices.join("; ");
}

function caseName({ name, stated, wrong }: Case): string {
  return wrong.length === 0 ? name : `${name} (**${stated - wrong.length} of ${stated}**)`;
}

const rightOf = ({ judgements }: Surveyed) => judgements.filter(({ verdict }) => verdict === "right");

/** The kind of source without its asides. */
function shortSource(kind: string | null): string {
  if (kind === null) return "Maker and model by the manifest of the recordings";
  const short = kind.replace(/ \(.*$/, "").replace(/:.*$/, "");
  return short[0]!.toUpperCase() + short.slice(1);
}

/** Names of devices, with what is not right and what is read in other words. */
function shortList(devices: readonly Surveyed[]): string {
  return devices.map((device) => {
    const right = rightOf(device), count = `${right.length} of ${device.judgements.length}`;
    const notes = [...right.length < device.judgements.length ? [count] : [], ...otherWords(right)];
    return notes.length === 0 ? device.name : `${device.name} (${notes.join("; ")})`;
  }).join(", ");
}

function otherWords(right: readonly Judgement[]): string[] {
  return right.filter(({ stated, read }) => stated !== read && stated !== "stated")
    .map(({ fact, stated, read }) => `${fact.field} ${stated}, read ${read}`);
}

function deviceLine(device: Surveyed): string {
  const right = rightOf(device);
  const fields = (kind: FieldKind) => right.filter(({ fact }) => fact.kind === kind).map(({ fact }) => fact.field);
  const meters = [...new Set(fields("meter").map((field) => field.replace(/^meter /, "")))];
  const named = [
    ...kinds.filter(([kind]) => !["meter", "supply", "tray"].includes(kind) && fields(kind).length > 0)
      .map(([, name]) => name),
    ...meters.length > 0 ? [`meters ${meters.join(", ")}`] : [],
    ...(["supply", "tray"] as const).filter((kind) => fields(kind).length > 0)
      .map((kind) => counted(fields(kind).length, `${kind} level`)),
  ];
  const others = otherWords(right);
  return `**${device.name}** ${right.length} of ${device.judgements.length}: ${named.join(", ")}` +
    (others.length === 0 ? "" : ` (${others.join("; ")})`);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
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
  // A line that begins with a lone plus or hyphen would be a list.
  for (const [word] of text.matchAll(/(?:`[^`]*`|\S)+(?: [+-](?= ))?/g)) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > 120) {
      lines.push(line === undefined ? word : indent + word);
    } else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines.join("\n");
}
