/**
 * Kinds of identity providers, and their settings: commands and pages are made from this table. A kind consists of
 *
 * - its settings (`ldap_settings.ts`), listed below;
 * - what checks an answer of the provider and makes an `Identity` of it (identity.ts), which is given to
 *   `signInByProvider()` and knows nothing of users, roles and sessions; what a browser must bring back is a flow
 *   (flows.ts), what it asks for by HTTPS goes through provider_fetch.ts;
 * - a `Recheck` in the table of recheck.ts, if the provider can be asked again: the identity has `kept` then;
 * - its way to the sign-in page: portal/sign_in/provider_pages.tsx.
 *
 * Libraries of a kind are loaded when somebody signs in by it, and not with this table.
 */
import { UsageError } from "../../common/core/errors.ts";
import { directoryGroupKey, ldapSettings } from "./ldap_settings.ts";
import { oidcSettings } from "./oidc_settings.ts";
import { samlSettings } from "./saml_settings.ts";
import type { Setting } from "./setting.ts";

export interface Kind {
  /** For people. */
  title: string;
  settings: readonly Setting[];
  /** A group as it is compared with those of the mapping. */
  groupKey(group: string): string;
  /** Its people have shown a password and nothing else: they need the platform's second factor, unless it is said not to. */
  isPasswordAlone?: true;
}

const exact = (group: string) => group;

export const kinds = {
  oidc: { title: "OpenID Connect", settings: oidcSettings, groupKey: exact },
  saml: { title: "SAML 2.0", settings: samlSettings, groupKey: exact },
  ldap: { title: "LDAP directory", settings: ldapSettings, groupKey: directoryGroupKey, isPasswordAlone: true },
} as const satisfies Record<string, Kind>;

export type KindName = keyof typeof kinds;

export function isKind(text: string): text is KindName {
  return Object.hasOwn(kinds, text);
}

/**
 * All settings of a provider after a change: each checked, in the order of the table, with defaults. `changed`: an empty
 * text removes a setting. Throws UsageError.
 */
export function checkedSettings(
  kind: KindName,
  { before, changed }: { before: Readonly<Record<string, string>>; changed: Readonly<Record<string, string>> },
): Record<string, string> {
  const table: readonly Setting[] = kinds[kind].settings, names = table.map(({ name }) => name).join(", ");
  const unknown = Object.keys(changed).find((name) => !table.some((setting) => setting.name === name));
  if (unknown !== undefined) {
    throw new UsageError(`Cannot use "${unknown}" as a setting of ${kinds[kind].title}`, `it has ${names}`);
  }
  return Object.fromEntries(table.flatMap(({ name, isRequired, usual, check }): [string, string][] => {
    const text = (Object.hasOwn(changed, name) ? changed[name]! : before[name] ?? "").trim();
    if (text !== "") return [[name, check(text)]];
    if (usual !== undefined) return [[name, usual]];
    if (isRequired !== true) return [];
    throw new UsageError(`Cannot set up ${kinds[kind].title} without the setting "${name}"`);
  }));
}
