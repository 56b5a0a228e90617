/** ICMP by the system's `ping`, which may send it when an unprivileged process may not. */
import { UnavailableError } from "../../common/core/errors.ts";
import { type IpAddress, tryParseIp, withoutZone } from "../../common/core/ip.ts";
import { safeText } from "../../common/core/safe_text.ts";
import { hasCode } from "../../common/core/system_error.ts";
import { readPingFacts } from "./ping_facts.ts";
import { pingFailure, saidOf } from "./ping_failure.ts";

/**
 * Absolute paths of `ping`. A name would be looked up in PATH, so that anyone who can set it (`sudo -E`, a service with
 * its own directory in front) would choose the program; and Deno would print a line at every start on a machine without
 * `ping`. `--allow-run` in deno.json has the same list, and a release for Windows its own.
 */
export const pingPrograms = ["/usr/bin/ping", "/bin/ping", "/sbin/ping", "/run/wrappers/bin/ping"];
export const windowsPing = "C:\\Windows\\System32\\PING.EXE";

export interface PingOptions {
  count: number;
  signal: AbortSignal;
  programs?: readonly string[];
  /** Time in addition to that of its echoes, after which it is killed. */
  patienceMs?: number;
}

/** `said`: what a router or this machine answers instead of the address. */
export interface PingAnswer {
  roundTripMs: number[];
  said?: string;
}

/**
 * `address` is an IP address, with the zone of a link-local one, never a name or an option. Waits 2 s for each echo.
 * Throws `UnavailableError` or `NotPermittedError`.
 */
export async function ping(address: string, options: PingOptions): Promise<PingAnswer> {
  const { count, signal, patienceMs = 10_000 } = options;
  const { os } = Deno.build;
  const args = pingArguments(address, { count, os });
  const programs = options.programs ?? (os === "windows" ? [windowsPing] : pingPrograms);
  const { program, output } = await runFirst(programs, {
    address,
    args,
    signal,
    endsMs: (count + 2) * 1000 + patienceMs,
  });
  const decoder = new TextDecoder();
  const said = decoder.decode(output.stderr);
  const answers = decoder.decode(output.stdout);
  const roundTripMs = roundTripsIn(answers);
  // 1 without a message means "no answer"; busybox also ends with 1 if nothing could be sent, with a message.
  const isSilence = output.code === 0 || (output.code === 1 && saidOf(said) === "");
  if (roundTripMs.length === 0 && !isSilence) {
    throw pingFailure({ address, program }, { kind: "ended", ...output, said }, await readPingFacts(program));
  }
  const instead = insteadIn(answers);
  return roundTripMs.length > 0 || instead === undefined ? { roundTripMs } : { roundTripMs, said: instead };
}

/** The same each time, but for the number and the address. Throws for anything that is not an address. */
export function pingArguments(address: string, { count, os }: { count: number; os: string }): string[] {
  const ip = addressOf(address);
  if (os === "windows") return ["-n", String(count), "-w", "2000", address];
  if (os === "darwin" && ip.family === 6) {
    throw new UnavailableError(
      `Cannot ping ${address} as ping of macOS sends to IPv4 addresses only`,
      `try it by hand: ping6 -c 1 ${address}`,
    );
  }
  const family = ip.family === 6 ? ["-6"] : [];
  return ["-n", ...family, "-c", String(count), "-W", os === "darwin" ? "2000" : "2", address];
}

function addressOf(text: string): IpAddress {
  const ip = tryParseIp(withoutZone(text));
  const isZoned = text.includes("%");
  if (ip !== undefined && (!isZoned || (ip.family === 6 && /%[0-9A-Za-z][0-9A-Za-z_.-]{0,31}$/.test(text)))) return ip;
  throw new TypeError(`Cannot ping ${JSON.stringify(text)} as it is not an IP address`);
}

interface Run {
  address: string;
  args: string[];
  signal: AbortSignal;
  endsMs: number;
}

async function runFirst(
  programs: readonly string[],
  run: Run,
): Promise<{ program: string; output: Deno.CommandOutput }> {
  for (const program of programs) {
    try {
      return { program, output: await runOne(program, run) };
    } catch (error) {
      run.signal.throwIfAborted();
      if (error instanceof UnavailableError) throw error;
      if (error instanceof Deno.errors.NotFound) continue;
      if (error instanceof Deno.errors.PermissionDenied) {
        const code = hasCode(error, "EPERM") ? "EPERM" : null;
        const said = code === "EPERM" ? "Operation not permitted" : "Permission denied";
        throw pingFailure(
          { address: run.address, program },
          { kind: "refused", code, said },
          await readPingFacts(program),
        );
      }
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

async function runOne(program: string, { address, args, signal, endsMs }: Run): Promise<Deno.CommandOutput> {
  signal.throwIfAborted();
  // Without the environment: it may contain keys of printers, and Deno refuses to pass LD_* to a subprocess.
  const environment = { clearEnv: true, env: { LC_ALL: "C" } };
  const child = new Deno.Command(program, { args, ...environment, stdin: "null", stdout: "piped", stderr: "piped" })
    .spawn();
  let isLate = false;
  // With SIGKILL: a ping that waits for the kernel may not heed another signal.
  const kill = () => killChild(child);
  const timer = setTimeout(() => {
    isLate = true;
    kill();
  }, endsMs);
  signal.addEventListener("abort", kill, { once: true });
  try {
    const output = await child.output();
    signal.throwIfAborted();
    if (!isLate) return output;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", kill);
  }
  throw new UnavailableError(
    `Cannot ping ${address} as "${program}" did not end within ${endsMs / 1000} s and was killed`,
    `try it by hand: ${program} ${args.join(" ")}`,
  );
}

function killChild(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has just ended by itself.
  }
}

/** Round-trip times in milliseconds from the output of `ping`. */
export function roundTripsIn(text: string): number[] {
  return text.split("\n").flatMap((line) => {
    const [, time] = /[=<]\s?([\d.,]+)\s?ms\b.*$/.exec(/ttl/i.test(line) ? line : "") ?? [];
    return time === undefined ? [] : [Number(time.replace(",", "."))];
  });
}

/**
 * The first line of ICMP that says why an echo did not arrive, such as "From 10.0.0.1 Destination Host Unreachable".
 */
export function insteadIn(text: string): string | undefined {
  const line = text.split("\n").find((line) =>
    /^(?!ping\b).*\b(unreachable|exceeded|filtered|prohibited)\b/i.test(line)
  );
  return line === undefined ? undefined : safeText(line.replace(/ icmp_seq[= ]\d+/, ""), 160);
}
