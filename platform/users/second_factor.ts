/**
 * Second factors: time-based codes of an app (TOTP, RFC 6238) and recovery codes. Secrets are sealed for the store, so
 * that a copy of the database alone makes no codes.
 */
import { createHash, randomBytes } from "node:crypto";
import { Secret, TOTP } from "otpauth";
import { openSealed, seal } from "../keys/sealed.ts";

const periodSeconds = 30;
/* Steps that a clock may be wrong by, in each direction. */
const window = 1;

export function newTotpSecret(): Uint8Array {
  // RFC 4226, section 4: 160 bits.
  return new Uint8Array(randomBytes(20));
}

function totpOf(secret: Uint8Array, email: string): TOTP {
  // Apps know SHA-1 with six digits; many pass over anything else that the address asks for.
  return new TOTP({ issuer: "OpenDCA", label: email, secret: new Secret({ buffer: new Uint8Array(secret).buffer }) });
}

/** What an app reads as a QR code, and what a person types in its place. */
export function totpAddress(secret: Uint8Array, email: string): { address: string; typed: string } {
  const totp = totpOf(secret, email);
  return { address: totp.toString(), typed: totp.secret.base32.match(/.{1,4}/g)!.join(" ") };
}

/**
 * The time step of a code that is right; undefined for a wrong one, and for one that is not newer than `usedStep`, as a
 * code that was seen once must be worth nothing (RFC 6238, section 5.2).
 */
export function maybeTotpStep(
  secret: Uint8Array,
  { code, now, usedStep }: { code: string; now: Date; usedStep: number },
): number | undefined {
  const digits = code.replace(/[\s-]/g, "");
  if (!/^\d{6}$/.test(digits)) return undefined;
  const delta = totpOf(secret, "").validate({ token: digits, timestamp: now.getTime(), window });
  if (delta === null) return undefined;
  const step = Math.floor(now.getTime() / 1000 / periodSeconds) + delta;
  return step > usedStep ? step : undefined;
}

/* Steps, in each direction, that a code is looked for in to say what is wrong with it: ten minutes. */
const wideWindow = 20;

/**
 * Seconds that the app's clock is ahead of this one, to 30 seconds, by a code that is of another time; undefined for one
 * that is of none near. It is for anyone who runs the server: a wrong clock there makes every code wrong.
 */
export function maybeClockDifference(
  secret: Uint8Array,
  { code, now }: { code: string; now: Date },
): number | undefined {
  const token = code.replace(/[\s-]/g, "");
  if (!/^\d{6}$/.test(token)) return undefined;
  const delta = totpOf(secret, "").validate({ token, timestamp: now.getTime(), window: wideWindow });
  return delta === null || Math.abs(delta) <= window ? undefined : delta * periodSeconds;
}

/** The code of now: what an app would show. For tests and the demo. */
export function totpCode(secret: Uint8Array, now: Date): string {
  return totpOf(secret, "").generate({ timestamp: now.getTime() });
}

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** Ten codes of 50 bits, such as `k3m9x-7q2rt`; each works once. */
export function newRecoveryCodes(): string[] {
  return Array.from({ length: 10 }, () => {
    const letters = Array.from(randomBytes(10), (byte) => alphabet[byte & 31]).join("");
    return `${letters.slice(0, 5)}-${letters.slice(5)}`;
  });
}

/** Undefined for a text that cannot be one. */
export function maybeRecoveryDigest(userId: string, text: string): Uint8Array | undefined {
  const letters = text.toLowerCase().replace(/[\s-]/g, "");
  if (!/^[0-9a-hjkmnp-tv-z]{10}$/.test(letters)) return undefined;
  return new Uint8Array(createHash("sha256").update(`opendca.recovery ${userId} ${letters}`).digest());
}

/** Digest of what only a person has: a link's token, a cookie. */
export function secretDigest(secret: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(secret).digest());
}

/** 256 bits that can stand in an address or a cookie. */
export function newSecret(): string {
  return randomBytes(32).toString("base64url");
}

export function sealSecret(secret: Uint8Array, { pepper, userId }: { pepper: Uint8Array; userId: string }): Uint8Array {
  return seal(secret, { pepper, purpose: "totp", of: userId });
}

/** Throws if the row was altered, or is of another user or platform. */
export function openSecret(sealed: Uint8Array, { pepper, userId }: { pepper: Uint8Array; userId: string }): Uint8Array {
  return openSealed(sealed, { pepper, purpose: "totp", of: userId });
}
