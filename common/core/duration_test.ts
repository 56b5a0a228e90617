import assert from "node:assert/strict";
import fc from "fast-check";
import { formatDuration, parseDuration } from "./duration.ts";
import { ValueSyntaxError } from "./value_syntax_error.ts";

const good: [text: string, ms: number][] = [
  ["500ms", 500],
  ["5s", 5_000],
  ["5m", 300_000],
  ["24h", 86_400_000],
  ["90d", 7_776_000_000],
  ["2w", 1_209_600_000],
  ["1h30m", 5_400_000],
  ["1.5h", 5_400_000],
  [" 5 M ", 300_000],
  ["0s", 0],
];
for (const [text, ms] of good) {
  Deno.test(`parseDuration() reads "${text}" as ${ms} ms`, () => assert.equal(parseDuration(text), ms));
}

const bad: [text: string, reason: RegExp, hint: RegExp][] = [
  ["5", /no unit/, /did you mean 5s\?/],
  ["", /not a duration/, /such as 30s/],
  ["5 minutes", /not a duration/, /./],
  ["m5", /not a duration/, /./],
  ["-5m", /not a duration/, /./],
  ["5m!", /not a duration/, /./],
  ["99999999999999999w", /not a duration/, /./],
  ["49ms", /shorter than 50ms/, /50ms or more/],
  ["61s", /longer than 1m/, /1m or less/],
];
for (const [text, reason, hint] of bad) {
  Deno.test(`parseDuration() refuses "${text}" within bounds`, () => {
    assert.throws(() => parseDuration(text, { min: "50ms", max: "1m" }), (error) => {
      assert.ok(error instanceof ValueSyntaxError);
      assert.match(error.reason, reason);
      assert.match(error.hint ?? "", hint);
      return true;
    });
  });
}

Deno.test("parseDuration() takes both bounds themselves", () => {
  assert.equal(parseDuration("50ms", { min: "50ms", max: "1m" }), 50);
  assert.equal(parseDuration("60s", { min: "50ms", max: "1m" }), 60_000);
});

Deno.test("formatDuration() is read back as the same, and says days from two on", () => {
  fc.assert(fc.property(fc.nat(2 ** 40), (ms) => assert.equal(parseDuration(formatDuration(ms)), ms)));
  for (const text of ["24h", "90d", "5m", "90s", "1500ms", "36h"]) {
    assert.equal(formatDuration(parseDuration(text)), text);
  }
});

Deno.test("parseDuration() takes a number without a unit where it is told which one", () => {
  assert.equal(parseDuration(" 14 ", { bareUnit: "d" }), 14 * 86_400_000);
  assert.equal(parseDuration("36h", { bareUnit: "d" }), 36 * 3_600_000);
  assert.throws(() => parseDuration("366", { max: "365d", bareUnit: "d" }), ValueSyntaxError);
  assert.throws(() => parseDuration("1.5", { bareUnit: "d" }), ValueSyntaxError);
});
