/** Settings of a directory, and what `Windows authentication` needs beside it. Pure. */
import { UsageError } from "../../common/core/errors.ts";
import { withoutPassword } from "../../common/core/without_password.ts";
import { certificates, lineOf, type Setting, wordsOf, yesOrNo } from "./setting.ts";

export interface DirectoryConfig {
  /** `ldaps://HOST[:PORT]`, or `ldap://HOST[:PORT]` with StartTLS; tried in this order. */
  servers: readonly string[];
  /** Authorities of the servers' certificates, PEM; null: those of the system. */
  caPem: string | null;
  /** Below it are people and groups, such as `DC=example,DC=com`. */
  base: string;
  /** Of the platform: user@domain, or the name of an entry. */
  account: string;
  password: string;
}

export interface DirectoryServer {
  host: string;
  port: number;
  /** From the start, and not by StartTLS. */
  isTls: boolean;
}

/** Throws UsageError. */
export function parseServer(server: string): DirectoryServer {
  const url = URL.parse(server);
  const isRight = url !== null && ["ldap:", "ldaps:"].includes(url.protocol) && url.hostname !== "" &&
    url.username === "" && url.password === "" && /^\/?$/.test(url.pathname) && url.search === "" && url.hash === "";
  if (!isRight) {
    throw new UsageError(
      `Cannot use "${withoutPassword(server)}" as a server of a directory`,
      "ldaps://dc1.example.com, or ldap://dc1.example.com with StartTLS",
    );
  }
  const isTls = url.protocol === "ldaps:";
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port) || (isTls ? 636 : 389), isTls };
}

function servers(text: string): string {
  const words = [...new Set(wordsOf(text))];
  if (words.length > 10) throw new UsageError("Cannot use more than 10 servers of a directory");
  for (const word of words) parseServer(word);
  return words.join(" ");
}

function base(text: string): string {
  const line = lineOf("base")(text);
  if (/^\s*[a-z][a-z0-9-]*\s*=/i.test(line)) return line;
  throw new UsageError(`Cannot use "${text}" as the base of a directory`, "such as DC=example,DC=com");
}

function account(text: string): string {
  const line = lineOf("account")(text);
  // The library takes names such as EXTERNAL for another way to bind.
  if (/[@=\\]/.test(line)) return line;
  throw new UsageError(
    `Cannot use "${text}" as the platform's account in a directory`,
    "such as opendca@example.com, or CN=opendca,OU=Services,DC=example,DC=com",
  );
}

function realms(text: string): string {
  const words = wordsOf(text), wrong = words.find((word) => !/^[\p{L}\p{N}.-]{1,255}$/u.test(word));
  if (wrong === undefined && words.length <= 20) return words.join(" ");
  throw new UsageError(`Cannot use the setting "realms": current value is "${text}"`, "such as EXAMPLE.COM EXAMPLE");
}

export const ldapSettings: readonly Setting[] = [
  {
    name: "servers",
    help: "ldaps://HOST, or ldap://HOST with StartTLS; several are tried in turn",
    isRequired: true,
    check: servers,
  },
  { name: "base", help: "people and groups are below it, such as DC=example,DC=com", isRequired: true, check: base },
  { name: "account", help: "the platform's account, such as opendca@example.com", isRequired: true, check: account },
  { name: "password", help: "its password", isRequired: true, isSecret: true, check: lineOf("password") },
  { name: "ca", help: "authority of the servers' certificates, PEM", isLong: true, check: certificates("ca") },
  {
    name: "realms",
    help: "whose users may come by Windows authentication: the domain's realm and short name",
    check: realms,
  },
  {
    name: "windows-second-factor",
    help: "whether they need the platform's second factor as well: yes or no",
    usual: "no",
    check: yesOrNo("windows-second-factor"),
  },
];

/** Of settings that were checked. */
export function directoryConfig(settings: Readonly<Record<string, string>>): DirectoryConfig {
  const { servers = "", ca, base = "", account = "", password = "" } = settings;
  return { servers: wordsOf(servers), caPem: ca ?? null, base, account, password };
}

/** A name of a group as it is compared: directories do it without case. */
export function directoryGroupKey(group: string): string {
  return group.normalize("NFC").toLowerCase();
}
