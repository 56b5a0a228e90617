import type { Meter, RawValue, Reading, Source, Supply, Tray } from "../reading/reading.ts";
import { grouped, nameOf, placeOf, totalInWords } from "./fleet.ts";
import { amountText, plainLevel, trayLevelText } from "./html_level.ts";
import { type Markup, markup } from "./markup.ts";
import { inShownOrder, longName, words } from "../reading/supply_verdict.ts";
import { safeText } from "../core/safe_text.ts";

/**
 * Everything read of one printer, folded. The anchor is inside of the folded part: a browser that follows a link to it
 * unfolds it, without a script.
 */
export function printerSection(reading: Reading, options: { anchor: string; open: boolean }): Markup {
  const { anchor, open } = options;
  const { state } = reading.status;
  return markup`<article class="printer card"><details${open && markup` open`}><summary>
<h3>${short(nameOf(reading))}</h3><span class="muted">${short(placeOf(reading))}</span>
<span class="end muted">${totalInWords(reading)}, ${state === "unknown" ? "state unknown" : stateText(reading)}</span>
</summary><div class="inside" id="${anchor}">
${facts(reading)}
${reading.supplies.length > 0 && supplyTable(reading.supplies)}
${reading.meters.length > 0 && meterTable(reading.meters)}
${reading.trays.length > 0 && trayTable(reading.trays)}
${reading.alerts.length > 0 && alertTable(reading)}
${reading.problems.length > 0 && problemTable(reading)}
<p class="back"><a href="#printers">Back to all printers</a></p>
</div></details></article>
`;
}

/** A name short enough for a heading or a table cell. */
export function short(text: string): string {
  return safeText(text, 120);
}

/** State with a sign where the printer does not print. */
export function stateText(reading: Reading): string {
  const { state } = reading.status;
  return state === "stopped" ? "✖ stopped" : state;
}

/** "2026-11-23 06:30:00 UTC" of an RFC 3339 timestamp in UTC. */
export function timeText(timestamp: string): string {
  return `${timestamp.slice(0, 19).replace("T", " ")} UTC`;
}

function facts(reading: Reading): Markup {
  const { snmp, status } = reading;
  const rows: [term: string, value: string | null, wide?: boolean][] = [
    ["Serial number", reading.serial],
    [
      "Address",
      `${reading.address}, UDP port ${reading.port}${
        reading.deviceIndex === undefined ? "" : `, device ${reading.deviceIndex}`
      }`,
    ],
    ["Host name", reading.hostname],
    ["Hardware address", reading.mac],
    ["Firmware", reading.firmware],
    ["Location", reading.location],
    ["Contact", reading.contact],
    ["State", stateText(reading)],
    ["Detected errors", status.errors.length === 0 ? null : status.errors.map(words).join(", ")],
    ["Panel", status.panel],
    ["SNMP", `v${snmp.version}${snmp.engineId === null ? "" : `, engine ${snmp.engineId}`}`],
    ["Object ID", reading.objectId],
    ["Read at", timeText(reading.observedAt)],
    ["Description", reading.description, true],
  ];
  const items = rows.map(([term, value, wide]) =>
    markup`<div${wide && markup` class="wide"`}><dt>${term}</dt><dd>${value ?? "–"}</dd></div>\n`
  );
  return markup`<dl class="facts">${items}</dl>`;
}

function supplyTable(supplies: Supply[]): Markup {
  const rows = inShownOrder(supplies).map((supply) =>
    markup`<tr><th scope="row">${longName(supply)}<span class="muted"> ${supply.index}</span>
${supply.description !== longName(supply) && markup`<div class="muted">${supply.description}</div>`}</th>
<td>${plainLevel(supply)}</td><td class="num">${amountText(supply.level)}</td>
<td>${supply.partNumber ?? "–"}</td><td>${supply.serial ?? "–"}</td>${sourceCell(supply.source)}</tr>\n`
  );
  return table("Supplies", ["Supply", "Left", "*Amount", "Part number", "Serial number", "Where from"], rows);
}

function meterTable(meters: Meter[]): Markup {
  const rows = meters.map((meter) =>
    markup`<tr><th scope="row">${meter.name}</th><td class="num">${grouped(meter.value)}</td>
<td>${meter.unit}</td>${sourceCell(meter.source)}</tr>\n`
  );
  return table("Meters", ["Meter", "*Value", "Unit", "Where from"], rows);
}

function trayTable(trays: Tray[]): Markup {
  const rows = trays.map((tray) =>
    markup`<tr><th scope="row">${tray.name}<span class="muted"> ${tray.index}</span></th><td>${tray.media ?? "–"}</td>
<td>${trayLevelText(tray.level)}</td><td class="num">${amountText(tray.level)}</td></tr>\n`
  );
  return table("Paper trays", ["Tray", "Media", "Left", "*Sheets"], rows);
}

function alertTable(reading: Reading): Markup {
  const rows = reading.alerts.map((alert) =>
    markup`<tr><th scope="row">${alert.severity}</th><td>${alert.description}</td><td>${words(alert.group)}</td>
<td class="num">${alert.code === null ? "–" : String(alert.code)}</td>
<td>${alert.since === null ? "–" : timeText(alert.since)}</td></tr>\n`
  );
  return table("Alerts", ["Severity", "Alert", "Part", "*Code", "Since"], rows);
}

function problemTable(reading: Reading): Markup {
  const rows = reading.problems.map((problem) =>
    markup`<tr><th scope="row">${problem.code}</th><td>${problem.message}</td>
<td><code>${problem.oid ?? "–"}</code></td></tr>\n`
  );
  return table("What could not be read", ["Problem", "Why", "Object"], rows);
}

/** A table under its heading; a heading that starts with "*" is over numbers. */
function table(title: string, headings: string[], rows: Markup[]): Markup {
  const head = headings.map((heading) =>
    heading.startsWith("*")
      ? markup`<th scope="col" class="num">${heading.slice(1)}</th>`
      : markup`<th scope="col">${heading}</th>`
  );
  return markup`<h4>${title}</h4><div class="scroll" role="region" tabindex="0" aria-label="${title}"><table><thead><tr>${head}</tr></thead><tbody>
${rows}</tbody></table></div>`;
}

function sourceCell({ oid, rule, raw }: Source): Markup {
  return markup`<td class="from"><code>${oid}</code><div>${rule}, raw <code>${
    safeText(rawText(raw), 160)
  }</code></div></td>`;
}

function rawText(raw: RawValue): string {
  if (raw === null) return "–";
  if (typeof raw !== "object") return String(raw);
  return Object.entries(raw).map(([column, value]) => `${column}=${value ?? "–"}`).join(" ");
}
