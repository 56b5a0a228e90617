/** What would become of an offer, for a person who asks. Pure. */
import { NotPermittedError } from "../../common/core/errors.ts";
import type { ReleaseKeys } from "../../common/release/release_keys.ts";
import { type ReleaseManifest, verifyManifest } from "../../common/release/release_manifest.ts";
import type { UpdatePolicy } from "../config/agent_config.ts";
import { periodAt } from "../config/allowed_hours.ts";
import { judgeOffer, type OfferContext } from "./judge_offer.ts";
import type { RootState } from "./update_files.ts";

export interface OfferVerdict {
  version: string;
  issuedAt: string | null;
  expiresAt: string | null;
  signatures: {
    valid: boolean;
    /** Ids of the release keys that signed it. */
    keys: string[];
    /** Why they are not valid; null if they are. */
    why: string | null;
  };
  /** `now` and `later`: by itself; `later`: from `at` on. */
  installs: "now" | "later" | "never";
  at: string | null;
  /** One sentence: what would happen, and why. */
  message: string;
}

export interface CheckContext extends Omit<OfferContext, "keys" | "policy"> {
  /** Undefined in a development build. */
  keys: ReleaseKeys | undefined;
  policy: UpdatePolicy & { allowed: boolean };
  state: RootState | undefined;
  /** Why this program cannot update itself; undefined if it can. */
  cannot: string | undefined;
  /** The platform's time, which the hours are of. */
  nowMs: number;
}

export function checkOffer(text: string, context: CheckContext): OfferVerdict {
  const { manifest, signatures } = verified(text, context.keys);
  const { installs, at = null, message } = outlook(text, context, signatures.why);
  return {
    version: manifest?.version ?? "",
    issuedAt: manifest?.issuedAt ?? null,
    expiresAt: manifest?.expiresAt ?? null,
    signatures,
    installs,
    at,
    message,
  };
}

function verified(
  text: string,
  keys: ReleaseKeys | undefined,
): { manifest?: ReleaseManifest; signatures: OfferVerdict["signatures"] } {
  const invalid = (why: string) => ({ signatures: { valid: false, keys: [], why } });
  if (keys === undefined) return invalid("This is a development build, which has no release keys");
  try {
    const { manifest, signers } = verifyManifest(text, keys);
    return { manifest, signatures: { valid: true, keys: signers, why: null } };
  } catch (error) {
    if (!(error instanceof NotPermittedError)) throw error;
    return invalid(error.message);
  }
}

function outlook(
  text: string,
  context: CheckContext,
  distrust: string | null,
): { installs: OfferVerdict["installs"]; at?: string; message: string } {
  const { keys, policy, state, cannot, nowMs } = context;
  const never = (message: string) => ({ installs: "never" as const, message });
  // The administrator's own decisions come first, as in the agent.
  if (!policy.allowed) return never("It is not installed: policy.features.update is false in agent.yaml");
  if (keys === undefined || distrust !== null) {
    return never("It is not installed, as it cannot be trusted");
  }
  let sha256: string;
  try {
    ({ file: { sha256 } } = judgeOffer(text, { ...context, keys }));
  } catch (error) {
    if (!(error instanceof NotPermittedError)) throw error;
    return never(error.message);
  }
  if (cannot !== undefined) return never(`It is not installed by itself: ${cannot}`);
  if (state?.returned.includes(sha256) === true) {
    return never("It was installed before, did not poll in time, and is not tried again");
  }
  const { allowed, untilMs } = periodAt(policy.allowedHours, nowMs);
  if (allowed) return { installs: "now", message: "The agent downloads and installs it by itself" };
  if (!Number.isFinite(untilMs)) {
    return never("It waits for hours in which updates are allowed, and there are none: see policy.update.allowedHours");
  }
  const at = new Date(untilMs).toISOString();
  return {
    installs: "later",
    at,
    message: `The agent installs it in the hours in which updates are allowed, from ${at.slice(0, 16)}Z on`,
  };
}
