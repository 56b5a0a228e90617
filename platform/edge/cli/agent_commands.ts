import type { Command } from "commander";
import { type AgentRow, configRefusalsOf } from "../../agents/agents.ts";
import { type BrokerSeen, isOnline, offlineSince } from "../../agents/presence.ts";
import { listAgents, listLedgerHeads, revokeAgent, setAgentConfig, showAgent } from "../../agents/manage_agents.ts";
import { spanOf } from "../../../common/core/clock.ts";
import { AgentStatus } from "../../../proto/gen/opendca/v1/agent_service.ts";
import { PlatformConfig } from "../../../proto/gen/opendca/v1/config.ts";
import { checkedReason, type CommandContext, customerOption } from "./command_context.ts";
import { agentCounts, isLate, maybeAgentNote } from "../../agents/agent_health.ts";
import { readConfigFile } from "./config_file.ts";
import type { Page } from "../../store/page.ts";
import { addPaging, partAnswer, partOf } from "./list_part.ts";
import { addQuotaCommand } from "./quota_command.ts";
import { phaseName } from "./release_commands.ts";
import { toldOf } from "../../releases/offer_update.ts";
import { held } from "../../releases/release_for.ts";
import { addUpdateCommand } from "./update_command.ts";
import { ageText, type Column, hasRoom, renderFacts, renderTable, type Screen, timeText } from "./table.ts";

const columns = (screen: Screen): Column[] => [
  { heading: "AGENT" },
  { heading: "STATE" },
  { heading: "SITE", shrink: 8 },
  { heading: "HOST", shrink: 8 },
  { heading: "VERSION", optional: true },
  { heading: "UPDATE", optional: true },
  { heading: "DEVICES" },
  { heading: hasRoom(screen) ? "LAST SEEN" : "SEEN AGO" },
  { heading: "MQTT", optional: true },
  { heading: "NOTE", note: true },
];

/** `agent list|show|ledger-heads|quota|update|revoke|configure`. */
export function addAgentCommands(program: Command, context: CommandContext): void {
  const agent = program.command("agent").description("agents of a customer");
  addAgentLists(agent, context);
  addAgentChanges(agent, context);
}

function addAgentLists(agent: Command, context: CommandContext): void {
  addPaging(agent.command("list").description("all agents").option(...customerOption))
    .option("--site <site>", "only those of one site: its id or name")
    .option("--silent", "only agents that did not report for three polls")
    .action((options: { site?: string; silent?: boolean } & Page, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const now = context.host.clock.now().getTime();
        const all = await listAgents(platform, by, options);
        const found = options.silent ? all.filter((row) => isLate(row, now)) : all;
        const { rows, shown, next } = partOf(found, options, "agents");
        return {
          note: shown,
          ...(next === undefined ? {} : { next }),
          json: rows.map((row) => ({ ...shownAgent(row), note: maybeAgentNote(row, now) })),
          text: (screen) => {
            if (rows.length === 0 && shown !== undefined) return `${shown}\n`;
            if (all.length > 0 && rows.length === 0) return `${agentCounts(all, now)}, none silent\n`;
            if (rows.length === 0) {
              if (options.site !== undefined) return "no agents at this site\n";
              return "no agents yet: opendca-platform code create makes a code for opendca activate on the agent's machine\n";
            }
            const cells = rows.map((row) => [
              row.agent_id,
              stateOf(row),
              row.site_name,
              row.hostname,
              row.version,
              updateCell(row),
              row.devices,
              hasRoom(screen) ? timeText(row.last_seen_at) : ageText(row.last_seen_at, now),
              row.mqtt_online_at === null ? null : isOnline(row, now) ? "connected" : "no",
              maybeAgentNote(row, now),
            ]);
            const of = shown === undefined ? "" : `${shown}; `;
            return `${renderTable(columns(screen), cells, screen)}${of}${agentCounts(found, now)}\n`;
          },
        };
      })
    );
  agent.command("show <agent>").description("the agent's status and configuration")
    .option(...customerOption)
    .action((agentId: string, _, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const { row, config } = await showAgent(platform, by, { agentId });
        const shown = {
          ...shownAgent(row),
          platformConfig: config === undefined ? null : PlatformConfig.toJSON(PlatformConfig.decode(config.content)),
          effectiveConfig: row.effective_config,
        };
        const now = context.host.clock.now().getTime();
        return {
          json: { ...shown, note: maybeAgentNote(row, now) },
          text: (screen) => agentText(row, { screen, now }),
        };
      })
    );
  addPaging(
    agent.command("ledger-heads <agent>")
      .description("ledger heads as the agent reported them, latest first: compare with `opendca ledger --verify`")
      .option(...customerOption),
  )
    .action((agentId: string, page: Page, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const part = partOf(await listLedgerHeads(platform, by, { agentId }), page, "ledger heads"), { rows } = part;
        const cells = rows.map((row) => [
          row.number,
          row.hash.slice(0, 32),
          timeText(row.first_told_at),
          row.rewound === null ? null : "yes",
        ]);
        return partAnswer(part, {
          json: rows,
          empty: "no ledger head yet: the agent reports one with each poll",
          table: (screen) => renderTable(["ENTRY", "HASH", "FIRST TOLD", "REWOUND"], cells, screen),
        });
      })
    );
}

function addAgentChanges(agent: Command, context: CommandContext): void {
  addQuotaCommand(agent, context, "agent");
  addUpdateCommand(agent, context, "agent");
  agent.command("revoke <agent>").description("refuse the agent until it is activated again")
    .option(...customerOption)
    .requiredOption("--reason <text>", "why, for the audit log", checkedReason)
    .action((agentId: string, options: { reason: string }, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        await revokeAgent(platform, by, { agentId, reason: options.reason });
        return {
          json: { agentId, state: "revoked" },
          text: `${agentId} revoked\n`,
          next: "a new code brings its machine back: opendca-platform code create",
        };
      })
    );
  agent.command("configure <agent>").description("set the platform's part of the agent's configuration")
    .option(...customerOption)
    .requiredOption("--file <file>", "JSON of a PlatformConfig, - for standard input: see docs/protocol.md")
    .action(async (agentId: string, options: { file: string }, command: Command) => {
      const config = await readConfigFile(context.host, options.file);
      await context.runForCustomer(command, async (platform, by) => {
        const hash = await setAgentConfig(platform, by, { agentId, config });
        return { json: { agentId, hash }, text: `${hash}\n` };
      });
    });
}

function shownAgent(row: AgentRow) {
  const { status, effective_config: _, config_refusals: __, update_told: ___, ...rest } = row;
  const configRefusals = configRefusalsOf(row);
  return { ...rest, configRefusals, status: status === null ? null : AgentStatus.toJSON(AgentStatus.decode(status)) };
}

function stateOf(row: AgentRow): string {
  const doubts = [
    ...(row.suspected_clone_at === null ? [] : ["copied?"]),
    ...(row.ledger_rewound_at === null ? [] : ["ledger?"]),
  ];
  return row.state === "active" ? ["active", ...doubts].join(", ") : row.state;
}

function agentText(row: AgentRow & BrokerSeen, { screen, now }: { screen: Screen; now: number }): string {
  const status = row.status === null ? undefined : AgentStatus.decode(row.status);
  const lines: [string, string | number | null | undefined][] = [
    ["Agent", row.agent_id],
    ["State", stateOf(row)],
    ["Note", maybeAgentNote(row, now)],
    ["Copied", row.suspected_clone_reason],
    ["Ledger", row.ledger_rewound_reason === null ? null : `rewound: ${row.ledger_rewound_reason}`],
    ["Revoked", row.revoked_reason],
    ["Host", row.hostname],
    ["Version", row.version],
    ["Update", updateText(row, status)],
    ["Installation", row.installation_id],
    ["Last seen", timeText(row.last_seen_at)],
    ["MQTT", mqttText(row, now)],
    ["Clock", clockText(row, status)],
    ["Known devices", status?.knownDevices],
    ["In the spool", status === undefined ? undefined : `${status.spooledRecords} records, ${status.spoolBytes} bytes`],
    ["Refused", status?.quarantinedBatches ? `${status.quarantinedBatches} records are in its quarantine` : null],
    ["Ledger head", status?.ledgerHead === undefined ? null : `entry ${status.ledgerHead.number}`],
    ...configRefusalsOf(row).map((refusal): [string, string] => ["Refused", refusal]),
    ...(status?.faults ?? []).map(({ code, message }): [string, string] => ["Fault", `${code}: ${message}`]),
  ];
  return renderFacts(lines, screen);
}

/** Short, for lists: `0.2.0 waiting`; null if there is nothing to say. */
function updateCell(row: AgentRow): string | null {
  const told = toldOf(row.update_told);
  if (told !== undefined) return `${told.version} ${phaseName(told.phase)}`;
  return row.update_offered === null ? null : `${row.update_offered} offered`;
}

/** What it said of its last update, and what it is to have; null where there is neither. */
function updateText(row: AgentRow, status: AgentStatus | undefined): string | null {
  const { update_pin: pin } = row, cell = updateCell(row), message = toldOf(row.update_told)?.message ?? "";
  const since = status?.update?.since;
  const parts = [
    ...(cell === null ? [] : [
      `${cell}${since === undefined ? "" : ` since ${timeText(since.getTime())}`}${
        message === "" ? "" : `: ${message}`
      }`,
    ]),
    ...(pin === null ? [] : [pin === held ? "offered none" : `pinned to ${pin}`]),
    ...(status !== undefined && status.updateTarget === "" ? ["it cannot update itself"] : []),
  ];
  return parts.length === 0 ? null : parts.join("; ");
}

/** The broker connection in words; null if the agent was never connected. */
function mqttText(row: AgentRow & BrokerSeen, now: number): string | null {
  if (row.mqtt_online_at === null) return null;
  if (isOnline(row, now)) return `connected since ${timeText(row.mqtt_online_at)}`;
  const since = offlineSince(row);
  return `not connected${since === null ? "" : ` since ${timeText(since)}`}`;
}

/** Tolerance for the duration of a poll. */
const clockToleranceMs = 60_000;

/** The error of the agent's clock at its last poll; null if it was right. */
function clockText({ last_seen_at }: AgentRow, status: AgentStatus | undefined): string | null {
  if (last_seen_at === null || status?.agentTime === undefined) return null;
  const aheadMs = status.agentTime.getTime() - last_seen_at;
  if (Math.abs(aheadMs) < clockToleranceMs) return null;
  return `${spanOf(Math.abs(aheadMs))} ${aheadMs > 0 ? "ahead" : "behind"}`;
}
