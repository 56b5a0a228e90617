/** An authenticator of passkeys in software, which also does what no honest one does. */
import { Buffer } from "node:buffer";
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isoCBOR } from "@simplewebauthn/server/helpers";

export const algorithm = { es256: -7, eddsa: -8, rs256: -257 } as const;
type Algorithm = keyof typeof algorithm;

const bits = { present: 0x01, verified: 0x04, attested: 0x40 };

/** What an attacker, or a browser on another site, would change. */
export interface Change {
  origin?: string;
  rpId?: string;
  type?: string;
  challenge?: string;
  crossOrigin?: boolean;
  isVerified?: boolean;
  isPresent?: boolean;
  /** Of the signature; default: one more than before. */
  counter?: number;
  userHandle?: string | undefined;
  /** Changes the authenticator data after it was signed. */
  tamper?(data: Uint8Array): void;
  key?: KeyObject;
  id?: string;
  /** Of the attestation statement. */
  format?: string;
  statement?: Map<string, unknown>;
  /** What the public key says of itself. */
  alg?: number;
}

export interface SoftPasskey {
  id: string;
  counter: number;
  /** The answer to `registrationOptions()`. */
  create(options: object, change?: Change): string;
  /** The answer to `assertionOptions()`. */
  get(options: object, change?: Change): string;
}

/** `counts: false`: as those of telephones, whose counter stays 0. */
export function softPasskey(
  { origin, kind = "es256", counts = true }: { origin: string; kind?: Algorithm; counts?: boolean },
): SoftPasskey {
  const { publicKey, privateKey } = keysOf(kind), rawId = randomBytes(32), id = rawId.toString("base64url");
  let handle: string | undefined;
  const clientData = (type: string, challenge: string, change: Change) =>
    Buffer.from(JSON.stringify({
      type: change.type ?? type,
      challenge: change.challenge ?? challenge,
      origin: change.origin ?? origin,
      crossOrigin: change.crossOrigin ?? false,
    }));
  const head = (flags: number, { rpId = new URL(origin).hostname, isVerified = true, isPresent = true }: Change) => {
    const data = Buffer.alloc(37);
    sha256(Buffer.from(rpId)).copy(data);
    data[32] = flags | (isVerified ? bits.verified : 0) | (isPresent ? bits.present : 0);
    data.writeUInt32BE(passkey.counter, 33);
    return data;
  };
  const whole = (response: object, change: Change) =>
    JSON.stringify({
      id: change.id ?? id,
      rawId: change.id ?? id,
      type: "public-key",
      clientExtensionResults: {},
      response,
    });
  const passkey: SoftPasskey = {
    id,
    counter: 0,
    create(options, change = {}) {
      const { challenge, user } = options as { challenge: string; user: { id: string } };
      handle = user.id;
      if (counts) passkey.counter++;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(rawId.length);
      const key = coseOf(publicKey, kind, change.alg);
      const data = Buffer.concat([head(bits.attested, change), Buffer.alloc(16), length, rawId, key]);
      const client = clientData("webauthn.create", challenge, change);
      const attestation = new Map<string, unknown>([
        ["fmt", change.format ?? "none"],
        ["attStmt", change.statement ?? new Map()],
        ["authData", new Uint8Array(data)],
      ]);
      return whole({
        clientDataJSON: client.toString("base64url"),
        attestationObject: Buffer.from(isoCBOR.encode(attestation as never)).toString("base64url"),
        transports: ["internal", "x y"],
      }, change);
    },
    get(options, change = {}) {
      const { challenge } = options as { challenge: string };
      if (change.counter !== undefined) passkey.counter = change.counter;
      else if (counts) passkey.counter++;
      const data = head(0, change), client = clientData("webauthn.get", challenge, change);
      const signed = Buffer.concat([data, sha256(client)]);
      const signature = sign(kind === "eddsa" ? null : "sha256", signed, change.key ?? privateKey);
      change.tamper?.(data);
      return whole({
        clientDataJSON: client.toString("base64url"),
        authenticatorData: data.toString("base64url"),
        signature: signature.toString("base64url"),
        userHandle: "userHandle" in change ? change.userHandle : handle,
      }, change);
    },
  };
  return passkey;
}

export function keysOf(kind: Algorithm): { publicKey: KeyObject; privateKey: KeyObject } {
  if (kind === "rs256") return generateKeyPairSync("rsa", { modulusLength: 2048 });
  if (kind === "eddsa") return generateKeyPairSync("ed25519");
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

/** RFC 9053, 7: a key as COSE has it. */
function coseOf(key: KeyObject, kind: Algorithm, alg: number = algorithm[kind]): Uint8Array {
  const jwk = key.export({ format: "jwk" }), part = (text: string | undefined) => octets(text!);
  const parts: [number, number | Uint8Array][] = kind === "rs256"
    ? [[1, 3], [3, alg], [-1, part(jwk.n)], [-2, part(jwk.e)]]
    : kind === "eddsa"
    ? [[1, 1], [3, alg], [-1, 6], [-2, part(jwk.x)]]
    : [[1, 2], [3, alg], [-1, 1], [-2, part(jwk.x)], [-3, part(jwk.y)]];
  return isoCBOR.encode(new Map(parts) as never);
}

const octets = (text: string) => new Uint8Array(Buffer.from(text, "base64url"));

function sha256(data: Uint8Array): Buffer {
  return createHash("sha256").update(data).digest();
}
