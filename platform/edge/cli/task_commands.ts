import { type Command, Option } from "commander";
import { Task, TaskResult } from "../../../proto/gen/opendca/v1/task.ts";
import { configDocument } from "../../agents/agent_configs.ts";
import { askForTask } from "../../access/approvals.ts";
import { cancelTask, listTasks, type TaskPayload } from "../../tasks/manage_tasks.ts";
import type { OpenPlatform } from "../../agents/platform.ts";
import type { TenantBy } from "../../audit/use_case.ts";
import type { TaskRow } from "../../tasks/tasks.ts";
import { askedAnswer } from "./approval_commands.ts";
import { type CommandContext, customerOption, timeOption, wholeNumber } from "./command_context.ts";
import { readConfigFile } from "./config_file.ts";
import type { Page } from "../../store/page.ts";
import { addPaging, oneMore, partAnswer, partFrom } from "./list_part.ts";
import { type Column, minuteText, renderTable } from "./table.ts";
import { maybeTaskResult, taskOutcome } from "../../tasks/task_outcome.ts";
import { exitCodeOfTask, pollNoteOf, progressLine, waitForTask } from "./wait_for_task.ts";

const columns: Column[] = [
  { heading: "TASK" },
  { heading: "AGENT", optional: true },
  { heading: "KIND" },
  { heading: "STATE" },
  { heading: "CREATED" },
  { heading: "OUTCOME", note: true },
];

const hourMs = 3_600_000;

/** `task scan|read|ping|diagnostics|set-config|refresh-config|cancel|list`. */
export function addTaskCommands(program: Command, context: CommandContext): void {
  const task = program.command("task").description("send a task to an agent, at once by MQTT or with its next poll");

  async function create(command: Command, agentId: string, payload: TaskPayload): Promise<void> {
    const { validMinutes, wait } = command.opts<{ validMinutes: number; wait?: boolean }>();
    await context.runForCustomer(command, async (platform, by) => {
      const made = await askForTask(platform, by, { agentId, payload, validMs: validMinutes });
      if ("requestId" in made) return askedAnswer(made);
      const { taskId, kind, expiresAt } = made;
      const pollNote = await pollNoteOf(platform, by, agentId);
      if (wait) return await waited(platform, by, { taskId, pollNote });
      const next = `${pollNote ?? "the agent gets it at once by MQTT"}; opendca-platform task list shows its result`;
      return { json: { taskId, agentId, kind, expiresAt }, text: `${taskId}\n`, next };
    });
  }

  async function waited(
    platform: OpenPlatform,
    by: TenantBy,
    { taskId, pollNote }: { taskId: string; pollNote: string | undefined },
  ) {
    const show = (line: string) => context.host.stderr(`${taskId}: ${line}\n`);
    const row = await waitForTask(platform, by, { taskId, pollNote, show });
    context.setExitCode(exitCodeOfTask(row.state));
    const result = maybeTaskResult(row);
    const outcome = result === undefined ? "" : taskOutcome(result);
    return {
      json: shownTask(row, { result, now: context.host.clock.now().getTime() }),
      text: `${row.state}${outcome === "" ? "" : `: ${outcome}`}\n`,
    };
  }

  function kind(usage: string, description: string): Command {
    return task.command(usage).description(description).option(...customerOption).addOption(
      new Option("--valid-minutes <time>", "not run later than this: 90m, 2h; a bare number is minutes")
        .argParser(timeOption("--valid-minutes", { min: "1m", max: "7d", bareUnit: "m" })).default(hourMs, "60m"),
    ).option("--wait", "show how far it is until it has ended; exit code 0 if it succeeded");
  }

  kind("scan <agent>", "read devices now")
    .option("--network <name>", "one network of the agent, as its file calls it under sites (default: all)")
    .option("--target <target...>", "addresses, ranges or host names inside the configured ones")
    .option("--known", "only known devices, without a discovery scan")
    .action((agentId: string, options: { network?: string; target?: string[]; known?: boolean }, command: Command) =>
      create(command, agentId, {
        $case: "scanNow",
        value: { site: options.network ?? "", targets: options.target ?? [], knownDevicesOnly: options.known ?? false },
      })
    );
  kind("read <agent> <target>", "read one device now, by its address or host name")
    .action((agentId: string, target: string, _, command: Command) =>
      create(command, agentId, {
        $case: "scanNow",
        value: { site: "", targets: [target], knownDevicesOnly: false },
      })
    );
  kind("refresh-config <agent>", "have the agent read its file again, and ask for the platform's part")
    .action((agentId: string, _, command: Command) => create(command, agentId, { $case: "refreshConfig", value: {} }));
  kind("ping <agent> <target>", "send ICMP echoes to one address inside the configured ranges")
    .option("--count <number>", "echoes", wholeNumber("--count", { min: 1, max: 10 }), 4)
    .action((agentId: string, target: string, options: { count: number }, command: Command) =>
      create(command, agentId, { $case: "ping", value: { target, count: options.count } })
    );
  kind("diagnostics <agent>", "collect logs and state, without secrets")
    .addOption(
      new Option("--log-hours <time>", "how much of the log, in whole hours: 12h, 3d; a bare number is hours")
        .argParser(timeOption("--log-hours", { min: "1h", max: "30d", bareUnit: "h" })).default(24 * hourMs, "24h"),
    )
    .action((agentId: string, options: { logHours: number }, command: Command) =>
      create(command, agentId, { $case: "diagnostics", value: { logHours: Math.ceil(options.logHours / hourMs) } })
    );
  kind("set-config <agent>", "replace the platform's part of the configuration at once")
    .requiredOption("--file <file>", "JSON of a PlatformConfig, - for standard input: see docs/protocol.md")
    .action(async (agentId: string, options: { file: string }, command: Command) => {
      const config = configDocument(await readConfigFile(context.host, options.file));
      await create(command, agentId, { $case: "setConfig", value: { config } });
    });
  addCancelCommand(task, context);
  addListCommand(task, context);
}

function addCancelCommand(task: Command, context: CommandContext): void {
  task.command("cancel <task>").description("stop a task, whether it waits or runs").option(...customerOption)
    .action((taskId: string, _, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const { state, cancelTaskId } = await cancelTask(platform, by, { taskId });
        const next = state === "cancelled"
          ? undefined
          : "opendca-platform task list shows when the agent has stopped it";
        return {
          json: { taskId, state, cancelTaskId },
          text: state === "cancelled" ? "cancelled\n" : "the agent is asked to stop it\n",
          ...(next === undefined ? {} : { next }),
        };
      })
    );
}

function addListCommand(task: Command, context: CommandContext): void {
  addPaging(task.command("list").description("tasks and their results, newest first").option(...customerOption), 1000)
    .option("--agent <agent>", "of one agent")
    .action(({ agent: agentId, ...page }: { agent?: string } & Page, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const part = partFrom(await listTasks(platform, by, { agentId, ...oneMore(page) }), page, "tasks");
        const { rows } = part;
        const now = context.host.clock.now().getTime();
        const results = rows.map((row) => ({ row, result: maybeTaskResult(row) }));
        const shown = results.map(({ row, result }) => shownTask(row, { result, now }));
        const cells = shown.map(({ taskId, agentId, command, state, createdAt, message }, i) => {
          const result = results[i]!.result;
          const outcome = result === undefined
            ? message
            : state === "running" && result.progress !== undefined
            ? progressLine(rows[i]!)
            : taskOutcome(result);
          return [taskId, agentId, command, state, minuteText(createdAt), outcome];
        });
        return partAnswer(part, {
          json: shown,
          empty: "no tasks yet: opendca-platform task --help lists the tasks",
          table: (screen) => renderTable(columns, cells, screen),
        });
      })
    );
}

const commands: Readonly<Record<string, string>> = {
  ping: "ping",
  diagnostics: "diagnostics",
  setConfig: "set-config",
  cancelTask: "cancel",
  refreshConfig: "refresh-config",
  openWebAccess: "access open",
  extendWebAccess: "access extend",
};

/* As it is typed: to read one device is a scan of one target, which is no range. */
function commandOf({ kind, task }: Pick<TaskRow, "kind" | "task">): string {
  if (kind !== "scanNow") return commands[kind] ?? kind;
  const { payload } = Task.decode(task);
  const { site, targets, knownDevicesOnly } = payload?.$case === "scanNow" ? payload.value : { targets: [] };
  const isRead = targets.length === 1 && site === "" && !knownDevicesOnly && !isRange.test(targets[0]!);
  return isRead ? "read" : "scan";
}

const isRange = /\/|^[\d.:a-f]+-[\d.:a-f]+$/i;

function shownTask(row: TaskRow, { result, now }: { result: TaskResult | undefined; now: number }) {
  // An agent that is offline has not received it.
  const isOver = (row.state === "waiting" || row.state === "delivered") && row.expires_at <= now;
  return {
    taskId: row.task_id,
    agentId: row.agent_id,
    kind: row.kind,
    command: commandOf(row),
    state: isOver ? "expired" : row.state,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    changedAt: row.changed_at,
    message: row.message,
    result: result === undefined ? null : TaskResult.toJSON(result),
  };
}
