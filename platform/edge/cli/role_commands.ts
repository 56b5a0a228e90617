import type { Command } from "commander";
import type { Page } from "../../store/page.ts";
import { listOwnRoles, removeOwnRole, saveOwnRole } from "../../users/own_roles.ts";
import { permissions, roles } from "../../users/permissions.ts";
import type { CommandContext } from "./command_context.ts";
import { addPaging, partAnswer, partOf } from "./list_part.ts";
import { renderTable } from "./table.ts";

const dealerHelp = "id or name of the dealer; not needed where there is only one";

/** `role list|create|change|remove`: sets of permissions that a dealer makes. */
export function addRoleCommands(program: Command, context: CommandContext): void {
  const role = program.command("role").description("roles of users, made of permissions");
  const permissionHelp = `permissions: ${Object.keys(permissions).join(", ")}`;
  addPaging(
    role.command("list").description("the roles that there are always, and those of a dealer")
      .option("--dealer <dealer>", dealerHelp),
  )
    .action((options: { dealer?: string } & Page, command: Command) =>
      context.run(command, async (platform, by) => {
        const always = Object.entries(roles).map(([name, permitted]) => ({
          roleId: null,
          name,
          permissions: permitted,
          uses: null,
        }));
        const own = await listOwnRoles(platform, by, options);
        const part = partOf([...always, ...own], options, "roles");
        const cells = part.rows.map(({ name, permissions, uses }) => [
          name,
          uses === null ? "" : String(uses),
          permissions.join(" "),
        ]);
        return partAnswer(part, {
          json: part.rows,
          empty: "no roles",
          table: (screen) => renderTable(["ROLE", "USES", { heading: "PERMISSIONS", shrink: 20 }], cells, screen),
        });
      })
    );
  role.command("create <name> <permission...>").description(`make a role; ${permissionHelp}`)
    .option("--dealer <dealer>", dealerHelp)
    .action((name: string, permissions: string[], options: { dealer?: string }, command: Command) =>
      context.run(command, async (platform, by) => {
        const made = await saveOwnRole(platform, by, { name, permissions, ...options });
        return { json: made, text: `${made.name}: ${made.permissions.join(" ")}\n` };
      })
    );
  role.command("change <role> <permission...>").description(`set all permissions of a role; ${permissionHelp}`)
    .option("--name <name>", "a new name")
    .option("--dealer <dealer>", dealerHelp)
    .action((role: string, permissions: string[], options: { name?: string; dealer?: string }, command: Command) =>
      context.run(command, async (platform, by) => {
        const changed = await saveOwnRole(platform, by, { role, permissions, ...options });
        return { json: changed, text: `${changed.name}: ${changed.permissions.join(" ")}\n` };
      })
    );
  role.command("remove <role>").description("remove a role that nobody has, or whose users get another")
    .option("--replacement <role>", "the role that its users get in its place")
    .option("--dealer <dealer>", dealerHelp)
    .action((role: string, options: { replacement?: string; dealer?: string }, command: Command) =>
      context.run(command, async (platform, by) => {
        const removed = await removeOwnRole(platform, by, { role, ...options });
        return { json: removed, text: `${removed.name} is removed\n` };
      })
    );
}
