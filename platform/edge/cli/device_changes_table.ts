/** Merges and splits, as a table and as JSON. */
import type { ChangeRow } from "../../devices/device_changes.ts";
import { type Cell, type Column, minuteText } from "./table.ts";

export const changeColumns: Column[] = [
  { heading: "CHANGE" },
  { heading: "WHEN" },
  { heading: "WHAT", note: true },
];

/** One cell for each column. */
export function changeCells(change: ChangeRow): Cell[] {
  const { change_id, kind, device_id, other_id, at, actor, reason, selector } = change;
  const what = kind === "merge" ? `${other_id} merged into ${device_id}` : `${other_id} split from ${device_id}`;
  const which = selector === null ? "" : ` (${selectorText(JSON.parse(selector))})`;
  return [change_id, minuteText(at), `${what}${which} by ${actor}${because(reason)}${undoneText(change)}`];
}

function undoneText({ undone_at, undone_by, undone_reason }: ChangeRow): string {
  return undone_at === null ? "" : `; undone ${minuteText(undone_at)} by ${undone_by}${because(undone_reason)}`;
}

function because(reason: string | null): string {
  return reason === null ? "" : `: ${reason}`;
}

function selectorText(selector: Record<string, string>): string {
  return Object.entries(selector).map(([name, value]) => `${names[name] ?? name} ${value}`).join(", ");
}

const names: Record<string, string> = { agentId: "agent", deviceKey: "device key" };

export function shownChange({ selector, ...change }: ChangeRow) {
  return { ...change, selector: selector === null ? null : JSON.parse(selector) };
}
