/** Below what systems give away by themselves (RFC 6335: 49152 and up; Linux: 32768 and up) and below scan_fixture's. */
const first = 10_000, count = 10_000;

/**
 * A port of 127.0.0.1 that is free for UDP and TCP, and that no connection gets by chance before the caller, or its program,
 * listens there, or comes back there.
 */
export function freePort(): number {
  for (;;) {
    const port = first + Math.floor(Math.random() * count);
    try {
      Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port }).close();
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
