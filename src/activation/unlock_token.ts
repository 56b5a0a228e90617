/** Reads the unlock token of proto/opendca/v1/unlock.proto and checks who signed it. */
import { Buffer } from "node:buffer";
import { createPublicKey, verify } from "node:crypto";
import { UnlockGrant } from "../../proto/gen/opendca/v1/unlock.ts";
import { NotPermittedError, UsageError } from "../../common/core/errors.ts";

const prefix = "opendca-unlock-1";
const context = new TextEncoder().encode("opendca.unlock.v1\0");

export interface UnlockToken {
  installationId: string;
  lockCount: number;
  expiresAt: Date | undefined;
  /** The bytes that are signed, context included. */
  signed: Uint8Array;
  signature: Uint8Array;
}

/** Splits a token, which may be broken over lines. Throws `UsageError` when it is none; nothing is checked yet. */
export function parseUnlockToken(text: string): UnlockToken {
  const parts = text.replace(/\s/g, "").split(".");
  const [name, grantText = "", signatureText = ""] = parts;
  const signature = new Uint8Array(Buffer.from(signatureText, "base64url"));
  if (parts.length !== 3 || name !== prefix || signature.length !== 64) throw notAToken();
  const bytes = new Uint8Array(Buffer.from(grantText, "base64url"));
  try {
    const grant = UnlockGrant.decode(bytes);
    return {
      installationId: grant.installationId,
      lockCount: grant.lockCount,
      expiresAt: grant.expiresAt,
      signed: Uint8Array.from([...context, ...bytes]),
      signature,
    };
  } catch (cause) {
    throw notAToken(cause);
  }
}

/** Throws `NotPermittedError` unless the token is for this lock of this installation, in time, and signed by a key. */
export function checkUnlockToken(
  token: UnlockToken,
  expected: { installationId: string; lockCount: number; unlockKeys: readonly string[]; now: Date },
): void {
  if (expected.unlockKeys.length === 0) {
    throw new NotPermittedError(
      "Cannot unlock as no unlock key was known when activation was first tried",
      "docs/activation.md says how an administrator begins anew; then set platform.unlockKey in agent.yaml first",
    );
  }
  const signed = expected.unlockKeys.some((key) => isSignedBy(token, key));
  if (!signed) throw refused("it was not signed by the platform's unlock key", "ask the platform for a new one");
  const wanted = `ask for one for installation ${expected.installationId}, lock ${expected.lockCount}`;
  if (token.installationId !== expected.installationId) {
    throw refused(`it is for another installation: current value is ${token.installationId}`, wanted);
  }
  if (token.lockCount !== expected.lockCount) {
    throw refused(`it is for another lock: current value is ${token.lockCount}`, wanted);
  }
  if (token.expiresAt !== undefined && token.expiresAt < expected.now) {
    throw refused(`it expired at ${token.expiresAt.toISOString()}`, `check the clock of this machine, or ${wanted}`);
  }
}

/** Checks an Ed25519 signature with a public key of 32 bytes in base64; false for a key that is none, as one with a typing error. */
function isSignedBy(token: UnlockToken, key: string): boolean {
  const raw = Buffer.from(key, "base64");
  if (raw.length !== 32) return false;
  try {
    const jwk = { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") };
    return verify(null, token.signed, createPublicKey({ key: jwk, format: "jwk" }), token.signature);
  } catch {
    return false; // Half of all numbers are no point of the curve.
  }
}

function refused(why: string, hint: string): NotPermittedError {
  return new NotPermittedError(`Cannot unlock with this token as ${why}`, hint);
}

function notAToken(cause?: unknown): UsageError {
  return new UsageError(
    "Cannot read the unlock token as it is not complete",
    `paste all of what the platform gave; it begins with ${prefix}.`,
    { cause },
  );
}
