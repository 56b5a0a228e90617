import ipaddr from "ipaddr.js";

/**
 * Who a peer (`10.1.0.7:50123`, `::1:50123`) counts as, whatever its port: the address, or the /64 network of an IPv6 one,
 * of which anybody has 2^64.
 */
export function sourceOf(peer: string): string {
  const address = peer.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  if (!ipaddr.isValid(address)) return address;
  // Of a server that listens on `[::]`, IPv4 comes as ::ffff:10.1.0.7.
  const parsed = ipaddr.process(address);
  if (parsed.kind() === "ipv4") return parsed.toString();
  return `${(parsed as ipaddr.IPv6).parts.slice(0, 4).map((part) => part.toString(16)).join(":")}::/64`;
}
