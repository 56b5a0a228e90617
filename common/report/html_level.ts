import type { Level, Supply } from "../reading/reading.ts";
import { grouped } from "./fleet.ts";
import { type Markup, markup } from "./markup.ts";
import {
  isReceptacle,
  letterOf,
  longName,
  shortName,
  shownPercent,
  type SupplyVerdict,
  verdictOf,
} from "../reading/supply_verdict.ts";

const verdictSigns: Partial<Record<SupplyVerdict, [sign: string, word: string]>> = {
  low: ["▼", "low"],
  veryLow: ["▼▼", "very low"],
  empty: ["✖", "empty"],
};

/** A supply in one line: short name, full name for screen readers, bar, percent, sign. */
export function namedLevel(supply: Supply): Markup {
  const verdict = verdictOf(supply.level);
  const name = markup`<span class="nm" aria-hidden="true">${shortName(supply)}</span><span class="vh">${
    longName(supply)
  } </span>`;
  return markup`<div class="lv ${verdict}">${name}${barAndValue(supply, verdict)}</div>`;
}

/** Bar, percent and sign without a name, for a table that has the name in another cell. */
export function plainLevel(supply: Supply): Markup {
  const verdict = verdictOf(supply.level);
  return markup`<div class="lv ${verdict}">${barAndValue(supply, verdict)}</div>`;
}

function barAndValue(supply: Supply, verdict: SupplyVerdict): Markup {
  const letter = letterOf(supply.colorant)?.toLowerCase();
  const width = verdict === "unlimited" ? 100 : shownPercent(supply.level.percent ?? 0);
  // The width is an SVG attribute: the Content-Security-Policy forbids inline styles.
  const filled = width > 0 && markup`<rect width="${width}" height="9"/>`;
  return markup`<svg class="bar${
    letter !== undefined && ` ${letter}`
  }" viewBox="0 0 100 9" preserveAspectRatio="none" aria-hidden="true">${filled}</svg>
<span class="pc">${valueText(supply, verdict)}</span>${signOf(supply, verdict)}`;
}

function signOf(supply: Supply, verdict: SupplyVerdict): Markup | undefined {
  const [sign, word] = verdictSigns[verdict] ?? [];
  if (sign === undefined || word === undefined) return undefined;
  const said = verdict === "empty" && isReceptacle(supply) ? "full" : word;
  return markup`<span class="sign">${sign} <span class="word">${said}</span></span>`;
}

function valueText(supply: Supply, verdict: SupplyVerdict): string {
  if (verdict === "some") return "some left";
  if (verdict === "unknown") return "? unknown";
  if (verdict === "unlimited") return "∞ no limit";
  const percent = verdict === "empty" ? 0 : shownPercent(supply.level.percent ?? 0);
  return `${percent}%${isReceptacle(supply) ? " free" : ""}`;
}

/** "1,484 of 5,300 impressions", as far as the device reports it. */
export function amountText({ level, capacity, unit }: Level): string {
  if (level === null && capacity === null) return "–";
  const amount = `${level === null ? "?" : grouped(level)} of ${capacity === null ? "?" : grouped(capacity)}`;
  return unit === undefined || unit === null ? amount : `${amount} ${unit}`;
}

/** "50%", "some left", "unknown" … of a tray. */
export function trayLevelText(level: Level): string {
  const verdict = verdictOf(level);
  if (verdict === "empty") return "✖ empty";
  if (verdict === "some") return "some left";
  if (verdict === "unknown") return "? unknown";
  return verdict === "unlimited" ? "∞ no limit" : `${shownPercent(level.percent ?? 0)}%`;
}
