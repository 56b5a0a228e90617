import { maybeShortage } from "../core/shortage.ts";
import type { DatagramPort } from "../snmp/datagram_hub.ts";

/** Largest UDP payload; Deno's own default of 1,024 octets would cut GetBulk answers. */
const bufferSize = 65_535;

/** Opens a client socket on a port that the system chooses. It answers nobody: what comes in unasked is dropped. */
export function openUdpPort(family: 4 | 6): DatagramPort {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: family === 4 ? "0.0.0.0" : "::", port: 0 });
  const buffer = new Uint8Array(bufferSize);
  let closed = false;
  return {
    async send(bytes, address, port) {
      await socket.send(bytes, { transport: "udp", hostname: address, port });
    },
    async receive() {
      while (!closed) {
        try {
          const [bytes, from] = await socket.receive(buffer);
          const { hostname, port } = from as Deno.NetAddr;
          return { bytes: bytes.slice(), address: hostname, port };
        } catch (error) {
          if (closed || error instanceof Deno.errors.BadResource) return undefined;
          // Windows reports an ICMP "port unreachable" of an earlier send here; the socket goes on working.
          if (!(error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.ConnectionRefused)) {
            throw error;
          }
        }
      }
      return undefined;
    },
    close() {
      if (closed) return;
      closed = true;
      socket.close();
    },
  };
}

/** Descriptors that are left to the rest of the process, which must be able to open a file and a connection. */
const spared = 8;

/** A further socket where there are descriptors to spare: a scan goes on, more slowly, with those it has. */
export function maybeUdpPort(family: 4 | 6): DatagramPort | undefined {
  if (!hasFreeDescriptors(1 + spared)) return undefined;
  try {
    return openUdpPort(family);
  } catch {
    return undefined; // Somebody else was quicker.
  }
}

/**
 * Whether the process can open so many files, sockets and pipes more. Its limit may be read only with permission for all,
 * so that it is tried, without giving way to anything else meanwhile.
 */
export function hasFreeDescriptors(count: number): boolean {
  const held: Deno.DatagramConn[] = [];
  try {
    while (held.length < count) {
      held.push(Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 0 }));
    }
    return true;
  } catch (error) {
    return maybeShortage(error) === undefined;
  } finally {
    for (const socket of held) socket.close();
  }
}
