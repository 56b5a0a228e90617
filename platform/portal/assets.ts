/** Files that pages load: style, icon, scripts. All from this portal, as the content policy says. */
import htmx from "htmx.org/dist/htmx.min.js" with { type: "text" };
import uplotCss from "uplot/dist/uPlot.min.css" with { type: "text" };
import uplot from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import passkey from "./scripts/passkey.js" with { type: "text" };
import live from "./scripts/live.js" with { type: "text" };
import copy from "./scripts/copy.js" with { type: "text" };
import leadOn from "./scripts/lead_on.js" with { type: "text" };
import countdown from "./scripts/countdown.js" with { type: "text" };
import charts from "./scripts/charts.js" with { type: "text" };
import css from "./portal.css" with { type: "text" };

const icon =
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#0b57a4"/>` +
  `<path d="M4 6V3h8v3m-8 4H2.5V6h11v4H12M4 9h8v4H4z" fill="none" stroke="#fff" stroke-width="1.2"/></svg>`;

const style = "text/css; charset=utf-8", script = "text/javascript; charset=utf-8";

/** By path. A page names the scripts that it needs (`PageParts.scripts`) and works without them. */
export const assets: { path: string; type: string; body: string }[] = [
  { path: "/portal.css", type: style, body: css },
  { path: "/icon.svg", type: "image/svg+xml", body: icon },
  { path: "/htmx.js", type: script, body: htmx },
  { path: "/live.js", type: script, body: live },
  { path: "/passkey.js", type: script, body: passkey },
  { path: "/copy.js", type: script, body: copy },
  { path: "/lead_on.js", type: script, body: leadOn },
  { path: "/countdown.js", type: script, body: countdown },
  { path: "/charts.js", type: script, body: charts },
  { path: "/uplot.js", type: script, body: uplot },
  { path: "/uplot.css", type: style, body: uplotCss },
];
