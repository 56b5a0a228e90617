/** The manifest of a release and those of its files that are there, as `release add` is given them. */
import { UsageError } from "../../common/core/errors.ts";
import { denoDisk, maybeText } from "../../common/host/disk.ts";
import { maybeKind } from "../../common/host/file_bytes.ts";
import { builtInReleaseKeys, parseReleaseKeys, type ReleaseKeys } from "../../common/release/release_keys.ts";
import { NotPermittedError } from "../../common/core/errors.ts";

export interface FoundRelease {
  /** Text of the manifest. */
  text: string;
  /** With a slash at its end. */
  folder: string;
}

/* A manifest has at most 64 KiB. */
const mostBytes = 1024 * 1024;

/** Throws UsageError. */
export function findRelease(path: string): FoundRelease {
  const kind = maybeKind(path);
  if (kind === undefined) {
    throw new UsageError(`Cannot find "${path}"`, "name the folder of a release, or its manifest");
  }
  if (kind === "folder") {
    const folder = path.endsWith("/") ? path : `${path}/`;
    return { text: textOf(`${folder}${manifestIn(folder)}`), folder };
  }
  return { text: textOf(path), folder: path.slice(0, path.lastIndexOf("/") + 1) };
}

function manifestIn(folder: string): string {
  const names = denoDisk.list(folder).filter((name) => /^opendca-\d+\.\d+\.\d+(\.throw-away)?\.manifest$/.test(name));
  if (names.length === 1) return names[0]!;
  throw names.length === 0
    ? new UsageError(`Cannot find a manifest of the agent in "${folder}"`, "it is called opendca-VERSION.manifest")
    : new UsageError(
      `Cannot tell which release in "${folder}" is meant as there are ${names.length}`,
      `name its manifest: ${folder}${names.at(-1)}`,
    );
}

function textOf(path: string): string {
  const size = denoDisk.size(path);
  if (size !== undefined && size > mostBytes) {
    throw new UsageError(`Cannot use "${path}" as a manifest as it has ${size} bytes`, "a manifest has at most 64 KiB");
  }
  const text = size === undefined ? undefined : maybeText(path);
  if (text === undefined) throw new UsageError(`Cannot read the manifest "${path}"`, "name the file of a manifest");
  return text;
}

/** Those of the file, or those that this program was built with. Throws UsageError and NotPermittedError. */
export function trustedKeys(
  path: string | undefined,
  builtIn: ReleaseKeys | undefined = builtInReleaseKeys(),
): ReleaseKeys {
  if (path === undefined) {
    if (builtIn !== undefined) return builtIn;
    throw new NotPermittedError(
      "Cannot verify a release with this program as it is a development build, which has no release keys",
      "name the file of keys that you trust: --keys FILE",
    );
  }
  const text = maybeKind(path) === "file" ? maybeText(path) : undefined;
  if (text === undefined) throw new UsageError(`Cannot read the keys "${path}"`, "name a file of release keys");
  return parseReleaseKeys(text);
}
