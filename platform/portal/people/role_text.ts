/** What a role is called. */
import { type Grant, isRole } from "../../users/permissions.ts";
import type { Translate } from "../words/words.ts";

export function roleText(t: Translate, { role, ownRole }: Pick<Grant, "role" | "ownRole">): string {
  return ownRole?.name ?? (isRole(role) ? t(`role_${role}`) : role);
}
