/**
 * What a TLS server up to version 1.2 says in the clear before encryption starts (RFC 5246 section 7.4): version, cipher
 * and certificate. Asked by a hello with all that printers ever had, this tells why the runtime's TLS cannot speak to it.
 */
import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";

export type ServerFlight =
  | { kind: "incomplete" }
  | { kind: "notTls" }
  /** RFC 5246 section 7.2. */
  | { kind: "alert"; code: number }
  /** `certificate` in DER; undefined before it has come, and of a server without one. */
  | {
    kind: "hello";
    version: number;
    cipher: number;
    certificate: Uint8Array | undefined;
    /** The body of the server's key exchange; undefined where there is none. */
    exchange: Uint8Array | undefined;
    isDone: boolean;
  };

const handshake = 22, alert = 21;
/** A certificate chain has some kilobytes. */
const maxFlightBytes = 64 * 1024;
/** Some printers have buffers of 512 octets. Each octet that comes has all records read again. */
const maxRecords = 256;

/** Reads as much as there is; what is encrypted later is not looked at. */
export function readServerFlight(bytes: Uint8Array): ServerFlight {
  const records: Uint8Array[] = [];
  let at = 0;
  while (bytes.length - at >= 5) {
    const type = bytes[at]!, length = wordAt(bytes, at + 3);
    if (bytes[at + 1] !== 3 || type < 20 || type > 23 || length > 18_432) return { kind: "notTls" };
    if (bytes.length - at - 5 < length) break;
    if (type === alert && length >= 2 && records.length === 0) return { kind: "alert", code: bytes[at + 6]! };
    // After this, everything is encrypted.
    if (type !== handshake) break;
    if (records.push(bytes.subarray(at + 5, at + 5 + length)) > maxRecords) return { kind: "notTls" };
    at += 5 + length;
  }
  if (bytes.length > 0 && at === 0 && (bytes[0]! < 20 || bytes[0]! > 23)) return { kind: "notTls" };
  if (bytes.length > maxFlightBytes) return { kind: "notTls" };
  return helloIn(Buffer.concat(records));
}

function helloIn(messages: Uint8Array): ServerFlight {
  let hello: { version: number; cipher: number } | undefined;
  let certificate: Uint8Array | undefined, exchange: Uint8Array | undefined;
  for (let at = 0; messages.length - at >= 4;) {
    const type = messages[at]!, length = (messages[at + 1]! << 16) | wordAt(messages, at + 2);
    const body = messages.subarray(at + 4, at + 4 + length);
    if (body.length < length) break;
    // Server hello: version, 32 random bytes, session id, cipher.
    if (type === 2) {
      if (length < 38) return { kind: "notTls" };
      hello = { version: wordAt(body, 0), cipher: wordAt(body, 35 + body[34]!) };
    } else if (hello === undefined) return { kind: "notTls" };
    // The server's own certificate comes first.
    else if (type === 11 && length >= 6) certificate = body.slice(6, 6 + ((body[3]! << 16) | wordAt(body, 4)));
    else if (type === 12) exchange = body.slice();
    else if (type === 14) return { kind: "hello", ...hello, certificate, exchange, isDone: true };
    at += 4 + length;
  }
  return hello === undefined
    ? { kind: "incomplete" }
    : { kind: "hello", ...hello, certificate, exchange, isDone: false };
}

function wordAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

/** Key exchange and cipher of the suites that a server may choose, best first (IANA's registry of TLS parameters). */
const suites: readonly [id: number, name: string][] = [
  [0xc02f, "ECDHE-RSA-AES128-GCM"],
  [0xc030, "ECDHE-RSA-AES256-GCM"],
  [0xc02b, "ECDHE-ECDSA-AES128-GCM"],
  [0xc02c, "ECDHE-ECDSA-AES256-GCM"],
  [0xcca8, "ECDHE-RSA-CHACHA20"],
  [0xcca9, "ECDHE-ECDSA-CHACHA20"],
  [0xc027, "ECDHE-RSA-AES128-CBC"],
  [0xc028, "ECDHE-RSA-AES256-CBC"],
  [0xc013, "ECDHE-RSA-AES128-CBC"],
  [0xc014, "ECDHE-RSA-AES256-CBC"],
  [0xc023, "ECDHE-ECDSA-AES128-CBC"],
  [0xc024, "ECDHE-ECDSA-AES256-CBC"],
  [0xc009, "ECDHE-ECDSA-AES128-CBC"],
  [0xc00a, "ECDHE-ECDSA-AES256-CBC"],
  [0x009e, "DHE-RSA-AES128-GCM"],
  [0x009f, "DHE-RSA-AES256-GCM"],
  [0x0067, "DHE-RSA-AES128-CBC"],
  [0x006b, "DHE-RSA-AES256-CBC"],
  [0x0033, "DHE-RSA-AES128-CBC"],
  [0x0039, "DHE-RSA-AES256-CBC"],
  [0x009c, "RSA-AES128-GCM"],
  [0x009d, "RSA-AES256-GCM"],
  [0x003c, "RSA-AES128-CBC"],
  [0x003d, "RSA-AES256-CBC"],
  [0x002f, "RSA-AES128-CBC"],
  [0x0035, "RSA-AES256-CBC"],
  [0xc09c, "RSA-AES128-CCM"],
  [0xc09d, "RSA-AES256-CCM"],
  [0x0032, "DHE-DSS-AES128-CBC"],
  [0x0038, "DHE-DSS-AES256-CBC"],
  [0x0045, "DHE-RSA-CAMELLIA128-CBC"],
  [0x0088, "DHE-RSA-CAMELLIA256-CBC"],
  [0x0041, "RSA-CAMELLIA128-CBC"],
  [0x0084, "RSA-CAMELLIA256-CBC"],
  [0xc012, "ECDHE-RSA-3DES-CBC"],
  [0x0016, "DHE-RSA-3DES-CBC"],
  [0x000a, "RSA-3DES-CBC"],
  [0x0005, "RSA-RC4"],
  [0x0004, "RSA-RC4"],
  [0x0009, "RSA-DES-CBC"],
  [0x0003, "RSA-EXPORT-RC4"],
  [0x0008, "RSA-EXPORT-DES-CBC"],
];

/** A hello of TLS 1.2 that offers every suite above. */
export function askingHello(random: Uint8Array): Uint8Array {
  const ciphers = [...suites.map(([id]) => id), 0x00ff].flatMap(word);
  const extensions = [
    // Groups: P-256, P-384, P-521, X25519; points; signatures from RSA with SHA-512 to DSA with SHA-1.
    [10, [...word(8), ...[23, 24, 25, 29].flatMap(word)]],
    [11, [1, 0]],
    [13, [...word(20), ...[0x601, 0x603, 0x501, 0x503, 0x401, 0x403, 0x301, 0x201, 0x203, 0x202].flatMap(word)]],
  ] as const;
  const encoded = extensions.flatMap(([type, data]) => [...word(type), ...word(data.length), ...data]);
  const body = [3, 3, ...random, 0, ...word(ciphers.length), ...ciphers, 1, 0, ...word(encoded.length), ...encoded];
  return Uint8Array.from([handshake, 3, 1, ...word(body.length + 4), 1, 0, ...word(body.length), ...body]);
}

function word(value: number): [number, number] {
  return [value >> 8, value & 0xff];
}

/** Such as "TLS 1.0". */
export function versionName(version: number): string {
  return version === 0x300 ? "SSL 3.0" : `TLS 1.${(version & 0xff) - 1}`;
}

/** What of a server's answer the runtime's TLS does not support, in words; empty if nothing is found. */
export function oldIn(flight: ServerFlight): string[] {
  if (flight.kind === "alert") {
    const isOfVersion = flight.code === 70;
    return [isOfVersion ? "it refuses TLS 1.2 and before" : `it accepts no known cipher (TLS alert ${flight.code})`];
  }
  if (flight.kind !== "hello") return [];
  const { version, cipher, certificate, exchange } = flight, found: string[] = [];
  if (version < 0x303) found.push(`it speaks ${versionName(version)} at most`);
  const name = suites.find(([id]) => id === cipher)?.[1];
  const weak = [
    name?.startsWith("RSA-") && "RSA key exchange",
    name?.startsWith("DHE-") && "DHE key exchange",
    name?.endsWith("-CBC") && "CBC",
    name?.includes("-DSS-") && "DSA",
    name?.includes("-CAMELLIA") && "Camellia",
    name?.includes("-3DES-") && "3DES",
    name?.includes("-DES-") && "DES",
    name?.endsWith("-RC4") && "RC4",
    name?.endsWith("-CCM") && "CCM",
    name?.includes("-EXPORT-") && "keys of 40 bits",
  ].filter((text) => typeof text === "string");
  if (weak.length > 0) found.push(`it chooses the cipher ${name} (${weak.join(", ")})`);
  if (name?.startsWith("ECDHE-") && exchange !== undefined) found.push(...oldExchange(exchange, version));
  const key = certificate === undefined ? undefined : maybeWeakKey(certificate);
  if (key !== undefined) found.push(key);
  return found;
}

/** Curves that the runtime has: P-256, P-384 and X25519. */
const curves = [23, 24, 29];

/** Of an ECDHE exchange: kind of curve, curve, point, then in TLS 1.2 digest and signature (RFC 8422 section 5.4). */
function oldExchange(exchange: Uint8Array, version: number): string[] {
  const curve = wordAt(exchange, 1), digest = exchange[4 + exchange[3]!];
  return [
    curves.includes(curve) ? "" : `it exchanges keys on the curve ${curve === 25 ? "P-521" : `number ${curve}`}`,
    version === 0x303 && digest === 2 ? "it signs with SHA-1" : "",
    version === 0x303 && digest === 1 ? "it signs with MD5" : "",
  ].filter((text) => text !== "");
}

function maybeWeakKey(der: Uint8Array): string | undefined {
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = new X509Certificate(der).publicKey;
    const bits = details?.modulusLength ?? 2048;
    if (type === "rsa" && bits < 2048) return `its certificate has an RSA key of ${bits} bits`;
    if (type === "ec" && details?.namedCurve === "secp521r1") return "its certificate has a key of the curve P-521";
    return type === "rsa" || type === "ec" ? undefined : `its certificate has a key of the kind ${type}`;
  } catch {
    return "its certificate has a key that cannot be read";
  }
}

/** SHA-256 of a certificate, as the runtime writes it. */
export async function fingerprintOf(der: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", Uint8Array.from(der)));
  return digest.toHex().toUpperCase().replace(/..(?=.)/g, "$&:");
}
