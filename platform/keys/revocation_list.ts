/**
 * A list of revoked certificates (CRL) for a broker that does not ask the platform, such as Mosquitto (`crlfile`). A
 * broker refuses everybody when its list is too old: it is renewed long before.
 */
import { maybeText, replaceFile } from "../../common/host/disk.ts";
import { algorithm, type Authority } from "./authority.ts";
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

/** A signed list of revoked certificates (RFC 5280, section 5), in PEM. Times of it are whole seconds. */
export async function issueRevocationList(
  { certificate, privateKey }: Authority,
  { revoked, thisUpdate, nextUpdate }: { revoked: readonly Revoked[]; thisUpdate: Date; nextUpdate: Date },
): Promise<string> {
  const list = await x509.X509CrlGenerator.create({
    issuer: certificate.subject,
    thisUpdate,
    nextUpdate,
    entries: revoked.map(({ serial, at }) => ({ serialNumber: serial, revocationDate: at })),
    extensions: [await x509.AuthorityKeyIdentifierExtension.create(certificate), listNumber(thisUpdate)],
    signingKey: privateKey,
    signingAlgorithm: algorithm,
  });
  // The library's own label is not that of OpenSSL.
  return `${x509.PemConverter.encode(list.rawData, label)}\n`;
}

/* A number that grows with each list: its time in seconds, as a DER integer of 5 octets. */
function listNumber(at: Date): x509.Extension {
  const value = new Uint8Array([2, 5, 0, 0, 0, 0, 0]);
  new DataView(value.buffer).setUint32(3, Math.floor(at.getTime() / 1000));
  // A DER integer has no octet too many.
  const shortest = value[3]! < 0x80 ? Uint8Array.from([2, 4, ...value.slice(3)]) : value;
  return new x509.Extension("2.5.29.20", false, shortest);
}

/**
 * Writes the file if the list has changed, or is a day old. Returns whether it was written. Throws Error if the file is
 * no such list.
 */
export async function keptRevocationList(
  file: string,
  { authority, revoked, now }: { authority: Authority; revoked: readonly Revoked[]; now: Date },
): Promise<boolean> {
  const known = maybeList(file);
  const thisUpdate = new Date(Math.floor((now.getTime() - skewMs) / 1000) * 1000);
  if (known !== undefined && known.issuer === authority.certificate.subject && isCurrent(known, thisUpdate)) {
    if (areSame(known, revoked)) return false;
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

/** Undefined for a file that does not exist, or has no list that can be read. Throws Error for a file of another kind. */
function maybeList(file: string): x509.X509Crl | undefined {
  const text = maybeText(file) ?? "";
  if (text.trim() === "") return undefined;
  // It could be a key or a certificate: a slip in an option must not destroy it.
  if (!text.startsWith(`-----BEGIN ${label}-----`)) throw new Error("The file is of another kind, and is not replaced");
  try {
    return new x509.X509Crl(x509.PemConverter.decodeFirst(text));
  } catch {
    return undefined;
  }
}

/** Written within a day, and not by a clock that was fast. */
function isCurrent({ thisUpdate: written }: x509.X509Crl, thisUpdate: Date): boolean {
  const ageMs = thisUpdate.getTime() - written.getTime();
  return ageMs < dayMs && ageMs > -skewMs;
}

function areSame({ entries }: x509.X509Crl, revoked: readonly Revoked[]): boolean {
  const known = new Set(entries.map(({ serialNumber }) => serialNumber));
  return known.size === revoked.length && revoked.every(({ serial }) => known.has(serial));
}
