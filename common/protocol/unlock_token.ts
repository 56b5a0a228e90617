/** The unlock token of proto/opendca/v1/unlock.proto: created by the platform, checked by the agent. */
import { Buffer } from "node:buffer";
import { UnlockGrant } from "../../proto/gen/opendca/v1/unlock.ts";
import { NotPermittedError, UsageError } from "../core/errors.ts";
import { isSignedBy, type SigningKey } from "./signature.ts";

const prefix = "opendca-unlock-1";
const context = "opendca.unlock.v1";

export interface UnlockRequest {
  installationId: string;
  /** Number of the lock as shown by `opendca status`, from 1. */
  lockCount: number;
  issuedAt: Date;
  expiresAt: Date;
}

/** The token as text. */
export function createUnlockToken(key: SigningKey, request: UnlockRequest): string {
  const grant = UnlockGrant.encode(request).finish();
  return [prefix, base64url(grant), base64url(key.sign(context, grant))].join(".");
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

export interface UnlockToken {
  installationId: string;
  lockCount: number;
  expiresAt: Date | undefined;
  /** The encoded grant. */
  message: Uint8Array;
  signature: Uint8Array;
}

/** Parses a token, which may contain line breaks. Throws `UsageError` for other texts; does not verify it. */
export function parseUnlockToken(text: string): UnlockToken {
  const parts = text.replace(/\s/g, "").split(".");
  const [name, grantText = "", signatureText = ""] = parts;
  const signature = new Uint8Array(Buffer.from(signatureText, "base64url"));
  if (parts.length !== 3 || name !== prefix || signature.length !== 64) throw notAToken();
  const message = new Uint8Array(Buffer.from(grantText, "base64url"));
  try {
    const { installationId, lockCount, expiresAt } = UnlockGrant.decode(message);
    return { installationId, lockCount, expiresAt, message, signature };
  } catch (cause) {
    throw notAToken(cause);
  }
}

/**
 * Throws `NotPermittedError` unless the token is for this lock of this installation, not expired, and signed by one of
 * the keys.
 */
export function checkUnlockToken(
  token: UnlockToken,
  expected: { installationId: string; lockCount: number; unlockKeys: readonly string[]; now: Date },
): void {
  if (expected.unlockKeys.length === 0) {
    throw new NotPermittedError(
      "Cannot unlock as no unlock key was known when activation was first tried",
      "docs/activation.md says how an administrator starts over; then set platform.unlockKey in agent.yaml first",
    );
  }
  const { message, signature } = token;
  const isSigned = expected.unlockKeys.some((key) =>
    isSignedBy(Buffer.from(key, "base64"), { context, message, signature })
  );
  if (!isSigned) throw refused("it was not signed by the platform's unlock key", "ask the platform for a new one");
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

function refused(why: string, hint: string): NotPermittedError {
  return new NotPermittedError(`Cannot unlock with this token as ${why}`, hint);
}

function notAToken(cause?: unknown): UsageError {
  return new UsageError(
    "Cannot read the unlock token as it is incomplete",
    `paste the whole token of the platform; it begins with ${prefix}.`,
    { cause },
  );
}
