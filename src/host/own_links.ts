import { type IpRange, tryParseCidr } from "../../common/core/ip_range.ts";

/**
 * Networks that this machine reaches by ARP or neighbour discovery, without a router; empty without permission to list
 * them.
 */
export function ownLinks(
  interfaces: () => Pick<Deno.NetworkInterfaceInfo, "mac" | "cidr">[] = Deno.networkInterfaces,
): IpRange[] {
  try {
    return interfaces()
      // Loopback and tunnels do not resolve neighbours.
      .filter(({ mac }) => mac !== "00:00:00:00:00:00")
      .flatMap(({ cidr }) => tryParseCidr(cidr) ?? []);
  } catch {
    return []; // A scan works without them as well.
  }
}
