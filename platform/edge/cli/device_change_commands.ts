import type { Command } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import { deviceHistory, mergeDevice, undoDeviceChange } from "../../devices/merge_device.ts";
import { type CommandContext, customerOption, deviceHelp } from "./command_context.ts";
import { changeCells, changeColumns, shownChange } from "./device_changes_table.ts";
import { minuteText, renderTable } from "./table.ts";

const reasonOption = ["--reason <text>", "why, for the history and the audit log", reasonText] as const;

/** `device merge|undo|history`. */
export function addDeviceChangeCommands(device: Command, context: CommandContext): void {
  device.command("merge <device> <other>")
    .description("two devices are one machine, such as before and after a new main board; the first keeps its id")
    .option(...customerOption).option(...reasonOption)
    .addHelpText("after", "\nEach device: its id, or a unique address, serial number or host name.")
    .action((into: string, other: string, options: { reason?: string }, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const change = await mergeDevice(platform, by, { device: into, other, reason: options.reason });
        return {
          json: change,
          text: `${change.otherId} is part of ${change.deviceId} now: ${change.changeId}\n`,
          next: `opendca-platform device undo ${change.changeId} takes it back`,
        };
      })
    );
  device.command("undo <change>").description("take back a merge or a split")
    .option(...customerOption).option(...reasonOption)
    .addHelpText("after", "\nThe change: its id, as device history shows it.")
    .action((changeId: string, options: { reason?: string }, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const change = await undoDeviceChange(platform, by, { changeId, reason: options.reason });
        const text = change.kind === "merge"
          ? `${change.deviceId} and ${change.otherId} are two devices again\n`
          : `${change.deviceId} and ${change.otherId} are one device again\n`;
        return { json: change, text };
      })
    );
  device.command("history <device>").description("merges and splits of a device: what, when, who and why")
    .option(...customerOption)
    .addHelpText("after", `\n${deviceHelp}`)
    .action((text: string, _, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const history = await deviceHistory(platform, by, { device: text });
        const { deviceId, parts, changes } = history;
        return {
          json: { ...history, changes: changes.map(shownChange) },
          text: (screen) => {
            if (changes.length === 0) return `${deviceId} was never merged or split\n`;
            const cells = parts.map((part) => [
              part.deviceId,
              part.serial,
              minuteText(part.firstSeenAt),
              minuteText(part.lastSeenAt),
            ]);
            const table = parts.length === 1
              ? ""
              : `${renderTable(["PART", "SERIAL", "FIRST SEEN", "LAST SEEN"], cells, screen)}\n`;
            return table + renderTable(changeColumns, changes.map(changeCells), screen);
          },
        };
      })
    );
}

function reasonText(text: string): string {
  const reason = text.trim();
  if (reason.length > 0 && reason.length <= 200 && !/\p{Cc}/u.test(reason)) return reason;
  throw new UsageError(
    `Cannot use --reason as a reason: it has 1 to 200 characters and no control characters`,
    "put a reason with spaces in quotes",
  );
}
