/** The activation state of this machine: its disk, its identity and its guard directories. */
import { homeDirectory, hostName, isStandalone, os } from "../../common/host/process.ts";
import { guardDirectories } from "./guard_directories.ts";
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
 * The state directory for the look at the lock before a command runs: as the configuration has it, but `stateDirectory:`
 * of the file is found by its line alone, as a file with mistakes in it must not open the lock.
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
