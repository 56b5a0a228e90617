/** Roles that a dealer makes of permissions. */
import { UsageError } from "../../../common/core/errors.ts";
import { listOwnRoles, type OwnRole, removeOwnRole, saveOwnRole } from "../../users/own_roles.ts";
import { isPermitted, type Permission, permissions, roles } from "../../users/permissions.ts";
import { field, fieldList } from "../page/form.ts";
import { Field, Message, pageOf, Table } from "../page/layout.tsx";
import type { UserRequest } from "../page/route.ts";
import { permissionWords } from "../words/role_words.ts";
import { roleText } from "./role_text.tsx";

const allPermissions = Object.keys(permissions) as Permission[];

interface Typed {
  message?: string;
  name?: string;
  permissions?: readonly string[];
}

/* Roles are the dealer's: a user of a customer gives them, and makes none. */
async function ownRolesOf({ platform, by, viewer }: UserRequest): Promise<OwnRole[] | undefined> {
  if (viewer.customerId !== undefined) return undefined;
  return await listOwnRoles(platform, by, { dealer: viewer.dealerId });
}

export async function rolesPage(request: UserRequest, typed: Typed = {}): Promise<Response> {
  const { t, c, formats } = request, rows = await ownRolesOf(request);
  if (rows === undefined) return await c.notFound();
  return await pageOf(request, {
    title: t("ownRoles"),
    ...(typed.message === undefined ? {} : { status: 422 }),
    children: (
      <>
        {typed.message !== undefined && <Message>{typed.message}</Message>}
        <p>{t("ownRolesHelp")}</p>
        <Table
          rows={rows}
          empty={t("none")}
          caption={t("ownRoles")}
          isTitled
          columns={[
            { heading: t("role"), cell: ({ roleId, name }) => <a href={`/roles/${roleId}`}>{name}</a> },
            {
              heading: t("permissions"),
              cell: (role) => role.permissions.map((permission) => <div>{t(permissionWords[permission])}</div>),
            },
            { heading: t("usedBy"), isNumber: true, cell: ({ uses }) => formats.number(uses) },
          ]}
        />
        <h2>{t("newRole")}</h2>
        <form method="post" action="/roles">
          <RoleFields request={request} name={typed.name ?? ""} chosen={typed.permissions ?? ["readFleet"]} />
          <button type="submit">{t("makeRole")}</button>
        </form>
      </>
    ),
  });
}

/* What the viewer may not give is not offered, unless the role has it. */
function RoleFields(
  { request: { t, viewer }, name, chosen }: { request: UserRequest; name: string; chosen: readonly string[] },
) {
  return (
    <>
      <Field name="name" label={t("roleName")} value={name} autocomplete="off" />
      <fieldset class="choices">
        <legend>{t("permissions")}</legend>
        {allPermissions.filter((each) => chosen.includes(each) || isPermitted(viewer.grants, each, {})).map((each) => (
          <label class="check">
            <input type="checkbox" name="permission" value={each} checked={chosen.includes(each)} />{" "}
            {t(permissionWords[each])}
          </label>
        ))}
      </fieldset>
    </>
  );
}

export async function rolePage(request: UserRequest, typed: Typed = {}): Promise<Response> {
  const { t, c } = request, rows = await ownRolesOf(request);
  const role = rows?.find(({ roleId }) => roleId === c.req.param("role"));
  if (rows === undefined || role === undefined) return await c.notFound();
  return await pageOf(request, {
    title: `${t("role")}: ${role.name}`,
    ...(typed.message === undefined ? {} : { status: 422 }),
    children: (
      <>
        {typed.message !== undefined && <Message>{typed.message}</Message>}
        <form method="post" action={`/roles/${role.roleId}`}>
          <RoleFields
            request={request}
            name={typed.name ?? role.name}
            chosen={typed.permissions ?? role.permissions}
          />
          <button type="submit">{t("editRole")}</button>
        </form>
        <h2>{t("removeRole")}</h2>
        <form method="post" action={`/roles/${role.roleId}/remove`}>
          <div class="field">
            <label for="replacement">{t("replacement")}</label>
            <select id="replacement" name="replacement">
              <option value="">{t("noReplacement")}</option>
              {Object.keys(roles).map((role) => <option value={role}>{roleText(t, { role })}</option>)}
              {rows.filter((other) => other !== role).map(({ roleId, name }) => <option value={roleId}>{name}</option>)}
            </select>
          </div>
          <button type="submit" class="plain">{t("removeRole")}</button>
        </form>
        <p>
          <a href="/roles">{t("ownRoles")}</a>
        </p>
      </>
    ),
  });
}

async function typedRole({ c }: UserRequest): Promise<{ name: string; permissions: string[] }> {
  return { name: await field(c, "name"), permissions: await fieldList(c, "permission") };
}

export async function makeRole(request: UserRequest): Promise<Response> {
  const typed = await typedRole(request);
  return await saved(request, typed, (message) => rolesPage(request, { ...typed, message }));
}

export async function editRole(request: UserRequest): Promise<Response> {
  const typed = await typedRole(request), role = request.c.req.param("role") ?? "";
  return await saved(request, { ...typed, role }, (message) => rolePage(request, { ...typed, message }));
}

async function saved(
  { platform, by, viewer, c }: UserRequest,
  role: { role?: string; name: string; permissions: string[] },
  refused: (message: string) => Promise<Response>,
): Promise<Response> {
  if (viewer.customerId !== undefined) return await c.notFound();
  try {
    await saveOwnRole(platform, by, { ...role, dealer: viewer.dealerId, grants: viewer.grants });
    return c.redirect("/roles", 303);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return await refused(error.message);
  }
}

export async function removeRole(request: UserRequest): Promise<Response> {
  const { platform, by, viewer, c } = request;
  if (viewer.customerId !== undefined) return await c.notFound();
  const replacement = await field(c, "replacement") || undefined, role = c.req.param("role") ?? "";
  try {
    await removeOwnRole(platform, by, { role, replacement, dealer: viewer.dealerId, grants: viewer.grants });
    return c.redirect("/roles", 303);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return await rolePage(request, { message: error.message });
  }
}
