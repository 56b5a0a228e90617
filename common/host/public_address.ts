/**
 * Whether an address is one of the Internet, so that a server may be told to call it by somebody whom it does not trust:
 * the special-purpose registries of IANA (RFC 6890) and what leads to them. Pure.
 */
import { type IpAddress, tryParseIp } from "../core/ip.ts";
import { type IpRange, rangeContains, tryParseCidr } from "../core/ip_range.ts";

const special = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  // Carriers' NAT.
  "100.64.0.0/10",
  "127.0.0.0/8",
  // Link-local, and where clouds tell a machine its secrets.
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  // Multicast, reserved, broadcast.
  "224.0.0.0/3",
  // Of IPv6, what is not global unicast; and in it what is for other things.
  "::/3",
  "4000::/2",
  "8000::/1",
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "2620:4f:8000::/48",
  "3fff::/20",
  "5f00::/16",
].map((text): IpRange => tryParseCidr(text)!);

export function isPublicAddress(text: string): boolean {
  const address = tryParseIp(text);
  return address !== undefined && !text.includes("%") && !special.some((range) => contains(range, address));
}

function contains(range: IpRange, address: IpAddress): boolean {
  return range.family === address.family && rangeContains(range, address);
}
