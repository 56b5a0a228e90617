/** Settings of OpenID Connect. */
import { UsageError } from "../../common/core/errors.ts";
import { certificates, hostNames, httpsAddress, lineOf, type Setting, wordsOf, yesOrNo } from "./setting.ts";

/* Entra's addresses for accounts of any organization: their tokens say that anybody is who it says. */
const multiTenant = /\/(common|organizations|consumers)(\/|$)|\{tenantid\}/i;

function issuer(text: string): string {
  const address = httpsAddress("issuer")(text);
  if (!multiTenant.test(address)) return address;
  throw new UsageError(
    `Cannot use "${text}" as an issuer, as it vouches for the accounts of every organization`,
    "use the address with the id of your own tenant: https://login.microsoftonline.com/TENANT-ID/v2.0",
  );
}

function scopes(text: string): string {
  const words = wordsOf(lineOf("scopes")(text));
  return [...new Set(["openid", ...words])].join(" ");
}

export const oidcSettings: readonly Setting[] = [
  {
    name: "issuer",
    help: "address of the provider, as its tokens say it",
    isRequired: true,
    isIdentity: true,
    check: issuer,
  },
  {
    name: "client-id",
    help: "id of the portal at the provider",
    isRequired: true,
    isIdentity: true,
    check: lineOf("client-id"),
  },
  { name: "client-secret", help: "its secret", isRequired: true, isSecret: true, check: lineOf("client-secret") },
  {
    name: "scopes",
    help: "what is asked for; offline_access lets the platform ask again",
    usual: "openid profile email offline_access",
    check: scopes,
  },
  { name: "groups-claim", help: "claim with ids or names of groups", usual: "groups", check: lineOf("groups-claim") },
  {
    name: "require-amr",
    help: "one of these words must be in the claim amr, such as mfa",
    check: lineOf("require-amr"),
  },
  { name: "require-acr", help: "the claim acr must be one of these words", check: lineOf("require-acr") },
  {
    name: "sign-out-there",
    help: "whether who signs out here is signed out there as well: yes or no",
    usual: "no",
    check: yesOrNo("sign-out-there"),
  },
  {
    name: "hosts",
    help: "further host names of the provider, if not all is at the issuer's",
    check: hostNames("hosts"),
  },
  {
    name: "ca",
    help: "authority of the provider's certificate, PEM; if it is not public",
    isLong: true,
    check: certificates("ca"),
  },
];
