/** `opendca ping TARGET`: whether a configured address answers ICMP; for troubleshooting, only on request. */
import type { Command } from "commander";
import { NotPermittedError, UnavailableError, UsageError } from "../../common/core/errors.ts";
import { safeText } from "../../common/core/safe_text.ts";
import { createHostNames } from "../targets/host_names.ts";
import { effectiveConfig } from "./effective_config.ts";
import type { Host } from "./host.ts";
import { integer } from "./scan_options.ts";

interface PingOptions {
  count: number;
  json?: boolean;
  config?: string;
}

interface PingResult {
  target: string;
  address: string;
  sent: number;
  received: number;
  roundTripMs: number[];
  /** What came instead of an answer. */
  said: string | null;
}

/** Exit code after Ctrl-C: 128 + SIGINT, as shells count. */
const interruptedExitCode = 130;
const silentExitCode = 69;

const examples = `
The target must be an address inside policy.ranges, or a host name of a site. The system's ping sends the requests.
Only this command and the platform's task "ping" send ICMP.

Examples:
  opendca ping 10.1.0.7
  opendca ping printer.example --count 1 --json

Exit codes: 0 it answers, 64 wrong usage, 69 it does not, 77 outside the configuration or not permitted, 78 bad
configuration, 130 interrupted.
`;

/** Adds the command to the program. */
export function addPingCommand(program: Command, host: Host, setExitCode: (code: number) => void): void {
  program.command("ping").description("test whether a configured address answers ICMP echo")
    .argument("<target>", "an address or a host name of the configuration")
    .option("--count <number>", "number of echo requests, one per second", integer(1, 10), 4)
    .option("--json", "print JSON")
    .option("--config <file>", "configuration file (default: $OPENDCA_CONFIG, /etc/opendca/agent.yaml)")
    .addHelpText("after", examples)
    .action(async (target: string, options: PingOptions) => setExitCode(await runPing(target, options, host)));
}

async function runPing(target: string, options: PingOptions, host: Host): Promise<number> {
  // The code of tasks is loaded only where it is used, so that `scan` starts at once.
  const { isPingTarget, maybePingAddress, mayPing } = await import("../tasks/ping_task.ts");
  if (!isPingTarget(target)) {
    throw new UsageError(
      `Cannot ping as this is neither an address nor a host name: current value is "${target}"`,
      "name one: opendca ping 10.1.0.7",
    );
  }
  const { config } = await effectiveConfig(options.config, host);
  if (!mayPing(config, target)) {
    throw new NotPermittedError(
      `Cannot ping ${target} as it is outside what "${config.file}" configures`,
      "add the address to a site's ranges and to policy.ranges, or the name to a site's hosts and to policy.hosts",
    );
  }
  const address = await maybePingAddress(target, {
    config,
    resolve: createHostNames(host).resolve,
  });
  if (address === undefined) {
    throw new UnavailableError(
      `Cannot ping ${target} as it has no permitted address`,
      "check the name, and policy.exclude",
    );
  }
  const stop = new AbortController();
  const stopListening = host.onInterrupt(() => stop.abort());
  try {
    const answer = await host.agentMachine().ping(address, { count: options.count, signal: stop.signal });
    const { roundTripMs, said = null } = answer;
    const result = { target, address, sent: options.count, received: roundTripMs.length, roundTripMs, said };
    await host.stdout.write(options.json === true ? `${JSON.stringify(result, null, 2)}\n` : pingText(result));
    return result.received > 0 ? 0 : silentExitCode;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    return interruptedExitCode;
  } finally {
    stopListening();
  }
}

function pingText({ target, address, sent, received, roundTripMs, said }: PingResult): string {
  const name = safeText(target === address ? address : `${target} (${address})`);
  if (received === 0) {
    return `${name}: no answer to ${sent} echo request${sent === 1 ? "" : "s"}\n` +
      (said === null ? "" : `ping says: ${safeText(said)}\n`) +
      `Some printers do not answer ICMP; opendca doctor --printer ${address} tests SNMP.\n`;
  }
  const ms = (value: number) => value < 10 ? value.toFixed(2) : value.toFixed(0);
  const average = roundTripMs.reduce((sum, value) => sum + value, 0) / received;
  const times = received === 1
    ? `${ms(average)} ms`
    : `${ms(average)} ms on average, ${ms(Math.min(...roundTripMs))} to ${ms(Math.max(...roundTripMs))} ms`;
  return `${name}: ${received} of ${sent} answered, ${times}\n`;
}
