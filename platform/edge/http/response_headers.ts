/** What of a printer's answer goes to the browser, and what is added to keep sessions apart. */
import { maybeSetCookie } from "./own_cookie.ts";
import { type Destination, destinationOf, ownAddressPattern, type PrinterPlace } from "./printer_origin.ts";
import { connectionHeaders, headerPairs, type RawHeaders } from "./request_headers.ts";

/**
 * A page can load, send and call nothing but its own origin, whatever it was made to say; links to elsewhere work. A
 * policy beside another one only ever narrows it (CSP level 3 section 3.4), so the printer's own stays in force.
 */
export function isolationPolicy(host: string): string {
  return [
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'",
    `connect-src 'self' wss://${host}`,
    "form-action 'self'",
    "frame-ancestors 'self'",
    "base-uri 'self'",
  ].join("; ");
}

/** Headers of every answer at a session's origin, of pages of our own as well. */
export function isolationHeaders(): [name: string, value: string][] {
  return [
    ["Cross-Origin-Opener-Policy", "same-origin"],
    ["Cross-Origin-Resource-Policy", "same-origin"],
    ["Origin-Agent-Cluster", "?1"],
    ["X-Robots-Tag", "noindex, nofollow, noarchive"],
    [
      "Permissions-Policy",
      "camera=(), microphone=(), geolocation=(), usb=(), serial=(), bluetooth=(), hid=(), midi=(), payment=()",
    ],
  ];
}

const replaced = new Set([
  "cross-origin-opener-policy",
  "cross-origin-resource-policy",
  "origin-agent-cluster",
  "cache-control",
  "pragma",
  "cdn-cache-control",
  "surrogate-control",
  "referrer-policy",
  "location",
  "refresh",
  "set-cookie",
  "set-cookie2",
  "clear-site-data",
  "content-security-policy",
  "content-security-policy-report-only",
  // Of a connection to the printer, not to us.
  "alt-svc",
  "content-length",
  "service-worker-allowed",
]);

export interface ResponseView {
  status: number;
  raw: RawHeaders;
  place: PrinterPlace;
  /** Of the request. */
  path: string;
  /** Such as `https://<label>.<domain>:8444`. */
  ownOrigin: string;
  /** Whether the body is changed on the way, so that what the printer says of its octets is wrong. */
  rewritten: boolean;
}

export interface BrowserResponse {
  headers: [name: string, value: string][];
  /** Set where the printer sends the browser out of the session: shown, not followed. */
  outside: Exclude<Destination, { kind: "own" }> | undefined;
}

/** Headers for the browser. Length and coding of the body are the caller's. */
export function browserHeaders(view: ResponseView): BrowserResponse {
  const { raw, ownOrigin, rewritten, place } = view;
  const dropped = connectionHeaders(raw);
  const headers: [string, string][] = [];
  const values = new Map<string, string[]>();
  const ofBody = /^(content-encoding|content-md5|digest|repr-digest|content-digest|accept-ranges|etag)$/;
  for (const [name, value] of headerPairs(raw)) {
    if (dropped.has(name)) continue;
    values.set(name, [...values.get(name) ?? [], value]);
    if (replaced.has(name) || rewritten && ofBody.test(name)) continue;
    headers.push([name, value]);
  }
  const all = (name: string) => values.get(name) ?? [];
  const own = new RegExp(ownAddressPattern(place), "gi");
  const host = ownOrigin.slice(ownOrigin.indexOf("//") + 2);
  for (const name of ["content-security-policy", "content-security-policy-report-only"]) {
    // The printer's own address in its policy means the origin where its page now is.
    for (const value of all(name)) headers.push([name, value.replaceAll(own, ownOrigin)]);
  }
  headers.push(["Content-Security-Policy", isolationPolicy(host)], ...isolationHeaders());
  headers.push(["Referrer-Policy", referrerPolicy(all("referrer-policy"))]);
  headers.push(["Cache-Control", cacheControl(all("cache-control"), all("pragma"))]);
  for (const value of all("clear-site-data")) headers.push(...clearSiteData(value));
  for (const value of all("set-cookie")) {
    const cookie = maybeSetCookie(value);
    if (cookie !== undefined) headers.push(["Set-Cookie", cookie]);
  }
  const outside = addDestinations(headers, { location: all("location").at(-1), refresh: all("refresh").at(-1) }, view);
  return { headers: headers.filter(([name, value]) => isSendable(name, value)), outside };
}

function addDestinations(
  headers: [string, string][],
  { location, refresh }: { location: string | undefined; refresh: string | undefined },
  view: ResponseView,
): BrowserResponse["outside"] {
  if (location !== undefined) {
    const destination = destinationOf(location, view);
    if (destination.kind === "own") headers.push(["Location", destination.url]);
    else if (view.status >= 300 && view.status < 400) return destination;
  }
  const match = /^\s*(\d+(?:\.\d*)?)\s*(?:[;,]\s*(?:url\s*=\s*)?["']?([^"']*)["']?)?/i.exec(refresh ?? "");
  if (match === null) return undefined;
  if (match[2] === undefined || match[2] === "") {
    headers.push(["Refresh", match[1]!]);
    return undefined;
  }
  const destination = destinationOf(match[2], view);
  if (destination.kind !== "own") return destination;
  headers.push(["Refresh", `${match[1]};url=${destination.url}`]);
  return undefined;
}

/**
 * The name of the session goes to no other origin. Within it the browser says which page a form was on, which printers
 * check; where the printer wants even less, so it is.
 */
function referrerPolicy(given: readonly string[]): string {
  return given.some((value) => /\bno-referrer\s*$/i.test(value)) ? "no-referrer" : "same-origin";
}

/** No cache but the user's own keeps it. */
function cacheControl(given: readonly string[], pragma: readonly string[]): string {
  const directives = given.join(",").split(",").map((one) => one.trim())
    .filter((one) => one !== "" && !/^(public|s-maxage|private|proxy-revalidate|stale-while-revalidate)\b/i.test(one));
  if (directives.length === 0 && pragma.some((value) => /no-cache/i.test(value))) directives.push("no-cache");
  return ["private", ...directives].join(", ");
}

/** Cookies are cleared for the whole domain, which is also other sessions'; everything else is of the origin. */
function clearSiteData(value: string): [string, string][] {
  const kinds = /"\*"/.test(value) ? ['"cache"', '"storage"'] : value.match(/"(cache|storage)"/g) ?? [];
  return kinds.length === 0 ? [] : [["Clear-Site-Data", [...new Set(kinds)].join(", ")]];
}

/** Names and values that a header may have (RFC 9110 section 5.5); others would end it early. */
function isSendable(name: string, value: string): boolean {
  return /^[!#$%&'*+.^_`|~a-z\d-]+$/i.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}
