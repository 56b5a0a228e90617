/** `opendca status`: what the agent is and does, from its state directory alone. */
import type { Command } from "commander";
import { activationStore, likelyStateDirectory } from "../activation/store_options.ts";
import { readStatus } from "../agent/read_status.ts";
import { configPath } from "../config/read_config.ts";
import { safeText, visibleText } from "../core/safe_text.ts";
import { visibleJson } from "../core/visible_json.ts";
import type { Host } from "./host.ts";
import { renderStatus } from "./status_text.ts";

const examples = `
Examples:
  opendca status
  opendca status --json | jq .state

States: running, stopped, crashed (it ended without saying so), unresponsive (it runs and says nothing), not-activated,
revoked, locked, foreign (the state directory comes from another machine).
Exit codes: 0 the state could be told, 77 it may not be read by this user.
`;

/** Adds the command to the program. It works on a locked agent, and needs no sound configuration. */
export function addStatusCommand(program: Command, host: Host): void {
  program.command("status").description("show whether the agent runs, reaches the platform and has readings waiting")
    .option("--json", "print JSON")
    .option("--config <file>", "configuration file (default: $OPENDCA_CONFIG, /etc/opendca/agent.yaml)")
    .addHelpText("after", examples)
    .action(async (options: { json?: boolean; config?: string }) => {
      const directory = await likelyStateDirectory(configPath(options.config, host.env), host);
      await noteAbsentFile(options.config, { directory, host });
      const store = await activationStore(directory, host.env);
      const status = await readStatus(store, { ...host, ...host.agentMachine() });
      if (options.json === true) return await host.stdout.write(`${visibleJson(status, 2)}\n`);
      const lines = renderStatus(status, host.clock.now());
      await host.stdout.write(lines.map((line) => `${visibleText(line)}\n`).join(""));
    });
}

/** A configuration that is named and not there would otherwise look like an agent that was never activated. */
async function noteAbsentFile(path: string | undefined, at: { directory: string; host: Host }): Promise<void> {
  if (path === undefined) return;
  const isThere = await at.host.readTextFile(path).then(() => true, () => false);
  if (isThere) return;
  await at.host.stderr.write(`${safeText(`note: cannot read "${path}", so this is of "${at.directory}"`)}\n`);
}
