import { maybeShortage } from "../../common/core/shortage.ts";
import type { DatagramPort } from "../snmp/datagram_hub.ts";

/** Largest UDP payload; Deno's own default of 1,024 octets would cut GetBulk answers. */
const bufferSize = 65_535;

/** Saved here, as the thread is sealed after this module is loaded. */
const { listenDatagram } = Deno;

/** Opens a client socket on a port that the system chooses. Unrequested datagrams are dropped. */
export function openUdpPort(family: 4 | 6): DatagramPort {
  const socket = listenDatagram({ transport: "udp", hostname: family === 4 ? "0.0.0.0" : "::", port: 0 });
  // Allocated at the first receive.
  let buffer: Uint8Array<ArrayBuffer> | undefined;
  let closed = false;
  return {
    send: (bytes, address, port) => socket.send(bytes, { transport: "udp", hostname: address, port }),
    async receive() {
      while (!closed) {
        try {
          const [bytes, from] = await socket.receive(buffer ??= new Uint8Array(bufferSize));
          const { hostname, port } = from as Deno.NetAddr;
          return { bytes, address: hostname, port };
        } catch (error) {
          if (closed || error instanceof Deno.errors.BadResource) return undefined;
          // Windows reports an ICMP "port unreachable" of an earlier send here; the socket is still usable.
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

/**
 * How many more files, sockets and pipes the process can open, counted up to `most`. It is found by opening them, as
 * reading the limit would need full permissions. If there are fewer than `most`, other threads have none for a moment.
 */
export function countFreeDescriptors(most: number): number {
  const held: Deno.DatagramConn[] = [];
  try {
    while (held.length < most) {
      held.push(listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 0 }));
    }
    return most;
  } catch (error) {
    return maybeShortage(error) === undefined ? most : held.length;
  } finally {
    for (const socket of held) socket.close();
  }
}
