import { type IpRange, tryParseCidr } from "../../common/core/ip_range.ts";

/** What this machine reaches without a router, by asking on the link who has an address; nothing where it may not be seen. */
export function ownLinks(
  interfaces: () => Pick<Deno.NetworkInterfaceInfo, "mac" | "cidr">[] = Deno.networkInterfaces,
): IpRange[] {
  try {
    return interfaces()
      // Loopback and tunnels ask nobody.
      .filter(({ mac }) => mac !== "00:00:00:00:00:00")
      .flatMap(({ cidr }) => tryParseCidr(cidr) ?? []);
  } catch {
    return []; // A scan works without as well.
  }
}
