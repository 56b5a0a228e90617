/**
 * How the agent and root talk about an update, in files, as the agent has no rights. Root reads the agent's files with the
 * rights of the agent, and believes nothing in them; the agent cannot write those of root.
 *
 *     STATE/update/SHA256.part           what has come of the file
 *     STATE/update/opendca               the file, with the hash that was signed
 *     STATE/update/opendca.manifest      written after it: both are complete
 *     STATE/update/request               ID VERSION SHA256: install it
 *     STATE/update/polled                VERSION RUN TIME: this version has polled in this run
 *
 *     /var/lib/opendca-update/pending.json   while a new version has not proved itself
 *     /var/lib/opendca-update/result.json    how the last request ended
 *     /var/lib/opendca-update/state.json     what must not be forgotten
 */
import { isVersion } from "../../common/release/version_order.ts";

/** Folder in the agent's state directory. */
export const updateFolderName = "update";

export interface RootFolders {
  /** Of the installed versions; `current` and `confirmed` are links in it. */
  lib: string;
  state: string;
}

export const rootFolders: RootFolders = { lib: "/usr/local/lib/opendca", state: "/var/lib/opendca-update" };

export interface UpdateRequest {
  id: string;
  version: string;
  sha256: string;
}

export interface PendingUpdate {
  schema: "opendca.update-pending/1";
  request: string;
  version: string;
  sha256: string;
  /** What runs again if this version does not poll. */
  previous: string;
  /** `issuedAt` of its manifest. */
  issuedAt: string;
  /** Run that the agent's last `polled` was of; "-" if there was none. */
  polledBefore: string;
  /** How often the wait for its poll has begun. */
  starts: number;
  /** That it is being undone; null if it is not. */
  returning: Returning | null;
}

export interface Returning {
  /** "0.2.0 was installed, and 0.1.0 runs again as …" */
  why: string;
  /** Whether it may be tried again, as nothing was wrong with the release. */
  again: boolean;
}

export interface UpdateResult {
  schema: "opendca.update-result/1";
  request: string;
  version: string;
  sha256: string;
  outcome: "installed" | "failed" | "returned";
  /** One sentence for a person. */
  message: string;
  /** RFC 3339. */
  at: string;
}

export interface RootState {
  schema: "opendca.update-state/1";
  /** The highest version that was ever confirmed. */
  highestVersion: string;
  /** Of the newest manifest that was confirmed. */
  newestIssuedAt: string | null;
  /** The version before the present one, kept for a return by hand. */
  previous: string | null;
  /** SHA-256 of files that were returned from, the latest last. */
  returned: string[];
  /** SHA-256 of files that were taken out of `returned`, once each time; older versions have none. */
  excused?: string[];
}

export const isSha256 = (text: unknown): text is string => typeof text === "string" && /^[0-9a-f]{64}$/.test(text);
const isId = (text: unknown): text is string => typeof text === "string" && /^[0-9a-f-]{1,40}$/.test(text);
const isText = (value: unknown): value is string => typeof value === "string";
const isHashes = (value: unknown) => Array.isArray(value) && value.every(isSha256);
const isTextOrNull = (value: unknown) => value === null || isText(value);

export function requestText({ id, version, sha256 }: UpdateRequest): string {
  return `${id} ${version} ${sha256}\n`;
}

/** Undefined for any other text. */
export function maybeRequest(text: string): UpdateRequest | undefined {
  const [id, version, sha256, ...more] = text.replace(/\n$/, "").split(" ");
  return isId(id) && isVersion(version) && isSha256(sha256) && more.length === 0 ? { id, version, sha256 } : undefined;
}

export function polledText(version: string, run: string, at: Date): string {
  return `${version} ${run} ${at.toISOString()}\n`;
}

/** The run that polled; "-" for any other text. */
export function polledRun(text: string): string {
  const run = text.split(" ")[1];
  return isId(run) ? run : "-";
}

export function maybePending(text: string): PendingUpdate | undefined {
  return fileOf<PendingUpdate>(text, {
    schema: (value) => value === "opendca.update-pending/1",
    request: isId,
    version: isVersion,
    sha256: isSha256,
    previous: isVersion,
    issuedAt: isText,
    polledBefore: isId,
    starts: Number.isInteger,
    returning: (value) =>
      value === null || (isText((value as Returning).why) && typeof (value as Returning).again === "boolean"),
  });
}

export function maybeResult(text: string): UpdateResult | undefined {
  return fileOf<UpdateResult>(text, {
    schema: (value) => value === "opendca.update-result/1",
    request: isId,
    version: isVersion,
    sha256: isSha256,
    outcome: (value) => value === "installed" || value === "failed" || value === "returned",
    message: isText,
    at: (value) => isText(value) && !Number.isNaN(Date.parse(value)),
  });
}

export function maybeRootState(text: string): RootState | undefined {
  return fileOf<RootState>(text, {
    schema: (value) => value === "opendca.update-state/1",
    highestVersion: isVersion,
    newestIssuedAt: isTextOrNull,
    previous: (value) => value === null || isVersion(value),
    returned: isHashes,
    excused: (value) => value === undefined || isHashes(value),
  });
}

function fileOf<T>(text: string, entries: { [name in keyof T]-?: (value: unknown) => boolean }): T | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const names = Object.keys(entries) as (keyof T)[];
    return names.every((name) => entries[name]((value as T)[name])) ? value as T : undefined;
  } catch {
    return undefined; // Incomplete, or of another version.
  }
}
