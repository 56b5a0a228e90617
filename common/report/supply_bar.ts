import type { Supply } from "../reading/reading.ts";
import { safeText } from "../core/safe_text.ts";
import { isReceptacle, shortName, shownPercent, type SupplyVerdict, verdictOf } from "../reading/supply_verdict.ts";
import { cut, padLeft, type Span, type Style } from "./terminal_line.ts";

const barCells = 5;
const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** Signs that say without colour what a level asks for. */
export function verdictSign(verdict: SupplyVerdict, unicode: boolean): string {
  if (verdict === "empty") return unicode ? "✖" : "X";
  if (verdict === "veryLow") return unicode ? "▼▼" : "!!";
  return verdict === "low" ? (unicode ? "▼" : "!") : "";
}

/** A supply as a short bar: label, bar, percent (or `some`, `?`, `∞`) and a sign when it is low. */
export function supplySpans(supply: Supply, unicode: boolean): Span[] {
  const verdict = verdictOf(supply.level);
  const sign = verdictSign(verdict, unicode);
  const alarming = verdict === "empty" || verdict === "veryLow";
  const valueStyle: Style = alarming ? "bad" : verdict === "low" ? "warn" : verdict === "unknown" ? "dim" : "plain";
  const room = isReceptacle(supply) && (verdict !== "unknown" && verdict !== "unlimited") ? " free" : "";
  const tail = `${padLeft(valueText(supply, verdict, unicode), 4, unicode)}${room}`;
  return [
    { text: `${cut(safeText(shortName(supply)), 24, unicode)} `, style: "bold" },
    ...barSpans(supply, verdict, unicode),
    { text: ` ${tail}${sign === "" ? "" : ` ${sign}`}`, style: valueStyle },
  ];
}

/** The level of a supply in four cells at most. */
function valueText(supply: Supply, verdict: SupplyVerdict, unicode: boolean): string {
  if (verdict === "some" || verdict === "unknown") return verdict === "some" ? "some" : "?";
  if (verdict === "unlimited") return unicode ? "∞" : "inf";
  return `${verdict === "empty" ? 0 : shownPercent(supply.level.percent ?? 0)}%`;
}

function barSpans(supply: Supply, verdict: SupplyVerdict, unicode: boolean): Span[] {
  const style = colorantStyle(supply.colorant);
  if (verdict === "unknown") return [{ text: (unicode ? "·" : ".").repeat(barCells), style: "dim" }];
  if (verdict === "some") return [{ text: (unicode ? "▒" : "~").repeat(barCells), style }];
  const percent = verdict === "unlimited" ? 100 : verdict === "empty" ? 0 : supply.level.percent ?? 0;
  const units = Math.round(Math.min(100, Math.max(0, percent)) / 100 * barCells * 8);
  // What is not empty shows at least a sliver.
  const drawn = percent > 0 ? Math.max(1, units) : 0;
  const filled = unicode
    ? "█".repeat(drawn >> 3) + eighths[drawn & 7]!
    : "#".repeat(percent > 0 ? Math.max(1, Math.round(drawn / 8)) : 0);
  return [{ text: filled, style }, { text: (unicode ? "░" : "-").repeat(barCells - filled.length), style: "dim" }];
}

function colorantStyle(colorant: string): Style {
  return colorant === "cyan" || colorant === "magenta" || colorant === "yellow" ? colorant : "plain";
}
