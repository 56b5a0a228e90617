/**
 * A list of revoked certificates (CRL) for a broker that does not ask the platform, such as Mosquitto (`crlfile`). A
 * broker refuses everybody when its list is too old: it is renewed long before.
 */
import { Buffer } from "node:buffer";
import { createPublicKey, verify } from "node:crypto";
import { decodePem, encodePem } from "../../common/core/pem.ts";
import { maybeText, replaceFile } from "../../common/host/disk.ts";
import { algorithm, type Authority, pemOf } from "./authority.ts";
import * as x509 from "./x509.ts";

const dayMs = 86_400_000;
/** How long a list is valid: as long as the platform, or what copies the file, may be broken without harm. */
const validMs = 30 * dayMs;
/** Tolerance for a broker whose clock is slow: it refuses everybody if a list is not valid yet. */
const skewMs = 3_600_000;

/** A revoked certificate of the authority. */
export interface Revoked {
  /** In hexadecimal. */
  serial: string;
  at: Date;
}

/**
 * A signed list of revoked certificates (RFC 5280, section 5), in PEM. Times of it are whole seconds. It is written here
 * octet by octet, as the library takes quadratic time for it, and cannot read one of 10,000 entries.
 */
export async function issueRevocationList(
  { certificate, privateKey }: Authority,
  { revoked, thisUpdate, nextUpdate }: { revoked: readonly Revoked[]; thisUpdate: Date; nextUpdate: Date },
): Promise<string> {
  const authorityKey = await x509.AuthorityKeyIdentifierExtension.create(certificate);
  const list = element(tags.sequence, [
    // Version 2.
    element(tags.integer, [Uint8Array.of(1)]),
    ecdsaWithSha256,
    subjectOf(certificate),
    time(thisUpdate),
    time(nextUpdate),
    ...entriesOf(revoked),
    element(tags.extensions, [
      element(tags.sequence, [new Uint8Array(authorityKey.rawData), new Uint8Array(listNumber(thisUpdate).rawData)]),
    ]),
  ]);
  const signature = new Uint8Array(await crypto.subtle.sign(algorithm, privateKey, list));
  const signed = element(tags.sequence, [
    integer(signature.subarray(0, signature.length / 2)),
    integer(signature.subarray(signature.length / 2)),
  ]);
  return encodePem(label, signedList(list, signed));
}

function signedList(list: Uint8Array, signature: Uint8Array): Uint8Array {
  return element(tags.sequence, [list, ecdsaWithSha256, element(tags.bitString, [Uint8Array.of(0), signature])]);
}

/** Absent without entries. */
function entriesOf(revoked: readonly Revoked[]): Uint8Array<ArrayBuffer>[] {
  if (revoked.length === 0) return [];
  const entries = revoked.map(({ serial, at }) =>
    element(tags.sequence, [integer(Buffer.from(serial.length % 2 === 0 ? serial : `0${serial}`, "hex")), time(at)])
  );
  return [element(tags.sequence, entries)];
}

function subjectOf(certificate: x509.X509Certificate): Uint8Array {
  return new Uint8Array(certificate.subjectName.toArrayBuffer());
}

/* A number that grows with each list: its time in seconds. */
function listNumber(at: Date): x509.Extension {
  const seconds = Math.floor(at.getTime() / 1000).toString(16);
  const number = integer(Buffer.from(seconds.padStart(seconds.length + seconds.length % 2, "0"), "hex"));
  return new x509.Extension("2.5.29.20", false, number);
}

/* Of DER (X.690). */
const tags = { integer: 0x02, bitString: 0x03, utcTime: 0x17, generalizedTime: 0x18, sequence: 0x30, extensions: 0xa0 };
const ecdsaWithSha256 = Uint8Array.of(0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02);

function element(tag: number, parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  const head = length < 0x80 ? [tag, length] : [tag, 0x80 | octets.length, ...octets];
  const whole = new Uint8Array(head.length + length);
  whole.set(head);
  let at = head.length;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Of a number that is not negative. */
function integer(octets: Uint8Array): Uint8Array<ArrayBuffer> {
  const first = octets.findIndex((octet) => octet !== 0);
  const shortest = first < 0 ? Uint8Array.of(0) : octets.subarray(first);
  return element(tags.integer, shortest[0]! < 0x80 ? [shortest] : [Uint8Array.of(0), shortest]);
}

/** RFC 5280, 5.1.2.4: of two kinds, by the year. */
function time(at: Date): Uint8Array<ArrayBuffer> {
  const digits = `${at.toISOString().replace(/\..*|\D/g, "").slice(0, 14)}Z`;
  const isShort = at.getUTCFullYear() < 2050;
  return element(isShort ? tags.utcTime : tags.generalizedTime, [
    new TextEncoder().encode(isShort ? digits.slice(2) : digits),
  ]);
}

/**
 * Writes the file if the list has changed, or is a day old. Returns whether it was written. Throws Error if the file is
 * no such list.
 */
export async function keptRevocationList(
  file: string,
  { authority, revoked, now }: { authority: Authority; revoked: readonly Revoked[]; now: Date },
): Promise<boolean> {
  const known = maybeList(file, authority);
  const thisUpdate = new Date(Math.floor((now.getTime() - skewMs) / 1000) * 1000);
  if (known !== undefined && isCurrent(known, thisUpdate)) {
    if (Buffer.concat(entriesOf(revoked)).equals(known.entries)) return false;
    // Of two lists of the same second OpenSSL keeps the first.
    thisUpdate.setTime(Math.max(thisUpdate.getTime(), known.thisUpdate.getTime() + 1000));
  }
  const nextUpdate = new Date(thisUpdate.getTime() + skewMs + validMs);
  const list = await issueRevocationList(authority, { revoked, thisUpdate, nextUpdate });
  // Nothing in it is secret, and the broker is another user.
  replaceFile(file, list, { durable: true, mode: 0o644 });
  return true;
}

const label = "X509 CRL";

/** What a list has, as far as it decides whether another one is due. */
interface KnownList {
  thisUpdate: Date;
  /** In DER; empty without entries. */
  entries: Uint8Array;
}

/** Undefined for a file that does not exist, or has no list of this authority. Throws Error for a file of another kind. */
function maybeList(file: string, authority: Authority): KnownList | undefined {
  const text = maybeText(file) ?? "";
  if (text.trim() === "") return undefined;
  // It could be a key or a certificate: a slip in an option must not destroy it.
  if (!text.startsWith(`-----BEGIN ${label}-----`)) throw new Error("The file is of another kind, and is not replaced");
  try {
    return maybeKnown(decodePem(label, text)[0] ?? new Uint8Array(), authority);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Undefined unless it is as `issueRevocationList` writes it, with the authority's signature. */
function maybeKnown(der: Uint8Array, { certificate }: Authority): KnownList | undefined {
  const [list, , bits] = partsOf(contentOf(partsOf(der)[0]));
  if (list === undefined || bits === undefined) return undefined;
  const signature = contentOf(bits).subarray(1);
  if (!Buffer.from(der).equals(signedList(list, signature))) return undefined;
  if (!verify("sha256", list, createPublicKey(pemOf(certificate)), signature)) return undefined;
  const [, , , from, , ...rest] = partsOf(contentOf(list));
  const digits = from === undefined ? "" : new TextDecoder().decode(contentOf(from));
  const [, year, month, day, hour, minute, second] = /^(\d\d|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(digits) ?? [];
  if (year === undefined || rest.length === 0 || rest.length > 2) return undefined;
  const thisUpdate = new Date(`${year.length === 2 ? `20${year}` : year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return { thisUpdate, entries: rest.length === 2 ? rest[0]! : new Uint8Array() };
}

/** Where the content of the element at `at` begins and ends. */
function boundsOf(octets: Uint8Array, at: number): { begin: number; end: number } {
  const first = octets[at + 1] ?? 0;
  if (first < 0x80) return { begin: at + 2, end: at + 2 + first };
  const begin = at + 2 + (first & 0x7f);
  return { begin, end: begin + octets.subarray(at + 2, begin).reduce((sum, octet) => sum * 256 + octet, 0) };
}

function contentOf(element: Uint8Array = new Uint8Array()): Uint8Array {
  const { begin, end } = boundsOf(element, 0);
  return element.subarray(begin, end);
}

/** The elements one after the other, without one that is cut off. */
function partsOf(content: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < content.length;) {
    const { end } = boundsOf(content, at);
    if (end > content.length) break;
    parts.push(content.subarray(at, end));
    at = end;
  }
  return parts;
}

/** Written within a day, and not by a clock that was fast. */
function isCurrent({ thisUpdate: written }: KnownList, thisUpdate: Date): boolean {
  const ageMs = thisUpdate.getTime() - written.getTime();
  return ageMs < dayMs && ageMs > -skewMs;
}
