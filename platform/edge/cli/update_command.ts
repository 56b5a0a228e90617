import type { Command } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import type { Platform } from "../../agents/platform.ts";
import type { By, TenantBy } from "../../audit/use_case.ts";
import { findCustomer } from "../../customers/customers.ts";
import { setPin, type ShownPin, showPin, type WhosePin } from "../../releases/customer_updates.ts";
import { held } from "../../releases/release_for.ts";
import { type CommandContext, customerOption } from "./command_context.ts";

interface UpdateOptions {
  pin?: string;
  hold?: boolean;
  default?: boolean;
}

/** `agent update`, `site update` and `customer update`: which release is offered in place of the roll-out. */
export function addUpdateCommand(group: Command, context: CommandContext, kind: "agent" | "site" | "customer"): void {
  const who = kind === "agent" ? "an agent is" : `the agents of a ${kind} are`;
  const larger = { agent: "as its site", site: "as its customer", customer: "as the roll-out says" }[kind];
  const command = group.command(`update <${kind}>`)
    .description(`which release ${who} offered, in place of what the roll-out says`)
    .option("--pin <version>", "this version, as soon as its manifest permits, and no later one")
    .option("--hold", "none")
    .option("--default", larger);
  if (kind === "customer") {
    command.action((customer: string, options: UpdateOptions, command: Command) =>
      context.run(command, async (platform, by: By) => {
        const { customer_id } = await findCustomer(platform, by, { customer });
        return await answer(platform, { ...by, tenant: customer_id }, {}, { options, larger });
      })
    );
    return;
  }
  command.option(...customerOption).action((name: string, options: UpdateOptions, command: Command) =>
    context.runForCustomer(
      command,
      (platform, by) =>
        answer(platform, by, kind === "agent" ? { agentId: name } : { site: name }, { options, larger }),
    )
  );
}

async function answer(
  platform: Platform,
  by: TenantBy,
  whose: WhosePin,
  { options, larger }: { options: UpdateOptions; larger: string },
) {
  const { pin, hold = false, default: isDefault = false } = options;
  const wanted = [...(pin === undefined ? [] : [pin]), ...(hold ? [held] : []), ...(isDefault ? [null] : [])];
  if (wanted.length > 1) throw new UsageError("Cannot use --pin, --hold and --default together", "give one of them");
  const shown = wanted.length === 0
    ? await showPin(platform, by, whose)
    : await setPin(platform, by, { ...whose, pin: wanted[0]! });
  return { json: shown, text: `${pinText(shown, larger)}\n` };
}

function pinText({ subject, pin }: ShownPin, larger: string): string {
  if (pin === null) return `${subject} is offered releases ${larger}`;
  return pin === held ? `${subject} is offered no release` : `${subject} is offered ${pin}, and no later release`;
}
