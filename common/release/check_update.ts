/** Whether a release may be installed over another: what a platform that lies, or an old manifest, must not bring about. */
import { createHash } from "node:crypto";
import { NotPermittedError } from "../core/errors.ts";
import type { Product, ReleaseFile, ReleaseManifest } from "./release_manifest.ts";
import { compareVersions } from "./version_order.ts";

export interface Installed {
  product: Product;
  target: string;
  version: string;
  /** The highest version that was ever installed or accepted here. */
  highestVersion: string;
}

/** The file to install. The manifest must have been verified. Throws `NotPermittedError` with the reason. */
export function checkUpdate(manifest: ReleaseManifest, { installed, now }: {
  installed: Installed;
  now: Date;
}): ReleaseFile {
  const { product, version, expiresAt, minimumVersion, files } = manifest;
  const refused = (why: string, hint?: string) =>
    new NotPermittedError(`Cannot update to ${product} ${version} as ${why}`, hint);
  if (product !== installed.product) throw refused(`this is ${installed.product}`);
  if (now.getTime() >= Date.parse(expiresAt)) {
    throw refused(`its manifest expired at ${expiresAt}`, "check the clock of this machine, or get the newest release");
  }
  if (compareVersions(version, installed.version) <= 0) throw refused(`${installed.version} is installed`);
  if (compareVersions(version, installed.highestVersion) < 0) {
    throw refused(`it is older than ${installed.highestVersion}, which was here before`);
  }
  if (compareVersions(installed.version, minimumVersion) < 0) {
    throw refused(`it needs ${minimumVersion} or newer: ${installed.version} is installed`, `${minimumVersion} first`);
  }
  const file = files.find(({ target }) => target === installed.target);
  if (file === undefined) throw refused(`it has no file for ${installed.target}`);
  return file;
}

/**
 * Whether an installation is among the first `rollout.percent` of 100. Each release has an order of its own, so that it is
 * not always the same installations that try first.
 */
export function isInRollout({ product, version, rollout }: ReleaseManifest, installationId: string): boolean {
  const digest = createHash("sha256").update(`${product} ${version} ${installationId}`).digest();
  return digest.readUInt32BE(0) % 100 < rollout.percent;
}
