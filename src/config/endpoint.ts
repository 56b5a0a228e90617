import { tryParseIp } from "../../common/core/ip.ts";
import type { Endpoint } from "./agent_config.ts";
import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";

/** A host name in lower case without a final dot. Throws `ValueSyntaxError`, for addresses too. */
export function parseDomain(text: string): string {
  const name = text.trim().toLowerCase().replace(/\.$/, "");
  if (tryParseIp(name) !== undefined) {
    throw new ValueSyntaxError("is an address", "write the host name that is in the platform's certificate");
  }
  const isName = name.length <= 253 &&
    name.split(".").every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label)) && !/(^|\.)\d+$/.test(name);
  if (!isName) throw new ValueSyntaxError("is not a host name", "such as dca.example.com");
  return name;
}

/** Reads "dca.example.com", "dca.example.com:8443" or the same behind "https://". Throws `ValueSyntaxError`. */
export function parseEndpoint(text: string): Endpoint {
  const plain = text.trim().replace(/^https:\/\//i, "").replace(/\/$/, "");
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(plain)) {
    throw new ValueSyntaxError(
      "is not encrypted or of another protocol",
      "write host:port; the protocol is always TLS",
    );
  }
  const [, host, port] = /^([^:/@]+)(?::(\d+))?$/.exec(plain) ?? [];
  const literal = plain.replace(/^\[([^\]]*)\](?::\d+)?$/, "$1");
  if (host === undefined && tryParseIp(literal) === undefined) {
    throw new ValueSyntaxError("is not a host and port", "such as dca.example.com:443");
  }
  return { host: parseDomain(host ?? literal), port: port === undefined ? 443 : parsePort(port) };
}

/** 1 to 65535. Throws `ValueSyntaxError`. */
export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text.trim()) ? Number(text) : 0;
  if (port < 1 || port > 65535) throw new ValueSyntaxError("is not a port from 1 to 65535");
  return port;
}

/** Whether `host` is the root domain or under it; both in any letter case, with or without a final dot. */
export function isUnderRootDomain(host: string, rootDomain: string): boolean {
  const [name, root] = [host, rootDomain].map((text) => text.toLowerCase().replace(/\.$/, ""));
  return root !== "" && (name === root || name!.endsWith(`.${root}`));
}
