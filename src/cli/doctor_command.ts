/** `opendca doctor`: checks the chain, and reports each fault and what to do. */
import type { Command } from "commander";
import { activationStore } from "../activation/store_options.ts";
import { readStatus } from "../service/read_status.ts";
import { configPath } from "../config/config_path.ts";
import { UsageError } from "../../common/core/errors.ts";
import { doctorExitCode, stepNames } from "../doctor/doctor_step.ts";
import type { PrinterOptions } from "../doctor/check_printer.ts";
import { renderDoctorJson, renderFaults, renderStep } from "../doctor/render_doctor.ts";
import { safeText } from "../../common/core/safe_text.ts";
import { parseTargetSpec, type TargetSpec, TargetSyntaxError } from "../targets/target_spec.ts";
import { credentialPlan } from "./credential_plan.ts";
import { createHostNames } from "../targets/host_names.ts";
import type { Host } from "./host.ts";
import { readOptions } from "./scan_options.ts";
import { screenOptions } from "./screen.ts";

interface DoctorCommandOptions {
  config?: string;
  printer?: string;
  credentials?: string;
  community?: string[];
  timeout: number;
  retries: number;
  json?: boolean;
}

/** Timeout of each step on the way to the platform. */
const stepTimeoutMs = 10_000;

const examples = `
Steps: ${stepNames.join(", ")}.

Examples:
  opendca doctor
  opendca doctor --printer 10.1.0.7
  opendca doctor --printer 10.1.0.7 --credentials snmp.yaml
  opendca doctor --json | jq .faults

A printer can be tested without configuration and activation. docs/doctor.md explains each fault.
Exit codes: 0 nothing failed, 64 wrong usage, 69 cannot be reached, 77 not permitted, 78 bad configuration.
`;

/** Adds the command to the program. */
export function addDoctorCommand(program: Command, host: Host, setExitCode: (code: number) => void): void {
  program.command("doctor")
    .description("test each step from here to the platform and to a printer")
    .option("--config <file>", "configuration file (default: $OPENDCA_CONFIG, /etc/opendca/agent.yaml)")
    .option("--printer <address[:port]>", "also test this printer over SNMP")
    .addOption(readOptions.credentials())
    .addOption(readOptions.community())
    .addOption(readOptions.timeout())
    .addOption(readOptions.retries())
    .option("--json", "print one JSON document")
    .addHelpText("after", examples)
    .action(async (options: DoctorCommandOptions) => setExitCode(await doctor(options, host)));
}

async function doctor(options: DoctorCommandOptions, host: Host): Promise<number> {
  const printer = await printerOf(options, host);
  const json = options.json === true;
  const screen = { ...screenOptions(host), width: host.stdout.isTerminal ? host.stdout.columns() : Infinity };
  const startedAt = host.clock.now();
  // The progress line is overwritten by the finished step, which only works on a terminal.
  const busy = host.stderr.isTerminal && host.stdout.isTerminal && !json;
  const clear = "\r\x1b[K";
  // gRPC and certificates are loaded only where they are used, so that `scan` starts at once.
  const { runDoctor } = await import("../doctor/run_doctor.ts");
  const steps = await runDoctor({
    configFile: configPath(options.config, host.env),
    configIsNamed: options.config !== undefined || (host.env("OPENDCA_CONFIG") ?? "") !== "",
    printer,
    stepTimeoutMs,
  }, {
    clock: host.clock,
    env: host.env,
    readTextFile: host.readTextFile,
    resolve: createHostNames(host).resolve,
    activationStore: (directory) => activationStore(directory, host.env),
    machine: await host.doctorMachine(),
    readStatus: (store) => readStatus(store, { ...host, ...host.agentMachine() }),
    async onBusy(what) {
      if (busy) await host.stderr.write(`${clear}  ${safeText(what, Math.max(20, host.stderr.columns() - 6))} …`);
    },
    async onStep(step) {
      if (busy) await host.stderr.write(clear);
      if (!json) await host.stdout.write(renderStep(step, screen));
    },
  });
  const finishedAt = host.clock.now();
  await host.stdout.write(json ? renderDoctorJson(steps, { startedAt, finishedAt }) : renderFaults(steps, screen));
  return doctorExitCode(steps);
}

async function printerOf(options: DoctorCommandOptions, host: Host): Promise<PrinterOptions | null> {
  const { printer: text, credentials, community } = options;
  if (text === undefined) {
    if (credentials === undefined && community === undefined) return null;
    throw new UsageError(
      `Cannot use --${community === undefined ? "credentials" : "community"} without a printer`,
      "add --printer ADDRESS",
    );
  }
  const hasPlan = credentials !== undefined || community !== undefined;
  return {
    spec: printerSpec(text),
    text,
    plan: hasPlan ? await credentialPlan(options, host) : null,
    timeoutMs: options.timeout,
    retries: options.retries,
  };
}

function printerSpec(text: string): TargetSpec {
  let spec: TargetSpec;
  try {
    spec = parseTargetSpec(text);
  } catch (error) {
    if (!(error instanceof TargetSyntaxError)) throw error;
    throw new UsageError(`Cannot use --printer as ${error.reason}: current value is "${text}"`, error.hint);
  }
  if (spec.kind === "name" || (!spec.isBlock && spec.range.first === spec.range.last)) return spec;
  throw new UsageError(
    `Cannot use --printer as it is more than one address: current value is "${text}"`,
    "name one printer; opendca scan reads many",
  );
}
