import assert from "node:assert/strict";
import { sampleManifest } from "../../tests/fixtures/signed_release.ts";
import { NotPermittedError } from "../core/errors.ts";
import { checkUpdate, type Installed, isInRollout } from "./check_update.ts";
import type { ReleaseManifest } from "./release_manifest.ts";
import { compareVersions, isVersion } from "./version_order.ts";

const installed: Installed = { product: "opendca", target: "linux-x64", version: "0.1.5", highestVersion: "0.1.5" };
const now = new Date("2026-12-24T00:00:00Z");

Deno.test("checkUpdate() names the file of this machine", () => {
  assert.equal(checkUpdate(sampleManifest, { installed, now }), sampleManifest.files[0]);
  const windows = { ...installed, target: "windows-x64" };
  assert.equal(checkUpdate(sampleManifest, { installed: windows, now }), sampleManifest.files[1]);
});

const refusals: {
  name: string;
  manifest?: Partial<ReleaseManifest>;
  here?: Partial<Installed>;
  at?: string;
  want: RegExp;
}[] = [
  { name: "the other product", manifest: { product: "opendca-platform" }, want: /this is opendca$/ },
  { name: "a manifest at its expiry", at: sampleManifest.expiresAt, want: /expired at 2027-05-29T12:00:00Z/ },
  { name: "the version that is installed", here: { version: "0.2.0" }, want: /0\.2\.0 is installed/ },
  { name: "an older version", manifest: { version: "0.1.4", minimumVersion: "0.1.0" }, want: /0\.1\.5 is installed/ },
  { name: "a version below one that was here", here: { highestVersion: "0.2.1" }, want: /older than 0\.2\.1/ },
  {
    name: "a version that needs one in between",
    manifest: { minimumVersion: "0.1.6" },
    want: /needs 0\.1\.6 or newer/,
  },
  {
    name: "a release without a file for this machine",
    here: { target: "linux-arm64" },
    want: /no file for linux-arm64/,
  },
];
for (const { name, manifest, here, at, want } of refusals) {
  Deno.test(`checkUpdate() refuses ${name}`, () => {
    const when = at === undefined ? now : new Date(at);
    assert.throws(
      () => checkUpdate({ ...sampleManifest, ...manifest }, { installed: { ...installed, ...here }, now: when }),
      (error: Error) => error instanceof NotPermittedError && want.test(error.message),
    );
  });
}

Deno.test("checkUpdate() permits at the limits: a second before the expiry, from the minimum, to the highest", () => {
  const at = new Date(Date.parse(sampleManifest.expiresAt) - 1_000);
  const here = { ...installed, version: "0.1.0", highestVersion: "0.2.0" };
  assert.equal(checkUpdate(sampleManifest, { installed: here, now: at }).target, "linux-x64");
});

Deno.test("isInRollout() takes none at 0, all at 100, and those of a smaller share in a greater one", () => {
  const ids = Array.from({ length: 1_000 }, (_, index) => `installation-${index}`);
  const among = (percent: number, version = "0.2.0") =>
    ids.filter((id) => isInRollout({ ...sampleManifest, version, rollout: { percent } }, id));
  assert.deepEqual([among(0).length, among(100).length], [0, 1_000]);
  const ten = among(10), fifty = among(50);
  assert(ten.length > 50 && ten.length < 150, String(ten.length));
  assert(ten.every((id) => fifty.includes(id)));
  assert.notDeepEqual(among(10, "0.3.0"), ten);
});

for (const [a, b] of [["0.1.0", "0.1.1"], ["0.9.9", "0.10.0"], ["9.0.0", "10.0.0"], ["1.2.3", "2.0.0"]]) {
  Deno.test(`compareVersions() puts ${a} before ${b}`, () => {
    assert(compareVersions(a!, b!) < 0);
    assert(compareVersions(b!, a!) > 0);
    assert.equal(compareVersions(a!, a!), 0);
  });
}

for (
  const text of ["", "1", "1.2", "1.2.3.4", "1.2.03", "-1.0.0", "1.2.x", "1.2.3\n", "1.2.3-rc1", "1234567.0.0", 1, null]
) {
  Deno.test(`isVersion() refuses ${JSON.stringify(text)}`, () => assert.equal(isVersion(text), false));
}
