/**
 * Where the second copies of the activation state lie: outside every state directory, one for the machine and one for the
 * user, whichever may be written. A service unit that may write nothing else names the first as a second
 * `StateDirectory=`.
 */
export interface GuardEnvironment {
  os: typeof Deno.build.os;
  /** Whether this is the compiled executable. */
  standalone: boolean;
  env(name: string): string | undefined;
}

/** The directories in the order in which they are read and written; at least one may not be writable. */
export function guardDirectories({ os, standalone, env }: GuardEnvironment): string[] {
  // For tests and development only: the executable does not let an environment variable choose a fresh guard.
  const chosen = standalone ? undefined : env("OPENDCA_GUARD_DIRECTORY");
  if (chosen !== undefined) return [chosen];
  if (os === "windows") {
    return [env("ProgramData"), env("LOCALAPPDATA")].flatMap((base) =>
      base === undefined ? [] : [`${base}\\opendca-guard`]
    );
  }
  const home = env("HOME");
  if (os === "darwin") {
    const support = "Library/Application Support/opendca-guard";
    return [`/${support}`, ...(home === undefined ? [] : [`${home}/${support}`])];
  }
  return ["/var/lib/opendca-guard", ...(home === undefined ? [] : [`${home}/.local/state/opendca-guard`])];
}
