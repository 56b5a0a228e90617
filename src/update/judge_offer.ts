/** Whether an offer of the platform is followed: what the administrator permits, then what the release keys signed. Pure. */
import { NotPermittedError } from "../../common/core/errors.ts";
import { checkUpdate, type Installed, isInRollout } from "../../common/release/check_update.ts";
import type { ReleaseKeys } from "../../common/release/release_keys.ts";
import { type ReleaseFile, type ReleaseManifest, verifyManifest } from "../../common/release/release_manifest.ts";

export interface OfferContext {
  keys: ReleaseKeys;
  policy: {
    /** `policy.features.update` */
    allowed: boolean;
    /** `policy.update.pin` */
    pin: string | null;
  };
  installed: Installed;
  installationId: string;
  now: TimesNow;
}

/** What the time may be. An old release must not look new because one of them is wrong, or lies. */
export interface TimesNow {
  /** The clock of this machine, and the platform's. */
  clocks: readonly Date[];
  /** `issuedAt` of the newest manifest that was ever installed: a time that has passed for certain. */
  newestIssuedAt: string | null;
}

export interface JudgedOffer {
  manifest: ReleaseManifest;
  file: ReleaseFile;
}

/** Throws `NotPermittedError` with the reason: one sentence. */
export function judgeOffer(text: string, { keys, policy, installed, installationId, now }: OfferContext): JudgedOffer {
  if (!policy.allowed) throw new NotPermittedError("Cannot update as policy.features.update is false in agent.yaml");
  const { manifest } = verifyManifest(text, keys);
  const file = checkUpdate(manifest, { installed, now: latestTime(now) });
  const { product, version, rollout } = manifest;
  if (policy.pin !== null && !isPinned(version, policy.pin)) {
    throw new NotPermittedError(
      `Cannot update to ${product} ${version} as policy.update.pin is "${policy.pin}" in agent.yaml`,
    );
  }
  if (!isInRollout(manifest, installationId)) {
    throw new NotPermittedError(
      `Cannot update to ${product} ${version} yet as it is for ${rollout.percent} % of the agents so far`,
    );
  }
  return { manifest, file };
}

/** The latest of all. */
export function latestTime({ clocks, newestIssuedAt }: TimesNow): Date {
  const times = [...clocks.map((clock) => clock.getTime()), Date.parse(newestIssuedAt ?? "")];
  return new Date(Math.max(...times.filter((time) => !Number.isNaN(time))));
}

function isPinned(version: string, pin: string): boolean {
  return version === pin || version.startsWith(`${pin}.`);
}
