/** `opendca run`: runs the agent as a service until it is asked to stop. */
import { type Command, Option } from "commander";
import { activationStore } from "../activation/store_options.ts";
import type { AgentEnd } from "../compose.ts";
import type { AgentConfig } from "../config/agent_config.ts";
import { configPath } from "../config/config_path.ts";
import { readAgentConfig } from "../config/read_config.ts";
import type { Host } from "./host.ts";
import { version } from "./version.ts";

const help = `
It polls the platform, discovers and reads printers on schedule, stores readings while the platform is unreachable, and
delivers each exactly once. The configuration is read again when its file changes or on SIGHUP; if the file has mistakes,
the old one stays in effect. Ctrl-C and SIGTERM stop it normally.

Examples:
  opendca run
  opendca run --config agent.yaml
  opendca run --log-format json
  opendca run --verbose --color always

Exit codes: 0 stopped, 69 a file cannot be written, or a database was damaged in use, 70 a bug, 77 not
activated, revoked, locked or running already, 78 bad configuration.
`;

/** Adds the command to the program. */
export function addRunCommand(program: Command, host: Host): void {
  program.command("run").description("run the agent until it is stopped")
    .option("--config <file>", "configuration file (default: $OPENDCA_CONFIG, /etc/opendca/agent.yaml)")
    .addOption(
      new Option(
        "--log-format <format>",
        "log format on standard output, instead of the file's; auto is text on a terminal",
      )
        .choices(["auto", "text", "json"]),
    )
    .addHelpText("after", help)
    .action((options: RunOptions) => runAgent(configPath(options.config, host.env), options, host));
}

/** Throws unless this file is what the release keys signed; a development build only says what it is. */
async function refuseAltered(host: Host): Promise<void> {
  const path = host.executable?.();
  if (path === undefined) return;
  const { verifyOwnFile } = await import("../../common/release/verify_file.ts");
  const { kind } = verifyOwnFile({ path, product: "opendca", version });
  if (kind === "development") await host.stderr.write("note: this is a development build, which is not signed\n");
}

interface RunOptions {
  config?: string;
  logFormat?: AgentConfig["log"]["format"];
}

async function runAgent(path: string, options: RunOptions, host: Host): Promise<void> {
  await refuseAltered(host);
  const interrupted = Promise.withResolvers<{ kind: "interrupted" }>();
  const stopListening = host.onInterrupt(() => interrupted.resolve({ kind: "interrupted" }));
  try {
    let config: AgentConfig | undefined = await readAgentConfig(path, host);
    while (config !== undefined) {
      config = nextConfig(await runOnce(config, options, { host, interrupted: interrupted.promise }));
    }
  } finally {
    stopListening();
  }
}

type RunEnd = AgentEnd | { kind: "interrupted" };

async function runOnce(
  config: AgentConfig,
  { logFormat }: RunOptions,
  { host, interrupted }: { host: Host; interrupted: Promise<RunEnd> },
): Promise<RunEnd> {
  host.requireDescriptors?.();
  // gRPC and certificates are loaded only where they are used, so that `scan` starts at once.
  const { startAgent } = await import("../compose.ts");
  await using agent = await startAgent({
    config,
    store: activationStore(config.stateDirectory, host.env),
    machine: { ...host, ...host.agentMachine() },
    version,
    log: {
      ...(logFormat === undefined ? {} : { format: logFormat }),
      ...(host.options?.verbose === true ? { level: "debug" } : {}),
      ...(host.options === undefined ? {} : { color: host.options.color }),
    },
  });
  return await Promise.race([agent.ended, interrupted]);
}

function nextConfig(end: RunEnd): AgentConfig | undefined {
  if (end.kind === "restart") return end.config;
  if (end.kind === "interrupted") return undefined;
  throw end.error;
}
