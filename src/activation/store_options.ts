/** The activation state of this machine: its disk, its identity and its guard directories. */
import { homeDirectory, hostName, isStandalone, type OperatingSystem, os } from "../../common/host/process.ts";
import { machineIdentity } from "./machine_identity.ts";
import { denoDisk } from "../../common/host/disk.ts";
import type { StateStoreOptions } from "./state_store.ts";

/** What `state_store.ts` needs for a state directory. */
export function activationStore(
  stateDirectory: string,
  env: (name: string) => string | undefined,
): StateStoreOptions {
  return {
    stateDirectory,
    guardDirectories: guardDirectories({ os, isStandalone, env, home: homeDirectory() }),
    machineIdentity: machineIdentity(denoDisk, hostName()),
    disk: denoDisk,
  };
}

const defaultStateDirectory = "/var/lib/opendca";

/**
 * The state directory for the lock check before a command runs: as configured, but `stateDirectory:` is read from its
 * line alone, because a file with mistakes must not disable the lock.
 */
export async function likelyStateDirectory(
  configFile: string,
  parts: { env(name: string): string | undefined; readTextFile(path: string): Promise<string> },
): Promise<string> {
  const chosen = parts.env("OPENDCA_STATE_DIRECTORY");
  if (chosen) return chosen;
  const text = await parts.readTextFile(configFile).catch(() => ""); // No file: the defaults.
  const line = /^stateDirectory:[ \t]*(?:"([^"\n]+)"|'([^'\n]+)'|([^\s#][^#\n]*?))[ \t]*(?:#.*)?$/m.exec(text);
  const named = line?.[1] ?? line?.[2] ?? line?.[3];
  return named ?? (parts.env("STATE_DIRECTORY")?.split(":")[0] || defaultStateDirectory);
}

export interface GuardEnvironment {
  os: OperatingSystem;
  /** Whether this is the compiled executable. */
  isStandalone: boolean;
  env(name: string): string | undefined;
  /** From the user database, as $HOME could be set to anything. Undefined if the user has no entry. */
  home: string | undefined;
}

/** The directories in the order in which they are read and written; at least one may not be writable. */
export function guardDirectories({ os, isStandalone, env, home }: GuardEnvironment): string[] {
  // For tests and development only: in the executable no environment variable may choose a fresh guard.
  const chosen = isStandalone ? undefined : env("OPENDCA_GUARD_DIRECTORY");
  if (chosen !== undefined) return [chosen];
  if (os === "windows") {
    // Variables may add a place here, but not remove one.
    const local = home === undefined ? undefined : `${home}\\AppData\\Local`;
    return [...new Set(["C:\\ProgramData", env("ProgramData"), local, env("LOCALAPPDATA")])].flatMap((base) =>
      base === undefined ? [] : [`${base}\\opendca-guard`]
    );
  }
  if (os === "darwin") {
    const support = "Library/Application Support/opendca-guard";
    return [`/${support}`, ...(home === undefined ? [] : [`${home}/${support}`])];
  }
  return ["/var/lib/opendca-guard", ...(home === undefined ? [] : [`${home}/.local/state/opendca-guard`])];
}
