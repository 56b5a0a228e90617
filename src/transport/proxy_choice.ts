/** Whether a host is reached through the proxy. */
import { tryParseIp } from "../core/ip.ts";
import { rangeContains, tryParseCidr } from "../core/ip_range.ts";
import type { Secret } from "../core/secret.ts";

export interface Proxy {
  readonly host: string;
  readonly port: number;
  readonly user: string | null;
  readonly password: Secret | null;
  /** Hosts reached directly: `*`, names, `.domain` or `*.domain` for all under it, addresses and blocks. */
  readonly noProxy: readonly string[];
}

/** The proxy for a host, or undefined where `noProxy` names it. A plain name stands for all under it, as in curl. */
export function proxyFor(host: string, proxy: Proxy | null): Proxy | undefined {
  if (proxy === null) return undefined;
  const name = host.toLowerCase().replace(/\.$/, "");
  return proxy.noProxy.some((entry) => matches(name, entry.trim().toLowerCase())) ? undefined : proxy;
}

function matches(host: string, entry: string): boolean {
  if (entry === "*") return true;
  if (entry === "") return false;
  const ip = tryParseIp(host);
  if (ip !== undefined) {
    const range = tryParseCidr(entry);
    return range !== undefined && rangeContains(range, ip);
  }
  const domain = entry.replace(/^\*?\./, "").replace(/\.$/, "");
  return host === domain || host.endsWith(`.${domain}`);
}
