import assert from "node:assert/strict";
import { defaultLimits, limitOf, maxBundleBytes, maxFaults, maxMessageText, maxRefusals } from "./limits.ts";

Deno.test("limitOf() knows a field by the end of its path, and has a default for any other", () => {
  assert.deepEqual(limitOf("call", ["machine", "hostname"]), { most: 255, entries: 1000, cut: true });
  assert.deepEqual(limitOf("record", ["reading", "site"]), { most: 200, entries: 10_000, cut: true });
  assert.deepEqual(limitOf("call", ["hostname"]), defaultLimits.call);
  assert.deepEqual(limitOf("record", []), defaultLimits.record);
});

Deno.test("what an agent may send is within the limits", () => {
  assert.ok(limitOf("call", ["status", "faults"]).entries >= maxFaults);
  for (const path of [["status", "faults", "message"], ["taskResults", "message"], ["taskResult", "message"]]) {
    assert.ok(limitOf("call", path).most >= maxMessageText);
  }
  for (const path of [["configRefusals"], ["taskResult", "setConfig", "refusals"]]) {
    const { entries, most } = limitOf("call", path);
    assert.ok(entries >= maxRefusals.entries && most >= maxRefusals.most);
  }
  assert.ok(limitOf("record", ["taskResult", "diagnostics", "bundle"]).most >= maxBundleBytes);
});
