import assert from "node:assert/strict";
import {
  maybeClockDifference,
  maybeRecoveryDigest,
  maybeTotpStep,
  newRecoveryCodes,
  newTotpSecret,
  openSecret,
  sealSecret,
  totpAddress,
  totpCode,
} from "./second_factor.ts";

// RFC 6238, appendix B: the last six of the eight digits.
const secret = new TextEncoder().encode("12345678901234567890");
const vectors: [seconds: number, code: string][] = [
  [59, "287082"],
  [1_111_111_109, "081804"],
  [1_111_111_111, "050471"],
  [1_234_567_890, "005924"],
  [2_000_000_000, "279037"],
  [20_000_000_000, "353130"],
];
for (const [seconds, code] of vectors) {
  const now = new Date(seconds * 1000);
  Deno.test(`maybeTotpStep() takes ${code} at ${seconds}, as in RFC 6238`, () => {
    assert.equal(maybeTotpStep(secret, { code, now, usedStep: 0 }), Math.floor(seconds / 30));
    assert.equal(totpCode(secret, now), code);
  });
}

const now = new Date("2026-11-29T12:00:10Z"), step = Math.floor(now.getTime() / 30_000);
const codeAt = (seconds: number) => totpCode(secret, new Date(now.getTime() + seconds * 1000));

for (const seconds of [-30, 0, 30]) {
  Deno.test(`maybeTotpStep() takes the code of a clock that is wrong by ${seconds} s`, () => {
    assert.equal(maybeTotpStep(secret, { code: codeAt(seconds), now, usedStep: 0 }), step + seconds / 30);
  });
}
for (const seconds of [-60, 60]) {
  Deno.test(`maybeTotpStep() refuses the code of a clock that is wrong by ${seconds} s`, () => {
    assert.equal(maybeTotpStep(secret, { code: codeAt(seconds), now, usedStep: 0 }), undefined);
  });
}

Deno.test("maybeClockDifference() tells how far away the time of a code is, within ten minutes", () => {
  for (const seconds of [-600, -60, 60, 90, 600]) {
    assert.equal(maybeClockDifference(secret, { code: codeAt(seconds), now }), seconds);
  }
  for (const seconds of [-630, -30, 0, 30, 630]) {
    assert.equal(maybeClockDifference(secret, { code: codeAt(seconds), now }), undefined);
  }
  assert.equal(maybeClockDifference(secret, { code: "x", now }), undefined);
});

Deno.test("maybeTotpStep() refuses a step that was used, and those before it", () => {
  assert.equal(maybeTotpStep(secret, { code: codeAt(0), now, usedStep: step }), undefined);
  assert.equal(maybeTotpStep(secret, { code: codeAt(-30), now, usedStep: step }), undefined);
  assert.equal(maybeTotpStep(secret, { code: codeAt(30), now, usedStep: step }), step + 1);
});

Deno.test("maybeTotpStep() takes spaces, and refuses what are not six digits", () => {
  const code = codeAt(0);
  assert.equal(maybeTotpStep(secret, { code: ` ${code.slice(0, 3)} ${code.slice(3)}`, now, usedStep: 0 }), step);
  for (const bad of ["", "12345", `${code}0`, "abcdef", "１２３４５６"]) {
    assert.equal(maybeTotpStep(secret, { code: bad, now, usedStep: 0 }), undefined);
  }
});

Deno.test("totpAddress() has issuer, person and secret", () => {
  const { address, typed } = totpAddress(secret, "eva@acme.example");
  assert.equal(new URL(address).searchParams.get("secret"), typed.replaceAll(" ", ""));
  assert.match(address, /^otpauth:\/\/totp\/OpenDCA:eva%40acme\.example\?/);
});

Deno.test("newRecoveryCodes() are ten that differ, and are taken however they are typed", () => {
  const codes = newRecoveryCodes();
  assert.equal(new Set(codes).size, 10);
  const [code] = codes as [string];
  const digest = maybeRecoveryDigest("usr-1", code);
  assert.notEqual(digest, undefined);
  assert.deepEqual(maybeRecoveryDigest("usr-1", ` ${code.toUpperCase().replace("-", "  ")}`), digest);
  assert.notDeepEqual(maybeRecoveryDigest("usr-2", code), digest);
  for (const bad of ["", "123456", `${code}x`, "ooooo-iiiii"]) {
    assert.equal(maybeRecoveryDigest("usr-1", bad), undefined);
  }
});

Deno.test("openSecret() opens what sealSecret() sealed, for the same user and platform only", () => {
  const pepper = new Uint8Array(32).fill(7), other = new Uint8Array(32).fill(8);
  const fresh = newTotpSecret();
  const sealed = sealSecret(fresh, { pepper, userId: "usr-1" });
  assert.deepEqual(openSecret(sealed, { pepper, userId: "usr-1" }), fresh);
  assert.throws(() => openSecret(sealed, { pepper, userId: "usr-2" }));
  assert.throws(() => openSecret(sealed, { pepper: other, userId: "usr-1" }));
  const altered = sealed.with(20, sealed[20]! ^ 1);
  assert.throws(() => openSecret(altered, { pepper, userId: "usr-1" }));
});
