/** What would become of an offer where the program can update itself. */
import assert from "node:assert/strict";
import { sampleManifest, signedManifest, signingKeys, trusted } from "../../tests/fixtures/signed_release.ts";
import { parseDayWindows } from "../config/allowed_hours.ts";
import { type CheckContext, checkOffer } from "./check_offer.ts";

const keys = signingKeys(3);
const text = signedManifest(sampleManifest, keys.slice(1));
const sha256 = sampleManifest.files[0]!.sha256;
const now = new Date("2026-12-01T10:00:00Z");
const context: CheckContext = {
  keys: trusted(keys),
  policy: { allowed: true, pin: null, allowedHours: [] },
  installed: { product: "opendca", target: "linux-x64", version: "0.1.0", highestVersion: "0.1.0" },
  installationId: "i",
  now: { clocks: [now], newestIssuedAt: null },
  state: undefined,
  cannot: undefined,
  nowMs: now.getTime(),
};

Deno.test("an offer that is permitted is installed now, by its two keys", () => {
  const { installs, at, signatures, version } = checkOffer(text, context);
  assert.deepEqual({ installs, at, version }, { installs: "now", at: null, version: "0.2.0" });
  assert.deepEqual(signatures, { valid: true, keys: keys.slice(1).map(({ keyId }) => keyId), why: null });
});

Deno.test("an offer waits for the next of the allowed hours, by the platform's time", () => {
  const allowedHours = [{ timeZone: "UTC", windows: parseDayWindows("sat 02:00-05:00") }];
  const policy = { ...context.policy, allowedHours };
  const { installs, at } = checkOffer(text, { ...context, policy });
  assert.deepEqual([installs, at], ["later", "2026-12-05T02:00:00.000Z"]);
  assert.equal(checkOffer(text, { ...context, policy, nowMs: Date.parse("2026-12-05T03:00:00Z") }).installs, "now");
});

Deno.test("one that was returned from is not tried again, and a program that cannot update itself says why", () => {
  const state = {
    schema: "opendca.update-state/1" as const,
    highestVersion: "0.1.0",
    newestIssuedAt: null,
    previous: null,
    returned: [sha256],
  };
  assert.match(checkOffer(text, { ...context, state }).message, /^It was installed before, did not poll in time/);
  const { installs, message } = checkOffer(text, { ...context, cannot: "it runs from source" });
  assert.deepEqual([installs, message], ["never", "It is not installed by itself: it runs from source"]);
});

Deno.test("a development build verifies nothing, and says so", () => {
  const { installs, signatures, version } = checkOffer(text, { ...context, keys: undefined });
  assert.deepEqual([installs, signatures.valid, version], ["never", false, ""]);
  assert.match(signatures.why!, /development build/);
});
