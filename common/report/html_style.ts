import { markup } from "./markup.ts";

/** The style sheet of the report, in one piece: the Content-Security-Policy allows it by its hash. */
export const style = markup`
:root {
  color-scheme: light dark;
  --page: #f5f6f7; --surface: #fff; --text: #1a1e23; --muted: #58626d; --line: #e1e5e9; --track: #e6e9ed;
  --accent: #0a58a6; --bad: #b3261e; --bad-soft: #fdeceb; --warn: #855100; --warn-soft: #fdf3df; --mark: #eef4fb;
  --k: #30353c; --c: #0098cb; --m: #c8187f; --y: #dcae00; --other: #7a8794;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #0e1216; --surface: #151a20; --text: #e3e7eb; --muted: #98a3ae; --line: #262d35; --track: #2a323b;
    --accent: #82b9f5; --bad: #ff8f84; --bad-soft: #371a1a; --warn: #eeb44c; --warn-soft: #332813; --mark: #17263a;
    --k: #c4ccd4; --c: #27b4e6; --m: #ec5aa9; --y: #f0cb3a; --other: #84919e;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif;
  font-variant-numeric: tabular-nums;
}
.sheet { max-width: 1320px; margin: 0 auto; padding: 28px 24px 48px; }
h1, h2, h3, h4 { line-height: 1.25; margin: 0; font-weight: 600; text-wrap: balance; }
h1 { font-size: 24px; letter-spacing: -0.01em; }
h2 { font-size: 17px; margin: 36px 0 10px; }
h3 { font-size: 15px; }
h4 { font-size: 13px; margin: 20px 0 6px; color: var(--muted); }
p { margin: 0 0 8px; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
code { font: 12px/1.4 ui-monospace, "SF Mono", Consolas, "Liberation Mono", monospace; overflow-wrap: anywhere; }
.muted { color: var(--muted); }
.vh {
  position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
.skip:not(:focus) {
  position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 10px; margin: 20px 0 0; }
.tile { background: var(--surface); border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px 12px; }
.tile dt { color: var(--muted); font-size: 13px; }
.tile dd { margin: 0; font-size: 24px; line-height: 1.2; font-weight: 600; letter-spacing: -0.01em; }
.tile dd span { font-size: 16px; vertical-align: 2px; }
.tile small { font-size: 13px; font-weight: 400; letter-spacing: 0; color: var(--muted); }
.tile.bad dd { color: var(--bad); }
.tile.warn dd { color: var(--warn); }
.card { background: var(--surface); border: 1px solid var(--line); border-radius: 8px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; }
th, td { padding: 7px 12px; text-align: left; vertical-align: top; border-top: 1px solid var(--line); font-weight: 400; }
thead th { color: var(--muted); font-size: 12.5px; border-top: 0; white-space: nowrap; }
.num { text-align: right; white-space: nowrap; }
.folds thead th { background: var(--surface); border-radius: 8px 8px 0 0; }
.fleet thead th { position: sticky; top: 0; z-index: 1; box-shadow: inset 0 -1px var(--line); }
.folds .where, .how { white-space: nowrap; }
.folds td, .folds tbody th { overflow-wrap: anywhere; }
.lows .what { font-weight: 600; }
.lows .what, .lows .part { white-space: nowrap; }
.fleet td, .fleet tbody th { padding-top: 9px; padding-bottom: 9px; }
.fleet .name { font-weight: 600; color: inherit; }
.fleet .sub { display: block; font-size: 12.5px; color: var(--muted); }
.fleet .who { width: 24%; }
.fleet .supplies { min-width: 220px; }
@media screen and (min-width: 1120px) { .fleet .supplies { min-width: 434px; } }
.fleet .needs { width: 24%; }
.bars { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 3px 12px; }
.bars li { min-width: 196px; }
.lv { display: flex; align-items: center; gap: 0 6px; white-space: nowrap; }
td > .lv .pc { min-width: 58px; }
.bars .nm { min-width: 12px; }
.lv .nm { font-size: 12.5px; font-weight: 600; }
.lv .sign { font-size: 12px; font-weight: 600; }
.low, .veryLow .pc, .veryLow .sign { color: var(--warn); }
.low .nm, .veryLow .nm, .empty .nm { color: var(--text); }
.veryLow .pc, .veryLow .sign, .empty .pc, .empty .sign { color: var(--bad); font-weight: 600; }
.unknown .pc, .some .pc { color: var(--muted); }
.bar {
  display: block; width: 54px; height: 9px; flex: none; border-radius: 2px; background: var(--track); overflow: hidden;
  print-color-adjust: exact; -webkit-print-color-adjust: exact;
}
.bar rect { fill: var(--other); }
.bar.k rect { fill: var(--k); } .bar.c rect { fill: var(--c); }
.bar.m rect { fill: var(--m); } .bar.y rect { fill: var(--y); }
.empty .bar { box-shadow: inset 0 0 0 1px var(--bad); }
.unknown .bar { background: none; border: 1px dashed var(--other); }
.some .bar {
  background: repeating-linear-gradient(115deg, var(--other) 0 2px, var(--track) 2px 6px);
}
.say { margin: 0; padding: 0; list-style: none; }
.say li { padding-left: 18px; text-indent: -18px; overflow-wrap: anywhere; }
.say li + li { margin-top: 2px; }
.say .sign { display: inline-block; width: 18px; text-indent: 0; font-weight: 700; }
.say .bad, .say .bad .sign, .state.stopped { color: var(--bad); }
.say .warn .sign { color: var(--warn); }
.say .info .sign { color: var(--muted); }
.state.stopped { font-weight: 600; }
.state.unknown { color: var(--muted); }
.printer { content-visibility: auto; contain-intrinsic-size: auto 47px; margin: 0 0 6px; }
.printer:has(:target) { border-color: var(--accent); }
summary { cursor: pointer; padding: 11px 14px; display: flex; flex-wrap: wrap; gap: 2px 14px; align-items: baseline; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary::before { content: "▸"; color: var(--muted); width: 10px; }
[open] > summary::before { content: "▾"; }
summary:hover { background: var(--mark); border-radius: 8px; }
summary h3 { overflow-wrap: anywhere; }
summary .end { margin-left: auto; }
.inside { padding: 0 14px 16px; scroll-margin-top: 64px; border-top: 1px solid var(--line); }
.inside table { margin: 0 -12px; width: calc(100% + 24px); }
.inside th, .inside td { padding-top: 5px; padding-bottom: 5px; }
.inside tbody th { font-weight: 600; min-width: 132px; }
.inside th .muted { font-weight: 400; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); gap: 10px 20px; margin: 14px 0 0; }
.facts dt { color: var(--muted); font-size: 12.5px; }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.facts .wide { grid-column: 1 / -1; }
.from { color: var(--muted); min-width: 180px; }
.more > summary { color: var(--accent); padding: 9px 12px; border-top: 1px solid var(--line); }
.plain { padding: 10px 14px; margin: 0; }
.back { margin: 12px 0 0; }
footer { margin-top: 36px; color: var(--muted); font-size: 12.5px; max-width: 80ch; }
@media screen and (max-width: 1000px) {
  .sheet { padding: 18px 12px 32px; }
  .tiles { grid-template-columns: repeat(2, 1fr); gap: 8px; }
  .folds thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .folds, .folds tbody { display: block; }
  .folds tr {
    display: grid; grid-template-columns: 1fr auto; gap: 1px 12px; padding: 11px 14px; border-top: 1px solid var(--line);
  }
  .folds tr:first-child { border-top: 0; }
  .folds th, .folds td { padding: 0 !important; border: 0; width: auto !important; min-width: 0 !important; }
  .folds .where { text-align: right; color: var(--muted); }
  .lows .left { grid-row: 1; grid-column: 2; }
  .lows .left .pc { min-width: 0; }
  .lows .who { grid-row: 2; grid-column: 1 / -1; }
  .lows .place, .lows .part { grid-row: 3; grid-column: 1; color: var(--muted); }
  .lows .where { grid-row: 3; grid-column: 2; }
  .lows .part:not(:empty) ~ .place { grid-row: 4; }
  .fleet .who { grid-row: 1; grid-column: 1; }
  .fleet .where { grid-row: 1; grid-column: 2; }
  .fleet .pages { text-align: left; }
  .fleet .pages::before { content: "Pages "; color: var(--muted); }
  .fleet .how { text-align: right; }
  .fleet .supplies, .fleet .needs { grid-column: 1 / -1; margin-top: 4px; }
  .bars { gap: 4px 12px; }
  .bars li { min-width: 146px; }
  .bars .word { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .facts { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  summary .end { margin-left: 24px; flex-basis: 100%; }
}
@page { margin: 12mm 10mm; }
@media print {
  :root { --page: #fff; color-scheme: light; }
  body { font-size: 10.5px; }
  .sheet { max-width: none; padding: 0; }
  .skip, .back, summary::before { display: none; }
  h1 { font-size: 20px; }
  h2 { font-size: 15px; margin-top: 22px; }
  h2, h3, h4, summary { break-after: avoid; }
  .tiles { grid-template-columns: repeat(5, minmax(0, 1fr)); gap: 6px; margin-top: 12px; }
  .tile { padding: 6px 8px 8px; border-radius: 4px; }
  .tile dt { font-size: 10.5px; }
  .tile dd { font-size: 17px; }
  .tile small { display: block; font-size: 10.5px; }
  .card { border-radius: 0; }
  .scroll { overflow: visible; }
  /* Every column has its share of whatever paper, and no word is so long that it leaves it. */
  table { table-layout: fixed; }
  thead { display: table-header-group; }
  tr, .tile, .facts > div { break-inside: avoid; }
  th, td, h3, .muted, code { overflow-wrap: anywhere; white-space: normal !important; min-width: 0 !important; }
  th, td { padding: 4px 6px; }
  thead th { font-size: 10.5px; overflow-wrap: normal; hyphens: manual; }
  .folds thead th { position: static; border-radius: 0; box-shadow: none; }
  .inside table { margin: 0; width: 100%; }
  .bars { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 2px 4px; }
  .bars li { min-width: 0; }
  .bars .word { display: none; }
  .lv { flex-wrap: wrap; white-space: normal; }
  .lv > * { min-width: 0 !important; overflow-wrap: anywhere; }
  .lv { gap: 0 4px; }
  .lv > * { min-width: 0 !important; }
  .bar { width: 26px; height: 7px; }
  .fleet .sub, .facts dt, .lv .nm, .lv .sign, code, footer { font-size: 9.5px; }
  .fleet thead th:nth-child(1) { width: 15%; }
  .fleet thead th:nth-child(2) { width: 25%; }
  .fleet thead th:nth-child(3) { width: 12%; }
  .fleet thead th:nth-child(4) { width: 9%; }
  .fleet thead th:nth-child(5) { width: 22%; }
  .fleet thead th:nth-child(6) { width: 17%; }
  .lows thead th:nth-child(1) { width: 20%; }
  .lows thead th:nth-child(2) { width: 14%; }
  .lows thead th:nth-child(3) { width: 16%; }
  .lows thead th:nth-child(4) { width: 20%; }
  .lows thead th:nth-child(5) { width: 14%; }
  .lows thead th:nth-child(6) { width: 16%; }
  /* Only what the reader has opened is printed of the printers one by one; of the low supplies all. */
  .printer { content-visibility: visible; border: 0; border-top: 1px solid var(--line); border-radius: 0; }
  .printer:not(:has(> details[open])), h2#details:not(:has(~ .printer > details[open])) { display: none; }
  .more::details-content { content-visibility: visible; block-size: auto; display: block; }
  @supports selector(::details-content) { .more > summary { display: none; } }
}
`;
