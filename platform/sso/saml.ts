/**
 * SAML 2.0 as a service provider: a request by HTTP-Redirect, an answer by HTTP-POST. `node-saml` checks the signature and
 * gives back the signed bytes; whatever else is believed is read from these bytes alone and checked here, as the library
 * looks at the machine's clock, does not look at the recipient, and takes SHA-1.
 *
 * An answer without a request (IdP-initiated) is refused: nobody could tell who began it.
 */
import { Buffer } from "node:buffer";
import { SAML, ValidateInResponseTo } from "@node-saml/node-saml";
import { buildXmlBuilderObject, parseDomFromString, xpath } from "@node-saml/node-saml/lib/xml.js";
import { messageOf } from "../../common/core/errors.ts";
import { newSecret } from "../users/second_factor.ts";
import type { Identity } from "./identity.ts";
import { ProviderRefusal } from "./provider_refusal.ts";
import type { Provider, SsoPlatform } from "./providers.ts";
import { decryptedXml, hasEncrypted } from "./saml_encryption.ts";
import type { SamlKey } from "./saml_keys.ts";
import {
  children,
  decodedXml,
  type Element,
  encryptionAlgorithms,
  keyTransport,
  only,
  refused,
  refuseOddXml,
  skewMs,
  timeOf,
} from "./saml_xml.ts";

/** Of the portal, for this provider. */
export interface SamlAddresses {
  entityId: string;
  consumer: string;
  signOut: string;
}

/** Where browsers are sent, and the id that the answer must name. */
export interface SamlRequest {
  address: string;
  id: string;
}

/** `assertion`: counts once until its end. */
export interface SamlAnswer {
  identity: Identity;
  assertion: { id: string; endsAt: number };
}

/** Of an assertion that says so itself, at most. */
const mostAssertionMs = 60 * 60_000;
/* From when it was issued until it is here: somebody who was disabled since then must not bring one that was kept. */
const mostAgeMs = 2 * 60_000;

/** As the provider gave it: it is told the same at the end. The attributes are those of SAML. */
export interface NameId {
  value: string;
  Format?: string;
  NameQualifier?: string;
  SPNameQualifier?: string;
}

export function samlOf(
  provider: Provider,
  { entityId, consumer }: SamlAddresses,
  parts: { id?: string; isFresh?: boolean; key?: SamlKey } = {},
) {
  const { settings } = provider;
  return new SAML({
    callbackUrl: consumer,
    issuer: entityId,
    idpIssuer: settings["idp-issuer"]!,
    entryPoint: settings["sign-in-address"]!,
    idpCert: certificatesOf(provider),
    audience: false,
    identifierFormat: null,
    disableRequestedAuthnContext: true,
    wantAssertionsSigned: true,
    wantAuthnResponseSigned: false,
    // Requests are in the platform's store; the library would forget one by a wrong answer that anybody can send.
    validateInResponseTo: ValidateInResponseTo.never,
    // The platform's clock counts: see checkedAssertion().
    acceptedClockSkewMs: -1,
    signatureAlgorithm: "sha256",
    ...(parts.key === undefined ? {} : { privateKey: parts.key.privateKeyPem }),
    ...(settings["sign-out-address"] === undefined ? {} : { logoutUrl: settings["sign-out-address"] }),
    ...(parts.isFresh ? { forceAuthn: true } : {}),
    ...(parts.id === undefined ? {} : { generateUniqueId: () => parts.id! }),
  });
}

/** What the provider signs with. */
export function certificatesOf({ settings }: Provider): string[] {
  return settings["certificate"]!.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
}

/** `isSilent`: without questions, or not at all. */
export async function beginSaml(
  provider: Provider,
  addresses: SamlAddresses,
  { isFresh = false, isSilent = false }: { isFresh?: boolean; isSilent?: boolean } = {},
): Promise<SamlRequest> {
  const id = `_${newSecret()}`;
  const saml = samlOf(provider, addresses, { id, isFresh });
  if (isSilent) saml.options.passive = true;
  return { address: await saml.getAuthorizeUrlAsync("", undefined, {}), id };
}

/** The id of the request that an answer claims to be for; it is believed only after the answer was checked. */
export function claimedRequest(samlResponse: string): string | undefined {
  // From the beginning alone: a search for it would take the square of the length, of whatever anybody sends.
  const [, attributes] = /^\s*(?:<\?xml[^>]{0,200}>\s*)?<(?:[\w-]{1,50}:)?Response\s([^>]{0,4000})>/
    .exec(decodedXml(samlResponse).slice(0, 6000)) ?? [];
  return attributes && /\bInResponseTo\s*=\s*["']([^"'<>&]{1,200})["']/.exec(attributes)?.[1];
}

export function isEncryptedAnswer(samlResponse: string): boolean {
  return hasEncrypted(decodedXml(samlResponse));
}

/** Throws ProviderRefusal for an answer with anything wrong. */
export async function checkSaml(
  { clock }: Pick<SsoPlatform, "clock">,
  provider: Provider,
  { samlResponse, requestId, addresses, isFresh, keys = [] }: {
    samlResponse: string;
    requestId: string;
    addresses: SamlAddresses;
    isFresh: boolean;
    /** What an encrypted assertion is opened by. */
    keys?: readonly SamlKey[];
  },
): Promise<SamlAnswer> {
  const xml = decodedXml(samlResponse), isEncrypted = hasEncrypted(xml);
  if (!isEncrypted && provider.settings["encrypted-only"] === "yes") throw refused("the assertion is not encrypted");
  refuseOddXml(xml, isEncrypted ? "encrypted" : "signed");
  const opened = isEncrypted ? await openedAnswer(xml, keys) : xml;
  const signed = await signedAssertion(provider, addresses, opened);
  const answer = readAssertion(signed, { provider, addresses, requestId, now: clock.now().getTime() });
  if (isFresh && answer.identity.authenticatedAt === undefined) {
    throw refused("the provider does not say when the person signed in");
  }
  return answer;
}

/**
 * An answer with nothing but the assertion that was encrypted, as if it had come so: what holds for one that is not
 * encrypted holds for it. A signature around the encrypted assertion counts for nothing.
 */
async function openedAnswer(xml: string, keys: readonly SamlKey[]): Promise<string> {
  const document = await parseDomFromString(xml).catch((error) => {
    throw refused(messageOf(error).slice(0, 300), { cause: error });
  });
  const found = xpath.selectElements(document, "/*[local-name()='Response']/*[contains(local-name(), 'Assertion')]");
  if (found.length !== 1 || found[0]!.localName !== "EncryptedAssertion") {
    throw refused("the answer has not exactly one encrypted assertion");
  }
  const assertion = await decryptedXml(found[0]!.toString(), keys);
  return `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol">${assertion}</samlp:Response>`;
}

/** The signed bytes of the assertion, parsed. */
async function signedAssertion(provider: Provider, addresses: SamlAddresses, xml: string): Promise<Element> {
  const samlResponse = Buffer.from(xml).toString("base64");
  try {
    const { profile } = await samlOf(provider, addresses).validatePostResponseAsync({ SAMLResponse: samlResponse });
    const assertion = (profile?.getAssertion?.() as { Assertion?: Element } | undefined)?.Assertion;
    if (assertion === undefined) throw new ProviderRefusal("questions", "the provider did not sign the person in");
    return assertion;
  } catch (error) {
    if (error instanceof ProviderRefusal) throw error;
    const message = messageOf(error).slice(0, 300);
    if (/NoPassive|AuthnFailed|RequestDenied/.test(message)) {
      throw new ProviderRefusal(/NoPassive/.test(message) ? "questions" : "cancelled", message);
    }
    throw refused(message, { cause: error });
  }
}

interface Expected {
  provider: Provider;
  addresses: SamlAddresses;
  requestId: string;
  now: number;
}

/** SAML Profiles, 4.1.4.3. Pure. */
function readAssertion(assertion: Element, { provider, addresses, requestId, now }: Expected): SamlAnswer {
  const { settings } = provider;
  if (only(assertion, "Issuer")._ !== settings["idp-issuer"]) throw refused("the assertion is of another issuer");
  const conditions = only(assertion, "Conditions");
  const restrictions = children(conditions, "AudienceRestriction");
  const isForPortal = restrictions.length > 0 &&
    restrictions.every((one) => children(one, "Audience").some(({ _ }) => _ === addresses.entityId));
  if (!isForPortal) throw refused(`the assertion is for another audience than ${addresses.entityId}`);
  checkTimes(conditions.$, now);
  const subject = only(assertion, "Subject"), nameId = only(subject, "NameID");
  const confirmations = children(subject, "SubjectConfirmation")
    .filter(({ $ }) => $?.["Method"] === "urn:oasis:names:tc:SAML:2.0:cm:bearer")
    .map((one) => only(one, "SubjectConfirmationData").$ ?? {});
  const confirmation = confirmations.find((data) =>
    data["Recipient"] === addresses.consumer && data["InResponseTo"] === requestId
  );
  if (confirmation === undefined) throw refused("the assertion is for another recipient, or for another request");
  const endsAt = checkTimes(confirmation, now);
  if (endsAt === undefined || endsAt > now + mostAssertionMs) throw refused("the assertion has no end, or a late one");
  const statement = only(assertion, "AuthnStatement").$ ?? {};
  const id = assertion.$?.["ID"], issuedAt = timeOf(assertion.$?.["IssueInstant"]);
  if (id === undefined || issuedAt === undefined) throw refused("the assertion has no ID, or no IssueInstant");
  if (issuedAt > now + skewMs || issuedAt < now - mostAgeMs - skewMs) {
    throw refused("the assertion was not issued just now: look at the clocks");
  }
  const sessionEnd = timeOf(statement["SessionNotOnOrAfter"]);
  if (sessionEnd !== undefined && sessionEnd <= now) throw refused("the session at the provider is over");
  const text = nameId._?.trim() ?? "";
  if (text === "" || text.length > 500) throw refused("the assertion has no NameID");
  if (/nameid-format:transient$/.test(nameId.$?.["Format"] ?? "")) {
    throw refused("the NameID is another one each time (transient): let the provider send a persistent one");
  }
  const values = attributesOf(assertion);
  return {
    identity: {
      subject: text,
      email: emailOf(values(settings["email-attribute"]!)[0]),
      name: values(settings["name-attribute"]!)[0],
      groups: values(settings["groups-attribute"]!).slice(0, 5000),
      authenticatedAt: timeOf(statement["AuthnInstant"]),
      vouchedAt: Math.min(issuedAt, now),
      endsAt: sessionEnd,
      session: statement["SessionIndex"],
      signOut: JSON.stringify({ ...nameId.$, value: text } satisfies NameId),
    },
    assertion: { id, endsAt: endsAt + skewMs },
  };
}

/** The end, if there is one. */
function checkTimes(data: Record<string, string> | undefined, now: number): number | undefined {
  const from = timeOf(data?.["NotBefore"]), until = timeOf(data?.["NotOnOrAfter"]);
  if (from !== undefined && now + skewMs < from) throw refused("the assertion is not valid yet: look at the clocks");
  if (until !== undefined && now - skewMs >= until) throw refused("the assertion has expired: look at the clocks");
  return until;
}

function attributesOf(assertion: Element): (name: string) => string[] {
  const attributes = children(assertion, "AttributeStatement").flatMap((one) => children(one, "Attribute"));
  return (name) =>
    attributes.filter(({ $ }) => $?.["Name"] === name)
      .flatMap((one) => children(one, "AttributeValue"))
      .flatMap(({ _ }) => _ === undefined ? [] : [_.trim()])
      .filter((value) => value !== "" && value.length <= 500);
}

function emailOf(text: string | undefined): string | undefined {
  return text !== undefined && /^[^\s@<>"\p{Cc}\p{Cf}]{1,64}@[^\s@<>"]+\.[^\s@<>"]+$/u.test(text) && text.length <= 254
    ? text
    : undefined;
}

/* What a provider reads of the portal: who it is, where messages go, and its keys. */
const bindings = "urn:oasis:names:tc:SAML:2.0:bindings:";

/** `keys`: the newest first. It is encrypted for the newest; requests may be signed by each. */
export function samlMetadata(
  { settings }: Provider,
  { entityId, consumer, signOut }: SamlAddresses,
  keys: readonly SamlKey[],
): string {
  const keyInfo = ({ certificatePem }: SamlKey) => ({
    "ds:KeyInfo": {
      "ds:X509Data": { "ds:X509Certificate": { "#text": certificatePem.replace(/-----[A-Z ]+-----|\s/g, "") } },
    },
  });
  const signingKeys = keys.map((key) => ({ "@use": "signing", ...keyInfo(key) }));
  const encryptionKeys = keys.slice(0, 1).map((key) => ({
    "@use": "encryption",
    ...keyInfo(key),
    EncryptionMethod: [...encryptionAlgorithms, keyTransport].map((name) => ({ "@Algorithm": name })),
  }));
  const logout = ["HTTP-Redirect", "HTTP-POST"].map((name) => ({ "@Binding": bindings + name, "@Location": signOut }));
  return buildXmlBuilderObject({
    EntityDescriptor: {
      "@xmlns": "urn:oasis:names:tc:SAML:2.0:metadata",
      "@xmlns:ds": "http://www.w3.org/2000/09/xmldsig#",
      "@entityID": entityId,
      SPSSODescriptor: {
        "@protocolSupportEnumeration": "urn:oasis:names:tc:SAML:2.0:protocol",
        "@AuthnRequestsSigned": "false",
        "@WantAssertionsSigned": "true",
        KeyDescriptor: [...signingKeys, ...encryptionKeys],
        ...(settings["sign-out-address"] === undefined ? {} : { SingleLogoutService: logout }),
        AssertionConsumerService: {
          "@index": "1",
          "@isDefault": "true",
          "@Binding": `${bindings}HTTP-POST`,
          "@Location": consumer,
        },
      },
    },
  }, true);
}
