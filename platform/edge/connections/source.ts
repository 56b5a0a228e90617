import ipaddr from "ipaddr.js";

/**
 * The source of a peer (`10.1.0.7:50123`, `::1:50123`), without its port: the address, or the /56 network of an IPv6
 * one, which providers assign to one household.
 */
export function sourceOf(peer: string): string {
  const address = peer.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  if (!ipaddr.isValid(address)) return address;
  // A server that listens on `[::]` sees IPv4 addresses as ::ffff:10.1.0.7.
  const parsed = ipaddr.process(address);
  if (parsed.kind() === "ipv4") return parsed.toString();
  const [first, second, third, fourth] = (parsed as ipaddr.IPv6).parts;
  return `${[first!, second!, third!, fourth! & 0xff00].map((part) => part.toString(16)).join(":")}::/56`;
}
