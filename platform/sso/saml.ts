/**
 * SAML 2.0 as a service provider: a request by HTTP-Redirect, an answer by HTTP-POST. `node-saml` checks the signature and
 * gives back the signed bytes; whatever else is believed is read from these bytes alone and checked here, as the library
 * looks at the machine's clock, does not look at the recipient, and takes SHA-1.
 *
 * An answer without a request (IdP-initiated) is refused: nobody could tell who began it.
 */
import { Buffer } from "node:buffer";
import { SAML, ValidateInResponseTo } from "@node-saml/node-saml";
import { messageOf } from "../../common/core/errors.ts";
import { newSecret } from "../users/second_factor.ts";
import type { Identity } from "./identity.ts";
import { ProviderRefusal } from "./provider_refusal.ts";
import type { Provider, SsoPlatform } from "./providers.ts";

/** Of the portal, for this provider. */
export interface SamlAddresses {
  entityId: string;
  consumer: string;
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

export const mostResponseBytes = 256 * 1024;
/* For the clocks of two machines. */
const skewMs = 60_000;
/** Of an assertion that says so itself, at most. */
const mostAssertionMs = 60 * 60_000;

const allowedAlgorithms = new Set([
  "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
  "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
  "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
  "http://www.w3.org/2001/04/xmlenc#sha256",
  "http://www.w3.org/2001/04/xmldsig-more#sha384",
  "http://www.w3.org/2001/04/xmlenc#sha512",
  "http://www.w3.org/2001/10/xml-exc-c14n#",
  "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
]);

function samlOf(
  provider: Provider,
  { entityId, consumer }: SamlAddresses,
  parts: { id?: string; isFresh?: boolean } = {},
) {
  const { settings } = provider;
  return new SAML({
    callbackUrl: consumer,
    issuer: entityId,
    idpIssuer: settings["idp-issuer"]!,
    entryPoint: settings["sign-in-address"]!,
    idpCert: settings["certificate"]!.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [],
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
    ...(parts.isFresh ? { forceAuthn: true } : {}),
    ...(parts.id === undefined ? {} : { generateUniqueId: () => parts.id! }),
  });
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

/** What the provider reads once: who the portal is, and where answers go. */
export function samlMetadata(provider: Provider, addresses: SamlAddresses): string {
  return samlOf(provider, addresses).generateServiceProviderMetadata(null, null);
}

/** The id of the request that an answer claims to be for; it is believed only after the answer was checked. */
export function claimedRequest(samlResponse: string): string | undefined {
  // From the beginning alone: a search for it would take the square of the length, of whatever anybody sends.
  const [, attributes] = /^\s*(?:<\?xml[^>]{0,200}>\s*)?<(?:[\w-]{1,50}:)?Response\s([^>]{0,4000})>/
    .exec(decoded(samlResponse).slice(0, 6000)) ?? [];
  return attributes && /\bInResponseTo\s*=\s*["']([^"'<>&]{1,200})["']/.exec(attributes)?.[1];
}

/** Throws ProviderRefusal for an answer with anything wrong. */
export async function checkSaml(
  { clock }: Pick<SsoPlatform, "clock">,
  provider: Provider,
  { samlResponse, requestId, addresses, isFresh }: {
    samlResponse: string;
    requestId: string;
    addresses: SamlAddresses;
    isFresh: boolean;
  },
): Promise<SamlAnswer> {
  refuseOddXml(decoded(samlResponse));
  const signed = await signedAssertion(provider, addresses, samlResponse);
  const answer = readAssertion(signed, { provider, addresses, requestId, now: clock.now().getTime() });
  if (isFresh && answer.identity.authenticatedAt === undefined) {
    throw refused("the provider does not say when the person signed in");
  }
  return answer;
}

function decoded(samlResponse: string): string {
  return Buffer.from(samlResponse, "base64").toString("utf8");
}

const refused = (message: string, options?: ErrorOptions) => new ProviderRefusal("answer", message, options);

/**
 * Before anything is parsed: no document types, as these have entities, which grow without end or read files; and no
 * algorithm but those that are known to be good, wherever it stands.
 */
function refuseOddXml(xml: string): void {
  if (xml.length > mostResponseBytes) throw refused("the answer is too long");
  if (/<!(?!--)/.test(xml)) throw refused("the answer has a document type");
  refuseOddShape(xml);
  const algorithms = [...xml.matchAll(/\bAlgorithm\s*=\s*(?:"([^"]*)"|'([^']*)')/g)].map(([, a, b]) => a ?? b!);
  const wrong = algorithms.find((name) => !allowedAlgorithms.has(name));
  if (wrong !== undefined) {
    throw refused(`the answer uses the algorithm ${wrong.slice(0, 100)}: SHA-256 or better is needed`);
  }
}

const mostElements = 1500, mostDepth = 50;

/**
 * Elements that are not closed, and many within one another, would keep the library busy for minutes: it takes the square
 * of the depth. This takes each character once.
 */
function refuseOddShape(xml: string): void {
  const tag = /<(?:!--[\s\S]*?--|\?[^>]*\?|(\/?)([\w:.-]+)(?:"[^"]*"|'[^']*'|[^"'<>])*?(\/?))>/y;
  const open: string[] = [];
  let elements = 0;
  for (let at = xml.indexOf("<"); at !== -1; at = xml.indexOf("<", tag.lastIndex)) {
    tag.lastIndex = at;
    const [, isEnd, name, isEmpty] = tag.exec(xml) ?? [undefined];
    if (tag.lastIndex === 0) throw refused("the answer is no XML");
    if (name === undefined || isEmpty === "/" && isEnd === "") {
      if (name !== undefined && ++elements > mostElements) break;
      continue;
    }
    if (isEnd === "/") {
      if (open.pop() !== name) throw refused(`the answer closes ${name.slice(0, 50)} where it is not open`);
    } else {
      open.push(name);
      if (++elements > mostElements || open.length > mostDepth) break;
    }
  }
  if (elements > mostElements || open.length > mostDepth) throw refused("the answer has too many elements");
  if (open.length > 0) throw refused("the answer is cut off");
}

/** The signed bytes of the assertion, parsed. */
async function signedAssertion(provider: Provider, addresses: SamlAddresses, samlResponse: string): Promise<Element> {
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

/** As `xml2js` gives it, without prefixes. */
interface Element {
  $?: Record<string, string>;
  _?: string;
  [child: string]: unknown;
}

function children(element: Element | undefined, name: string): Element[] {
  const found = element?.[name];
  if (!Array.isArray(found)) return [];
  return found.map((one) => typeof one === "string" ? { _: one } : one as Element);
}

function only(element: Element, name: string): Element {
  const [first, ...others] = children(element, name);
  if (first !== undefined && others.length === 0) return first;
  throw refused(`the assertion has ${others.length === 0 ? "no" : "several"} ${name}`);
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
  const id = assertion.$?.["ID"];
  if (id === undefined) throw refused("the assertion has no id");
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
      endsAt: sessionEnd,
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

function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(ms)) throw refused("the assertion has a time that is none");
  return ms;
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
