/**
 * Is a file what the release keys signed? Beside FILE there is either FILE.manifest, as an installation has it, or, as in
 * the folder of a release, PRODUCT-VERSION.manifest. A release that was made without the keys has
 * PRODUCT-VERSION.throw-away.manifest, and its keys beside it: that shows that the file is whole, and nothing more.
 */
import { messageOf, NotPermittedError, UsageError } from "../core/errors.ts";
import { maybeText } from "../host/disk.ts";
import { fileDigest } from "../host/file_digest.ts";
import { builtInReleaseKeys, parseReleaseKeys, type ReleaseKeys } from "./release_keys.ts";
import { type Product, type ReleaseFile, type ReleaseManifest, verifyManifest } from "./release_manifest.ts";

export interface VerifyOptions {
  /** Path of the manifest; default: beside the file. */
  manifest?: string;
  /** Path of a file of keys; default: those that are compiled in. */
  keys?: string;
  /** In place of those that are compiled in; null: none. */
  builtIn?: ReleaseKeys | null;
}

export interface VerifiedFile {
  path: string;
  manifest: ReleaseManifest;
  file: ReleaseFile;
  signers: string[];
  /** Number of keys that could have signed. */
  keyCount: number;
  /** Where the keys are from; `throwAway`: from beside the file, so that they prove nothing about who made it. */
  keysFrom: "builtIn" | "file" | "throwAway";
}

/** Throws `NotPermittedError` unless the file is in a manifest that enough keys signed; `UsageError` if there is none. */
export function verifyFile(path: string, options: VerifyOptions = {}): VerifiedFile {
  const digest = digestOf(path);
  const found = findManifest(path, options.manifest);
  if (found === undefined) {
    throw new UsageError(
      `Cannot verify "${path}" as there is no manifest beside it`,
      `put the release's manifest beside it as ${nameOf(path)}.manifest, or name it: --manifest FILE`,
    );
  }
  const { keys, keysFrom } = keysFor(found.path, options);
  const { manifest, signers } = verifyManifest(found.text, keys);
  const file = manifest.files.find(({ sha256, size }) => sha256 === digest.sha256 && size === digest.size);
  if (file === undefined) {
    throw new NotPermittedError(
      `Cannot trust "${path}" as it is not a file of ${manifest.product} ${manifest.version}: its SHA-256 is ${digest.sha256}`,
      "it was altered, or is incomplete, or is of another release; get it again",
    );
  }
  return { path, manifest, file, signers, keyCount: keys.keys.size, keysFrom };
}

export interface OwnFile {
  /** Undefined if run from source. */
  path: string | undefined;
  product: Product;
  version: string;
  builtIn?: ReleaseKeys | null;
}

/** What is known of the file that runs. */
export type OwnState = { kind: "source" } | { kind: "development" } | { kind: "verified"; verified: VerifiedFile };

/**
 * Verifies the file of the running program. A development build has neither keys nor a manifest beside it, and passes; a
 * release without its manifest does not. Throws as `verifyFile`.
 */
export function verifyOwnFile({ path, product, version, builtIn = builtInReleaseKeys() ?? null }: OwnFile): OwnState {
  if (path === undefined) return { kind: "source" };
  if (builtIn === null && findManifest(path) === undefined) return { kind: "development" };
  const verified = verifyFile(path, { builtIn });
  const { manifest } = verified;
  if (manifest.product !== product || manifest.version !== version) {
    throw new NotPermittedError(
      `Cannot trust "${path}" as its manifest is that of ${manifest.product} ${manifest.version}: this is ${product} ${version}`,
      "put the manifest of this release beside it",
    );
  }
  return { kind: "verified", verified };
}

function findManifest(path: string, given?: string): { path: string; text: string } | undefined {
  const name = nameOf(path), folder = path.slice(0, path.length - name.length);
  const release = /^(opendca|opendca-platform)-\d+\.\d+\.\d+(?=-)/.exec(name)?.[0];
  const beside = [
    `${path}.manifest`,
    ...(release === undefined ? [] : [`${folder}${release}.manifest`, `${folder}${release}.throw-away.manifest`]),
  ];
  for (const candidate of given === undefined ? beside : [given]) {
    const text = readText(candidate);
    if (text !== undefined) return { path: candidate, text };
  }
  if (given === undefined) return undefined;
  throw new UsageError(`Cannot read the manifest "${given}": there is no such file`);
}

function keysFor(
  manifestPath: string,
  { keys: given, builtIn = builtInReleaseKeys() ?? null }: VerifyOptions,
): { keys: ReleaseKeys; keysFrom: VerifiedFile["keysFrom"] } {
  if (given !== undefined) {
    const text = readText(given);
    if (text === undefined) throw new UsageError(`Cannot read the keys "${given}": there is no such file`);
    return { keys: parseReleaseKeys(text), keysFrom: "file" };
  }
  // Keys from beside a file are no reason to trust it where there are others.
  if (builtIn !== null) return { keys: builtIn, keysFrom: "builtIn" };
  const text = readText(manifestPath.replace(/\.manifest$/, ".keys"));
  if (text !== undefined) return { keys: parseReleaseKeys(text), keysFrom: "throwAway" };
  throw new NotPermittedError(
    "Cannot verify with this program as it is a development build, which has no release keys",
    "name the file of keys that you trust: --keys FILE",
  );
}

function digestOf(path: string): { size: number; sha256: string } {
  try {
    return fileDigest(path);
  } catch (error) {
    throw new UsageError(`Cannot read "${path}": ${messageOf(error)}`);
  }
}

function readText(path: string): string | undefined {
  try {
    return maybeText(path);
  } catch (error) {
    throw new UsageError(`Cannot read "${path}": ${messageOf(error)}`);
  }
}

function nameOf(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

/** What `verify` prints of a file that it trusts. */
export function verifiedText(
  { path, manifest, file, signers, keyCount, keysFrom }: VerifiedFile,
  { now }: { now: Date },
): string {
  const { product, version, expiresAt } = manifest, isExpired = now.getTime() >= Date.parse(expiresAt);
  return [
    `file       ${path}`,
    `release    ${product} ${version} for ${file.target}, commit ${manifest.commit}`,
    `SHA-256    ${file.sha256}`,
    `signed by  ${signers.length} of ${keyCount} keys: ${signers.join(", ")}`,
    ...(keysFrom === "throwAway"
      ? ["note       the keys are throw-away keys from beside it: the file is whole, but anybody can have made it"]
      : [`installs   ${isExpired ? "no more: its manifest expired at" : "until"} ${expiresAt}`]),
    "",
  ].join("\n");
}
