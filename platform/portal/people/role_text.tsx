/** What a role is called, and choosing one and whose customers it is for. */
import type { Child } from "hono/jsx";
import { type Grant, isRole, roles } from "../../users/permissions.ts";
import type { UserRequest } from "../page/route.ts";
import type { Translate } from "../words/words.ts";

export function roleText(t: Translate, { role, ownRole }: Pick<Grant, "role" | "ownRole">): string {
  return ownRole?.name ?? (isRole(role) ? t(`role_${role}`) : role);
}

/** `others`: options behind the roles that everybody has. */
export function GrantFields(
  { request: { t, viewer, customers }, others, note }: { request: UserRequest; others?: Child; note?: Child },
) {
  return (
    <>
      <div class="field">
        <label for="role">{t("role")}</label>
        <select id="role" name="role">
          {Object.keys(roles).map((role) => (
            <option value={role} selected={role === "viewer"}>{roleText(t, { role })}</option>
          ))}
          {others}
        </select>
        {note}
      </div>
      <div class="field">
        <label for="customer">{t("customer")}</label>
        <select id="customer" name="customer">
          {viewer.customerId === undefined && <option value="">{t("wholeDealer")}</option>}
          {customers.map(({ customerId, name }) => <option value={customerId}>{name}</option>)}
        </select>
      </div>
    </>
  );
}
