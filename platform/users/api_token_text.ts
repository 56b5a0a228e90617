/**
 * The text of an API token: `odca_`, 30 letters and digits (178 bits), and a checksum of six. Programs that look for
 * secrets in published files know it by its prefix, and tell a mistyped one from a real one. Pure.
 */
import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const prefix = "odca_";

export function newTokenText(): string {
  let text = prefix;
  while (text.length < prefix.length + 30) {
    for (const byte of randomBytes(32)) {
      // 62 does not divide 256: bytes above are thrown away, so that every letter is equally likely.
      if (byte < 248 && text.length < prefix.length + 30) text += alphabet[byte % 62];
    }
  }
  return text + checksum(text);
}

/** Whether it can be a token: no question to the store for what cannot. */
export function isTokenText(text: string): boolean {
  return /^odca_[0-9A-Za-z]{36}$/.test(text) && text.slice(-6) === checksum(text.slice(0, -6));
}

function checksum(text: string): string {
  let value = crc32(text), digits = "";
  for (let i = 0; i < 6; i++) {
    digits = alphabet[value % 62] + digits;
    value = Math.floor(value / 62);
  }
  return digits;
}
