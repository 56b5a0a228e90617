import type { Command } from "commander";
import { messageOf } from "../../src/core/errors.ts";
import { safeText } from "../../src/core/safe_text.ts";
import type { OpenPlatform } from "../compose.ts";
import { listAgents } from "../store/agents.ts";
import { listCustomers } from "../store/customers.ts";
import { countDevices } from "../store/devices.ts";
import { isLate, maybeAgentNote } from "./agent_health.ts";
import type { CommandContext } from "./command_context.ts";
import { silentAfterMs } from "./device_view.ts";
import { jsonText } from "./json_text.ts";
import { oneLine, renderFacts } from "./table.ts";

interface AgentProblem {
  customer: string;
  site: string;
  agentId: string;
  hostname: string;
  /** It did not report for several polls. */
  silent: boolean;
  message: string;
}

export interface PlatformStatus {
  customers: number;
  agents: { active: number; silent: number; inDoubt: number; revoked: number };
  devices: { known: number; silent: number };
  problems: AgentProblem[];
}

/** `status`: what an operator should look at, over all customers. */
export function addStatusCommand(program: Command, context: CommandContext): void {
  program.command("status").description("agents that do not report or are in doubt, of all customers")
    .option("--check", "one line and an exit code for monitoring: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN")
    .addHelpText(
      "after",
      `
Silent is an agent that missed three polls. With --check an agent that is silent
or in doubt is a warning, and it is critical when all of them are silent, as
when the server does not run. It reads the store, not the server.`,
    )
    .action(async (options: { check?: boolean }, command: Command) => {
      if (options.check !== true) {
        return await context.run(command, (platform) => {
          const status = statusOf(platform, context.host.clock.now().getTime());
          return { json: status, text: (screen) => renderFacts(factsOf(status), screen) };
        });
      }
      let checked: { exitCode: number; line: string } | undefined;
      try {
        await context.run(command, (platform) => {
          const status = statusOf(platform, context.host.clock.now().getTime());
          const result = checked = checkOf(status);
          return { json: { ...status, check: result }, text: `${result.line}\n` };
        });
      } catch (error) {
        checked = { exitCode: 3, line: `OPENDCA-PLATFORM UNKNOWN - ${oneLine(messageOf(error)).replaceAll("|", "/")}` };
        const json = command.optsWithGlobals<{ json?: boolean }>().json === true;
        await context.host.stdout(json ? jsonText({ check: checked }) : `${checked.line}\n`);
      }
      context.setExitCode(checked!.exitCode);
    });
}

function statusOf({ store }: OpenPlatform, now: number): PlatformStatus {
  const customers = listCustomers(store);
  const agents = { active: 0, silent: 0, inDoubt: 0, revoked: 0 }, devices = { known: 0, silent: 0 };
  const problems: AgentProblem[] = [];
  for (const { customer_id, name } of customers) {
    const tenant = store.tenant(customer_id);
    const counted = countDevices(tenant, { silentSince: new Date(now - silentAfterMs) });
    devices.known += counted.known;
    devices.silent += counted.silent;
    for (const row of listAgents(tenant)) {
      if (row.state !== "active") {
        agents.revoked++;
        continue;
      }
      agents.active++;
      const silent = isLate(row, now);
      const doubts = [
        ...(row.suspected_clone_at === null ? [] : [`seems to run twice: ${row.suspected_clone_reason}`]),
        ...(row.ledger_rewound_at === null ? [] : [`its ledger was rewound: ${row.ledger_rewound_reason}`]),
      ];
      if (silent) agents.silent++;
      if (doubts.length > 0) agents.inDoubt++;
      const messages = [...(silent ? [maybeAgentNote(row, now)!] : []), ...doubts];
      if (messages.length === 0) continue;
      const { agent_id: agentId, site_name: site, hostname } = row;
      problems.push({ customer: name, site, agentId, hostname, silent, message: messages.join("; ") });
    }
  }
  return { customers: customers.length, agents, devices, problems };
}

function factsOf({ customers, agents, devices, problems }: PlatformStatus): [string, string | number][] {
  const agentParts = [
    `${agents.active} active`,
    ...(agents.silent > 0 ? [`${agents.silent} silent`] : []),
    ...(agents.inDoubt > 0 ? [`${agents.inDoubt} in doubt`] : []),
    ...(agents.revoked > 0 ? [`${agents.revoked} revoked`] : []),
  ];
  const next = customers === 0
    ? "opendca-platform customer create NAME"
    : agents.active + agents.revoked === 0
    ? "opendca-platform code create; then opendca activate on the agent's machine"
    : problems.length > 0
    ? "opendca-platform agent show AGENT --customer CUSTOMER"
    : "";
  return [
    ["customers", customers],
    ["agents", agentParts.join(", ")],
    ["devices", `${devices.known} known${devices.silent > 0 ? `, ${devices.silent} silent` : ""}`],
    ...problems.map((problem): [string, string] => ["problem", sentenceOf(problem)]),
    ["next", next],
  ];
}

function sentenceOf({ customer, site, agentId, hostname, message }: AgentProblem): string {
  return `${agentId} (${[customer, site, hostname].filter((text) => text !== "").join(", ")}) ${message}`;
}

/** Longer ones are cut by what reads it, with the numbers behind. */
const mostNamed = 5, mostText = 1000;

function checkOf({ agents, devices, problems }: PlatformStatus): { exitCode: 0 | 1 | 2; line: string } {
  const exitCode = agents.active > 0 && agents.silent === agents.active ? 2 : problems.length > 0 ? 1 : 0;
  const more = problems.length > mostNamed ? [`${problems.length - mostNamed} more`] : [];
  const text = problems.length === 0
    ? `${agents.active} agent${agents.active === 1 ? " reports" : "s report"}`
    : [...problems.slice(0, mostNamed).map(sentenceOf), ...more].join("; ");
  const numbers = `agents=${agents.active};;;0 silent=${agents.silent};0;;0 in_doubt=${agents.inDoubt};0;;0 ` +
    `devices=${devices.known};;;0 silent_devices=${devices.silent};;;0`;
  const word = ["OK", "WARNING", "CRITICAL"][exitCode];
  return { exitCode, line: `OPENDCA-PLATFORM ${word} - ${safeText(text, mostText).replaceAll("|", "/")} | ${numbers}` };
}
