/**
 * Where the second copies of the activation state lie: outside every state directory, one for the machine and one for the
 * user, whichever may be written. A service unit that may write nothing else names the first as a second
 * `StateDirectory=`.
 */
import type { OperatingSystem } from "../../common/host/process.ts";

export interface GuardEnvironment {
  os: OperatingSystem;
  /** Whether this is the compiled executable. */
  isStandalone: boolean;
  env(name: string): string | undefined;
  /** Of the user database: what the environment calls home could be anything. Undefined where the user is in none. */
  home: string | undefined;
}

/** The directories in the order in which they are read and written; at least one may not be writable. */
export function guardDirectories({ os, isStandalone, env, home }: GuardEnvironment): string[] {
  // For tests and development only: the executable does not let an environment variable choose a fresh guard.
  const chosen = isStandalone ? undefined : env("OPENDCA_GUARD_DIRECTORY");
  if (chosen !== undefined) return [chosen];
  if (os === "windows") {
    // Variables may add a place here, and take none away.
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
