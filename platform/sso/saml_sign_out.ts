/**
 * Single logout of SAML 2.0 (Profiles, 4.4): the provider is told that a person signs out, and says so itself. Whatever
 * comes from it must be signed by it: of a redirect the query, of a form the whole message. What is read is what was signed.
 */
import { Buffer } from "node:buffer";
import { verify, X509Certificate } from "node:crypto";
import { inflateRawSync } from "node:zlib";
import { getVerifiedXml, parseDomFromString, parseXml2JsFromString, xpath } from "@node-saml/node-saml/lib/xml.js";
import { messageOf } from "../../common/core/errors.ts";
import { newSecret } from "../users/second_factor.ts";
import { ProviderRefusal } from "./provider_refusal.ts";
import type { Provider } from "./providers.ts";
import { certificatesOf, type NameId, type SamlAddresses, samlOf } from "./saml.ts";
import { decryptedXml, hasEncrypted } from "./saml_encryption.ts";
import type { SamlKey } from "./saml_keys.ts";
import { children, type Element, mostResponseBytes, only, refused, refuseOddXml, skewMs, timeOf } from "./saml_xml.ts";

/* A message that took longer was kept by somebody. */
const mostAgeMs = 5 * 60_000;

const hashes: Record<string, string> = {
  "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256": "sha256",
  "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384": "sha384",
  "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512": "sha512",
};

/** What the provider says: whose sessions end. */
export interface SignOutRequest {
  /** Counts once until `endsAt`. */
  id: string;
  endsAt: number;
  subject: string;
  /** As the provider calls its own sessions; none: all of the person. */
  sessions: string[];
}

/** As it came: the query of a redirect, still encoded, or the field of a form, in base64. */
export type SignOutMessage = { query: string } | { form: string };

/** Where the browser is sent to sign out there. `keys`: the newest first; the oldest is what the provider surely knows. */
export async function samlSignOutAddress(
  provider: Provider,
  addresses: SamlAddresses,
  { keys, signOut, session }: { keys: readonly SamlKey[]; signOut: string; session: string | null },
): Promise<string> {
  const { value, Format, NameQualifier, SPNameQualifier } = JSON.parse(signOut) as NameId;
  const saml = samlOf(provider, addresses, { id: `_${newSecret()}`, key: keys.at(-1)! });
  const person = {
    issuer: provider.settings["idp-issuer"]!,
    nameID: value,
    nameIDFormat: Format ?? "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
    ...(NameQualifier === undefined ? {} : { nameQualifier: NameQualifier }),
    ...(SPNameQualifier === undefined ? {} : { spNameQualifier: SPNameQualifier }),
    ...(session === null ? {} : { sessionIndex: session }),
  };
  return await saml.getLogoutUrlAsync(person, "", {});
}

/** Where the browser brings the answer to the provider's request. `relayState` goes back as it came. */
export async function samlSignOutAnswer(
  provider: Provider,
  addresses: SamlAddresses,
  { keys, id, relayState }: { keys: readonly SamlKey[]; id: string; relayState: string },
): Promise<string> {
  const saml = samlOf(provider, addresses, { id: `_${newSecret()}`, key: keys.at(-1)! });
  return await saml.getLogoutResponseUrlAsync(
    { ID: id } as Parameters<typeof saml.getLogoutResponseUrlAsync>[0],
    relayState,
    {},
    true,
  );
}

/** Throws ProviderRefusal for a request with anything wrong. */
export async function checkSamlSignOut(
  provider: Provider,
  message: SignOutMessage,
  { addresses, keys, now }: { addresses: SamlAddresses; keys: readonly SamlKey[]; now: number },
): Promise<SignOutRequest> {
  try {
    const xml = "query" in message
      ? signedByQuery(provider, message.query)
      : await signedByElement(provider, message.form);
    const request = (await parseXml2JsFromString(xml) as { LogoutRequest?: Element }).LogoutRequest;
    if (request === undefined) throw refused("the message is no LogoutRequest");
    const nameId = children(request, "EncryptedID").length === 0
      ? only(request, "NameID")
      : await openedNameId(xml, keys);
    return readRequest(request, nameId, { provider, addresses, now });
  } catch (error) {
    if (error instanceof ProviderRefusal) throw error;
    throw refused(messageOf(error).slice(0, 300), { cause: error });
  }
}

/** Whether the provider says that it has signed the person out. Anybody can say so, and nothing comes of it but a page. */
export function isSignedOutThere(message: { query: string } | { form: string }): boolean {
  try {
    const xml = "query" in message
      ? inflated(decodeURIComponent(/(?:^|&)SAMLResponse=([^&]*)/.exec(message.query)?.[1] ?? ""))
      : Buffer.from(message.form, "base64").toString("utf8");
    const first = /<(?:[\w-]{1,50}:)?StatusCode\s[^>]{0,500}?Value\s*=\s*["']([^"']{1,200})["']/.exec(xml)?.[1];
    return first === "urn:oasis:names:tc:SAML:2.0:status:Success";
  } catch {
    // It is no answer of SAML.
    return false;
  }
}

function inflated(base64: string): string {
  return inflateRawSync(Buffer.from(base64, "base64"), { maxOutputLength: mostResponseBytes }).toString("utf8");
}

/** Bindings, 3.4.4.1: the signature is of the query as it came. Each part counts once, or it is not the part that is read. */
function signedByQuery(provider: Provider, query: string): string {
  const parts = new Map<string, string>();
  for (const part of query.split("&")) {
    const [name = "", ...rest] = part.split("=");
    if (parts.has(name)) throw refused(`the query has ${name.slice(0, 50)} twice`);
    parts.set(name, rest.join("="));
  }
  const of = (name: string) => {
    try {
      return decodeURIComponent((parts.get(name) ?? "").replaceAll("+", "%20"));
    } catch {
      throw refused(`the query has a wrong ${name}`);
    }
  };
  const hash = hashes[of("SigAlg")], signature = Buffer.from(of("Signature"), "base64");
  if (hash === undefined || signature.length === 0) {
    throw refused("the query is not signed with RSA and SHA-256 or better");
  }
  const names = ["SAMLRequest", "RelayState", "SigAlg"].filter((name) => parts.has(name));
  const signed = Buffer.from(names.map((name) => `${name}=${parts.get(name)}`).join("&"));
  const isSigned = certificatesOf(provider).some((pem) =>
    verify(hash, signed, new X509Certificate(pem).publicKey, signature)
  );
  if (!isSigned) throw refused("the signature of the query is not the provider's");
  const xml = inflated(of("SAMLRequest"));
  refuseOddXml(xml, hasEncrypted(xml) ? "encrypted" : "signed");
  return xml;
}

/** The signed bytes of a form. */
async function signedByElement(provider: Provider, form: string): Promise<string> {
  const xml = Buffer.from(form, "base64").toString("utf8");
  refuseOddXml(xml, hasEncrypted(xml) ? "encrypted" : "signed");
  const signed = getVerifiedXml(xml, (await parseDomFromString(xml)).documentElement, certificatesOf(provider));
  if (signed === null) throw refused("the message is not signed by the provider");
  return signed;
}

async function openedNameId(xml: string, keys: readonly SamlKey[]): Promise<Element> {
  const path = "/*[local-name()='LogoutRequest']/*[local-name()='EncryptedID' or local-name()='NameID']";
  const [encrypted, ...others] = xpath.selectElements(await parseDomFromString(xml), path);
  if (encrypted === undefined || others.length > 0) throw refused("the message has not exactly one NameID");
  const text = await decryptedXml(encrypted.toString(), keys);
  const parsed = await parseXml2JsFromString(`<Opened>${text}</Opened>`) as { Opened?: Element | string };
  return only(typeof parsed.Opened === "object" ? parsed.Opened : {}, "NameID");
}

/** Core, 3.7.1. Pure. */
function readRequest(
  request: Element,
  nameId: Element,
  { provider, addresses, now }: { provider: Provider; addresses: SamlAddresses; now: number },
): SignOutRequest {
  const { ID: id, Destination, IssueInstant, NotOnOrAfter } = request.$ ?? {};
  if (only(request, "Issuer")._?.trim() !== provider.settings["idp-issuer"]) {
    throw refused("the message is of another issuer");
  }
  if (Destination !== addresses.signOut) throw refused(`the message is for another address than ${addresses.signOut}`);
  const at = timeOf(IssueInstant), end = timeOf(NotOnOrAfter);
  if (id === undefined || at === undefined) throw refused("the message has no ID, or no IssueInstant");
  if (at > now + skewMs || at < now - mostAgeMs - skewMs || end !== undefined && now - skewMs >= end) {
    throw refused("the message is not of this moment: look at the clocks");
  }
  const subject = nameId._?.trim() ?? "";
  if (subject === "") throw refused("the message has no NameID");
  const sessions = children(request, "SessionIndex").flatMap(({ _ }) => _ === undefined ? [] : [_.trim()]);
  return { id, endsAt: at + mostAgeMs + 2 * skewMs, subject, sessions };
}
