/** HTTP proxies: whether a host is reached through one, and the CONNECT request. */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { formatEndpoint, tryParseIp } from "../core/ip.ts";
import { rangeContains, tryParseCidr } from "../core/ip_range.ts";
import type { Secret } from "../core/secret.ts";

export interface Proxy {
  readonly host: string;
  readonly port: number;
  readonly user: string | null;
  readonly password: Secret | null;
  /**
   * Hosts reached directly: `*`, names, `.domain` or `*.domain` for all names under it, addresses and blocks, with or
   * without `:port`.
   */
  readonly noProxy: readonly string[];
}

/**
 * The proxy for an endpoint; undefined if `noProxy` contains it. A plain name includes all names under it, as in curl;
 * names are not resolved to compare them with blocks.
 */
export function proxyFor(endpoint: { host: string; port: number }, proxy: Proxy | null): Proxy | undefined {
  if (proxy === null) return undefined;
  const host = endpoint.host.toLowerCase().replace(/\.$/, "");
  const isDirect = proxy.noProxy.some((entry) => matches({ host, port: endpoint.port }, entry.trim().toLowerCase()));
  return isDirect ? undefined : proxy;
}

function matches({ host, port }: { host: string; port: number }, entry: string): boolean {
  // An IPv6 address has a port only if it is in brackets.
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

export interface ProxyAnswer {
  status: number;
  reason: string;
  /** Date header of the answer. */
  date: Date | null;
}

/** Limit for the head of an answer; another kind of peer may never end it. */
const maxHeadBytes = 16_384;

/**
 * Sends CONNECT (RFC 9110, 9.3.6) on an open socket and reads the head of the answer. Rejects for anything but HTTP.
 */
export function connectByProxy(
  socket: Socket,
  target: { host: string; port: number },
  proxy: Pick<Proxy, "user" | "password">,
): Promise<ProxyAnswer> {
  const authority = formatEndpoint(target.host, target.port);
  const lines = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`];
  const credentials = proxyCredentials(proxy);
  if (credentials !== undefined) {
    lines.push(`Proxy-Authorization: Basic ${Buffer.from(credentials, "utf8").toString("base64")}`);
  }
  return new Promise((resolve, reject) => {
    let head = Buffer.alloc(0);
    // Only the head is consumed, so that the first bytes of a peer such as SSH stay in the socket for the caller.
    const onReadable = () => {
      const bytes: Buffer | null = socket.read();
      if (bytes === null) return;
      head = Buffer.concat([head, bytes]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0 && head.length <= maxHeadBytes) return;
      socket.off("readable", onReadable);
      const answer = end < 0 ? undefined : parseHead(head.subarray(0, end).toString("latin1"));
      if (answer === undefined) return reject(new Error("The peer is not an HTTP proxy"));
      if (head.length > end + 4) socket.unshift(head.subarray(end + 4));
      resolve(answer);
    };
    socket.on("readable", onReadable);
    socket.once(
      "close",
      () => reject(Object.assign(new Error("The proxy closed the connection"), { code: "ECONNRESET" })),
    );
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  });
}

/** "user:password" for Basic authentication (RFC 7617), or undefined if none is configured. */
function proxyCredentials(proxy: Pick<Proxy, "user" | "password">): string | undefined {
  return proxy.user === null ? undefined : `${proxy.user}:${proxy.password?.reveal() ?? ""}`;
}

function parseHead(text: string): ProxyAnswer | undefined {
  const [first = "", ...headers] = text.split("\r\n");
  const status = /^HTTP\/1\.[01] (\d{3})(?: (.*))?$/.exec(first);
  if (status === null) return undefined;
  const date = headers.map((line) => /^date:\s*(.+)$/i.exec(line)?.[1]).find((value) => value !== undefined);
  const time = date === undefined ? Number.NaN : Date.parse(date);
  return { status: Number(status[1]), reason: status[2] ?? "", date: Number.isNaN(time) ? null : new Date(time) };
}
