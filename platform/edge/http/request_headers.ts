/** Headers that are sent to the printer, and the check that a request is from the session's own pages. */
import { maybePrinterCookies } from "./own_cookie.ts";
import { hostOf, originOf, type PrinterPlace } from "./printer_origin.ts";

/** Alternating names and values, like `rawHeaders` of `node:http`. */
export type RawHeaders = readonly string[];

/** Headers of one connection (RFC 9110 section 7.6.1), in addition to those named in `Connection`. */
const hopByHop: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Headers that are generated here or useless to a printer; forwarding headers from a browser could be forged. */
const notForPrinters =
  /^(host|origin|referer|cookie|cookie2|content-length|expect|forwarded|via|x-forwarded-.*|x-real-ip|priority|accept-encoding|sec-(fetch|ch)-.*|dnt|upgrade-insecure-requests|http2-settings|access-control-request-.*|service-worker.*|sec-websocket-extensions)$/;

/** Pairs of lower-case names and values, in order. */
export function* headerPairs(raw: RawHeaders): Iterable<[name: string, value: string]> {
  for (let i = 0; i + 1 < raw.length; i += 2) yield [raw[i]!.toLowerCase(), raw[i + 1]!];
}

/** Names of headers for this connection only. */
export function connectionHeaders(raw: RawHeaders): Set<string> {
  const named = [...headerPairs(raw)].filter(([name]) => name === "connection")
    .flatMap(([, value]) => value.toLowerCase().split(",").map((name) => name.trim()));
  return new Set([...hopByHop, ...named]);
}

export interface RequestView {
  method: string;
  raw: RawHeaders;
  /** Origin of the session, such as `https://<label>.<domain>:8444`. */
  ownOrigin: string;
  place: PrinterPlace;
}

/**
 * Headers for the printer: its own address as `Host`, and as `Origin` and `Referer`, so that a CSRF check of the
 * printer succeeds. Without framing: the caller sets the length of the body.
 */
export function printerHeaders({ method, raw, ownOrigin, place }: RequestView): [name: string, value: string][] {
  const dropped = connectionHeaders(raw);
  const headers: [string, string][] = [["Host", hostOf(place)]];
  const given = new Map<string, string>();
  for (const [name, value] of headerPairs(raw)) {
    if (name === "cookie") given.set(name, given.has(name) ? `${given.get(name)}; ${value}` : value);
    else if (!given.has(name)) given.set(name, value);
    if (!dropped.has(name) && !notForPrinters.test(name)) headers.push([name, value]);
  }
  const printer = originOf(place);
  if (given.has("origin")) headers.push(["Origin", printer]);
  const referer = maybeReferer(given.get("referer"), { ownOrigin, printer }) ??
    (isSafe(method) ? undefined : `${printer}/`);
  if (referer !== undefined) headers.push(["Referer", referer]);
  const cookies = maybePrinterCookies(given.get("cookie"));
  if (cookies !== undefined) headers.push(["Cookie", cookies]);
  // Other compressions could not be searched for addresses.
  headers.push(["Accept-Encoding", /\bgzip\b/.test(given.get("accept-encoding") ?? "") ? "gzip" : "identity"]);
  return headers;
}

function maybeReferer(
  referer: string | undefined,
  { ownOrigin, printer }: { ownOrigin: string; printer: string },
): string | undefined {
  if (referer === undefined || !(referer === ownOrigin || referer.startsWith(`${ownOrigin}/`))) return undefined;
  const path = referer.slice(ownOrigin.length);
  return printer + (path === "" || path.startsWith("/.opendca/") ? "/" : path);
}

function isSafe(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS";
}

/**
 * Whether a request comes from a page of this session, or from the address bar. Sessions share one site, so SameSite
 * cookies are sent with requests from one session to another; `Sec-Fetch-Site` distinguishes them, or `Origin` and
 * `Referer` if a browser does not send it.
 */
export function isFromOwnPage(
  { method, headers, ownOrigin }: {
    method: string;
    headers: Record<string, string | string[] | undefined>;
    ownOrigin: string;
  },
): boolean {
  const site = headers["sec-fetch-site"], { origin, referer } = headers;
  if (site !== undefined) {
    // With the policy no-referrer a page's own forms send `null`.
    return site === "none" ||
      site === "same-origin" && (origin === undefined || origin === ownOrigin || origin === "null");
  }
  if (origin !== undefined) return origin === ownOrigin;
  if (referer !== undefined) return referer === ownOrigin || String(referer).startsWith(`${ownOrigin}/`);
  return isSafe(method);
}

/** Why a request is not forwarded; undefined if it may be. */
export function maybeMalformed(
  { method, url, version, raw }: { method: string; url: string; version: string; raw: RawHeaders },
): string | undefined {
  if (version !== "1.1" && version !== "1.0") return "its version of HTTP is not 1.1 or 1.0";
  if (!/^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/.test(method)) {
    return "the method is not one that printers' pages use";
  }
  // A full URL or `*` would name another host than `Host` does.
  if (!/^\/[\x21-\x22\x24-\x7e\x80-\xff]*$/.test(url)) return "the path is not a plain path";
  const values = (wanted: string) =>
    [...headerPairs(raw)].filter(([name]) => name === wanted).map(([, value]) => value);
  const lengths = values("content-length"), codings = values("transfer-encoding");
  if (values("host").length !== 1) return "it must name one host";
  if (lengths.length > 1 || codings.length > 1 || lengths.length + codings.length > 1) {
    return "it says in two ways how long it is";
  }
  if (lengths.some((length) => !/^\d{1,15}$/.test(length))) return "its length is not a number";
  if (codings.length > 0 && version === "1.0") return "HTTP/1.0 has no transfer codings";
  if (codings.some((coding) => coding.toLowerCase() !== "chunked")) return "its transfer coding is unknown";
  return undefined;
}
