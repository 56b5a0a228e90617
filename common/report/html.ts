import { createHash } from "node:crypto";
import type {
  Meter,
  OtherDevice,
  Problem,
  RawValue,
  Reading,
  ScanDocument,
  Source,
  Supply,
  Tray,
  UnreadDevice,
} from "../reading/reading.ts";
import {
  counted,
  type Fleet,
  fleetOf,
  grouped,
  hasProblem,
  lowInWords,
  nameOf,
  placeOf,
  totalInWords,
  totalText,
  whyUnread,
} from "./fleet.ts";
import { amountText, namedLevel, plainLevel, trayLevelText } from "./html_level.ts";
import { style } from "./html_style.ts";
import { type Markup, markup } from "./markup.ts";
import { lowPercent, veryLowPercent } from "../reading/low_supply.ts";
import { inShownOrder, isColorant, isLow, longName, words } from "../reading/supply_verdict.ts";
import { notesOf } from "./printer_notes.ts";
import { safeText } from "../core/safe_text.ts";

const mostLowShown = 25;
const mostUnfolded = 3;

/** The report as one file: no requests, no script, only its own style sheet is allowed. */
export function renderHtml(document: ScanDocument): string {
  const fleet = fleetOf(document);
  const anchors = new Map(fleet.printers.map((reading, index) => [reading, `printer-${index + 1}`]));
  const open = fleet.printers.length <= mostUnfolded;
  const sections = fleet.printers.map((reading) => printerSection(reading, { anchor: anchors.get(reading)!, open }));
  const { stats, startedAt } = document;
  const hash = createHash("sha256").update(style.toString()).digest("base64");
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Printers, ${timeText(startedAt)}</title>
<style>${style}</style>
</head>
<body>
<a class="skip" href="#printers">Skip to all printers</a>
<div class="sheet">
<header>
<h1>Printers</h1>
<p class="muted">Scanned <time datetime="${startedAt}">${timeText(startedAt)}</time>: ${
    counted(stats.addresses, "address")
  }, ${grouped(stats.answered)} answered, in ${(stats.durationMs / 1000).toFixed(1)} s</p>
${tiles(fleet, document.unread.length)}
</header>
<main>
${fleet.lowSupplies.length > 0 && lowSection(fleet, anchors)}
<h2 id="printers">All printers</h2>
${fleetTable(fleet.printers, anchors)}
${document.unread.length > 0 && unreadSection(document.unread)}
${document.problems.length > 0 && problemSection(document.problems)}
${document.others !== undefined && document.others.length > 0 && otherSection(document.others)}
${sections.length > 0 && markup`<h2 id="details">Printer by printer</h2>\n`}
${sections}
</main>
<footer>Low means ${lowPercent}% or less left, very low ${veryLowPercent}% or less; for waste toner containers the percentage is the
room left. A level that a device does not tell is shown as unknown and is not counted as low. “Some left” is what a device
says that knows only that a supply is not empty. “Where from” names the object that was read, the rule and the raw value.
</footer>
</div>
</body>
</html>
`.toString();
}

function tiles(fleet: Fleet, unread: number): Markup {
  return markup`<dl class="tiles">
${tile("Printers", fleet.printers.length)}
${tile("Stopped or in error", fleet.troubled.length, { kind: "bad" })}
${tile("Low supplies", fleet.lowSupplies.length, { kind: "warn", more: `in ${counted(fleet.lowPrinters, "printer")}` })}
${tile("Partly read", fleet.partlyRead.length, {})}
${unread > 0 && tile("Found but not read", unread, { kind: "warn" })}
</dl>`;
}

function tile(term: string, count: number, options: { kind?: "bad" | "warn"; more?: string } = {}): Markup {
  const kind = count > 0 && options.kind;
  const sign = kind && markup`<span aria-hidden="true">${kind === "bad" ? "✖" : "▼"}</span> `;
  const more = count > 0 && options.more !== undefined && markup` <small>${options.more}</small>`;
  return markup`<div class="tile${kind && ` ${kind}`}"><dt>${term}</dt><dd>${sign}${grouped(count)}${more}</dd></div>`;
}

function lowSection(fleet: Fleet, anchors: Map<Reading, string>): Markup {
  const { lowSupplies } = fleet;
  const rows = lowSupplies.map(({ reading, supply }) =>
    markup`<tr role="row"><th role="rowheader" scope="row" class="what">${longName(supply)}</th>
<td role="cell" class="left">${plainLevel(supply)}</td><td role="cell" class="part">${supply.partNumber ?? ""}</td>
<td role="cell" class="who"><a href="#${anchors.get(reading)!}">${short(nameOf(reading))}</a></td>
<td role="cell" class="where">${short(placeOf(reading))}</td>
<td role="cell" class="place">${short(reading.location ?? "")}</td></tr>
`
  );
  const rest = rows.slice(mostLowShown);
  return markup`<h2>${lowInWords(fleet)}, lowest first</h2>
<div class="card">${lowTable("Low supplies", rows.slice(0, mostLowShown))}
${
    rest.length > 0 && markup`<details class="more"><summary>${grouped(rest.length)} more</summary>
${lowTable("More low supplies", rest)}</details>`
  }</div>`;
}

function lowTable(title: string, rows: Markup[]): Markup {
  const headings = ["Supply", "Left", "Part number", "Printer", "Address", "Location"].map((heading) =>
    markup`<th scope="col" role="columnheader">${heading}</th>`
  );
  return markup`<table class="folds lows" role="table" aria-label="${title}">
<thead role="rowgroup"><tr role="row">${headings}</tr></thead><tbody role="rowgroup">
${rows}</tbody></table>`;
}

/* Roles are repeated because narrow screens show rows as cards, and `display: grid` takes a table's own roles away. */
function fleetTable(printers: Reading[], anchors: Map<Reading, string>): Markup {
  if (printers.length === 0) return markup`<p class="card plain">No printer was found.</p>`;
  const headings = ["Address", "Printer", "Pages", "State", "Supplies", "Needs attention"].map((heading) =>
    markup`<th scope="col" role="columnheader"${heading === "Pages" && markup` class="num"`}>${heading}</th>`
  );
  return markup`<div class="card"><table class="folds fleet" role="table" aria-label="All printers">
<thead role="rowgroup"><tr role="row">${headings}</tr></thead><tbody role="rowgroup">
${printers.map((reading) => fleetRow(reading, anchors.get(reading)!))}</tbody></table></div>`;
}

function fleetRow(reading: Reading, anchor: string): Markup {
  const details = [reading.serial, reading.location].filter((text) => text !== null)
    .map((text) => markup`<span class="sub">${short(text)}</span>`);
  return markup`<tr role="row"><td role="cell" class="where"><a href="#${anchor}">${short(placeOf(reading))}</a></td>
<th scope="row" role="rowheader" class="who"><a class="name" href="#${anchor}">${
    short(nameOf(reading))
  }</a>${details}</th>
<td role="cell" class="pages num">${totalText(reading) ?? "?"}</td>
<td role="cell" class="how"><span class="state ${reading.status.state}">${stateText(reading)}</span></td>
<td role="cell" class="supplies">${supplyBars(reading)}</td>
<td role="cell" class="needs">${attention(reading)}</td></tr>
`;
}

/** Toner and ink always, other parts only if they are low. */
function supplyBars(reading: Reading): Markup {
  const shown = inShownOrder(reading.supplies).filter((supply) => isColorant(supply) || isLow(supply.level));
  if (shown.length === 0) return markup`<span class="muted">none reported</span>`;
  return markup`<ul class="bars">${shown.map((supply) => markup`<li>${namedLevel(supply)}</li>`)}</ul>`;
}

function attention(reading: Reading): Markup {
  const items = noteList(reading, hasProblem(reading) ? 4 : 3);
  return items.length === 0 ? markup`` : markup`<ul class="say">${items}</ul>`;
}

function problemSection(problems: Problem[]): Markup {
  const items = problems.map(({ address, message }) =>
    markup`<li class="warn"><span class="sign" aria-hidden="true">!</span>${
      address === undefined ? "" : `${address}: `
    }${message}</li>\n`
  );
  return markup`<h2>Problems of this scan</h2><div class="card plain"><ul class="say">${items}</ul></div>`;
}

function unreadSection(unread: UnreadDevice[]): Markup {
  const rows = unread.map(({ address, hostname, description, objectId, reason }) =>
    markup`<tr><th scope="row">${short(address)}</th><td>${hostname === null ? "–" : short(hostname)}</td>
<td>${description === null ? "–" : short(description)}</td><td><code>${objectId ?? "–"}</code></td>
<td>${whyUnread[reason]}</td></tr>\n`
  );
  return markup`<h2>Found but not read: ${counted(unread.length, "device")}</h2>
<div class="card scroll"><table aria-label="Found but not read"><thead><tr>
<th scope="col">Address</th><th scope="col">Host name</th><th scope="col">Description</th><th scope="col">Object ID</th>
<th scope="col">Why</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

function otherSection(others: OtherDevice[]): Markup {
  const rows = others.map(({ address, description, objectId }) =>
    markup`<tr><th scope="row">${short(address)}</th><td>${description ?? "–"}</td>
<td><code>${objectId ?? "–"}</code></td></tr>\n`
  );
  return markup`<h2>Other devices</h2><div class="card scroll"><table aria-label="Other devices"><thead><tr>
<th scope="col">Address</th><th scope="col">Description</th><th scope="col">Object ID</th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

const signs = { bad: "✖", warn: "!", info: "·" };

/** List items of a printer's problems, at most `limit`. */
function noteList(reading: Reading, limit = 100): Markup[] {
  const notes = notesOf(reading);
  const shown = notes.slice(0, notes.length > limit ? limit - 1 : limit);
  const items = shown.map(({ weight, text }) =>
    markup`<li class="${weight}"><span class="sign" aria-hidden="true">${signs[weight]}</span>${text}</li>`
  );
  const missing = notes.length - shown.length;
  if (missing > 0) items.push(markup`<li class="muted">and ${missing} more</li>`);
  return items;
}

/**
 * All values of one printer, folded. The anchor is inside the folded part: a browser that follows a link to it unfolds
 * it without a script.
 */
function printerSection(reading: Reading, options: { anchor: string; open: boolean }): Markup {
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
function short(text: string): string {
  return safeText(text, 120);
}

/** The state, with a sign if the printer does not print. */
function stateText(reading: Reading): string {
  const { state } = reading.status;
  return state === "stopped" ? "✖ stopped" : state;
}

/** "2026-11-23 06:30:00 UTC" of an RFC 3339 timestamp in UTC. */
function timeText(timestamp: string): string {
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

/** A table with a title; column headings that start with "*" are for numbers. */
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
