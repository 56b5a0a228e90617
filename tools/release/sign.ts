/**
 * `deno task release:sign`: adds the signature of one release key to the manifests and hashes of a folder, or makes a key.
 * It runs on the machine of the holder of the key, who has built the same commit and compared. With --trust it writes the
 * list of public keys that is compiled in (listed_keys.ts).
 */
import { parseArgs } from "node:util";
import { messageOf, NotPermittedError } from "../../common/core/errors.ts";
import { createSigningKeyPem, loadSigningKey } from "../../common/protocol/signature.ts";
import {
  encodeReleaseKeys,
  parseReleaseKeys,
  publicKeyText,
  type ReleaseKeys,
} from "../../common/release/release_keys.ts";
import { addSignature } from "../../common/release/release_manifest.ts";
import { keysFile, listedKeys } from "./listed_keys.ts";
import { minisignature } from "./minisign.ts";
import { endIfHelp } from "../program_options.ts";
import { ReleaseError } from "./release_error.ts";

const throwAwayEnd = ".throw-away.manifest";

/** Signs what is in a folder; returns the names of the files that it wrote. */
export async function signFolder(folder: string, pem: string): Promise<string[]> {
  const key = signingKey(pem);
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  const products = new Set(
    names.filter((name) => name.endsWith(".manifest")).map((name) =>
      name.slice(0, -(name.endsWith(throwAwayEnd) ? throwAwayEnd : ".manifest").length)
    ),
  );
  if (products.size === 0) throw new ReleaseError(`Cannot sign as there is no manifest in "${folder}"`);
  const written: string[] = [];
  for (const product of [...products].sort()) {
    const name = `${product}.manifest`;
    const given = await Deno.readTextFile(`${folder}/${names.includes(name) ? name : product + throwAwayEnd}`);
    const unsigned = names.includes(name) ? given : given.replace(/^signature .*\n/gm, "");
    await Deno.writeTextFile(`${folder}/${name}`, addSignature(unsigned, key));
    written.push(name);
  }
  const sums = await Deno.readFile(`${folder}/SHA256SUMS`);
  const comment = `opendca release, file SHA256SUMS`;
  const isFirst = !names.includes("SHA256SUMS.minisig");
  const signature = isFirst ? "SHA256SUMS.minisig" : `SHA256SUMS.${key.keyId}.minisig`;
  const isOwn = !isFirst && (await Deno.readTextFile(`${folder}/SHA256SUMS.minisig`)).includes(key.keyId);
  if (!isOwn) await Deno.writeTextFile(`${folder}/${signature}`, minisignature(sums, pem, comment));
  return isOwn ? written : [...written, signature];
}

function signingKey(pem: string): ReturnType<typeof loadSigningKey> {
  try {
    return loadSigningKey(pem);
  } catch (error) {
    throw new ReleaseError(`Cannot use the key as a release key: ${messageOf(error)}`);
  }
}

async function newKey(path: string): Promise<string> {
  const pem = createSigningKeyPem();
  try {
    await Deno.writeTextFile(path, pem, { mode: 0o600, createNew: true });
  } catch (error) {
    throw new ReleaseError(`Cannot write the key "${path}": ${messageOf(error)}`);
  }
  return publicKeyText(loadSigningKey(pem).publicKey);
}

async function readKey(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw new ReleaseError(`Cannot read the key "${path}": ${messageOf(error)}`);
  }
}

/** `insteadOf`: id of the key that ends. Returns what is trusted now, as it was written to the file. */
export async function trustKeys(
  file: string,
  { texts, insteadOf }: { texts: readonly string[]; insteadOf?: string | undefined },
): Promise<ReleaseKeys> {
  const { threshold, keys: present } = await readList(file);
  const trusted = valid({ threshold, keys: keysAfter(present, { threshold, texts, insteadOf }) });
  if (trusted.keys.size <= threshold) {
    throw new ReleaseError(
      `Cannot trust ${trusted.keys.size} keys alone: one that is lost would stop all releases, so ${
        threshold + 1
      } are needed`,
    );
  }
  await Deno.writeTextFile(file, encodeReleaseKeys(trusted));
  return trusted;
}

async function readList(file: string): Promise<{ threshold: number; keys: string[] }> {
  const listed = await listedKeys(file);
  return listed === null ? { threshold: 2, keys: [] } : JSON.parse(encodeReleaseKeys(listed));
}

function keysAfter(
  present: readonly string[],
  { threshold, texts, insteadOf }: { threshold: number; texts: readonly string[]; insteadOf: string | undefined },
): string[] {
  if (insteadOf === undefined) {
    if (present.length === 0) return [...texts];
    throw new ReleaseError(
      `Cannot trust other keys as there are ${present.length} already: replace one after the other by --instead-of KEYID`,
    );
  }
  if (texts.length !== 1) throw new ReleaseError("Cannot replace a key by several: name one, and --instead-of KEYID");
  const ids = present.length === 0 ? [] : [...valid({ threshold, keys: present }).keys.keys()];
  const at = ids.indexOf(insteadOf);
  if (at < 0) {
    const known = ids.length === 0 ? "none is trusted yet" : `trusted are ${ids.join(", ")}`;
    throw new ReleaseError(`Cannot replace the key "${insteadOf}" as it is not in the list: ${known}`);
  }
  return present.with(at, texts[0]!);
}

function valid(value: { threshold: number; keys: readonly string[] }): ReleaseKeys {
  try {
    return parseReleaseKeys(JSON.stringify(value));
  } catch (error) {
    if (!(error instanceof NotPermittedError)) throw error;
    throw new ReleaseError(error.message);
  }
}

async function run(args: string[]): Promise<string[]> {
  const usage = "Cannot sign: give --key FILE and a folder, --new-key FILE, or --trust PUBLIC-KEY…";
  let parsed;
  try {
    parsed = parseArgs({
      args,
      options: {
        key: { type: "string" },
        "new-key": { type: "string" },
        trust: { type: "boolean" },
        "instead-of": { type: "string" },
        keys: { type: "string" },
      },
      allowPositionals: true,
    });
  } catch (error) {
    throw new ReleaseError(`${usage}: ${messageOf(error)}`);
  }
  const { values: { key, "new-key": created, trust, "instead-of": insteadOf, keys: list }, positionals } = parsed;
  const [folder, ...more] = positionals;
  if (trust === true && key === undefined && created === undefined && folder !== undefined) {
    const { threshold, keys } = await trustKeys(list ?? keysFile, { texts: positionals, insteadOf });
    return [`${threshold} of these keys have to sign a release:`, ...keys.keys()];
  }
  if (trust === true || insteadOf !== undefined || list !== undefined) throw new ReleaseError(usage);
  if (created !== undefined && key === undefined && folder === undefined) return [await newKey(created)];
  if (key === undefined || folder === undefined || created !== undefined || more.length > 0) {
    throw new ReleaseError(usage);
  }
  return await signFolder(folder, await readKey(key));
}

if (import.meta.main) {
  endIfHelp(
    "deno task release:sign --key FILE FOLDER | --new-key FILE | --trust PUBLIC-KEY… [--instead-of KEY] [--keys FILE]",
  );
  try {
    for (const line of await run(Deno.args)) console.log(line);
  } catch (error) {
    if (!(error instanceof ReleaseError)) throw error;
    console.error(`error: ${error.message}`);
    Deno.exitCode = 1;
  }
}
