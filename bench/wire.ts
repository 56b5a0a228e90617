import { maybeProgram } from "../tests/fixtures/peers.ts";

/**
 * What the connections to a port on this machine have carried so far, both directions: the kernel's own count of
 * `ss -i`. Undefined where `ss` (Debian package iproute2) is not installed or no connection is open.
 */
export async function maybeConnectionBytes(port: number): Promise<number | undefined> {
  const ss = maybeProgram("ss");
  if (ss === undefined) return undefined;
  const { stdout } = await new Deno.Command(ss, { args: ["-tinH", "dport", "=", `:${port}`] }).output();
  const counted = [...new TextDecoder().decode(stdout).matchAll(/bytes_(?:acked|received):(\d+)/g)];
  return counted.length === 0 ? undefined : counted.reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}
