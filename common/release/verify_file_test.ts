import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { sampleManifest, signedManifest, signingKeys, trusted } from "../../tests/fixtures/signed_release.ts";
import { encodeReleaseKeys } from "./release_keys.ts";
import { verifiedText, verifyFile, type VerifyOptions, verifyOwnFile } from "./verify_file.ts";

const keys = signingKeys(3);
const builtIn = trusted(keys);
const content = new TextEncoder().encode("the program");
const sha256 = createHash("sha256").update(content).digest("hex");
const name = "opendca-0.2.0-linux-x64";
const manifest = { ...sampleManifest, files: [{ target: "linux-x64", name, size: content.length, sha256 }] };
const signed = signedManifest(manifest, keys.slice(0, 2));

/** A folder with these files. */
async function withFiles(files: Record<string, string | Uint8Array>, body: (folder: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, value] of Object.entries(files)) {
      await Deno.writeFile(`${folder}/${name}`, typeof value === "string" ? new TextEncoder().encode(value) : value);
    }
    body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const beside of ["opendca-0.2.0.manifest", `${name}.manifest`]) {
  Deno.test(`verifyFile() takes ${beside} beside the file`, () =>
    withFiles({ [name]: content, [beside]: signed }, (folder) => {
      const verified = verifyFile(`${folder}/${name}`, { builtIn });
      assert.deepEqual([verified.file.sha256, verified.signers.length, verified.keysFrom], [sha256, 2, "builtIn"]);
      const text = verifiedText(verified, { now: new Date(manifest.issuedAt) });
      assert.match(text, /^release +opendca 0\.2\.0 for linux-x64, commit [0-9a-f]{40}$/m);
      assert.match(text, /^signed by +2 of 3 keys: [0-9a-f]{16}, [0-9a-f]{16}$/m);
      assert.match(text, new RegExp(`^installs +until ${manifest.expiresAt}$`, "m"));
      const late = verifiedText(verified, { now: new Date(manifest.expiresAt) });
      assert.match(late, new RegExp(`^installs +no more: its manifest expired at ${manifest.expiresAt}$`, "m"));
    }));
}

Deno.test("verifyFile() takes a manifest and keys that are named, also of a file with another name", () =>
  withFiles({ opendca: content, "a.txt": signed, "b.txt": encodeReleaseKeys(builtIn) }, (folder) => {
    const options = { manifest: `${folder}/a.txt`, keys: `${folder}/b.txt`, builtIn: trusted(signingKeys(3)) };
    assert.equal(verifyFile(`${folder}/opendca`, options).keysFrom, "file");
  }));

const throwAway = {
  "opendca-0.2.0.throw-away.manifest": signed,
  "opendca-0.2.0.throw-away.keys": encodeReleaseKeys(builtIn),
};

Deno.test("verifyFile() says of throw-away keys that they prove nothing, and takes none where others are compiled in", () =>
  withFiles({ [name]: content, ...throwAway }, (folder) => {
    const verified = verifyFile(`${folder}/${name}`, { builtIn: null });
    assert.equal(verified.keysFrom, "throwAway");
    assert.match(verifiedText(verified, { now: new Date() }), /anybody can have made it/);
    assert.throws(() => verifyFile(`${folder}/${name}`, { builtIn: trusted(signingKeys(3)) }), /signed by 0 of 3/);
  }));

const altered = new Uint8Array(content);
altered[4]! ^= 1;
const both = { [`${name}.manifest`]: signed };
const refusals: { name: string; files: Record<string, string | Uint8Array>; options?: VerifyOptions; want: RegExp }[] =
  [
    {
      name: "a flipped bit",
      files: { [name]: altered, ...both },
      want: /it is not a file of opendca 0\.2\.0: its SHA-256 is /,
    },
    {
      name: "a further byte",
      files: { [name]: new Uint8Array([...content, 0]), ...both },
      want: /it is not a file of/,
    },
    { name: "a missing byte", files: { [name]: content.subarray(1), ...both }, want: /it is not a file of/ },
    { name: "an empty file", files: { [name]: "", ...both }, want: /it is not a file of/ },
    { name: "neither file nor manifest", files: {}, want: /Cannot read ".*": No such file/ },
    { name: "no manifest", files: { [name]: content }, want: /no manifest beside it/ },
    { name: "an empty manifest", files: { [name]: content, [`${name}.manifest`]: "" }, want: /incomplete/ },
    { name: "no file", files: both, want: /Cannot read/ },
    {
      name: "a named manifest that is not there",
      files: { [name]: content },
      options: { manifest: "/no/where" },
      want: /no such file/,
    },
    {
      name: "named keys that are not there",
      files: { [name]: content, ...both },
      options: { keys: "/no/where" },
      want: /no such file/,
    },
  ];
for (const { name: what, files, options, want } of refusals) {
  Deno.test(`verifyFile() refuses ${what}`, () =>
    withFiles(files, (folder) => {
      assert.throws(() => verifyFile(`${folder}/${name}`, { builtIn, ...options }), want);
    }));
}

const own = { product: "opendca", version: "0.2.0" } as const;

Deno.test("verifyOwnFile() passes from source, and a build with neither keys nor a manifest", () =>
  withFiles({ opendca: content, "opendca-0.2.0.manifest": "of another file" }, (folder) => {
    assert.equal(verifyOwnFile({ ...own, path: undefined, builtIn: null }).kind, "source");
    assert.equal(verifyOwnFile({ ...own, path: `${folder}/opendca`, builtIn: null }).kind, "development");
  }));

Deno.test("verifyOwnFile() refuses a release without its manifest, with another's, and an altered file", async () => {
  await withFiles({ opendca: content }, (folder) => {
    assert.throws(() => verifyOwnFile({ ...own, path: `${folder}/opendca`, builtIn }), /no manifest beside it/);
  });
  await withFiles({ opendca: content, "opendca.manifest": signed }, (folder) => {
    const path = `${folder}/opendca`;
    assert.equal(verifyOwnFile({ ...own, path, builtIn }).kind, "verified");
    assert.throws(
      () => verifyOwnFile({ ...own, version: "0.1.0", path, builtIn }),
      /manifest is that of opendca 0\.2\.0/,
    );
    assert.throws(
      () => verifyOwnFile({ product: "opendca-platform", version: "0.2.0", path, builtIn }),
      /manifest is that/,
    );
  });
  await withFiles({ [name]: altered, ...throwAway }, (folder) => {
    assert.throws(() => verifyOwnFile({ ...own, path: `${folder}/${name}`, builtIn: null }), /it is not a file of/);
  });
});
