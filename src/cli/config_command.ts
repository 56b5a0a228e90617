/** `opendca config check` and `opendca config show`. */
import type { Command } from "commander";
import { fileLoad } from "../service/site_load.ts";
import type { AgentConfig } from "../config/agent_config.ts";
import { configPath } from "../config/config_path.ts";
import { readAgentConfig } from "../config/read_config.ts";
import { renderConfigJson, renderConfigText } from "../config/render_config.ts";
import { type CapacityFinding, judgeCapacity } from "../schedule/capacity.ts";
import { safeText, visibleText } from "../../common/core/safe_text.ts";
import { withPlatformPart } from "./effective_config.ts";
import type { Host } from "./host.ts";

interface ConfigOptions {
  config?: string;
  json?: boolean;
}

const configOption = [
  "--config <file>",
  "configuration file (default: $OPENDCA_CONFIG, /etc/opendca/agent.yaml)",
] as const;

const examples = `
Examples:
  opendca config check
  opendca config show --config agent.yaml
  opendca config show --json | jq '.settings[] | select(.source.kind != "default")'

Every key is described in docs/configuration.md. Exit codes: 0 done, 78 the file has mistakes.
`;

const checkExamples = `
Examples:
  opendca config check
  opendca config check --config agent.yaml

A warning names each site whose rate or allowed hours are too low for its addresses and intervals.
Exit codes: 0 the file is valid, 78 it has mistakes or cannot be read.
`;

const showExamples = `
Examples:
  opendca config show
  opendca config show --json | jq '.settings[] | select(.source.kind != "default")'

Settings of the platform that the policy refuses are printed on standard error.
Exit codes: 0 done, 78 the file has mistakes or cannot be read.
`;

/** Adds the command to the program. */
export function addConfigCommand(program: Command, host: Host): void {
  const command = program.command("config").description("check the agent's configuration, or show what is in effect")
    .addHelpText("after", examples);
  command.command("check").description("list every mistake of the file with line and fix")
    .option(...configOption)
    .addHelpText("after", checkExamples)
    .action(async (options: ConfigOptions) => {
      const config = await readConfig(options, host);
      await host.stdout.write(`${safeText(summaryOf(config))}\n`);
      for (const { message } of capacityOf(config, host.clock.now())) {
        await host.stderr.write(`warning: ${safeText(message)}\n`);
      }
    });
  command.command("show").description("print each value and its origin; secrets are redacted")
    .option(...configOption)
    .option("--json", "print JSON")
    .addHelpText("after", showExamples)
    .action(async (options: ConfigOptions) => {
      const { config, refusals } = await withPlatformPart(await readConfig(options, host), host);
      if (options.json === true) return await host.stdout.write(renderConfigJson(config));
      const lines = renderConfigText(config).split("\n");
      await host.stdout.write(lines.map((line) => visibleText(line, 10_000)).join("\n"));
      for (const refusal of refusals) await host.stderr.write(`refused: ${safeText(refusal)}\n`);
    });
}

function readConfig(options: ConfigOptions, host: Host): Promise<AgentConfig> {
  return readAgentConfig(configPath(options.config, host.env), host);
}

/** Capacity findings from the file alone: a valid file may still need more than its rate and hours allow. */
function capacityOf(config: AgentConfig, now: Date): CapacityFinding[] {
  return config.sites.flatMap((site) => judgeCapacity(fileLoad(site, config), { nowMs: now.getTime() }));
}

function summaryOf({ file, sites, platform, proxy }: AgentConfig): string {
  const [first] = platform.endpoints;
  const targets = sites.reduce((sum, site) => sum + site.ranges.length + site.hosts.length, 0);
  const by = proxy === null ? "" : ` by the proxy ${proxy.host}`;
  return `${file} is valid: ${count(sites.length, "site")} with ${count(targets, "target")}, reports to ${
    first!.host
  }${by}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
