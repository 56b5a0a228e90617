/** Roles that a dealer makes of permissions, beside those that there are always. */
import { UsageError } from "../../common/core/errors.ts";
import type { Platform } from "../agents/platform.ts";
import { type By, changePlatform, readPlatform } from "../audit/use_case.ts";
import { dealerOf } from "../customers/dealers.ts";
import { newId } from "../store/new_id.ts";
import { takeLock, type Transaction } from "../store/store.ts";
import { type Grant, isPermission, isPermitted, isRole, mayGive, type Permission, permissions } from "./permissions.ts";
import { grantsOf, permissionsIn } from "./users.ts";

export interface OwnRole {
  roleId: string;
  name: string;
  permissions: Permission[];
  /** Grants of users, and of groups of identity providers. */
  uses: number;
}

interface OwnRoleRow {
  role_id: string;
  dealer_id: string;
  name: string;
  permissions: string;
}

type Base = Pick<Platform, "store" | "clock">;

/** Who changes a role: `grants` of a user, who gives no more than that; undefined: an operator. */
interface Editor {
  dealer?: string | undefined;
  grants?: readonly Grant[] | undefined;
}

const most = 100;
const hint = "opendca-platform role list shows them";

export function isOwnRoleId(text: string): boolean {
  return /^rol-\w{12}$/.test(text);
}

/** By name. */
export function listOwnRoles(platform: Base, by: By, { dealer }: { dealer?: string | undefined }): Promise<OwnRole[]> {
  return readPlatform(platform, by, async (tx) => {
    const { dealer_id: id } = await dealerOf(tx, dealer, platform.clock.now());
    const rows = await tx.all<OwnRoleRow & { uses: number }>(
      `SELECT o.*, (SELECT count(*) FROM user_roles r WHERE r.role = o.role_id) +
         (SELECT count(*) FROM provider_roles p WHERE p.role = o.role_id) AS uses
       FROM own_roles o WHERE o.dealer_id = :id ORDER BY lower(o.name)`,
      { id },
    );
    return rows.map(({ role_id: roleId, name, permissions, uses }) => ({
      roleId,
      name,
      permissions: permissionsIn(permissions),
      uses,
    }));
  });
}

/** A grant of the role by its name or id, without a place. Throws UsageError if the dealer has none of this name. */
export async function roleNamed(
  tx: Transaction,
  { dealerId, role }: { dealerId: string; role: string },
): Promise<Pick<Grant, "role" | "ownRole">> {
  if (isRole(role)) return { role };
  const row = await maybeOwnRole(tx, { dealerId, role });
  if (row === undefined) throw new UsageError(`Cannot use "${role}" as a role`, hint);
  return { role: row.role_id, ownRole: { name: row.name, permissions: permissionsIn(row.permissions) } };
}

function maybeOwnRole(
  tx: Transaction,
  { dealerId, role }: { dealerId: string; role: string },
): Promise<OwnRoleRow | undefined> {
  return tx.get(
    `SELECT * FROM own_roles WHERE dealer_id = :dealer AND (role_id = :role OR lower(name) = lower(:role))
     ORDER BY CASE WHEN role_id = :role THEN 0 ELSE 1 END LIMIT 1`,
    { dealer: dealerId, role },
  );
}

/**
 * Makes a role, or changes the one of this id or name. Throws UsageError for a name or permission that cannot be, for
 * what is more than the editor has, before or after, and where nobody would be left who may manage users.
 */
export function saveOwnRole(
  platform: Base,
  by: By,
  { role, name: typed, permissions: wanted, ...editor }: Editor & {
    /** Undefined: a new one. */
    role?: string | undefined;
    /** Undefined: as it is. */
    name?: string | undefined;
    permissions: readonly string[];
  },
): Promise<OwnRole> {
  const chosen = checkedPermissions(wanted);
  return changePlatform(platform, by, async (tx, at) => {
    const { dealer_id: dealerId } = await dealerOf(tx, editor.dealer, at);
    await takeLock(tx, "users");
    const before = role === undefined ? undefined : await maybeOwnRole(tx, { dealerId, role });
    if (role !== undefined && before === undefined) throw new UsageError(`Cannot find the role "${role}"`, hint);
    const name = checkedName(typed ?? before?.name ?? "");
    refuseMore(editor, [...chosen, ...permissionsIn(before?.permissions ?? "")], `save the role "${name}"`);
    const taken = await maybeOwnRole(tx, { dealerId, role: name });
    if (taken !== undefined && taken.role_id !== before?.role_id) {
      throw new UsageError(`Cannot save the role "${name}" as the name is taken`, hint);
    }
    const roleId = before?.role_id ?? newId("rol"), text = chosen.join(" ");
    if (before === undefined) await addRole(tx, { roleId, dealerId, name, text, at });
    else {
      await keepingAdministrator(tx, dealerId, `save the role "${name}"`, async () => {
        await tx.run("UPDATE own_roles SET name = :name, permissions = :text WHERE role_id = :id", {
          id: roleId,
          name,
          text,
        });
      });
    }
    return {
      answer: { roleId, name, permissions: chosen, uses: await usesOf(tx, roleId) },
      customerId: null,
      audit: {
        action: before === undefined ? "roleCreated" : "roleChanged",
        subject: dealerId,
        detail: { role: roleId, name, permissions: text },
      },
    };
  });
}

async function addRole(
  tx: Transaction,
  { roleId, dealerId, name, text, at }: { roleId: string; dealerId: string; name: string; text: string; at: Date },
): Promise<void> {
  const { count } = (await tx.get<{ count: number }>(
    "SELECT count(*) AS count FROM own_roles WHERE dealer_id = :dealer",
    { dealer: dealerId },
  ))!;
  if (count >= most) throw new UsageError(`Cannot make a role as there are ${most}`, "remove one first");
  await tx.run(
    `INSERT INTO own_roles (role_id, dealer_id, name, permissions, created_at)
     VALUES (:id, :dealer, :name, :text, :at)`,
    { id: roleId, dealer: dealerId, name, text, at: at.getTime() },
  );
}

/**
 * Anyone who has it gets the replacement in the same place. Throws UsageError for a role that is used if there is none, and
 * for what is more than the editor has.
 */
export function removeOwnRole(
  platform: Base,
  by: By,
  { role, replacement, ...editor }: Editor & { role: string; replacement?: string | undefined },
): Promise<{ roleId: string; name: string; uses: number }> {
  return changePlatform(platform, by, async (tx, at) => {
    const { dealer_id: dealerId } = await dealerOf(tx, editor.dealer, at);
    await takeLock(tx, "users");
    const row = await maybeOwnRole(tx, { dealerId, role });
    if (row === undefined) throw new UsageError(`Cannot find the role "${role}"`, hint);
    const { role_id: roleId, name } = row, uses = await usesOf(tx, roleId), what = `remove the role "${name}"`;
    refuseMore(editor, permissionsIn(row.permissions), what);
    const next = replacement === undefined ? undefined : await roleNamed(tx, { dealerId, role: replacement });
    if (uses > 0 && next === undefined) {
      throw new UsageError(
        `Cannot ${what} as it is used ${uses === 1 ? "once" : `${uses} times`}`,
        "--replacement ROLE",
      );
    }
    if (next?.role === roleId) throw new UsageError(`Cannot ${what} and replace it by itself`);
    if (next !== undefined && editor.grants !== undefined && !mayGive(editor.grants, [next])) {
      throw new UsageError(`Cannot ${what} as its replacement is more than you have`);
    }
    await keepingAdministrator(tx, dealerId, what, async () => {
      if (next !== undefined) await replaceRole(tx, roleId, next.role);
      await tx.run("DELETE FROM own_roles WHERE role_id = :id", { id: roleId });
    });
    return {
      answer: { roleId, name, uses },
      customerId: null,
      audit: {
        action: "roleRemoved",
        subject: dealerId,
        detail: { role: roleId, name, uses, replacement: next?.role ?? "" },
      },
    };
  });
}

async function replaceRole(tx: Transaction, from: string, to: string): Promise<void> {
  const places = { user_roles: "user_id", provider_roles: "provider_id, group_name" };
  for (const [table, key] of Object.entries(places)) {
    await tx.run(
      `INSERT INTO ${table} (${key}, role, of_customer, of_site)
       SELECT ${key}, :to, of_customer, of_site FROM ${table} WHERE role = :from ON CONFLICT DO NOTHING`,
      { from, to },
    );
    await tx.run(`DELETE FROM ${table} WHERE role = :from`, { from });
  }
}

async function usesOf(tx: Transaction, roleId: string): Promise<number> {
  const row = await tx.get<{ uses: number }>(
    `SELECT (SELECT count(*) FROM user_roles WHERE role = :id) +
       (SELECT count(*) FROM provider_roles WHERE role = :id) AS uses`,
    { id: roleId },
  );
  return row!.uses;
}

/* Roles are of the whole dealer: so must be what the editor has. */
function refuseMore({ grants }: Editor, wanted: readonly Permission[], what: string): void {
  if (grants === undefined) return;
  const more = (["manageUsers", ...wanted] as const).find((permission) => !isPermitted(grants, permission, {}));
  if (more !== undefined) throw new UsageError(`Cannot ${what} as it permits more than you have: ${more}`);
}

/* As for users: somebody who signs in without a provider of identities. */
async function keepingAdministrator(
  tx: Transaction,
  dealerId: string,
  what: string,
  change: () => Promise<void>,
): Promise<void> {
  const users = await tx.all<{ user_id: string }>(
    "SELECT user_id FROM users WHERE dealer_id = :dealer AND state = 'active' AND of_provider IS NULL",
    { dealer: dealerId },
  );
  const isManaged = async () => {
    for (const { user_id } of users) if (isPermitted(await grantsOf(tx, user_id), "manageUsers", {})) return true;
    return false;
  };
  const before = await isManaged();
  await change();
  if (before && !await isManaged()) {
    throw new UsageError(`Cannot ${what} as nobody would be left who may manage users`);
  }
}

function checkedPermissions(wanted: readonly string[]): Permission[] {
  const unknown = wanted.find((text) => !isPermission(text));
  if (unknown !== undefined) {
    throw new UsageError(`Cannot use "${unknown}" as a permission`, Object.keys(permissions).join(", "));
  }
  const chosen = (Object.keys(permissions) as Permission[]).filter((permission) => wanted.includes(permission));
  if (chosen.length === 0) throw new UsageError("Cannot save a role without a permission");
  return chosen;
}

/* No mark that stands between role, customer and site. */
function checkedName(text: string): string {
  const name = text.trim();
  if (name === "" || name.length > 60 || /[\p{Cc}:/@]/u.test(name) || isRole(name.toLowerCase()) || isOwnRoleId(name)) {
    throw new UsageError(
      `Cannot use "${text}" as the name of a role`,
      "1 to 60 characters without : / @, and not the name of a role that there is always",
    );
  }
  return name;
}
