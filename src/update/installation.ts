/** Whether this program can update itself: only as a release that install.sh has installed, beside its updater. */
import type { ReleaseKeys } from "../../common/release/release_keys.ts";
import { type RootFolders, rootFolders } from "./update_files.ts";

export interface InstallationFacts {
  /** Its own file, links followed; undefined if it runs from source. */
  executable: string | undefined;
  version: string;
  /** Those that are compiled in. */
  keys: ReleaseKeys | undefined;
  os: string;
  /** As the runtime names it: x86_64, aarch64. */
  arch: string;
  exists(path: string): boolean;
  /** The updater looks in the usual one alone. */
  stateDirectory: string;
  folders?: RootFolders;
}

export type Installation =
  | { target: string; keys: ReleaseKeys; why?: never }
  /** One sentence for a person. */
  | { target: ""; why: string };

const agentFolder = "/var/lib/opendca";
const updaterUnit = "/etc/systemd/system/opendca-update.path";

export function installationOf(facts: InstallationFacts): Installation {
  const { executable, version, keys, os, arch, exists, folders = rootFolders } = facts;
  const not = (why: string): Installation => ({ target: "", why });
  if (executable === undefined) return not("it runs from source");
  if (keys === undefined) return not("this is a development build, which has no release keys");
  if (os !== "linux") return not(`there is no updater for ${os} yet`);
  if (executable !== `${folders.lib}/${version}/opendca`) {
    return /^\/usr\/(bin|lib)\//.test(executable)
      ? not("a package of this system installed it: upgrade the package")
      : not(`install.sh did not install it: it is "${executable}"`);
  }
  if (facts.stateDirectory !== agentFolder) {
    return not(`its state is in "${facts.stateDirectory}", and the updater looks in "${agentFolder}"`);
  }
  const missing = [`${folders.lib}/update.sh`, updaterUnit].find((path) => !exists(path));
  if (missing !== undefined) return not(`"${missing}" is missing: run install.sh of this release once more`);
  return { target: targetOf({ os, arch }), keys };
}

/** As releases name it. */
export function targetOf({ os, arch }: { os: string; arch: string }): string {
  return `${os}-${arch === "aarch64" ? "arm64" : "x64"}`;
}
