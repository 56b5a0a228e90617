/**
 * What root does with an update, one step a call, of the program that is known to work (`confirmed`), never of the new one.
 * `install/linux/update.sh` runs the steps, copies and restarts between them. After a power cut at any place the next call of
 * `resume` goes on or goes back; `current` is always the link to one whole version.
 */
import { NotPermittedError, UnavailableError, UsageError } from "../../common/core/errors.ts";
import { replaceFile } from "../../common/host/disk.ts";
import { checkUpdate } from "../../common/release/check_update.ts";
import type { ReleaseKeys } from "../../common/release/release_keys.ts";
import { type ReleaseFile, type ReleaseManifest, verifyManifest } from "../../common/release/release_manifest.ts";
import { compareVersions, isVersion } from "../../common/release/version_order.ts";
import { latestTime } from "./judge_offer.ts";
import type { UpdateDisk } from "./update_disk.ts";
import {
  maybePending,
  maybeRequest,
  maybeResult,
  maybeRootState,
  type PendingUpdate,
  polledRun,
  type Returning,
  type RootFolders,
  type RootState,
  type UpdateRequest,
  type UpdateResult,
} from "./update_files.ts";

export interface RootParts {
  folders: RootFolders;
  disk: UpdateDisk;
  keys: ReleaseKeys;
  /** linux-x64 */
  target: string;
  now: Date;
}

/** What update.sh does next. */
export type NextStep =
  | { step: "idle" }
  /** Copy so many bytes of the agent's file. */
  | { step: "copy"; bytes: number }
  /** Restart the service, and wait for a poll of this version in another run than this. */
  | { step: "wait"; version: string; polledBefore: string }
  /** Restart the service: the version before runs again. */
  | { step: "restart" };

/** Begins of the wait for a poll that a new version has; each but the first is after a power cut, or a kill of the updater. */
const mostStarts = 3;
/** Beside the file itself. */
const reserveBytes = 16_000_000;
const mostReturned = 32;
/** Times that a release is tried again after an outage: a platform that answers nobody must not go on for ever. */
const mostExcused = 2;
/** Of folders that root copies into. */
export const stagingPrefix = ".update-";

/** After a start: removes what was left half-way, and goes on with an update that has not proved itself. */
export function resume(parts: RootParts): NextStep {
  const { disk, folders: { lib } } = parts;
  for (const name of disk.list(lib)) if (name.startsWith(stagingPrefix)) disk.removeTree(`${lib}/${name}`);
  const pending = pendingOf(parts);
  if (pending === undefined) {
    removeOldVersions(parts);
    return { step: "idle" };
  }
  if (pending.returning !== null) return goBack(parts, pending.returning);
  if (pending.starts >= mostStarts) {
    return goBack(parts, { why: `it was started ${mostStarts} times and did not poll`, again: false });
  }
  // On a full disk it is not counted.
  tryWrite(() => savePending(parts, { ...pending, starts: pending.starts + 1 }));
  if (currentOf(parts) !== pending.version) {
    if (!isWhole(parts, pending)) return goBack(parts, { why: "its files are incomplete", again: true });
    disk.replaceLink(`${lib}/current`, pending.version);
  }
  return { step: "wait", version: pending.version, polledBefore: pending.polledBefore };
}

/** Whether what the agent asks for may be installed; `staging` has its request and manifest. Throws the reason. */
export function check(parts: RootParts, staging: string): NextStep {
  const request = requestIn(parts, staging);
  if (request === undefined || resultOf(parts)?.request === request.id) return { step: "idle" };
  const { file } = judge(parts, staging, request);
  const free = parts.disk.freeBytes(parts.folders.lib);
  if (free < file.size + reserveBytes) {
    const [has, needed] = [free, file.size + reserveBytes].map((bytes) => `${Math.ceil(bytes / 1_000_000)} MB`);
    throw new UnavailableError(
      `Cannot install ${request.version} as the disk of "${parts.folders.lib}" has ${has} free: ${needed} are needed`,
      "free space on it",
    );
  }
  return { step: "copy", bytes: file.size };
}

/** Verifies the staged file, gives it its place, and makes it the current one. Throws before anything that counts. */
export async function install(parts: RootParts, staging: string): Promise<NextStep> {
  const { disk, folders: { lib } } = parts;
  const request = requestIn(parts, staging);
  if (request === undefined) throw new UsageError(`Cannot install as "${staging}/request" is none`);
  const { manifest: { version, issuedAt }, file } = judge(parts, staging, request);
  const program = `${staging}/opendca`, digest = disk.digest(program);
  if (digest.sha256 !== file.sha256 || digest.size !== file.size) {
    throw new NotPermittedError(
      `Cannot install ${version} as the file is not the one that was signed: its SHA-256 is ${digest.sha256}`,
    );
  }
  const previous = currentOf(parts);
  const pending: PendingUpdate = {
    schema: "opendca.update-pending/1",
    request: request.id,
    version,
    sha256: file.sha256,
    previous,
    issuedAt,
    polledBefore: polledRun(disk.read(`${staging}/polled`) ?? ""),
    starts: 1,
    returning: null,
  };
  for (const name of disk.list(staging)) {
    if (name !== "opendca" && name !== "opendca.manifest") disk.removeTree(`${staging}/${name}`);
  }
  disk.chmod(program, 0o755);
  disk.chmod(`${staging}/opendca.manifest`, 0o644);
  disk.chmod(staging, 0o755);
  await disk.sync(program);
  await disk.sync(`${staging}/opendca.manifest`);
  disk.syncDirectory(staging);
  // Of a try that was cut off: neither `current` nor `confirmed`, as `judge` has seen.
  disk.removeTree(`${lib}/${version}`);
  disk.rename(staging, `${lib}/${version}`);
  disk.syncDirectory(lib);
  savePending(parts, pending);
  disk.replaceLink(`${lib}/current`, version);
  return { step: "wait", version, polledBefore: pending.polledBefore };
}

/** The new version has polled. */
export function confirm(parts: RootParts): void {
  const { disk, folders } = parts;
  const pending = pendingOf(parts);
  if (pending === undefined || currentOf(parts) !== pending.version) return;
  const { version, previous, issuedAt } = pending;
  disk.replaceLink(`${folders.lib}/confirmed`, version);
  const state = stateOf(parts);
  saveState(parts, {
    ...state,
    highestVersion: newest(state.highestVersion, version),
    newestIssuedAt: [state.newestIssuedAt ?? "", issuedAt].sort().at(-1)!,
    previous,
  });
  saveResult(parts, { ...pending, outcome: "installed", message: `${version} is installed and has polled` });
  removePending(parts);
  removeOldVersions(parts);
}

/** The new version does not do: the one before it is made the current one again. */
export function goBack(parts: RootParts, returning: Returning): NextStep {
  const { disk, folders } = parts;
  const pending = pendingOf(parts);
  if (pending === undefined) return { step: "idle" };
  // On a full disk the link alone has to do.
  tryWrite(() => savePending(parts, { ...pending, returning }));
  disk.replaceLink(`${folders.lib}/current`, pending.previous);
  const { why, again } = returning, state = stateOf(parts);
  const returned = [...state.returned.filter((each) => each !== pending.sha256), pending.sha256].slice(-mostReturned);
  if (!again) saveState(parts, { ...state, returned });
  const message = `${pending.version} was installed, and ${pending.previous} runs again as ${why}`;
  saveResult(parts, { ...pending, outcome: again ? "failed" : "returned", message });
  removePending(parts);
  return { step: "restart" };
}

/**
 * After the return, the version before did not poll either: nobody could. The release may be tried again, but not more
 * often than is counted here, whatever the platform does.
 */
export function excuse(parts: RootParts): void {
  const result = resultOf(parts), { returned, excused = [], ...state } = stateOf(parts);
  if (result?.outcome !== "returned" || returned.at(-1) !== result.sha256) return;
  const { sha256, message } = result;
  if (excused.filter((each) => each === sha256).length >= mostExcused) return;
  saveState(parts, {
    ...state,
    returned: returned.filter((each) => each !== sha256),
    excused: [...excused, sha256].slice(-mostReturned),
  });
  const why = `${message}; ${currentOf(parts)} did not poll either, so the platform could not be reached`;
  saveResult(parts, { ...result, outcome: "failed", message: why });
}

/** Why a request is not followed, for the agent, which may ask again. */
export function fail(parts: RootParts, staging: string, message: string): void {
  const request = requestIn(parts, staging);
  if (request === undefined) return;
  const isReturned = stateOf(parts).returned.includes(request.sha256);
  saveResult(parts, { ...request, request: request.id, outcome: isReturned ? "returned" : "failed", message });
}

/** install.sh has installed a version: whatever was under way is over, and what was returned from may be tried again. */
export function accept(parts: RootParts, { version, previous }: { version: string; previous: string | null }): void {
  const state = stateOf(parts);
  removePending(parts);
  saveState(parts, {
    ...state,
    highestVersion: newest(state.highestVersion, version),
    previous,
    returned: [],
    excused: [],
  });
}

function judge(
  parts: RootParts,
  staging: string,
  request: UpdateRequest,
): { manifest: ReleaseManifest; file: ReleaseFile } {
  const { disk, keys, target, now } = parts;
  const { manifest } = verifyManifest(disk.read(`${staging}/opendca.manifest`) ?? "", keys);
  const { newestIssuedAt, highestVersion, returned } = stateOf(parts);
  const file = checkUpdate(manifest, {
    installed: { product: "opendca", target, version: currentOf(parts), highestVersion },
    now: latestTime({ clocks: [now], newestIssuedAt }),
  });
  if (request.version !== manifest.version || request.sha256 !== file.sha256) {
    throw new NotPermittedError(
      `Cannot install ${request.version} as its manifest is of ${manifest.version}, or of another file`,
    );
  }
  if (returned.includes(file.sha256)) {
    throw new NotPermittedError(
      `Cannot install ${manifest.version} as it was installed before, and did not poll in time`,
    );
  }
  if (confirmedOf(parts) === manifest.version) {
    throw new NotPermittedError(`Cannot install ${manifest.version} as it is what "confirmed" links to`);
  }
  return { manifest, file };
}

function isWhole({ disk, folders: { lib } }: RootParts, { version, sha256 }: PendingUpdate): boolean {
  const program = `${lib}/${version}/opendca`;
  return disk.size(program) !== undefined && disk.digest(program).sha256 === sha256;
}

/** Keeps what runs or may be returned to. Only below versions that this updater knows of. */
function removeOldVersions(parts: RootParts): void {
  const { disk, folders: { lib, state } } = parts;
  if (maybeRootState(disk.read(`${state}/state.json`) ?? "") === undefined) return;
  const kept = [currentOf(parts), confirmedOf(parts), stateOf(parts).previous];
  for (const name of disk.list(lib)) if (isVersion(name) && !kept.includes(name)) disk.removeTree(`${lib}/${name}`);
}

function requestIn({ disk }: RootParts, staging: string): UpdateRequest | undefined {
  return maybeRequest(disk.read(`${staging}/request`) ?? "");
}

function pendingOf({ disk, folders }: RootParts): PendingUpdate | undefined {
  return maybePending(disk.read(`${folders.state}/pending.json`) ?? "");
}

function resultOf({ disk, folders }: RootParts): UpdateResult | undefined {
  return maybeResult(disk.read(`${folders.state}/result.json`) ?? "");
}

/** Of a new installation where there is none yet. */
function stateOf(parts: RootParts): RootState {
  const { disk, folders } = parts;
  const known = maybeRootState(disk.read(`${folders.state}/state.json`) ?? "");
  // install.sh may have brought something newer.
  const here = [currentOf(parts), confirmedOf(parts)].filter((each) => each !== undefined);
  const highestVersion = here.reduce(newest, known?.highestVersion ?? "0.0.0");
  return {
    schema: "opendca.update-state/1",
    newestIssuedAt: null,
    previous: null,
    returned: [],
    ...known,
    highestVersion,
  };
}

function currentOf(parts: RootParts): string {
  const version = linkedVersion(parts, "current");
  if (version !== undefined) return version;
  throw new UnavailableError(
    `Cannot update as "${parts.folders.lib}/current" is not a link to a version`,
    "run install.sh of a release",
  );
}

function confirmedOf(parts: RootParts): string | undefined {
  return linkedVersion(parts, "confirmed");
}

function linkedVersion({ disk, folders }: RootParts, name: string): string | undefined {
  const text = disk.readLink(`${folders.lib}/${name}`);
  return isVersion(text) ? text : undefined;
}

function newest(a: string, b: string): string {
  return compareVersions(a, b) < 0 ? b : a;
}

/** Everybody may read them: they hold no secret, and the agent shows them. */
function save({ disk, folders }: RootParts, name: string, value: unknown): void {
  replaceFile(`${folders.state}/${name}`, `${JSON.stringify(value, undefined, 2)}\n`, {
    durable: true,
    mode: 0o644,
    disk,
  });
}

function savePending(parts: RootParts, pending: PendingUpdate): void {
  save(parts, "pending.json", pending);
}

function saveState(parts: RootParts, state: RootState): void {
  save(parts, "state.json", state);
}

function saveResult(
  parts: RootParts,
  { request, version, sha256, outcome, message }: Omit<UpdateResult, "schema" | "at">,
): void {
  const at = parts.now.toISOString();
  save(parts, "result.json", { schema: "opendca.update-result/1", request, version, sha256, outcome, message, at });
}

function removePending({ disk, folders }: RootParts): void {
  disk.remove(`${folders.state}/pending.json`);
  disk.syncDirectory(folders.state);
}

function tryWrite(write: () => void): void {
  try {
    write();
  } catch { /* The disk is full: what follows needs no space. */ }
}
