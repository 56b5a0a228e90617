import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";

/** An Ed25519 public key: 32 octets in base64, as the platform prints it. Throws `ValueSyntaxError`. */
export function parseUnlockKey(text: string): string {
  const word = text.trim();
  if (/^[A-Za-z0-9+/]{43}=$/.test(word)) return word;
  throw new ValueSyntaxError(
    "is not an Ed25519 public key",
    "copy what opendca-platform unlock-key prints: 44 characters of base64",
  );
}
