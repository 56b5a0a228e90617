import { tryParseIp, tryParseIpv4, withoutZone } from "./ip.ts";

/**
 * Sorts by address as a number and then by port: IPv4 before IPv6, 10.0.0.9 before 10.0.0.10; items without an address
 * first, names last. The sort is stable.
 */
export function byAddress<T extends { address?: string; port?: number }>(items: readonly T[]): T[] {
  return items.map((item) => ({ item, key: keyOf(item.address), port: item.port ?? 0 }))
    .sort((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : a.port - b.port)
    .map(({ item }) => item);
}

/** Text that sorts as the address does. */
function keyOf(address: string | undefined): string {
  if (address === undefined) return "0";
  // Most are, and without the larger numbers it takes a fifth of the time.
  const v4 = tryParseIpv4(address);
  if (v4 !== undefined) return `4${v4.toString(16).padStart(32, "0")}`;
  const ip = tryParseIp(withoutZone(address));
  if (ip === undefined) return `9${address}`;
  return `${ip.family}${ip.value.toString(16).padStart(32, "0")}${address.slice(withoutZone(address).length)}`;
}
