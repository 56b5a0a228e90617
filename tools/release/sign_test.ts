/** Signing of a folder, checked by the programs that others check it with. */
import assert from "node:assert/strict";
import { createSigningKeyPem, loadSigningKey } from "../../common/protocol/signature.ts";
import { parseReleaseKeys, publicKeyText } from "../../common/release/release_keys.ts";
import { encodeManifest, verifyManifest } from "../../common/release/release_manifest.ts";
import { peerTest } from "../../tests/fixtures/peers.ts";
import { sampleManifest, signedManifest, signingKeys, trusted } from "../../tests/fixtures/signed_release.ts";
import { createThrowAwayKeys, signSums, writeManifests } from "./artefacts.ts";
import { authenticodeKey, signPe } from "./authenticode.ts";
import { keysFile, listedKeys } from "./listed_keys.ts";
import { ReleaseError } from "./release_error.ts";
import { runTool } from "./run_tool.ts";
import { signFolder, trustKeys } from "./sign.ts";

const pems = [createSigningKeyPem(), createSigningKeyPem()];
const keys = pems.map(loadSigningKey);
const publicTexts = keys.map(({ publicKey }) => publicKeyText(publicKey));

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/SHA256SUMS`, "00  file\n");
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("trustKeys() takes three keys, and replaces one; what is signed by two others stays valid", () =>
  withFolder(async (folder) => {
    const file = `${folder}/keys.json`;
    const holders = signingKeys(4);
    const [one, two, three, four] = holders.map(({ publicKey }) => publicKeyText(publicKey)) as [
      string,
      string,
      string,
      string,
    ];
    const empty = '{ "threshold": 2, "keys": [] }\n';
    await Deno.writeTextFile(file, empty);
    for (
      const [texts, insteadOf, why] of [
        [[one, two], undefined, /Cannot trust 2 keys alone/],
        [[one], undefined, /threshold does not fit 1 keys/],
        [[one, one, two], undefined, /the same key twice/],
        [[one, two, "RWnonsense"], undefined, /a key in it is not valid/],
        [[one], holders[1]!.keyId, /is not in the list: none is trusted yet$/],
      ] as const
    ) {
      await assert.rejects(trustKeys(file, { texts, insteadOf }), why);
      assert.equal(await Deno.readTextFile(file), empty);
    }
    await trustKeys(file, { texts: [one, two, three] });
    await assert.rejects(trustKeys(file, { texts: [one, two, four] }), /there are 3 already/);
    await assert.rejects(
      trustKeys(file, { texts: [four], insteadOf: "0123456789abcdef" }),
      /is not in the list: trusted/,
    );
    await assert.rejects(trustKeys(file, { texts: [two], insteadOf: holders[0]!.keyId }), /the same key twice/);

    await trustKeys(file, { texts: [four], insteadOf: holders[2]!.keyId });
    const after = parseReleaseKeys(await Deno.readTextFile(file));
    assert.deepEqual([...after.keys.keys()], [0, 1, 3].map((at) => holders[at]!.keyId));
    const before = trusted(holders.slice(0, 3));
    const signedBy = (...at: number[]) => signedManifest(sampleManifest, at.map((each) => holders[each]!));
    // The release that brings the new list: the old and the new program trust it.
    for (const keys of [before, after]) assert.equal(verifyManifest(signedBy(0, 1), keys).signers.length, 2);
    assert.throws(() => verifyManifest(signedBy(1, 3), before), /signed by 1 of 3/);
    assert.throws(() => verifyManifest(signedBy(0, 2), after), /signed by 1 of 3/);
  }));

Deno.test("listedKeys() has no keys or 2 of 3 in the repository, and says which list cannot be used", () =>
  withFolder(async (folder) => {
    const listed = await listedKeys(keysFile);
    if (listed !== null) assert.deepEqual([listed.threshold, listed.keys.size], [2, 3]);
    for (const text of ["nonsense", "null", "[]", '{ "threshold": 4, "keys": ["RWnonsense"] }']) {
      await Deno.writeTextFile(`${folder}/keys.json`, text);
      await assert.rejects(listedKeys(`${folder}/keys.json`), /Cannot use the list of release keys/);
    }
    await assert.rejects(listedKeys(`${folder}/no.json`), /Cannot use the list of release keys ".*no\.json"/);
  }));

Deno.test("signFolder() replaces throw-away signatures by those of one holder after the other", () =>
  withFolder(async (folder) => {
    const throwAway = signedManifest(sampleManifest, signingKeys(2));
    await Deno.writeTextFile(`${folder}/opendca-0.2.0.throw-away.manifest`, throwAway);
    const written = await signFolder(folder, pems[0]!);
    assert.deepEqual(written, ["opendca-0.2.0.manifest", "SHA256SUMS.minisig"]);
    const path = `${folder}/opendca-0.2.0.manifest`;
    assert.equal(await Deno.readTextFile(path), signedManifest(sampleManifest, [keys[0]!]));
    assert.throws(() => verifyManifest(Deno.readTextFileSync(path), trusted(keys)), /signed by 1 of 2/);
    assert.equal((await signFolder(folder, pems[0]!)).length, 1, "the same key again adds nothing");
    await signFolder(folder, pems[1]!);
    assert.equal(verifyManifest(await Deno.readTextFile(path), trusted(keys)).signers.length, 2);
    assert(Deno.statSync(`${folder}/SHA256SUMS.${keys[1]!.keyId}.minisig`).isFile);
  }));

Deno.test("throw-away keys: writeManifests() removes the signatures of an earlier build, and leaves other versions alone", () =>
  withFolder(async (folder) => {
    for (const name of ["opendca-0.2.0.manifest", "opendca-0.1.0.manifest", "SHA256SUMS.minisig"]) {
      await Deno.writeTextFile(`${folder}/${name}`, "old");
    }
    const throwAway = createThrowAwayKeys();
    await writeManifests(folder, [sampleManifest], throwAway);
    await signSums(folder, throwAway);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
      "SHA256SUMS",
      "SHA256SUMS.throw-away.minisig",
      "opendca-0.1.0.manifest",
      "opendca-0.2.0.throw-away.keys",
      "opendca-0.2.0.throw-away.manifest",
    ]);
    const text = await Deno.readTextFile(`${folder}/opendca-0.2.0.throw-away.manifest`);
    const keys = parseReleaseKeys(await Deno.readTextFile(`${folder}/opendca-0.2.0.throw-away.keys`));
    assert.deepEqual([verifyManifest(text, keys).signers.length, keys.threshold, keys.keys.size], [2, 2, 3]);
  }));

Deno.test("signFolder() refuses a folder without a manifest, and a key that is none", () =>
  withFolder(async (folder) => {
    await assert.rejects(signFolder(folder, pems[0]!), ReleaseError);
    await Deno.writeTextFile(`${folder}/opendca-0.2.0.manifest`, encodeManifest(sampleManifest));
    await assert.rejects(
      signFolder(folder, "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"),
      ReleaseError,
    );
  }));

peerTest(
  "minisign takes the signature of SHA256SUMS, and refuses it for another file, key or comment",
  ["minisign"],
  () =>
    withFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/opendca-0.2.0.manifest`, encodeManifest(sampleManifest));
      await signFolder(folder, pems[0]!);
      const check = (key: string) =>
        runTool(["minisign", "-V", "-m", "SHA256SUMS", "-P", key], { cwd: folder, to: "check" });
      assert.match(await check(publicTexts[0]!), /Signature and comment signature verified/);
      await assert.rejects(check(publicTexts[1]!), /Cannot check/);
      const path = `${folder}/SHA256SUMS.minisig`, signature = await Deno.readTextFile(path);
      await Deno.writeTextFile(path, signature.replace("opendca release", "another release"));
      await assert.rejects(check(publicTexts[0]!), /omment signature/);
      await Deno.writeTextFile(path, signature);
      await Deno.writeTextFile(`${folder}/SHA256SUMS`, "01  file\n");
      await assert.rejects(check(publicTexts[0]!), /verification failed/);
    }),
);

peerTest(
  "osslsigncode takes the Authenticode signature of a Windows executable",
  ["osslsigncode", "openssl"],
  () =>
    withFolder(async (folder) => {
      const certificate = `${folder}/certificate.pem`, key = `${folder}/key.pem`, file = `${folder}/program.exe`;
      await runTool(
        [
          ...["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Test", "-days", "2"],
          ...["-addext", "extendedKeyUsage=codeSigning", "-keyout", key, "-out", certificate],
        ],
        { to: "make a certificate" },
      );
      // A Windows executable that a package brings along.
      const info = await runTool([Deno.execPath(), "info", "--json"], { to: "find the cache" });
      const packages = `${JSON.parse(info).denoDir}/npm/registry.npmjs.org`;
      await Deno.copyFile(`${packages}/ssh2/1.17.0/util/pagent.exe`, file);
      // A second time, as over the signature of another.
      for (let time = 0; time < 2; time++) await signPe(file, { certificate, key });
      const said = await runTool(["osslsigncode", "verify", "-CAfile", certificate, "-in", file], { to: "verify" });
      assert.match(said, /Number of verified signatures: 1/);
      const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
      assert.deepEqual(names, ["SHA256SUMS", "certificate.pem", "key.pem", "program.exe"]);
      await Deno.writeTextFile(file, "no executable");
      await assert.rejects(signPe(file, { certificate, key }), ReleaseError);
    }),
);

Deno.test("authenticodeKey() needs certificate and key together", () => {
  const of = (env: Record<string, string>) => authenticodeKey((name) => env[name]);
  assert.equal(of({}), undefined);
  const [OPENDCA_AUTHENTICODE_CERTIFICATE, OPENDCA_AUTHENTICODE_KEY] = ["c", "k"];
  assert.deepEqual(of({ OPENDCA_AUTHENTICODE_CERTIFICATE, OPENDCA_AUTHENTICODE_KEY }), { certificate: "c", key: "k" });
  assert.throws(() => of({ OPENDCA_AUTHENTICODE_CERTIFICATE }), ReleaseError);
  assert.throws(() => of({ OPENDCA_AUTHENTICODE_KEY }), ReleaseError);
});
