import assert from "node:assert/strict";
import { ownLinks } from "./own_links.ts";

const ethernet = "02:00:00:00:00:01", none = "00:00:00:00:00:00";
const listed = (...rows: [mac: string, cidr: string][]) =>
  ownLinks(() => rows.map(([mac, cidr]) => ({ mac, cidr }))).map(({ family, first, last }) => [family, first, last]);

Deno.test("ownLinks() has the networks of both families, but for loopback, tunnels and what is none", () => {
  assert.deepEqual(
    listed(
      [none, "127.0.0.1/8"],
      [none, "10.8.0.2/24"],
      [ethernet, "10.1.7.9/22"],
      [ethernet, "not an address"],
      [ethernet, "fd00::7/126"],
      [ethernet, "10.3.0.1/32"],
    ),
    [
      [4, 0x0a010400n, 0x0a0107ffn],
      [6, 0xfd000000000000000000000000000004n, 0xfd000000000000000000000000000007n],
      [4, 0x0a030001n, 0x0a030001n],
    ],
  );
  assert.deepEqual(listed(), []);
});

Deno.test("ownLinks() is nothing where the interfaces may not be seen", () => {
  assert.deepEqual(
    ownLinks(() => {
      throw new Deno.errors.NotCapable("networkInterfaces");
    }),
    [],
  );
});

Deno.test("ownLinks() reads the interfaces of this machine", () => {
  for (const { first, last } of ownLinks()) assert(first <= last);
});
