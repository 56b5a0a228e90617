import assert from "node:assert/strict";
import { publicKeyText } from "../../common/release/release_keys.ts";
import { addSignature, encodeManifest, type ReleaseManifest } from "../../common/release/release_manifest.ts";
import { sampleManifest, signedManifest, signingKeys, trusted } from "../../tests/fixtures/signed_release.ts";
import { judgeOffer, type OfferContext } from "./judge_offer.ts";

const keys = signingKeys(3), strangers = signingKeys(2);
const [first, second] = keys;
const two = [first!, second!];

const usual: OfferContext = {
  keys: trusted(keys),
  policy: { allowed: true, pin: null },
  installed: { product: "opendca", target: "linux-x64", version: "0.1.0", highestVersion: "0.1.0" },
  installationId: "installation-1",
  now: { clocks: [new Date("2026-12-01T00:00:00Z")], newestIssuedAt: null },
};

function judge(manifest: Partial<ReleaseManifest> = {}, context: Partial<OfferContext> = {}) {
  return judgeOffer(signedManifest({ ...sampleManifest, ...manifest }, two), { ...usual, ...context });
}

Deno.test("judgeOffer() takes what two keys signed, is newer and is for this machine", () => {
  const { manifest, file } = judge();
  assert.equal(manifest.version, "0.2.0");
  assert.equal(file.target, "linux-x64");
});

const text = (manifest: Partial<ReleaseManifest>, by = two) => signedManifest({ ...sampleManifest, ...manifest }, by);
const at = (...clocks: string[]) => ({ clocks: clocks.map((clock) => new Date(clock)), newestIssuedAt: null });
const installedAs = (more: Partial<OfferContext["installed"]>) => ({ installed: { ...usual.installed, ...more } });

const refusals: [name: string, offer: string, context: Partial<OfferContext>, why: RegExp][] = [
  [
    "never, by policy",
    text({}),
    { policy: { allowed: false, pin: null } },
    /^Cannot update as policy\.features\.update is/,
  ],
  [
    "another version than the pinned one",
    text({}),
    { policy: { allowed: true, pin: "0.1" } },
    /policy\.update\.pin is "0\.1"/,
  ],
  ["a version that only begins like the pinned one", text({ version: "0.20.0" }), {
    policy: { allowed: true, pin: "0.2" },
  }, /pin is "0\.2"/],
  ["one signature", text({}, [first!]), {}, /signed by 1 of 3 known keys: 2 are needed/],
  [
    "the same key twice",
    text({}, [first!]) + text({}, [first!]).split("\n").at(-2) + "\n",
    {},
    /two signatures of the same key/,
  ],
  ["keys of others", text({}, strangers), {}, /signed by 0 of 3/],
  ["one key and a stranger", text({}, [first!, strangers[0]!]), {}, /signed by 1 of 3/],
  ["an altered version", text({}).replace('"0.2.0"', '"0.3.0"'), {}, /signature by key .* is not valid/],
  ["a release of the platform", text({ product: "opendca-platform" }), {}, /as this is opendca/],
  ["another machine", text({}), installedAs({ target: "linux-arm64" }), /no file for linux-arm64/],
  ["the same version", text({}), installedAs({ version: "0.2.0" }), /0\.2\.0 is installed/],
  ["an older version", text({}), installedAs({ version: "0.3.0" }), /0\.3\.0 is installed/],
  [
    "a version below the highest",
    text({}),
    installedAs({ highestVersion: "0.3.0" }),
    /older than 0\.3\.0, which was here/,
  ],
  ["a version that needs another first", text({ minimumVersion: "0.1.5" }), {}, /needs 0\.1\.5 or newer/],
  ["an expired manifest", text({}), { now: at("2027-05-29T12:00:00Z") }, /its manifest expired/],
  ["an expired manifest, by the platform's clock alone", text({}), {
    now: at("2026-11-30T00:00:00Z", "2027-06-01T00:00:00Z"),
  }, /its manifest expired/],
  ["an expired manifest, by this machine's clock alone", text({}), {
    now: at("2027-06-01T00:00:00Z", "2026-11-30T00:00:00Z"),
  }, /its manifest expired/],
  ["a manifest from before what is installed was made, if both clocks are wrong", text({}), {
    now: { ...at("2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"), newestIssuedAt: "2027-06-01T00:00:00Z" },
  }, /its manifest expired/],
  ["a roll-out of nobody yet", text({ rollout: { percent: 0 } }), {}, /for 0 % of the agents so far/],
  ["no manifest", "", {}, /it is incomplete/],
  ["a megabyte", "x".repeat(1_000_000), {}, /longer than/],
];
for (const [name, offer, context, why] of refusals) {
  Deno.test(`judgeOffer() refuses ${name}`, () => {
    assert.throws(() => judgeOffer(offer, { ...usual, ...context }), (error) => {
      assert.ok(error instanceof Error && error.name === "NotPermittedError", String(error));
      assert.match(error.message, why);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
  });
}

Deno.test("judgeOffer() takes the pinned version, and each of a pinned series", () => {
  for (const pin of ["0.2.0", "0.2", "0"]) judge({}, { policy: { allowed: true, pin } });
});

Deno.test("a roll-out takes about as many installations as it says, each time others", () => {
  const taken = (version: string) =>
    [...Array(1000).keys()].filter((id) => {
      try {
        judge({ version, rollout: { percent: 30 } }, { installationId: `installation-${id}` });
        return true;
      } catch {
        return false;
      }
    });
  const [a, b] = [taken("0.2.0"), taken("0.3.0")];
  for (const { length } of [a, b]) assert.ok(length > 220 && length < 380, String(length));
  assert.notDeepEqual(a, b);
});

Deno.test("a signature of a fourth key, which is not known yet, does no harm and does not count", () => {
  const fourth = signingKeys(1)[0]!;
  assert.notEqual(publicKeyText(fourth.publicKey), publicKeyText(first!.publicKey));
  const more = addSignature(signedManifest(sampleManifest, two), fourth);
  assert.equal(judgeOffer(more, usual).manifest.version, "0.2.0");
  assert.throws(() => judgeOffer(addSignature(addSignature(encodeManifest(sampleManifest), first!), fourth), usual));
});
