/** ICMP by the system's own `ping`, which may send it where an unprivileged process may not. */
import { NotPermittedError, UnavailableError } from "../../common/core/errors.ts";

/**
 * Where `ping` is, by absolute path alone. A name would be looked up in PATH, so that whoever may set that (`sudo -E`, a
 * service with a folder of its own in front) decides what is run; and Deno would print a line at every start on a machine
 * without `ping`. The same list is what `--allow-run` of deno.json permits.
 */
export const pingPrograms = ["/usr/bin/ping", "/bin/ping", "/sbin/ping", "/run/wrappers/bin/ping"];
const windowsPing = "C:\\Windows\\System32\\PING.EXE";

/** `address` is an IP address, never a name or an option. Waits 2 s for each echo. Throws `UnavailableError` or `NotPermittedError`. */
export async function ping(
  address: string,
  { count, signal }: { count: number; signal: AbortSignal },
): Promise<{ roundTripMs: number[] }> {
  const { os } = Deno.build;
  const args = os === "windows"
    ? ["-n", String(count), "-w", "2000", address]
    : ["-n", "-c", String(count), "-W", os === "darwin" ? "2000" : "2", address];
  const output = await runFirst(os === "windows" ? [windowsPing] : pingPrograms, { args, signal });
  const decoder = new TextDecoder();
  const roundTripMs = roundTripsIn(decoder.decode(output.stdout));
  // 1 is "no answer"; from 2 on, nothing could be sent.
  if (output.code > 1 && roundTripMs.length === 0) throw pingFailure(address, decoder.decode(output.stderr));
  return { roundTripMs };
}

async function runFirst(
  programs: readonly string[],
  { args, signal }: { args: string[]; signal: AbortSignal },
): Promise<Deno.CommandOutput> {
  for (const program of programs) {
    // Without the environment: it may hold keys of printers, and Deno refuses to pass on LD_* to what it runs.
    const options = { args, signal, clearEnv: true, env: { LC_ALL: "C" }, stdin: "null" } as const;
    try {
      const output = await new Deno.Command(program, { ...options, stdout: "piped", stderr: "piped" }).output();
      signal.throwIfAborted();
      return output;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Deno.errors.NotFound) continue;
      // So is a program that carries CAP_NET_RAW refused where nobody may have it, as in containers without it.
      if (error instanceof Deno.errors.PermissionDenied) throw icmpRefused({ cause: error });
      throw new UnavailableError(`Cannot ping as "${program}" cannot be run here`, "see its permissions", 0, {
        cause: error,
      });
    }
  }
  throw new UnavailableError(
    `Cannot ping as there is no program for it: looked for ${programs.join(", ")}`,
    "install it, such as by: apt-get install iputils-ping",
  );
}

/** What `ping` says on standard error, as one of our failures. */
export function pingFailure(address: string, said: string): Error {
  const lines = said.split("\n").map((line) => line.replace(/^\S*ping6?: /, "").trim()).filter((line) => line !== "");
  if (lines.some((line) => /not permitted|permission denied|cap_net_raw/i.test(line))) {
    return icmpRefused();
  }
  return new UnavailableError(
    `Cannot ping ${address}: ${lines[0] ?? "the program did not say why"}`,
    "check the routes of this machine",
  );
}

function icmpRefused(options?: ErrorOptions): NotPermittedError {
  return new NotPermittedError(
    "Cannot ping as this user may not send ICMP",
    'permit it, such as by: sysctl -w net.ipv4.ping_group_range="0 2147483647"',
    options,
  );
}

/** Times in milliseconds of the lines of an answer. */
export function roundTripsIn(text: string): number[] {
  return text.split("\n").flatMap((line) => {
    const [, time] = /[=<]\s?([\d.,]+)\s?ms\b.*$/.exec(/ttl/i.test(line) ? line : "") ?? [];
    return time === undefined ? [] : [Number(time.replace(",", "."))];
  });
}
