import { Buffer } from "node:buffer";
import { UnlockGrant } from "../../proto/gen/opendca/v1/unlock.ts";
import type { SigningKey } from "./signing_key.ts";

export interface UnlockRequest {
  installationId: string;
  /** As `opendca status` shows it, from 1. */
  lockCount: number;
  issuedAt: Date;
  expiresAt: Date;
}

/** The token in the text form of proto/opendca/v1/unlock.proto. */
export function createUnlockToken(key: SigningKey, request: UnlockRequest): string {
  const grant = UnlockGrant.encode(request).finish();
  const signature = key.sign("opendca.unlock.v1", grant);
  return `opendca-unlock-1.${base64url(grant)}.${base64url(signature)}`;
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}
