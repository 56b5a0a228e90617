/** The updater of an agent that can update itself, and what is shown of it. */
import { builtInReleaseKeys, type ReleaseKeys } from "../../common/release/release_keys.ts";
import type { AgentConfig } from "../config/agent_config.ts";
import { installationOf } from "./installation.ts";
import type { UpdateDisk } from "./update_disk.ts";
import { rootFolders, updateFolderName } from "./update_files.ts";
import { startUpdater, type Updater, type UpdaterOptions } from "./updater.ts";

export interface OpenUpdaterOptions
  extends Omit<UpdaterOptions, "folder" | "rootFolder" | "keys" | "installed" | "policy" | "reserveBytes" | "changed"> {
  executable: string | undefined;
  facts: { os: string; arch: string };
  version: string;
  stateDirectory: string;
  config(): AgentConfig;
  spool: { stats(): { bytes: number } };
  keys?: ReleaseKeys | undefined;
  disk: UpdateDisk;
  statusChanged(): void;
  /** Asks for a poll, which tells the platform how far it is. */
  poll(): void;
}

/** Between two polls for the progress of an update alone: a platform must not have us poll without end. */
const leastPollMs = 30_000;

export type OpenUpdater = Updater & {
  /** Such as linux-x64; empty if it cannot update itself, and then why. */
  target: string;
  why: string | null;
};

export function openUpdater(options: OpenUpdaterOptions): OpenUpdater {
  const { executable, version, facts, disk, config, spool } = options;
  const installation = installationOf({
    executable,
    version,
    keys: options.keys ?? builtInReleaseKeys(),
    ...facts,
    stateDirectory: options.stateDirectory,
    exists: (path) => disk.size(path) !== undefined,
  });
  if (installation.why !== undefined) {
    return {
      target: "",
      why: installation.why,
      polled() {},
      configChanged() {},
      status: () => undefined,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
  const { target, keys } = installation;
  const updater = startUpdater({
    ...options,
    folder: `${options.stateDirectory}/${updateFolderName}`,
    rootFolder: rootFolders.state,
    keys,
    installed: { product: "opendca", target, version },
    policy: () => ({ ...config().policy.update, allowed: config().policy.features.update }),
    changed: whenChanged(options),
    reserveBytes: () => Math.max(0, config().limits.spool.maxBytes - spool.stats().bytes),
  });
  return { ...updater, target, why: null };
}

function whenChanged({ clock, statusChanged, poll }: OpenUpdaterOptions): UpdaterOptions["changed"] {
  let polledMs = -Infinity;
  return (isStep) => {
    statusChanged();
    if (!isStep || clock.monotonicMs() - polledMs < leastPollMs) return;
    polledMs = clock.monotonicMs();
    poll();
  };
}
