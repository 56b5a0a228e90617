import { type Command, Option } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import type { Page } from "../../store/page.ts";
import { createToken, listTokens, revokeToken } from "../../users/api_tokens.ts";
import { type Permission, permissions, type Place } from "../../users/permissions.ts";
import { checkedName, type CommandContext, timeOption } from "./command_context.ts";
import { addPaging, partAnswer, partOf } from "./list_part.ts";
import { minuteText, renderTable } from "./table.ts";

const permissionHelp = `what it may do: ${Object.keys(permissions).join(", ")}`;

/** `token create|list|revoke`: tokens of the REST and OData interfaces. */
export function addTokenCommands(program: Command, context: CommandContext): void {
  const token = program.command("token").description("tokens of the REST and OData interfaces");
  token.command("create <name>").description("make a token of a user; it is printed once")
    .requiredOption("--user <user>", "whose it is: it may never do more than this user")
    .requiredOption("--permission <permission...>", permissionHelp)
    .option("--at <place...>", "CUSTOMER or CUSTOMER/SITE, where it may do that (default: wherever its user belongs)")
    .addOption(
      new Option("--valid <time>", "how long it is valid, at most 366d")
        .argParser(timeOption("--valid", { min: "1m", max: "366d", bareUnit: "d" })).default(90 * 86_400_000, "90d"),
    )
    .action((
      name: string,
      options: { user: string; permission: string[]; at?: string[]; valid: number },
      command: Command,
    ) =>
      context.run(command, async (platform, by) => {
        const made = await createToken(platform, by, {
          user: options.user,
          name: checkedName(name),
          permissions: options.permission.map(permissionOf),
          places: (options.at ?? []).map(placeOf),
          validMs: options.valid,
        });
        return {
          json: made,
          text: `${made.text}\n`,
          next: `keep it as a password: it is not shown again, and works until ${minuteText(made.expiresAt.getTime())}`,
        };
      })
    );
  addPaging(
    token.command("list").description("all tokens, without their texts").option(
      "--user <user>",
      "only those of one user",
    ),
  )
    .action((options: { user?: string } & Page, command: Command) =>
      context.run(command, async (platform, by) => {
        const { user } = options, all = await listTokens(platform, by);
        const own = all.filter(({ userId, email }) => user === undefined || userId === user || email === user);
        const part = partOf(own, options, "tokens");
        const cells = part.rows.map((row) => [
          row.tokenId,
          row.name,
          row.email,
          row.state,
          row.permissions.join(" "),
          row.places.map(placeText).join(" "),
          minuteText(row.expiresAt),
          row.usedAt === null ? "never" : minuteText(row.usedAt),
        ]);
        const headings = [
          "TOKEN",
          { heading: "NAME", shrink: 12 },
          "USER",
          "STATE",
          { heading: "PERMISSIONS", shrink: 12 },
          { heading: "AT", shrink: 12 },
          "EXPIRES",
          "USED",
        ];
        return partAnswer(part, {
          json: part.rows,
          empty: "no tokens yet: opendca-platform token create NAME --user EMAIL --permission readFleet",
          table: (screen) => renderTable(headings, cells, screen),
        });
      })
    );
  token.command("revoke <token>").description("let a token do nothing more, at once")
    .action((tokenId: string, _, command: Command) =>
      context.run(command, async (platform, by) => {
        await revokeToken(platform, by, { tokenId });
        return { json: { tokenId, state: "revoked" }, text: `${tokenId} is revoked\n` };
      })
    );
}

function permissionOf(text: string): Permission {
  if (Object.hasOwn(permissions, text)) return text as Permission;
  throw new UsageError(`Cannot use "${text}" as a permission`, permissionHelp);
}

function placeOf(text: string): Place {
  const [, customerId = "", siteId] = /^([^/]*)(?:\/(.*))?$/.exec(text) ?? [];
  if (customerId !== "" && siteId !== "") return { customerId, siteId };
  throw new UsageError(`Cannot use --at as a place: current value is "${text}"`, "such as Acme or Acme/Berlin");
}

function placeText({ customerId, siteId }: Place): string {
  return [customerId ?? "all", siteId].filter(Boolean).join("/");
}
