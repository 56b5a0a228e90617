/** Whether a host is reached through the proxy. */
import { tryParseIp } from "../../common/core/ip.ts";
import { rangeContains, tryParseCidr } from "../../common/core/ip_range.ts";
import type { Secret } from "../../common/core/secret.ts";

export interface Proxy {
  readonly host: string;
  readonly port: number;
  readonly user: string | null;
  readonly password: Secret | null;
  /** Hosts reached directly: `*`, names, `.domain` or `*.domain` for all under it, addresses and blocks, each with or without `:port`. */
  readonly noProxy: readonly string[];
}

/**
 * The proxy for an endpoint, or undefined where `noProxy` names it. A plain name stands for all under it, as in curl; a
 * name is not looked up to see whether its address is in a block.
 */
export function proxyFor(endpoint: { host: string; port: number }, proxy: Proxy | null): Proxy | undefined {
  if (proxy === null) return undefined;
  const host = endpoint.host.toLowerCase().replace(/\.$/, "");
  const isDirect = proxy.noProxy.some((entry) => matches({ host, port: endpoint.port }, entry.trim().toLowerCase()));
  return isDirect ? undefined : proxy;
}

function matches({ host, port }: { host: string; port: number }, entry: string): boolean {
  // An IPv6 address has no port behind it unless it stands in brackets.
  const [, bracketed, plain, only] = /^(?:\[(.*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(entry) ?? [];
  const name = bracketed ?? plain ?? entry;
  if (only !== undefined && Number(only) !== port) return false;
  if (name === "*") return true;
  if (name === "") return false;
  const ip = tryParseIp(host);
  if (ip !== undefined) {
    const range = tryParseCidr(name);
    return range !== undefined && rangeContains(range, ip);
  }
  const domain = name.replace(/^\*?\./, "").replace(/\.$/, "");
  return host === domain || host.endsWith(`.${domain}`);
}
