/**
 * The keys that a release must be signed with. A public key is written as `minisign` has it: Base64 of "Ed", 8 bytes of key
 * id and 32 bytes of key. The key id is the beginning of the key's SHA-256, so that nobody can choose that of another.
 */
import { Buffer } from "node:buffer";
import { messageOf, NotPermittedError } from "../core/errors.ts";
import { keyIdOf } from "../protocol/signature.ts";
import builtIn from "./release_keys.json" with { type: "json" };

export interface ReleaseKeys {
  /** So many different keys must have signed. */
  threshold: number;
  /** Raw keys by key id. */
  keys: ReadonlyMap<string, Uint8Array>;
}

/** The keys that `deno task release` compiled in; undefined in a development build, which has none. */
export function builtInReleaseKeys(): ReleaseKeys | undefined {
  return builtIn.keys.length === 0 ? undefined : releaseKeysOf(builtIn);
}

/** A public key in the text of `minisign`. */
export function publicKeyText(rawKey: Uint8Array): string {
  return Buffer.concat([Buffer.from("Ed"), Buffer.from(keyIdOf(rawKey), "hex"), rawKey]).toString("base64");
}

/** The text of a file of keys. */
export function encodeReleaseKeys({ threshold, keys }: ReleaseKeys): string {
  return JSON.stringify({ threshold, keys: [...keys.values()].map(publicKeyText) }, undefined, 2) + "\n";
}

/** Reads a file of keys. Throws `NotPermittedError` for anything else. */
export function parseReleaseKeys(text: string): ReleaseKeys {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refused(`it is not JSON: ${messageOf(error)}`);
  }
  return releaseKeysOf(value);
}

function releaseKeysOf(value: unknown): ReleaseKeys {
  if (typeof value !== "object" || value === null || Object.keys(value).sort().join() !== "keys,threshold") {
    throw refused('it does not have exactly the entries "threshold" and "keys"');
  }
  const { threshold, keys: texts } = value as { threshold: unknown; keys: unknown };
  if (!Array.isArray(texts) || texts.length > 16) throw refused("it has no list of at most 16 keys");
  const keys = new Map(texts.map(keyOf));
  if (keys.size !== texts.length) throw refused("it has the same key twice");
  if (!Number.isInteger(threshold) || (threshold as number) < 1 || (threshold as number) > keys.size) {
    throw refused(`the threshold does not fit ${keys.size} keys: current value is ${JSON.stringify(threshold)}`);
  }
  return { threshold: threshold as number, keys };
}

function keyOf(text: unknown): [string, Uint8Array] {
  const bytes = Buffer.from(typeof text === "string" ? text : "", "base64");
  const key = new Uint8Array(bytes.subarray(10));
  if (key.length !== 32 || publicKeyText(key) !== text) {
    throw refused(`a key in it is not valid: current value is ${JSON.stringify(text)}`);
  }
  return [keyIdOf(key), key];
}

function refused(why: string): NotPermittedError {
  return new NotPermittedError(
    `Cannot use the file of release keys as ${why}`,
    "take the file of keys from the place that you trust, and not from beside the release",
  );
}
