/** The sockets of a scanner, all opened at its start. */
import type { DatagramPort } from "../snmp/datagram_hub.ts";
import { maxLanes } from "../snmp/probe_lanes.ts";
import type { AddressSpace } from "../targets/address_space.ts";
import { maybeUdpPort, openUdpPort } from "./udp_port.ts";

export interface ScannerPorts {
  ipv4: DatagramPort | undefined;
  ipv6: DatagramPort | undefined;
  /** One of those that were opened for the sweep; undefined when all are in use. */
  openMore(family: 4 | 6): DatagramPort | undefined;
  /** Closes those that nobody took. */
  closeRest(): void;
}

/** Addresses for each of which a lane of the sweep is opened; one of them holds up to eight tries of as many as these. */
const addressesPerLane = 32;

/**
 * Opens as many sockets as the sweep of `space` may need, at most `furtherSockets` beside one a family, then gives up the permission to bind, which would let the
 * thread listen on TCP as well. Sockets that are open go on sending.
 */
export function openScannerPorts(space: AddressSpace, furtherSockets = Infinity): ScannerPorts {
  const sizes = { 4: 0, 6: 0 };
  for (const { family, count } of space.segments) sizes[family] += count;
  const ipv4 = openFamily(4, { size: sizes[4], furtherSockets });
  const ipv6 = openFamily(6, { size: sizes[6], furtherSockets: furtherSockets - ipv4.more.length });
  const ports = { 4: ipv4, 6: ipv6 };
  for (const host of ["0.0.0.0:0", "[::]:0"]) Deno.permissions.revokeSync({ name: "net", host });
  return {
    ipv4: ipv4.first,
    ipv6: ipv6.first,
    openMore: (family) => ports[family].more.pop(),
    closeRest() {
      for (const port of [...ports[4].more, ...ports[6].more]) port.close();
    },
  };
}

function openFamily(
  family: 4 | 6,
  { size, furtherSockets }: { size: number; furtherSockets: number },
): { first: DatagramPort | undefined; more: DatagramPort[] } {
  if (size === 0) return { first: undefined, more: [] };
  const first = openUdpPort(family);
  const more: DatagramPort[] = [];
  const wanted = Math.min(furtherSockets, maxLanes, Math.ceil(size / addressesPerLane));
  while (more.length < wanted) {
    const port = maybeUdpPort(family);
    if (port === undefined) break;
    more.push(port);
  }
  return { first, more };
}
