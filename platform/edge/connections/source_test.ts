import assert from "node:assert/strict";
import { sourceOf } from "./source.ts";

for (
  const [peer, want] of [
    ["10.1.0.7:50123", "10.1.0.7"],
    ["::ffff:10.1.0.7:50123", "10.1.0.7"],
    ["2001:db8:1:2:3:4:5:6:50123", "2001:db8:1:0::/56"],
    ["2001:db8:1:2::9:50123", "2001:db8:1:0::/56"],
    ["[2001:db8:1:ff::9]:50123", "2001:db8:1:0::/56"],
    ["[2001:db8:1:1ff::9]:50123", "2001:db8:1:100::/56"],
    ["[::FFFF:a01:7]:50123", "10.1.0.7"],
    ["::1:50123", "0:0:0:0::/56"],
    ["unknown", "unknown"],
  ] as const
) {
  Deno.test(`sourceOf() of "${peer}"`, () => assert.equal(sourceOf(peer), want));
}
