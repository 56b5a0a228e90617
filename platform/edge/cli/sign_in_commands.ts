import { type Command, Option } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import { isKind, type KindName, kinds } from "../../sso/kinds.ts";
import { linkUser, unlinkUser } from "../../sso/link_user.ts";
import {
  addProvider,
  changeProvider,
  type ProviderParts,
  removeProvider,
  setGroupRoles,
} from "../../sso/manage_providers.ts";
import { findProvider, type ListedProvider, listProviders } from "../../sso/providers.ts";
import { providerAddresses } from "../../sso/provider_addresses.ts";
import type { Setting } from "../../sso/setting.ts";
import type { LookedUp } from "../../sso/sign_in_by_directory.ts";
import { readPortalOrigin } from "../../users/manage_users.ts";
import { type Answer, type CommandContext } from "./command_context.ts";
import type { PlatformHost } from "./host.ts";
import { settingsFrom } from "./settings_option.ts";
import { renderTable } from "./table.ts";
import { grantOf, grantText, linkAnswer, roleHelp } from "./user_commands.ts";

interface PartFlags {
  setting?: string[];
  domain?: string[];
  name?: string;
  secondFactor?: boolean;
  shown?: boolean;
  active?: boolean;
}

/** `sign-in add|list|show|set|roles|check|key|remove`: identity providers of dealers. */
export function addSignInCommands(program: Command, context: CommandContext): void {
  const signIn = program.command("sign-in").description("identity providers that people sign in to the portal by");
  addAdd(signIn, context);
  signIn.command("list").description("all identity providers")
    .action((_, command: Command) =>
      context.run(command, async (platform, by) => {
        const rows = await listProviders(platform, by);
        const cells = rows.map((row) => [
          row.providerId,
          row.name,
          row.kind,
          row.isActive ? "active" : "not active",
          row.domains.join(" "),
          String(row.roles.length),
          String(row.users),
        ]);
        const headings = ["ID", { heading: "NAME", shrink: 12 }, "KIND", "STATE", "DOMAINS", "ROLES", "USERS"];
        return {
          json: rows,
          text: rows.length === 0
            ? "no identity providers yet: opendca-platform sign-in add KIND NAME\n"
            : (screen) => renderTable(headings, cells, screen),
        };
      })
    );
  signIn.command("show <provider>").description("one identity provider, and the addresses to enter there")
    .action((provider: string, _, command: Command) =>
      context.run(command, async (platform, by) => {
        const { provider_id } = await findProvider(platform, by, provider);
        const row = (await listProviders(platform, by)).find(({ providerId }) => providerId === provider_id)!;
        return await shownProvider(row, await readPortalOrigin(platform, by));
      })
    );
  partOptions(signIn.command("set <provider>").description("change an identity provider; what is left out stays"))
    .option("--name <name>", "as the sign-in page shows it")
    .option("--active <yes|no>", "whether people may sign in by it; no ends their sessions", yesNo("--active"))
    .action((provider: string, flags: PartFlags, command: Command) =>
      context.run(command, async (platform, by) => {
        const row = await changeProvider(platform, by, { provider, ...await partsOf(context.host, flags) });
        return { json: row, text: `${row.name} is changed\n` };
      })
    );
  signIn.command("roles <provider> <group> [role...]")
    .description(
      `set all roles of a group, by its id or name at the provider; none: nobody signs in by it; ${roleHelp}`,
    )
    .action((provider: string, group: string, roles: string[], _, command: Command) =>
      context.run(command, async (platform, by) => {
        const row = await setGroupRoles(platform, by, { provider, group, grants: roles.map(grantOf) });
        const given = row.roles.filter((one) => one.group === group).map(grantText).join(" ");
        return { json: row, text: `${group}: ${given === "" ? "no role" : given}\n` };
      })
    );
  signIn.command("check <provider> <account>")
    .description("ask a directory about an account: its groups, and the roles that they give")
    .action((provider: string, account: string, _, command: Command) =>
      context.run(command, async (platform, by) => {
        const { lookUpAccount } = await import("../../sso/sign_in_by_directory.ts");
        return lookedUp(account, await lookUpAccount(platform, by, { provider, account }));
      })
    );
  addKey(signIn, context);
  signIn.command("remove <provider>").description("remove an identity provider, and deactivate its users")
    .action((provider: string, _, command: Command) =>
      context.run(command, async (platform, by) => {
        const removed = await removeProvider(platform, by, { provider });
        return { json: removed, text: `${removed.name} is removed, and ${removed.users} users are deactivated\n` };
      })
    );
}

/** `user link|unlink`: whether a provider of identities vouches for a user. */
export function addLinkCommands(user: Command, context: CommandContext): void {
  user.command("link <user>").description("let a user sign in by an identity provider, in place of a password")
    .requiredOption("--provider <provider>", "id or name")
    .requiredOption("--subject <subject>", "whom the provider calls so: the refused sign-in in the audit log has it")
    .action((user: string, flags: { provider: string; subject: string }, command: Command) =>
      context.run(command, async (platform, by) => {
        const linked = await linkUser(platform, by, { user, ...flags });
        return { json: linked, text: `${linked.email} signs in by ${linked.provider} from now on\n` };
      })
    );
  user.command("unlink <user>").description(
    "let a user sign in by a password again, which is chosen by the printed link",
  )
    .action((user: string, _, command: Command) =>
      context.run(command, async (platform, by) => linkAnswer(await unlinkUser(platform, by, { user })))
    );
}

function addKey(signIn: Command, context: CommandContext): void {
  signIn.command("key <provider>")
    .description("print the portal's certificate for a provider of SAML: assertions are encrypted for it")
    .option("--replace", "make another key; the one before counts for 30 more days")
    .option("--at-once", "with --replace: the keys before count no more")
    .action((provider: string, flags: { replace?: boolean; atOnce?: boolean }, command: Command) =>
      context.run(command, async (platform, by) => {
        const { replace: isNew = false, atOnce: isAtOnce = false } = flags;
        if (isAtOnce && !isNew) throw new UsageError("Cannot use --at-once without --replace");
        const { samlCertificate } = await import("../../sso/saml_keys.ts");
        const { keyId, certificatePem, createdAt } = await samlCertificate(platform, by, { provider, isNew, isAtOnce });
        return { json: { keyId, certificate: certificatePem, createdAt: new Date(createdAt) }, text: certificatePem };
      })
    );
}

function addAdd(signIn: Command, context: CommandContext): void {
  const names = Object.keys(kinds).join(", ");
  partOptions(
    signIn.command("add <kind> <name>").description(`add an identity provider; kinds: ${names}`)
      .option("--dealer <dealer>", "id or name; not needed where there is only one")
      .option("--customer <customer>", "its users belong to this customer, and see nothing else"),
  )
    .addHelpText("after", `\n${settingsHelp()}`)
    .action((kind: string, name: string, flags: PartFlags & { dealer?: string; customer?: string }, command: Command) =>
      context.run(command, async (platform, by) => {
        if (!isKind(kind)) throw new UsageError(`Cannot use "${kind}" as a kind of identity provider`, names);
        const { dealer, customer } = flags;
        const parts = await partsOf(context.host, flags);
        const row = await addProvider(platform, by, { ...parts, kind, name, dealer, customer });
        const shown = await shownProvider(row, await readPortalOrigin(platform, by));
        return {
          ...shown,
          next: `opendca-platform sign-in roles "${row.name}" GROUP ROLE lets the people of a group sign in`,
        };
      })
    );
}

function partOptions(command: Command): Command {
  return command
    .option(
      "--setting <name=value...>",
      "a setting of the kind; NAME=@FILE reads a file, NAME=@- standard input, as for secrets; NAME= removes it",
    )
    .option("--domain <domain...>", "e-mail domains that lead to it; all of them; an empty one: none")
    .option(
      "--second-factor <yes|no>",
      "whether it needs the platform's second factor as well",
      yesNo("--second-factor"),
    )
    .addOption(
      new Option(
        "--shown <yes|no>",
        "whether the sign-in page shows it to everybody (default: if there is one dealer, and not for a customer)",
      ).argParser(yesNo("--shown")),
    );
}

function settingsHelp(): string {
  return Object.entries(kinds).map(([name, { settings }]: [string, { settings: readonly Setting[] }]) => {
    const lines = settings.map(({ name, help, isRequired, usual }) =>
      `  ${name.padEnd(20)} ${help}${isRequired ? " (needed)" : usual === undefined ? "" : ` (default: ${usual})`}`
    );
    return `Settings of ${name}:\n${lines.join("\n")}\n`;
  }).join("\n");
}

async function partsOf(host: PlatformHost, flags: PartFlags): Promise<ProviderParts> {
  const settings = await settingsFrom(host, flags.setting ?? []);
  return {
    name: flags.name,
    ...(flags.setting === undefined ? {} : { settings }),
    domains: flags.domain?.filter((domain) => domain !== ""),
    isActive: flags.active,
    isShown: flags.shown,
    needsFactor: flags.secondFactor,
  };
}

function shownProvider(row: ListedProvider, origin: string | undefined): Answer {
  const addresses = origin === undefined ? {} : providerAddresses(row.kind as KindName, { origin, id: row.providerId });
  const lines = [
    ["id", row.providerId],
    ["name", row.name],
    ["kind", kinds[row.kind].title],
    ["state", row.isActive ? "active" : "not active"],
    ["second factor", row.needsFactor ? "the platform's as well" : "left to the provider"],
    ["e-mail domains", row.domains.join(" ")],
    ...Object.entries(addresses),
    ...Object.entries(row.settings).map(([name, value]) => [name, value.split("\n")[0]!]),
    ...row.roles.map((role) => [`group ${role.group}`, grantText(role)]),
  ].filter(([, value]) => value !== "");
  const width = Math.max(...lines.map(([name]) => name!.length));
  return {
    json: { ...row, addresses },
    text: lines.map(([name, value]) => `${name!.padEnd(width)}  ${value}\n`).join(""),
  };
}

function lookedUp(account: string, { provider, identity, reason, grants }: LookedUp): Answer {
  const json = { provider, identity: identity ?? null, reason: reason ?? null, grants };
  if (identity === undefined) return { json, text: `${provider} does not let "${account}" in: ${reason}\n` };
  const { name = "", email = "", subject, groups } = identity;
  const roles = grants.map(grantText).join(" ");
  const lines = [
    ["name", name],
    ["e-mail address", email],
    ["id", subject],
    ...groups.map((group) => ["group", group]),
    ["roles", roles === "" ? "none, so that this account cannot sign in" : roles],
  ].filter(([, value]) => value !== "");
  return { json, text: lines.map(([name, value]) => `${name!.padEnd(14)}  ${value}\n`).join("") };
}

function yesNo(option: string): (text: string) => boolean {
  return (text) => {
    if (text === "yes" || text === "no") return text === "yes";
    throw new UsageError(`Cannot use ${option} as yes or no: current value is "${text}"`, `${option} yes`);
  };
}
