import type { Command } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import {
  approve,
  type AskedApproval,
  listApprovals,
  refuseApproval,
  showApproval,
  type ShownApproval,
} from "../../access/approvals.ts";
import type { Page } from "../../store/page.ts";
import { approvableKinds, isApprovable, listApprovalRules, setApprovalRules } from "../../tasks/approval_rules.ts";
import { type Answer, type CommandContext, customerOption } from "./command_context.ts";
import { addPaging, oneMore, partAnswer, partFrom } from "./list_part.ts";
import { type Column, minuteText, oneLine, renderTable } from "./table.ts";

const columns: Column[] = [
  { heading: "REQUEST" },
  { heading: "KIND" },
  { heading: "STATE" },
  { heading: "TARGET", shrink: 12 },
  { heading: "AGENT", optional: true },
  { heading: "ASKED BY" },
  { heading: "ASKED" },
  { heading: "DECIDED BY", optional: true },
];

/** `approval list|show|approve|refuse|rules`. */
export function addApprovalCommands(program: Command, context: CommandContext): void {
  const approval = program.command("approval").description("what waits until a second person approves it");
  addPaging(approval.command("list").description("requests, newest first").option(...customerOption), 1000)
    .action((page: Page, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const part = partFrom(await listApprovals(platform, by, oneMore(page)), page, "requests");
        const cells = part.rows.map((row) => [
          row.request_id,
          row.kind,
          row.state,
          oneLine(row.target),
          row.agent_id,
          row.asked_by,
          minuteText(row.asked_at),
          row.decided_by,
        ]);
        return partAnswer(part, {
          json: part.rows.map(jsonOf),
          empty: "no requests yet: opendca-platform approval rules says what needs an approval",
          table: (screen) => renderTable(columns, cells, screen),
        });
      })
    );
  approval.command("show <request>").description("one request").option(...customerOption)
    .action((requestId: string, _, command: Command) =>
      context.runForCustomer(command, async (platform, by) => answerOf(await showApproval(platform, by, { requestId })))
    );
  approval.command("approve <request>").description("do what somebody else has asked for").option(...customerOption)
    .action((requestId: string, _, command: Command) =>
      context.runForCustomer(command, async (platform, by) => answerOf(await approve(platform, by, { requestId })))
    );
  approval.command("refuse <request>").description("refuse a request, or withdraw one's own")
    .option(...customerOption)
    .action((requestId: string, _, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        await refuseApproval(platform, by, { requestId });
        return answerOf(await showApproval(platform, by, { requestId }));
      })
    );
  approval.command("rules [kind...]")
    .description(`what needs an approval at a customer; with kinds, these from now on: ${approvableKinds.join(", ")}`)
    .option(...customerOption)
    .option("--none", "nothing from now on")
    .action((kinds: string[], { none }: { none?: boolean }, command: Command) => {
      if (none === true && kinds.length > 0) throw new UsageError("Cannot use --none with kinds", "give one of them");
      const wrong = kinds.find((kind) => !isApprovable(kind));
      if (wrong !== undefined) {
        throw new UsageError(`Cannot require an approval for "${wrong}"`, `kinds are ${approvableKinds.join(", ")}`);
      }
      return context.runForCustomer(command, async (platform, by) => {
        if (none === true || kinds.length > 0) {
          await setApprovalRules(platform, by, { kinds: kinds.filter(isApprovable) });
        }
        const now = await listApprovalRules(platform, by);
        return { json: now, text: now.length === 0 ? "nothing needs an approval\n" : `${now.join("\n")}\n` };
      });
    });
}

/** What a command answers that asked a second person instead of doing it. */
export function askedAnswer({ requestId, expiresAt }: AskedApproval): Answer {
  return {
    json: { requestId, state: "waiting", expiresAt },
    text: `${requestId}\n`,
    note: "it waits until a second person approves it",
    next: `somebody else approves it before ${minuteText(expiresAt.getTime())}, in the portal or by ` +
      `opendca-platform approval approve ${requestId}`,
  };
}

function answerOf(row: ShownApproval): Answer {
  const made = row.made_id === null ? "" : `: ${row.made_id}`;
  return { json: jsonOf(row), text: `${row.request_id} ${row.state}${made}\n` };
}

function jsonOf(row: ShownApproval) {
  return {
    requestId: row.request_id,
    kind: row.kind,
    state: row.state,
    agentId: row.agent_id,
    deviceId: row.device_id,
    target: row.target,
    askedBy: row.asked_by,
    askedAt: row.asked_at,
    expiresAt: row.expires_at,
    decidedBy: row.decided_by,
    decidedAt: row.decided_at,
    madeId: row.made_id,
  };
}
