/** Output of `scan --preview-upload`: the records that would be sent, with explanations for a person. */
import { counted, grouped } from "../../common/report/fleet.ts";
import { visibleJson } from "../../common/core/visible_json.ts";
import { safeText } from "../../common/core/safe_text.ts";

export interface PreviewDocument {
  schema: "opendca.preview/1";
  madeAt: string;
  /** The configuration file; null without one. */
  config: string | null;
  /** Fields that the policy keeps on this machine. */
  masked: readonly string[];
  /** Number of known devices that readings were merged with; null: devices appear as in their first reading. */
  knownDevices: number | null;
  totals: { printers: number; records: number; batches: number; plainBytes: number; compressedBytes: number };
  batches: PreviewBatch[];
  /** Notes of one sentence each. */
  notes: string[];
}

export interface PreviewBatch {
  plainBytes: number;
  compressedBytes: number;
  messageBytes: number;
  sha256: string;
  /** Proto JSON of opendca.v1.Record. */
  records: unknown[];
}

export function renderPreviewJson(document: PreviewDocument): string {
  return `${visibleJson(document, 2)}\n`;
}

/** The records as JSON, between two equal paragraphs: with many records the first scrolls off the screen. */
export function renderPreviewText(document: PreviewDocument): string {
  const { config, masked, knownDevices, batches, totals, notes } = document;
  const parts = [
    "What the agent would send to the platform. Nothing was sent, and nothing was stored.\n",
    "\n",
    row("configuration", config === null ? "none" : safeText(config)),
    row("masked", masked.length === 0 ? "nothing" : masked.join(", ")),
    row("history", knownDevices === null ? "none" : counted(knownDevices, "known device")),
  ];
  batches.forEach((batch, index) => {
    const { records, plainBytes, compressedBytes, messageBytes, sha256 } = batch;
    parts.push(
      "\n",
      `Batch ${index + 1} of ${batches.length}: ${counted(records.length, "record")}, ${
        counted(plainBytes, "byte")
      }, ` +
        `compressed ${grouped(compressedBytes)}\n`,
      `The message: ${counted(messageBytes, "byte")}, sha256 ${sha256}\n`,
    );
    records.forEach((record, at) => {
      parts.push(`\nRecord ${at + 1} of ${records.length}\n`, visibleJson(record, 2), "\n");
    });
  });
  const { printers, records, plainBytes, compressedBytes } = totals;
  parts.push(
    "\n",
    `${counted(printers, "printer")}, ${counted(records, "record")} in ${counted(totals.batches, "batch")}, ` +
      `${counted(plainBytes, "byte")}, compressed ${grouped(compressedBytes)}; nothing was sent\n`,
    ...notes.map((note) => `\n${wrapped(safeText(note))}\n`),
  );
  return parts.join("");
}

function row(name: string, text: string): string {
  return `${name.padEnd(13)}  ${text}\n`;
}

/** Wraps a text between words to lines of at most 100 cells. */
function wrapped(text: string): string {
  return text.replace(/(.{1,100})(?:\s+|$)/gu, "$1\n").trimEnd();
}
