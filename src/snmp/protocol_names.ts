/** Names of USM protocols as operators and other tools write them. */
import { type AuthProtocolName, authProtocols, type PrivProtocolName, privProtocols } from "./usm_protocols.ts";
import { usmHashes } from "./usm_keys.ts";

/** Names for messages; the aliases below are accepted as well. */
export const authNames: readonly string[] = Object.keys(authProtocols);
export const privNames: readonly string[] = ["des", "aes128", "aes192", "aes256", ...longNames()];

function longNames(): string[] {
  return Object.keys(privProtocols).filter((name) => name.includes("-"));
}

const authAliases: ReadonlyMap<string, AuthProtocolName> = new Map([["sha", "sha1"]]);

const privAliases: ReadonlyMap<string, PrivProtocolName> = new Map([
  ["aes", "aes128"],
  ["aes192b", "aes192-blumenthal"],
  ["aes192blmt", "aes192-blumenthal"],
  ["aes192c", "aes192-reeder"],
  ["aes192cisco", "aes192-reeder"],
  ["aes192r", "aes192-reeder"],
  ["aes256b", "aes256-blumenthal"],
  ["aes256blmt", "aes256-blumenthal"],
  ["aes256c", "aes256-reeder"],
  ["aes256cisco", "aes256-reeder"],
  ["aes256r", "aes256-reeder"],
]);

/** Letter case, dashes and underscores do not matter; "sha" alone is SHA-1, as other tools mean it. */
export function maybeAuthProtocol(text: string): AuthProtocolName | undefined {
  const word = plain(text);
  return Object.keys(authProtocols).find((name): name is AuthProtocolName => name === word) ?? authAliases.get(word);
}

/**
 * The protocols for a name, in the order of trying. `aes192` and `aes256` alone do not specify how a short hash is
 * expanded to a long key, and no RFC does: Reeder's draft comes first, as Cisco, makers compatible with it, and pysnmp
 * use it under these names; Net-SNMP uses Blumenthal's. If the hash is long enough, both are equal and one is left out.
 */
export function maybePrivProtocols(text: string, auth: AuthProtocolName): PrivProtocolName[] | undefined {
  const word = plain(text);
  const exact = Object.keys(privProtocols).find((name): name is PrivProtocolName => plain(name) === word);
  const one = exact ?? privAliases.get(word);
  if (one !== undefined) return [one];
  if (word === "aes192") {
    return usmHashes[auth].length >= 24 ? ["aes192-reeder"] : ["aes192-reeder", "aes192-blumenthal"];
  }
  if (word === "aes256") {
    return usmHashes[auth].length >= 32 ? ["aes256-reeder"] : ["aes256-reeder", "aes256-blumenthal"];
  }
  return undefined;
}

function plain(text: string): string {
  return text.toLowerCase().replace(/[-_ ]/g, "");
}
