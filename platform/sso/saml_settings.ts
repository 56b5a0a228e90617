/** Settings of SAML 2.0. */
import { certificates, httpsAddress, lineOf, type Setting, yesOrNo } from "./setting.ts";

export const samlSettings: readonly Setting[] = [
  {
    name: "idp-issuer",
    help: "entity id of the provider",
    isRequired: true,
    isIdentity: true,
    check: lineOf("idp-issuer"),
  },
  {
    name: "sign-in-address",
    help: "where browsers are sent (HTTP-Redirect)",
    isRequired: true,
    check: httpsAddress("sign-in-address", { mayHaveQuery: true }),
  },
  {
    name: "certificate",
    help: "what assertions are signed with, PEM; two while it is renewed",
    isRequired: true,
    isLong: true,
    check: certificates("certificate"),
  },
  {
    name: "sign-out-address",
    help: "where browsers are sent to sign out there as well (HTTP-Redirect)",
    check: httpsAddress("sign-out-address", { mayHaveQuery: true }),
  },
  {
    name: "encrypted-only",
    help: "whether assertions that are not encrypted are refused: yes or no",
    usual: "no",
    check: yesOrNo("encrypted-only"),
  },
  {
    name: "groups-attribute",
    help: "attribute with ids or names of groups",
    usual: "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups",
    check: lineOf("groups-attribute"),
  },
  {
    name: "email-attribute",
    help: "attribute with the e-mail address",
    usual: "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
    check: lineOf("email-attribute"),
  },
  {
    name: "name-attribute",
    help: "attribute with the person's name",
    usual: "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
    check: lineOf("name-attribute"),
  },
];
