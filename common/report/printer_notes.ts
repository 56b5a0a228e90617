import type { Reading } from "../reading/reading.ts";
import { isSevereError } from "./fleet.ts";
import { words } from "../reading/supply_verdict.ts";

/** One problem of a printer as a sentence. */
export interface Note {
  weight: "bad" | "warn" | "info";
  text: string;
}

const severity = { critical: 0, warning: 1, other: 2 };

/** The problems of a printer, worst first; empty if there are none. */
export function notesOf(reading: Reading): Note[] {
  const notes: Note[] = [];
  const { errors, panel, state } = reading.status;
  const severe = errors.filter(isSevereError);
  const mild = errors.filter((error) => !isSevereError(error));
  if (severe.length > 0) notes.push({ weight: "bad", text: severe.map(words).join(", ") });
  for (const alert of reading.alerts.toSorted((a, b) => severity[a.severity] - severity[b.severity])) {
    const weight = alert.severity === "critical" ? "bad" : alert.severity === "warning" ? "warn" : "info";
    const said = alert.description.trim();
    const code = alert.code === null ? "" : ` ${alert.code}`;
    const text = said === "" ? `alert${code} of ${words(alert.group)}` : said;
    notes.push({ weight, text: `${alert.severity === "other" ? "note" : alert.severity}: ${text}` });
  }
  if (mild.length > 0) notes.push({ weight: "warn", text: mild.map(words).join(", ") });
  // Most panels show "Sleep" or "Ready"; the text is shown only if there is a problem.
  if (panel !== null && (state === "stopped" || severe.length > 0)) {
    notes.push({ weight: "info", text: `panel: ${panel}` });
  }
  for (const problem of reading.problems) notes.push({ weight: "warn", text: `not read: ${problem.message}` });
  return notes;
}
