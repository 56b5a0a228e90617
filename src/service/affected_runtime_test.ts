import assert from "node:assert/strict";
import { isAffectedRuntime, maybeRuntimeFault } from "./affected_runtime.ts";

const cases: [version: string, affected: boolean][] = [
  ["2.9.3", false],
  ["2.9.4", true],
  ["2.9.6", true],
  ["2.9.7", false],
  ["2.9.40", false],
  ["2.9.5+abc", true],
  ["2.8.5", false],
  ["12.9.5", false],
  ["", false],
];
for (const [version, affected] of cases) {
  Deno.test(`isAffectedRuntime() of "${version}" is ${affected}`, () => {
    assert.equal(isAffectedRuntime(version), affected);
  });
}

for (const [version, code] of [["2.9.3", undefined], ["2.9.4", "runtime-affected"], ["2.9.7", "runtime-untested"]]) {
  Deno.test(`maybeRuntimeFault() of "${version}" is ${code}`, () => {
    assert.equal(maybeRuntimeFault(version!)?.code, code);
  });
}
