/**
 * The manifest of a release: what belongs to it, and who says so. It is a text:
 *
 *     {                                               JSON, printed in exactly one way: entries in the order of
 *       "schema": "opendca.release/1",                `ReleaseManifest`, indented by two spaces
 *       …
 *     }
 *     signature 0123456789abcdef BASE64               one line a key: key id, Ed25519 signature
 *
 * Signed are the context "opendca.release.v1", one zero byte, and the JSON with the end of its last line. Another print of
 * the same values is refused, so that there is one text for each manifest. A line can be added by the next holder of a key.
 */
import { Buffer } from "node:buffer";
import { NotPermittedError } from "../core/errors.ts";
import { isSignedBy, type SigningKey } from "../protocol/signature.ts";
import type { ReleaseKeys } from "./release_keys.ts";
import { compareVersions, isVersion } from "./version_order.ts";

export interface ReleaseManifest {
  schema: "opendca.release/1";
  product: Product;
  version: string;
  /** Commit that it was built from. */
  commit: string;
  /** Times in UTC, to the second: 2026-11-29T12:00:00Z. */
  issuedAt: string;
  /** From then on it cannot be installed any more; what is installed runs on. */
  expiresAt: string;
  /** The oldest version that may be updated to this one directly. */
  minimumVersion: string;
  /** Percentage of agents that it is for yet; the platform may offer it to fewer. */
  rollout: { percent: number };
  files: ReleaseFile[];
}

export type Product = "opendca" | "opendca-platform";

export interface ReleaseFile {
  /** linux-x64 */
  target: string;
  name: string;
  size: number;
  /** In hexadecimal. */
  sha256: string;
}

const context = "opendca.release.v1";
const maxLength = 65_536;
const maxSignatures = 16;
const maxFiles = 32;

/** The text without signatures. */
export function encodeManifest(manifest: ReleaseManifest): string {
  return JSON.stringify(manifest, undefined, 2) + "\n";
}

/** The text with the signature of a further key; a key that has signed before is not added again. */
export function addSignature(text: string, key: SigningKey): string {
  const { body, signatures } = splitManifest(text);
  if (signatures.some(({ keyId }) => keyId === key.keyId)) return text;
  const signature = Buffer.from(key.sign(context, Buffer.from(body))).toString("base64");
  return `${text}signature ${key.keyId} ${signature}\n`;
}

export interface VerifiedManifest {
  manifest: ReleaseManifest;
  /** Ids of the known keys that signed it. */
  signers: string[];
}

/**
 * Reads a manifest that enough keys have signed. Signatures are checked before anything is read. Throws `NotPermittedError`.
 */
export function verifyManifest(text: string, { threshold, keys }: ReleaseKeys): VerifiedManifest {
  const { body, signatures } = splitManifest(text);
  const message = Buffer.from(body);
  const signers: string[] = [];
  for (const { keyId, signature } of signatures) {
    const key = keys.get(keyId);
    if (key === undefined) continue; // Of a key that is not known yet, or no more.
    if (!isSignedBy(key, { context, message, signature })) {
      throw refused(`its signature by key ${keyId} is not valid: it was altered, or is incomplete`);
    }
    signers.push(keyId);
  }
  if (signers.length < threshold) {
    throw refused(`it is signed by ${signers.length} of ${keys.size} known keys: ${threshold} are needed`);
  }
  return { manifest: parseBody(body), signers };
}

interface SplitManifest {
  /** The JSON. */
  body: string;
  signatures: { keyId: string; signature: Uint8Array }[];
}

function splitManifest(text: string): SplitManifest {
  if (text.length > maxLength) throw refused(`it is longer than ${maxLength} characters`);
  const end = text.indexOf("\n}\n") + 3;
  if (end < 3) throw refused("it is incomplete");
  const lines = text.slice(end).split("\n");
  if (lines.pop() !== "") throw refused("its last line is incomplete");
  if (lines.length > maxSignatures) throw refused(`it has more than ${maxSignatures} signatures`);
  const signatures = lines.map((line) => {
    const [, keyId, encoded] = /^signature ([0-9a-f]{16}) ([A-Za-z0-9+/]{86}==)$/.exec(line) ?? [];
    const bytes = Buffer.from(encoded ?? "", "base64");
    if (keyId === undefined || bytes.toString("base64") !== encoded) throw refused("a line in it is not a signature");
    return { keyId, signature: new Uint8Array(bytes) };
  });
  if (new Set(signatures.map(({ keyId }) => keyId)).size !== signatures.length) {
    throw refused("it has two signatures of the same key");
  }
  return { body: text.slice(0, end), signatures };
}

function parseBody(body: string): ReleaseManifest {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw refused("it is not JSON");
  }
  const wrong = wrongEntry(value);
  if (wrong !== undefined) throw refused(`its entry "${wrong}" is missing or not valid`);
  const { schema, product, version, commit, issuedAt, expiresAt, minimumVersion, rollout, files } =
    value as ReleaseManifest;
  const manifest: ReleaseManifest = {
    schema,
    product,
    version,
    commit,
    issuedAt,
    expiresAt,
    minimumVersion,
    rollout: { percent: rollout.percent },
    files: files.map(({ target, name, size, sha256 }) => ({ target, name, size, sha256 })),
  };
  if (encodeManifest(manifest) !== body) throw refused("it has an unknown entry, or is not printed in the one way");
  return manifest;
}

/** The first entry that is not what it is to be. */
function wrongEntry(value: unknown): string | undefined {
  const { schema, product, version, commit, issuedAt, expiresAt, minimumVersion, rollout, files } = recordOf(value);
  if (schema !== "opendca.release/1") return "schema";
  if (product !== "opendca" && product !== "opendca-platform") return "product";
  if (!isVersion(version)) return "version";
  if (typeof commit !== "string" || !/^[0-9a-f]{40}(-dirty)?$/.test(commit)) return "commit";
  if (!isTime(issuedAt)) return "issuedAt";
  if (!isTime(expiresAt) || expiresAt <= issuedAt) return "expiresAt";
  if (!isVersion(minimumVersion) || compareVersions(minimumVersion, version) > 0) return "minimumVersion";
  if (!isIntegerUpTo(recordOf(rollout).percent, 100)) return "rollout";
  if (!Array.isArray(files) || files.length === 0 || files.length > maxFiles) return "files";
  if (!files.every(isFile)) return "files";
  for (const entry of ["target", "name"] as const) {
    if (new Set(files.map((file: ReleaseFile) => file[entry])).size !== files.length) return "files";
  }
  return undefined;
}

function isFile(value: unknown): boolean {
  const { target, name, size, sha256 } = recordOf(value);
  return typeof target === "string" && /^[a-z0-9-]{1,40}$/.test(target) &&
    // One name in one folder, on every system.
    typeof name === "string" && /^[a-z0-9][a-z0-9._-]{0,99}$/.test(name) &&
    isIntegerUpTo(size, 1_000_000_000) && size !== 0 &&
    typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256);
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : {};
}

function isIntegerUpTo(value: unknown, max: number): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= max;
}

function isTime(value: unknown): value is string {
  if (typeof value !== "string" || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value)) return false;
  const time = Date.parse(value);
  return !Number.isNaN(time) && timeText(new Date(time)) === value;
}

/** A time as manifests have it. */
export function timeText(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, "Z");
}

function refused(why: string): NotPermittedError {
  return new NotPermittedError(`Cannot trust the release manifest as ${why}`, "get the file and its manifest again");
}
