import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";

const hint = "write sha256/BASE64 or 64 hexadecimal digits, as from: openssl x509 -in ca.pem -pubkey -noout | " +
  "openssl pkey -pubin -outform der | openssl dgst -sha256";

/** A SHA-256 as 64 lower-case hex digits from "sha256/BASE64" (RFC 7469 section 2.4), curl's "sha256//" or hex with or without colons. */
export function parsePin(text: string): string {
  const word = text.trim();
  const [, base64] = /^sha256\/\/?([A-Za-z0-9+/]{43}=)$/.exec(word) ?? [];
  if (base64 !== undefined) return Uint8Array.fromBase64(base64).toHex();
  const hex = word.replace(/^sha256[:=]\s*/i, "").replaceAll(":", "").toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(hex)) throw new ValueSyntaxError("is not a SHA-256 of a public key", hint);
  return hex;
}

/** An Ed25519 public key: 32 octets in base64, as the platform prints it. Throws `ValueSyntaxError`. */
export function parseUnlockKey(text: string): string {
  const word = text.trim();
  if (/^[A-Za-z0-9+/]{43}=$/.test(word)) return word;
  throw new ValueSyntaxError(
    "is not an Ed25519 public key",
    "copy what opendca-platform unlock-key prints: 44 characters of base64",
  );
}
