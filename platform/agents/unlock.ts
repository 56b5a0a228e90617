import { UsageError } from "../../common/core/errors.ts";
import { createUnlockToken as signedToken } from "../../common/protocol/unlock_token.ts";
import { type By, changePlatform } from "../audit/use_case.ts";
import { forgetFailedAttempts } from "./failed_keys.ts";
import type { Platform } from "./platform.ts";
import { isUuid } from "./request_checks.ts";

export interface IssuedUnlockToken {
  token: string;
  installationId: string;
  lockCount: number;
  expiresAt: Date;
}

/** A token for `opendca unlock`, and five more attempts on the platform's side. Throws UsageError. */
export function createUnlockToken(
  platform: Platform,
  by: By,
  input: { installation: string; lockCount: number; validMs: number },
): Promise<IssuedUnlockToken> {
  return changePlatform(platform, by, async (tx, issuedAt) => {
    const installationId = input.installation.toLowerCase(), { lockCount } = input;
    if (!isUuid(installationId)) {
      const hint = "opendca status shows it on the machine that is locked";
      throw new UsageError(`Cannot use "${input.installation}" as an installation id: it is not a UUID`, hint);
    }
    const expiresAt = new Date(issuedAt.getTime() + input.validMs);
    const token = signedToken(platform.signingKey, { installationId, lockCount, issuedAt, expiresAt });
    await forgetFailedAttempts(tx, installationId);
    return {
      answer: { token, installationId, lockCount, expiresAt },
      customerId: null,
      audit: {
        action: "unlockTokenCreated",
        subject: installationId,
        detail: { lock: lockCount, expiresAt: expiresAt.toISOString() },
      },
    };
  });
}
