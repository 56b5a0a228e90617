/** Addresses of a printer in URLs, and their conversion to URLs of the session. */
import { tryParseIp } from "../../../common/core/ip.ts";

export interface PrinterPlace {
  scheme: "http" | "https";
  address: string;
  port: number;
}

const defaultPorts = { http: 80, https: 443 } as const;

/** The place of a session's printer. If the agent's policy masks the address, a name is used instead. */
export function placeOf(
  { scheme, address, port }: { scheme: PrinterPlace["scheme"]; address: string; port: number },
): PrinterPlace {
  return { scheme, address: address === "" ? "printer" : address, port };
}

/** `10.1.2.3`, `10.1.2.3:8000`, `[fe80::1]`: the value of `Host`, without the scheme's default port. */
export function hostOf({ scheme, address, port }: PrinterPlace): string {
  // The zone of a link-local address belongs to the agent's machine (RFC 6874 section 1).
  const bare = address.replace(/%.*$/, "").toLowerCase();
  const host = bare.includes(":") ? `[${bare}]` : bare;
  return port === defaultPorts[scheme] ? host : `${host}:${port}`;
}

/** Such as `http://10.1.2.3:8000`. */
export function originOf(place: PrinterPlace): string {
  return `${place.scheme}://${hostOf(place)}`;
}

/** Where a printer redirects the browser to: within the session, or outside of it. */
export type Destination =
  | { kind: "own"; url: string }
  /** The same printer, another scheme or port. */
  | { kind: "other-port"; url: string; port: number }
  | { kind: "elsewhere"; url: string }
  | { kind: "invalid" };

/** The destination of `Location` or `Refresh` in the answer to a request for `path`. */
export function destinationOf(
  location: string,
  { place, path, ownOrigin }: { place: PrinterPlace; path: string; ownOrigin: string },
): Destination {
  const printer = new URL(originOf(place));
  let url: URL;
  try {
    url = new URL(location, new URL(path.startsWith("/") ? printer.origin + path : "/", printer));
  } catch {
    return { kind: "invalid" };
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") return { kind: "elsewhere", url: url.href };
  if (url.username !== "" || url.password !== "" || url.hostname !== printer.hostname) {
    return { kind: "elsewhere", url: url.href };
  }
  if (url.origin === printer.origin) return { kind: "own", url: ownOrigin + url.pathname + url.search + url.hash };
  return { kind: "other-port", url: url.href, port: Number(url.port || (url.protocol === "https:" ? 443 : 80)) };
}

/**
 * Regular expression source for exactly this printer's address, with or without a scheme, and with `/` as it may be
 * escaped in scripts. The match ends before the character that ends a host in a URL.
 */
export function ownAddressPattern({ scheme, address, port }: PrinterPlace): string {
  const bare = address.replace(/%.*$/, "");
  const host = bare.includes(":") ? `\\[${escaped(bare)}\\]` : escaped(bare);
  const number = port === defaultPorts[scheme] ? `(?::${port})?` : `:${port}`;
  const schemes = scheme === "http" ? "(?:http|ws):" : "(?:https|wss):";
  // Not before `@`, which would make it a user name, nor before further characters of a name or a port.
  return `(?:${schemes})?(?:\\/\\/|\\\\\\/\\\\\\/)${host}${number}(?=[/?#"'\`\\s<>()\\\\&;,|\\]}]|$)`;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** The label of `<label>.<domain>` in a `Host` header, in lower case; undefined for any other host. */
export function maybeLabel(host: string | undefined, domain: string): string | undefined {
  const match = /^([a-z0-9]{20,52})\.([a-z0-9.-]+)(?::\d{1,5})?$/i.exec(host ?? "");
  if (match === null || match[2]!.toLowerCase() !== domain.toLowerCase()) return undefined;
  return match[1]!.toLowerCase();
}

/** Whether it can be the domain of a gateway: a host name, not an address. */
export function isDomain(text: string): boolean {
  return /^(?=.{1,200}$)[a-z\d]([a-z\d-]*[a-z\d])?(\.[a-z\d]([a-z\d-]*[a-z\d])?)+$/i.test(text) &&
    tryParseIp(text) === undefined;
}
