/** XML of a SAML provider: what is refused before anything is parsed, and reading what its signature was checked of. Pure. */
import { Buffer } from "node:buffer";
import { ProviderRefusal } from "./provider_refusal.ts";

export const mostResponseBytes = 256 * 1024;
/* For the clocks of two machines. */
export const skewMs = 60_000;

const signing = [
  "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
  "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
  "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
  "http://www.w3.org/2001/04/xmlenc#sha256",
  "http://www.w3.org/2001/04/xmldsig-more#sha384",
  "http://www.w3.org/2001/04/xmlenc#sha512",
  "http://www.w3.org/2001/10/xml-exc-c14n#",
  "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
];

/** What an assertion may be encrypted by: the metadata offers it. AES in CBC proves nothing by itself: see consume(). */
export const encryptionAlgorithms = [
  "http://www.w3.org/2009/xmlenc11#aes256-gcm",
  "http://www.w3.org/2009/xmlenc11#aes128-gcm",
  "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
  "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
];
/** How the key of an assertion is encrypted. Never RSA 1.5: whoever may ask often enough opens it (Bleichenbacher). */
export const keyTransport = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
/* The digest within OAEP, which needs no collision resistance. */
const oaepDigest = "http://www.w3.org/2000/09/xmldsig#sha1";

const allowed = {
  signed: new Set(signing),
  encrypted: new Set([...signing, ...encryptionAlgorithms, keyTransport, oaepDigest]),
};

export function decodedXml(message: string): string {
  return Buffer.from(message, "base64").toString("utf8");
}

export const refused = (message: string, options?: ErrorOptions) => new ProviderRefusal("answer", message, options);

/**
 * Before anything is parsed: no document types, as these have entities, which grow without end or read files; and no
 * algorithm but those that are known to be good, wherever it stands.
 */
export function refuseOddXml(xml: string, kind: keyof typeof allowed = "signed"): void {
  if (xml.length > mostResponseBytes) throw refused("the answer is too long");
  if (/<!(?!--)/.test(xml)) throw refused("the answer has a document type");
  refuseOddShape(xml);
  const algorithms = [...xml.matchAll(/\bAlgorithm\s*=\s*(?:"([^"]*)"|'([^']*)')/g)].map(([, a, b]) => a ?? b!);
  const wrong = algorithms.find((name) => !allowed[kind].has(name));
  if (wrong !== undefined) {
    throw refused(`the answer uses the algorithm ${wrong.slice(0, 100)}, which is not good enough`);
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

/** As `xml2js` gives it, without prefixes. */
export interface Element {
  $?: Record<string, string>;
  _?: string;
  [child: string]: unknown;
}

export function children(element: Element | undefined, name: string): Element[] {
  const found = element?.[name];
  if (!Array.isArray(found)) return [];
  return found.map((one) => typeof one === "string" ? { _: one } : one as Element);
}

export function only(element: Element, name: string): Element {
  const [first, ...others] = children(element, name);
  if (first !== undefined && others.length === 0) return first;
  throw refused(`the assertion has ${others.length === 0 ? "no" : "several"} ${name}`);
}

export function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(ms)) throw refused("the assertion has a time that is none");
  return ms;
}
