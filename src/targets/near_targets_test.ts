import assert from "node:assert/strict";
import { fakeNames } from "../../tests/fixtures/fake_names.ts";
import { tryParseCidr } from "../../common/core/ip_range.ts";
import { countNear, isNear } from "./near_targets.ts";
import { parseTargets } from "./parse_targets.ts";

const links = ["10.1.0.7/22", "10.1.0.9/24", "fd00::7/64", "fe80::7/64"].map((text) => tryParseCidr(text)!);

const cases: [targets: string[], near: number][] = [
  [["10.1.0.0/22"], 1022],
  [["10.1.0.0/16"], 1023],
  [["10.0.255.250-10.1.0.5", "10.1.3.250-10.1.4.5"], 12],
  [["10.2.0.0/24", "10.0.0.1"], 0],
  [["fd00::1-fd00::10", "fd01::1", "10.1.0.1"], 17],
];
for (const [targets, near] of cases) {
  Deno.test(`countNear() finds ${near} targets of ${targets.join(", ")} on the own links`, async () => {
    const space = await parseTargets(targets, {
      exclude: [],
      port: 161,
      maxAddresses: 100_000,
      resolve: fakeNames({}),
      readTextFile: () => Promise.reject(new Error("no files here")),
    });
    assert.equal(countNear(space, links), near);
    assert.equal(countNear(space, []), 0);
  });
}

Deno.test("isNear() takes a link-local address with its zone, and no name", () => {
  assert(isNear("fe80::1%eth0", links));
  assert(isNear("10.1.3.255", links));
  assert(!isNear("10.1.4.0", links));
  assert(!isNear("printer", links));
});
