import type { Command } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import { setQuota, type ShownQuota, showQuota } from "../../agents/quota.ts";
import type { Platform } from "../../agents/platform.ts";
import type { By, TenantBy } from "../../audit/use_case.ts";
import { findCustomer } from "../../customers/customers.ts";
import { type CommandContext, customerOption, wholeNumber } from "./command_context.ts";
import { renderFacts } from "./table.ts";

interface QuotaOptions {
  set?: number;
  default?: boolean;
}

const mebibyte = 1024 * 1024;

/** `agent quota` and `customer quota`: show, set and reset. */
export function addQuotaCommand(group: Command, context: CommandContext, kind: "agent" | "customer"): void {
  const who = kind === "agent" ? "an agent" : "all agents of a customer";
  const command = group.command(`quota <${kind}>`)
    .description(`how much ${who} may store per day, and has stored today; the rest waits for the next day (UTC)`)
    .option("--set <MiB>", "another limit", wholeNumber("--set", { min: 1, max: 1_000_000 }))
    .option("--default", `the limit of serve --${kind}-quota`);
  if (kind === "agent") {
    command.option(...customerOption).action((agentId: string, options: QuotaOptions, command: Command) =>
      context.runForCustomer(command, (platform, by) => answer(platform, by, { kind, agentId, options }))
    );
    return;
  }
  command.action((customer: string, options: QuotaOptions, command: Command) =>
    context.run(command, async (platform, by: By) => {
      const { customer_id } = await findCustomer(platform, by, { customer });
      return await answer(platform, { ...by, tenant: customer_id }, { kind, options });
    })
  );
}

async function answer(
  platform: Platform,
  by: TenantBy,
  { kind, agentId, options }: { kind: "agent" | "customer"; agentId?: string; options: QuotaOptions },
) {
  const { set, default: isDefault = false } = options;
  if (set !== undefined && isDefault) {
    throw new UsageError("Cannot use --set and --default together", "give one of them");
  }
  const isShown = set === undefined && !isDefault;
  const quota = isShown
    ? await showQuota(platform, by, { agentId })
    : await setQuota(platform, by, { agentId, quotaBytes: set === undefined ? null : set * mebibyte });
  const whose = agentId === undefined ? { customerId: by.tenant } : { agentId };
  return {
    json: { ...whose, ...quota },
    text: (screen: Parameters<typeof renderFacts>[1]) => renderFacts(factsOf(kind, quota), screen),
  };
}

function factsOf(kind: "agent" | "customer", { quotaBytes, usedBytes }: ShownQuota): [string, string][] {
  const limit = quotaBytes === null
    ? `as serve --${kind}-quota says (${kind === "agent" ? 256 : 1024} MiB by default)`
    : `${quotaBytes / mebibyte} MiB per day`;
  return [["Limit", limit], ["Stored today", `${(usedBytes / mebibyte).toFixed(1)} MiB`]];
}
