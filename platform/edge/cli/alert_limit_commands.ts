import type { Command } from "commander";
import {
  alertLimits,
  type LimitName,
  limitNames,
  limitRanges,
  type LimitsOf,
  setAlertLimits,
  type ShownLimits,
} from "../../alerts/alert_limits.ts";
import type { Platform } from "../../agents/platform.ts";
import type { By } from "../../audit/use_case.ts";
import { type Answer, type CommandContext, customerOption, wholeNumber } from "./command_context.ts";
import { renderTable } from "./table.ts";

const flags: Record<LimitName, { flag: string; text: string }> = {
  lowPercent: { flag: "--low-percent", text: "percent at and below which a supply is low" },
  emptyDays: { flag: "--empty-days", text: "days within which a supply is expected to be empty" },
  silentDeviceDays: { flag: "--silent-device-days", text: "days that a device was not seen for" },
  silentAgentHours: { flag: "--silent-agent-hours", text: "hours without a report of an agent; 0: three missed polls" },
};

type Changes = { [Name in LimitName]?: number | null };

function addLimits(command: Command): Command {
  for (const name of limitNames) {
    const { flag, text } = flags[name], parse = wholeNumber(flag, limitRanges[name]);
    command.option(`${flag} <number>`, `${text}, or "inherit"`, (given) => given === "inherit" ? null : parse(given));
  }
  return command;
}

async function shown(platform: Platform, by: By, of: LimitsOf, options: Changes): Promise<Answer> {
  const changes = Object.fromEntries(limitNames.flatMap((name) => name in options ? [[name, options[name]]] : []));
  const isChange = Object.keys(changes).length > 0;
  const limits: ShownLimits = isChange
    ? await setAlertLimits(platform, by, { ...of, changes })
    : await alertLimits(platform, by, of);
  return {
    json: limits,
    text: (screen) =>
      renderTable(
        [{ heading: "LIMIT" }, { heading: "VALUE" }, { heading: "OWN" }],
        limitNames.map((name) => [
          flags[name].flag.slice(2),
          String(limits.effective[name]),
          limits.own[name] === undefined ? "inherited" : "own",
        ]),
        screen,
      ),
  };
}

/** `alert limits`: of a customer. */
export function addAlertLimitsCommand(alert: Command, context: CommandContext): void {
  addLimits(
    alert.command("limits").description("show or set from when on alerts of a customer are raised")
      .option(...customerOption),
  ).action((options: Changes, command: Command) =>
    context.runForCustomer(command, (platform, by) => shown(platform, by, { customer: by.tenant }, options))
  );
}

/** `dealer alert-limits`: of all customers of a dealer that have none of their own. */
export function addDealerLimitsCommand(dealer: Command, context: CommandContext): void {
  addLimits(
    dealer.command("alert-limits").argument("<dealer>", "id or name")
      .description("show or set from when on alerts of the customers of a dealer are raised"),
  ).action((name: string, options: Changes, command: Command) =>
    context.run(command, (platform, by) => shown(platform, by, { dealer: name }, options))
  );
}
