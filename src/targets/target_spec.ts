/** Parses one target: a range of addresses or a name, with or without a port. */
import { bitsOf, cidrRange, type IpRange, rangeContains, tryParseCidr } from "../../common/core/ip_range.ts";
import { formatIp, type IpAddress, tryParseIp } from "../../common/core/ip.ts";

export type TargetSpec =
  & { port?: number }
  & (
    /** `isBlock`: written as a CIDR block, so that its ends may be network and broadcast address. */
    /** `zone`: the interface after the % of a link-local address. */
    | { kind: "range"; range: IpRange; isBlock: boolean; zone?: string }
    | { kind: "name"; name: string }
  );

/** Why a text is not a target: ends the sentence "Cannot use a target as …". */
export class TargetSyntaxError extends SyntaxError {
  override readonly name = "TargetSyntaxError";
  constructor(readonly reason: string, readonly hint?: string) {
    super(reason);
  }
}

/**
 * Parses CIDR blocks, `a-b` ranges (also 10.0.0.1-20), addresses and host names, each with an optional `:port`; IPv6
 * with a port needs brackets. Throws `TargetSyntaxError`.
 */
export function parseTargetSpec(text: string): TargetSpec {
  const { host, port } = splitPort(text);
  const parsed = parseHost(host);
  return port === undefined ? parsed : { ...parsed, port };
}

function splitPort(text: string): { host: string; port?: number } {
  if (/\s|,/.test(text)) throw new TargetSyntaxError("it is more than one word", "write one target a word or a line");
  if (/^[a-z]+:\/\//i.test(text)) {
    throw new TargetSyntaxError("it is a URL", `did you mean ${text.replace(/^.*?:\/\//, "").replace(/[/:].*$/, "")}?`);
  }
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed) return withPort(bracketed[1]!, bracketed[2]);
  if (text.includes("[") || text.includes("]")) throw new TargetSyntaxError("its brackets do not match");
  const colon = text.indexOf(":");
  // More than one colon means an IPv6 address without brackets, and so without a port.
  if (colon < 0 || text.includes(":", colon + 1)) return { host: text };
  return withPort(text.slice(0, colon), text.slice(colon + 1));
}

function withPort(host: string, portText: string | undefined): { host: string; port?: number } {
  if (portText === undefined) return { host };
  const port = /^[1-9]\d{0,4}$/.test(portText) ? Number(portText) : 0;
  if (port < 1 || port > 65535) {
    throw new TargetSyntaxError(
      `port "${portText}" is not a number from 1 to 65535`,
      `leave the port out, or ${host}:161`,
    );
  }
  return { host, port };
}

function parseHost(host: string): TargetSpec {
  if (host === "") throw new TargetSyntaxError("it is empty");
  if (host.includes("%")) return parseZoned(host);
  if (host.includes("/")) return { kind: "range", range: parseBlock(host), isBlock: true };
  const address = tryParseIp(host);
  if (address !== undefined) {
    return { kind: "range", range: cidrRange(address, bitsOf(address.family)), isBlock: false };
  }
  const dash = host.indexOf("-");
  if (dash > 0 && /^[\d.]+-[\d.]+$|:/.test(host)) {
    return { kind: "range", range: parseRange(host.slice(0, dash), host.slice(dash + 1)), isBlock: false };
  }
  if (host.includes(":")) throw new TargetSyntaxError("it is not an IPv6 address");
  if (/^[\d.*x-]+$/i.test(host) || /\.\d+$/.test(host)) throw notAnAddress(host);
  return { kind: "name", name: parseName(host) };
}

/** A link-local address of one interface (RFC 4007 section 11). */
function parseZoned(text: string): TargetSpec {
  const at = text.indexOf("%");
  const host = text.slice(0, at), zone = text.slice(at + 1);
  const address = tryParseIp(host);
  if (address === undefined) throw new TargetSyntaxError(`"${host}" is not an IPv6 address`, "such as fe80::1%eth0");
  if (!rangeContains(linkLocal, address)) {
    throw new TargetSyntaxError("only a link-local address has a zone", `leave it out: ${host}`);
  }
  if (!/^[0-9A-Za-z][0-9A-Za-z_.-]{0,31}$/.test(zone)) {
    throw new TargetSyntaxError(`"${zone}" is not the name of an interface`, "such as fe80::1%eth0");
  }
  return { kind: "range", range: cidrRange(address, 128), isBlock: false, zone };
}

const linkLocal = tryParseCidr("fe80::/10")!;

function parseBlock(text: string): IpRange {
  const range = tryParseCidr(text);
  if (range !== undefined) return range;
  const slash = text.indexOf("/");
  const host = text.slice(0, slash), prefix = text.slice(slash + 1);
  const address = tryParseIp(host);
  if (address === undefined) throw notAnAddress(host);
  const bits = bitsOf(address.family);
  const hint = address.family === 4 ? hintOfBlock(address, prefix) : hintOfBlock6(host, prefix);
  throw new TargetSyntaxError(`prefix length "${prefix}" is not a number from 0 to ${bits}`, hint);
}

function hintOfBlock(address: IpAddress, prefix: string): string {
  const length = tryParseNetmask(prefix) ?? 24;
  return `did you mean ${formatIp({ family: 4, value: cidrRange(address, length).first })}/${length}?`;
}

function hintOfBlock6(host: string, prefix: string): string | undefined {
  const withPort = /^(\d+):(\d+)$/.exec(prefix);
  return withPort ? `did you mean [${host}/${withPort[1]}]:${withPort[2]}?` : undefined;
}

function tryParseNetmask(text: string): number | undefined {
  const mask = tryParseIp(text);
  if (mask?.family !== 4) return undefined;
  for (let prefix = 0; prefix <= 32; prefix++) {
    if (cidrRange({ family: 4, value: 0xffffffffn }, prefix).first === mask.value) return prefix;
  }
  return undefined;
}

function parseRange(from: string, to: string): IpRange {
  const first = tryParseIp(from);
  if (first === undefined) throw notAnAddress(from);
  const isShort = first.family === 4 && /^\d+$/.test(to);
  const last: IpAddress | undefined = tryParseIp(isShort ? from.replace(/\d+$/, to) : to);
  if (last === undefined) throw notAnAddress(isShort ? from.replace(/\d+$/, to) : to);
  if (first.family !== last.family) throw new TargetSyntaxError("its ends are of different address families");
  if (first.value > last.value) {
    throw new TargetSyntaxError("it ends before it starts", `did you mean ${formatIp(last)}-${formatIp(first)}?`);
  }
  return { family: first.family, first: first.value, last: last.value };
}

function notAnAddress(text: string): TargetSyntaxError {
  const octets = text.split(".");
  const large = octets.find((octet) => /^\d+$/.test(octet) && Number(octet) > 255);
  if (large !== undefined) return new TargetSyntaxError(`octet ${large} is above 255`);
  if (octets.length === 4 && octets.some((octet) => /^0\d+$/.test(octet))) {
    const plain = octets.map((octet) => octet.replace(/^0+(?=\d)/, "")).join(".");
    return new TargetSyntaxError("an octet starts with 0", `did you mean ${plain}?`);
  }
  const known = octets.filter((octet) => /^\d+$/.test(octet)).slice(0, 3);
  const isPrefix = octets.length > 1 && known.length > 0 &&
    octets.every((octet, i) => i < known.length ? octet === known[i] : /^\*?$/.test(octet));
  if (isPrefix) {
    const network = [...known, "0", "0", "0"].slice(0, 4).join(".");
    return new TargetSyntaxError(`"${text}" is not an IPv4 address`, `did you mean ${network}/${known.length * 8}?`);
  }
  return new TargetSyntaxError(`"${text}" is not an IP address`);
}

/** RFC 1123 labels; an underscore is accepted, as it occurs in names of real printers. */
function parseName(text: string): string {
  // Checked before the URL parser, which would drop "user@" and "?query", and which converts international names to
  // ASCII.
  const isPlausible = /^[\p{L}\p{M}\p{N}._-]+$/u.test(text);
  const name = isPlausible ? (URL.parse(`http://${text}`)?.hostname ?? "").replace(/\.$/, "") : "";
  const isName = name.length <= 253 &&
    name.split(".").every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label));
  if (!isName || tryParseIp(name) !== undefined) {
    throw new TargetSyntaxError("it is neither an address nor a host name");
  }
  return name;
}
