/**
 * The public keys that two holders have to sign a release with: release_keys.json here, which the build compiles in in
 * place of the empty list of the sources. What is run or compiled from the sources is so a development build, before and
 * after the keys are made. `--keys FILE` names another list, for a trial of the whole way with keys of one's own.
 */
import { messageOf } from "../../common/core/errors.ts";
import { parseReleaseKeys, type ReleaseKeys } from "../../common/release/release_keys.ts";
import { ReleaseError } from "./release_error.ts";

export const keysFile = new URL("./release_keys.json", import.meta.url).pathname;

/** Null if none are made yet. */
export async function listedKeys(file: string): Promise<ReleaseKeys | null> {
  try {
    const text = await Deno.readTextFile(file);
    const keys = JSON.parse(text)?.keys;
    return Array.isArray(keys) && keys.length === 0 ? null : parseReleaseKeys(text);
  } catch (error) {
    throw new ReleaseError(`Cannot use the list of release keys "${file}": ${messageOf(error)}`);
  }
}
