/** ICMP by the system's own `ping`, which may send it where an unprivileged process may not. */
import { UnavailableError } from "../core/errors.ts";

/** `address` is an IP address, never a name or an option. Waits 2 s for each echo. Throws `UnavailableError`. */
export async function ping(
  address: string,
  { count, signal }: { count: number; signal: AbortSignal },
): Promise<{ roundTripMs: number[] }> {
  const args = Deno.build.os === "windows"
    ? ["-n", String(count), "-w", "2000", address]
    : ["-n", "-c", String(count), "-W", Deno.build.os === "darwin" ? "2000" : "2", address];
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command("ping", { args, signal, stdout: "piped", stderr: "piped", stdin: "null" }).output();
  } catch (error) {
    signal.throwIfAborted();
    throw new UnavailableError("Cannot ping as the program `ping` cannot be run here", "install it", 0, {
      cause: error,
    });
  }
  const decoder = new TextDecoder();
  const text = decoder.decode(output.stdout);
  const roundTripMs = roundTripsIn(text);
  // 1 is "no answer"; from 2 on, nothing could be sent.
  if (output.code > 1 && roundTripMs.length === 0) {
    const [reason = ""] = decoder.decode(output.stderr).trim().split("\n");
    throw new UnavailableError(`Cannot ping ${address}: ${reason}`);
  }
  return { roundTripMs };
}

/** Times in milliseconds of the lines of an answer, in any language that writes `=` or `<` before them. */
export function roundTripsIn(text: string): number[] {
  return text.split("\n").flatMap((line) => {
    const [, time] = /[=<]\s?([\d.,]+)\s?ms\b.*$/.exec(/ttl/i.test(line) ? line : "") ?? [];
    return time === undefined ? [] : [Number(time.replace(",", "."))];
  });
}
