import assert from "node:assert/strict";
import { InvalidArgumentError } from "commander";
import { duration } from "./scan_options.ts";

const timeout = duration({ min: "50ms", max: "60s", bareUnit: "ms" });
const deadline = duration({ min: "1s", max: "1h", bareUnit: "s" });

for (
  const [text, parse, ms] of [
    ["1000", timeout, 1000],
    ["500ms", timeout, 500],
    ["2s", timeout, 2000],
    ["1m", timeout, 60_000],
    ["60", deadline, 60_000],
    ["90s", deadline, 90_000],
    ["1m30s", deadline, 90_000],
    ["1h", deadline, 3_600_000],
  ] as const
) {
  Deno.test(`duration() takes "${text}" as ${ms} ms`, () => assert.equal(parse(text), ms));
}

for (const text of ["", "x", "-1", "1.5", "49", "49ms", "61s", "2 minutes", "1e3", "0x40"]) {
  Deno.test(`duration() refuses "${text}" and says from when to when`, () => {
    assert.throws(() => timeout(text), (error) => {
      assert(error instanceof InvalidArgumentError);
      assert.match(error.message, /from 50ms to 60s/);
      return true;
    });
  });
}
