/** Headers of a printer's answer for the browser, and additional ones to isolate sessions. */
import { maybeSetCookie } from "./own_cookie.ts";
import { type Destination, destinationOf, ownAddressPattern, type PrinterPlace } from "./printer_origin.ts";
import { connectionHeaders, headerPairs, type RawHeaders } from "./request_headers.ts";

/**
 * A page can only load from and send to its own origin, even if it was manipulated; links to other sites work. An
 * additional policy can only restrict (CSP level 3 section 3.4), so the printer's own stays in force.
 */
function isolationPolicy(host: string): string {
  return [
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'",
    `connect-src 'self' wss://${host}`,
    "form-action 'self'",
    "frame-ancestors 'self'",
    "base-uri 'self'",
  ].join("; ");
}

/** Headers of every answer at a session's origin, including our own pages. */
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
  // For connections to the printer, not to the gateway.
  "alt-svc",
  "content-length",
  "service-worker-allowed",
]);

export interface ResponseView {
  status: number;
  raw: RawHeaders;
  place: PrinterPlace;
  /** Path of the request. */
  path: string;
  /** Such as `https://<label>.<domain>:8444`. */
  ownOrigin: string;
  /** Whether the body is modified, so that the printer's headers about its octets are wrong. */
  rewritten: boolean;
}

export interface BrowserResponse {
  headers: [name: string, value: string][];
  /** Set if the printer redirects the browser out of the session: shown, not followed. */
  outside: Exclude<Destination, { kind: "own" }> | undefined;
}

/** Headers for the browser, without length and coding of the body, which the caller sets. */
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
    // The printer's own address in its policy is replaced by the session's origin.
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
 * The session's host name must not be sent to other origins. Within the session, the browser sends the referrer, which
 * printers check for forms; a stricter policy of the printer is kept.
 */
function referrerPolicy(given: readonly string[]): string {
  return given.some((value) => /\bno-referrer\s*$/i.test(value)) ? "no-referrer" : "same-origin";
}

/** Only the user's own cache may store the answer. */
function cacheControl(given: readonly string[], pragma: readonly string[]): string {
  const directives = given.join(",").split(",").map((one) => one.trim())
    .filter((one) => one !== "" && !/^(public|s-maxage|private|proxy-revalidate|stale-while-revalidate)\b/i.test(one));
  if (directives.length === 0 && pragma.some((value) => /no-cache/i.test(value))) directives.push("no-cache");
  return ["private", ...directives].join(", ");
}

/**
 * Without cookies: these would be cleared for the whole domain, including other sessions; everything else is per
 * origin.
 */
function clearSiteData(value: string): [string, string][] {
  const kinds = /"\*"/.test(value) ? ['"cache"', '"storage"'] : value.match(/"(cache|storage)"/g) ?? [];
  return kinds.length === 0 ? [] : [["Clear-Site-Data", [...new Set(kinds)].join(", ")]];
}

/** Names and values that a header may have (RFC 9110 section 5.5); others would end it early. */
function isSendable(name: string, value: string): boolean {
  return /^[!#$%&'*+.^_`|~a-z\d-]+$/i.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}
