import { type Command, Option } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import {
  closeSession,
  listSessions,
  longestSessionMs,
  type SessionState,
  sessionStates,
  type ShownSession,
  showSession,
} from "../../access/manage_sessions.ts";
import { extendSession } from "../../access/extend_session.ts";
import { askForSession } from "../../access/approvals.ts";
import { setLegacyTls, showLegacyTls } from "../../access/legacy_tls_permission.ts";
import { createLink, listRequests, showsPages } from "../../access/web_sessions.ts";
import type { Scheme } from "../../access/sessions.ts";
import type { OpenPlatform } from "../../agents/platform.ts";
import type { TenantBy } from "../../audit/use_case.ts";
import { askedAnswer } from "./approval_commands.ts";
import {
  type Answer,
  type CommandContext,
  customerOption,
  deviceHelp,
  timeOption,
  wholeNumber,
} from "./command_context.ts";
import type { Page } from "../../store/page.ts";
import { addPaging, oneMore, partAnswer, partFrom } from "./list_part.ts";
import { type Column, minuteText, oneLine, renderTable } from "./table.ts";
import { pollNoteOf } from "./wait_for_task.ts";

const columns: Column[] = [
  { heading: "SESSION" },
  { heading: "STATE" },
  { heading: "DEVICE" },
  { heading: "PORT" },
  { heading: "AGENT", optional: true },
  { heading: "BY", optional: true },
  { heading: "CREATED" },
  { heading: "REASON", note: true },
];

const logColumns: Column[] = [
  { heading: "AT" },
  { heading: "METHOD" },
  { heading: "PATH" },
  { heading: "STATUS" },
  { heading: "BYTES IN", optional: true },
  { heading: "BYTES OUT" },
  { heading: "MS" },
];

interface OpenFlags {
  port: number;
  https?: boolean;
  raw?: boolean;
  for: number;
  wait?: boolean;
}

interface ListFlags {
  agent?: string;
  state?: SessionState;
  /** Milliseconds. */
  since?: number;
}

/** `access open|list|show|link|log|extend|close|legacy-tls`. */
export function addAccessCommands(program: Command, context: CommandContext): void {
  const access = program.command("access").description("sessions with the web pages of devices, through their agents");

  access.command("open <device>").description("ask the device's agent for a session").option(...customerOption)
    .option("--port <number>", "TCP port of the device", wholeNumber("--port", { min: 1, max: 65_535 }), 80)
    .option("--https", "the port speaks HTTPS (default: of port 443)")
    .option("--raw", "bytes as they are; needed for ports 9100 and 631")
    .addOption(
      new Option("--for <time>", "how long it may last: 10m; a bare number is minutes")
        .argParser(timeOption("--for", { min: "1m", max: "30m", bareUnit: "m" })).default(longestSessionMs, "30m"),
    )
    .option("--wait", "show how far it is until it is open or has ended; exit code 0 if it is open")
    .action((device: string, flags: OpenFlags, command: Command) =>
      context.runForCustomer(command, (platform, by) => open(platform, by, { device, flags, context }))
    );
  addPaging(access.command("list").description("sessions, newest first").option(...customerOption), 1000)
    .option("--agent <agent>", "of one agent")
    .addOption(new Option("--state <state>", "only sessions in this state").choices(sessionStates))
    .addOption(
      new Option("--since <time>", "only sessions that were asked for within this time, such as 2h or 3d")
        .argParser(timeOption("--since", { min: "1m", max: "365d", bareUnit: "d" })),
    )
    .action(({ agent, state, since, ...page }: ListFlags & Page, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const filters = {
          agentId: agent,
          state,
          since: since === undefined ? undefined : new Date(context.host.clock.now().getTime() - since),
        };
        const isFiltered = [agent, state, since].some((filter) => filter !== undefined);
        const found = await listSessions(platform, by, { ...filters, ...oneMore(page) });
        const part = partFrom(found, page, "sessions");
        const { rows: sessions } = part;
        const cells = sessions.map((row) => [
          row.session_id,
          stateText(row),
          row.address === "" ? row.device_id : row.address,
          row.port,
          row.agent_id,
          row.opened_by,
          minuteText(row.created_at),
          row.reason,
        ]);
        return partAnswer(part, {
          json: sessions.map(jsonOf),
          empty: isFiltered ? "no such sessions" : "no sessions yet: opendca-platform access open DEVICE asks for one",
          table: (screen) => renderTable(columns, cells, screen),
        });
      })
    );
  access.command("show <session>").description("one session").option(...customerOption)
    .action((sessionId: string, _, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const row = await showSession(platform, by, { sessionId });
        return { json: jsonOf(row), text: textOf(row) };
      })
    );
  addBrowserCommands(access, context);
  addExtendCommand(access, context);
  access.command("close <session>").description("end a session").option(...customerOption)
    .option("--reason <text>", "why, for the audit log", "it was closed")
    .action((sessionId: string, { reason }: { reason: string }, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        await closeSession(platform, by, { sessionId, reason });
        return { json: { sessionId, state: "closed" }, text: `closed ${sessionId}\n` };
      })
    );
  addLegacyTlsCommand(access, context);
}

function addExtendCommand(access: Command, context: CommandContext): void {
  access.command("extend <session>").description("ask the agent to end an open session of your own later")
    .option(...customerOption)
    .action((sessionId: string, _, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const { taskId, agentId, endsAt } = await extendSession(platform, by, { sessionId });
        const note = await pollNoteOf(platform, by, agentId);
        return {
          json: { sessionId, taskId, endsAt: endsAt.toISOString() },
          text: `the agent was asked to end ${sessionId} at ${endsAt.toISOString()}\n`,
          next: `opendca-platform access show ${sessionId} shows its end${note === undefined ? "" : `; ${note}`}`,
        };
      })
    );
}

async function open(
  platform: OpenPlatform,
  by: TenantBy,
  { device, flags, context }: { device: string; flags: OpenFlags; context: CommandContext },
): Promise<Answer> {
  const { port } = flags;
  const opened = await askForSession(platform, by, { device, port, scheme: schemeOf(flags), lastsMs: flags.for });
  if ("requestId" in opened) return askedAnswer(opened);
  const { label: _, ...json } = opened, { sessionId } = opened;
  if (flags.wait === true) {
    const show = (line: string) => context.host.stderr(`${sessionId}: ${line}\n`);
    const row = await waitForSession(platform, by, { sessionId, show });
    if (row.state !== "open") {
      context.setExitCode(row.state === "refused" ? 77 : 69);
      const { state, reason } = row;
      return { json: { ...json, state, reason }, text: `${reason === null ? state : `${state}: ${reason}`}\n` };
    }
  }
  const hasPages = await showsPages(platform, by);
  const link = hasPages ? (await createLink(platform, by, { sessionId })).link : undefined;
  const then = opened.scheme === "raw" && link !== undefined ? `opendca-platform forward ${link}, on your machine` : "";
  const { agent_id } = await showSession(platform, by, { sessionId });
  const way = await pollNoteOf(platform, by, agent_id) ?? "the agent was asked";
  const asked = `${way}; opendca-platform access show ${sessionId} says how far it is`;
  const next = [flags.wait === true ? "" : asked, then].filter((text) => text !== "").join("; ");
  return {
    json: { ...json, ...(flags.wait === true ? { state: "open" } : {}), ...(link === undefined ? {} : { link }) },
    text: [sessionId, link].filter((line) => line !== undefined).map((line) => `${line}\n`).join(""),
    ...(next === "" ? {} : { next }),
  };
}

const lookEveryMs = 250;

/** The session when it is open or has ended before. `show` gets each new step, as far as the agent has said. */
async function waitForSession(
  platform: OpenPlatform,
  by: TenantBy,
  { sessionId, show }: { sessionId: string; show(line: string): Promise<void> },
): Promise<ShownSession> {
  const { agent_id } = await showSession(platform, by, { sessionId });
  const asked = await pollNoteOf(platform, by, agent_id) ?? "the agent was asked";
  let shown = "";
  for (;;) {
    const row = await showSession(platform, by, { sessionId });
    if (row.state !== "waiting") return row;
    const line = row.step === undefined ? asked : stateText(row);
    if (line !== shown) await show(shown = line);
    await new Promise<void>((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

function addLegacyTlsCommand(access: Command, context: CommandContext): void {
  access.command("legacy-tls <device>")
    .description("whether a gateway with --legacy-tls-helper may reach a device by TLS that is not safe")
    .option(...customerOption)
    .option("--allow", "from now on, also in sessions that are open")
    .option("--refuse", "not any more; the default")
    .addHelpText("after", `\n${deviceHelp}`)
    .action((device: string, { allow, refuse }: { allow?: boolean; refuse?: boolean }, command: Command) => {
      if (allow === true && refuse === true) {
        throw new UsageError("Cannot use --allow and --refuse together", "give one of them");
      }
      return context.runForCustomer(command, async (platform, by) => {
        const isAllowed = allow ?? (refuse === true ? false : undefined);
        const json = isAllowed === undefined
          ? await showLegacyTls(platform, by, { device })
          : await setLegacyTls(platform, by, { device, isAllowed });
        const { deviceId, allowed } = json;
        return { json, text: `legacy TLS is ${allowed ? "allowed" : "refused"} for ${deviceId}\n` };
      });
    });
}

function addBrowserCommands(access: Command, context: CommandContext): void {
  access.command("link <session>").description("a new link to it, for one browser or one forward").option(
    ...customerOption,
  )
    .action((sessionId: string, _, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const { link } = await createLink(platform, by, { sessionId });
        return { json: { sessionId, link }, text: `${link}\n` };
      })
    );
  addPaging(
    access.command("log <session>").description("requests of a session's browser, oldest first")
      .option(...customerOption),
    10_000,
  )
    .action((sessionId: string, page: Page, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const found = await listRequests(platform, by, { sessionId, ...oneMore(page) });
        const part = partFrom(found, page, "requests"), { rows: requests } = part;
        const cells = requests.map((row) => [
          row.at.toISOString(),
          row.method,
          row.path,
          row.status,
          row.bytesIn,
          row.bytesOut,
          row.ms,
        ]);
        return partAnswer(part, {
          json: requests.map(({ at, ...row }) => ({ ...row, at: at.getTime() })),
          empty: "no requests yet",
          table: (screen) => renderTable(logColumns, cells, screen),
        });
      })
    );
}

function schemeOf({ port, https, raw }: OpenFlags): Scheme {
  if (https === true && raw === true) {
    throw new UsageError("Cannot use --https and --raw together", "give one of them");
  }
  if (raw === true) return "raw";
  if (port === 9100 || port === 631) {
    throw new UsageError(
      `Cannot open port ${port} as a web page, as it prints what it gets`,
      `add --raw if that is what you want`,
    );
  }
  return https === true || port === 443 ? "https" : "http";
}

function jsonOf(row: ShownSession) {
  return {
    sessionId: row.session_id,
    state: row.state,
    step: row.step ?? null,
    reason: row.reason,
    deviceId: row.device_id,
    agentId: row.agent_id,
    taskId: row.task_id,
    address: row.address,
    port: row.port,
    scheme: row.scheme,
    openedBy: row.opened_by,
    approvedBy: row.approvedBy ?? null,
    createdAt: row.created_at,
    openedAt: row.opened_at,
    endsAt: row.ends_at,
    endedAt: row.ended_at,
    bytesToDevice: row.bytes_to_device,
    bytesFromDevice: row.bytes_from_device,
  };
}

const stepTexts: Record<string, string> = { waiting: "waiting for approval", checking: "checking the device" };

function stateText({ state, step }: ShownSession): string {
  return state === "waiting" && step !== undefined ? stepTexts[step] ?? step : state;
}

function textOf(row: ShownSession): string {
  const time = (ms: number | null) => ms === null ? "" : new Date(ms).toISOString();
  const lines: [string, string][] = [
    ["session", row.session_id],
    ["state", row.reason === null ? stateText(row) : `${row.state}: ${row.reason}`],
    ["device", row.address === "" ? row.device_id : `${row.device_id} at ${row.address}`],
    ["port", `${row.port} (${row.scheme})`],
    ["agent", row.agent_id],
    ["by", row.opened_by],
    ["approved", row.approvedBy === undefined ? "" : `by ${oneLine(row.approvedBy)}`],
    ["created", time(row.created_at)],
    ["opened", time(row.opened_at)],
    ["ends", time(row.ends_at)],
    ["ended", time(row.ended_at)],
    ["bytes", `${row.bytes_to_device} to the agent, ${row.bytes_from_device} from it`],
  ];
  return lines.filter(([, text]) => text !== "").map(([name, text]) => `${name.padEnd(9)} ${text}\n`).join("");
}
