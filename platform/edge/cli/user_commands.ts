import type { Command } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import type { Page } from "../../store/page.ts";
import { setSignInPolicy, type SignInPolicy } from "../../users/inactivity.ts";
import { deactivateUser, inviteUser, reactivateUser, setUserGrants, type UserLink } from "../../users/manage_users.ts";
import { type Grant, roles } from "../../users/permissions.ts";
import { type Language, languages, listUsers } from "../../users/users.ts";
import { type Answer, checkedName, type CommandContext, wholeNumber } from "./command_context.ts";
import { addPaging, partAnswer, partOf } from "./list_part.ts";
import { addLinkCommands } from "./sign_in_commands.ts";
import { minuteText, renderTable } from "./table.ts";

export const roleHelp = `ROLE, ROLE:CUSTOMER or ROLE:CUSTOMER/SITE; roles: ${
  Object.keys(roles).join(", ")
}, and those of role list`;

/** `user invite|list|roles|deactivate|reactivate`: people who sign in to the portal. */
export function addUserCommands(program: Command, context: CommandContext): void {
  const user = program.command("user").description("people who sign in to the portal");
  addInvite(user, context);
  addLinkCommands(user, context);
  addPaging(
    user.command("list").description("all users").option("--dealer <dealer>", "only those of one dealer")
      .option("--customer <customer>", "only those who belong to one customer"),
  )
    .action((options: { dealer?: string; customer?: string } & Page, command: Command) =>
      context.run(command, async (platform, by) => {
        const part = partOf(await listUsers(platform, by, options), options, "users");
        const cells = part.rows.map((row) => [
          row.email,
          row.name,
          row.state === "deactivated" ? `deactivated: ${reasons[row.reason!]}` : row.state,
          row.grants.map(grantText).join(" "),
          row.hasSecondFactor ? "yes" : "no",
          row.signedInAt === null ? "never" : minuteText(row.signedInAt),
        ]);
        const headings = ["EMAIL", { heading: "NAME", shrink: 12 }, "STATE", "ROLES", "SECOND FACTOR", "SIGNED IN"];
        return partAnswer(part, {
          json: part.rows,
          empty: "no users yet: opendca-platform user invite EMAIL --name NAME --role administrator",
          table: (screen) => renderTable(headings, cells, screen),
        });
      })
    );
  user.command("roles <user> <role...>").description(`set all roles of a user: ${roleHelp}`)
    .action((user: string, texts: string[], _, command: Command) =>
      context.run(command, async (platform, by) => {
        const row = await setUserGrants(platform, by, { user, grants: texts.map(grantOf) });
        return { json: row, text: `${row.email}: ${row.grants.map(grantText).join(" ")}\n` };
      })
    );
  user.command("deactivate <user>").description("let a user in no more, and end its sessions")
    .action((user: string, _, command: Command) =>
      context.run(command, async (platform, by) => {
        const row = await deactivateUser(platform, by, { user });
        return { json: row, text: `${row.email} is deactivated\n` };
      })
    );
  user.command("reactivate <user>").description("let a user in again, who chooses a new password by the printed link")
    .option("--reset-second-factor", "a new second factor as well, as after the loss of a telephone")
    .action((user: string, options: { resetSecondFactor?: boolean }, command: Command) =>
      context.run(command, async (platform, by) => linkAnswer(await reactivateUser(platform, by, { user, ...options })))
    );
}

function addInvite(user: Command, context: CommandContext): void {
  user.command("invite <email>").description("make a user, who chooses a password by the printed link")
    .requiredOption("--name <name>", "the person's name")
    .requiredOption("--role <role...>", roleHelp)
    .option("--dealer <dealer>", "id or name of the user's dealer; not needed where there is only one")
    .option("--customer <customer>", "the user belongs to this customer, and sees nothing else")
    .option("--language <language>", `of the portal: ${languages.join(", ")}`, languageOption, "en")
    .action((
      email: string,
      options: { name: string; role: string[]; dealer?: string; customer?: string; language: Language },
      command: Command,
    ) =>
      context.run(command, async (platform, by) => {
        const { name, role, ...further } = options;
        const grants = role.map(grantOf);
        return linkAnswer(await inviteUser(platform, by, { email, name: checkedName(name), grants, ...further }));
      })
    );
}

/** `dealer sign-in`: the rules for the users of a dealer. */
export function addSignInCommand(dealer: Command, context: CommandContext): void {
  dealer.command("sign-in [dealer]").description("show or set how the users of a dealer sign in")
    .option("--second-factor <yes|no>", "whether a password needs a second factor", yesNoOption)
    .option(
      "--inactive-days <90|180>",
      "days without sign-in until a user is deactivated",
      wholeNumber("--inactive-days", { min: 90, max: 180 }),
    )
    .action((dealer: string | undefined, options: Partial<SignInPolicy>, command: Command) =>
      context.run(command, async (platform, by) => {
        const policy = await setSignInPolicy(platform, by, { dealer, ...options });
        const factor = policy.secondFactor ? "needed" : "not needed";
        return {
          json: policy,
          text: `second factor ${factor}, deactivated after ${policy.inactiveDays} days without sign-in\n`,
        };
      })
    );
}

const reasons = { failedAttempts: "failed attempts", inactivity: "inactivity", administrator: "by an administrator" };

export function linkAnswer({ token: _, endsAt, ...link }: UserLink): Answer {
  const { email, address } = link;
  if (link.isOfProvider) {
    return { json: { ...link, endsAt }, text: `${email} may sign in again, by its identity provider\n` };
  }
  if (address === undefined) {
    return {
      json: { ...link, endsAt },
      text: `${email} is a user now, without a link, as no server with a portal has run yet\n`,
      next: `opendca-platform serve --portal-listen; then opendca-platform user reactivate ${email} prints a link`,
    };
  }
  return {
    json: { ...link, endsAt },
    text: `${address}\n`,
    next: `give the link to ${email}: it works once, until ${minuteText(endsAt.getTime())}`,
  };
}

/** `viewer`, `viewer:Acme`, `viewer:Acme/Berlin`. Throws UsageError. */
export function grantOf(text: string): Grant {
  const [, role = "", customerId, siteId] = /^([^:]*)(?::([^/]*)(?:\/(.*))?)?$/.exec(text) ?? [];
  if (role !== "" && customerId !== "" && siteId !== "") return { role, customerId, siteId };
  throw new UsageError(`Cannot use "${text}" as a role`, roleHelp);
}

export function grantText({ role, ownRole, customerId, siteId }: Grant): string {
  return `${ownRole?.name ?? role}${customerId === undefined ? "" : `:${customerId}`}${
    siteId === undefined ? "" : `/${siteId}`
  }`;
}

function languageOption(text: string): Language {
  if ((languages as readonly string[]).includes(text)) return text as Language;
  throw new UsageError(`Cannot use --language as a language: current value is "${text}"`, languages.join(", "));
}

function yesNoOption(text: string): boolean {
  if (text === "yes" || text === "no") return text === "yes";
  throw new UsageError(`Cannot use --second-factor as yes or no: current value is "${text}"`, "--second-factor yes");
}
