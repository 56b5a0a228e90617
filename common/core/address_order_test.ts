import assert from "node:assert/strict";
import { byAddress } from "./address_order.ts";

Deno.test("byAddress() counts addresses as numbers: IPv4 first, then IPv6, names last", () => {
  const ordered = [
    "9.255.255.255",
    "10.0.0.2",
    "10.0.0.10",
    "10.0.0.100",
    "10.0.2.1",
    "10.0.10.1",
    "192.168.1.1",
    "fd00::2",
    "fd00::10",
    "fd00::1:1",
    "fe80::1%eth0",
    "fe80::1%eth1",
    "fe80::2%eth0",
    "printer.example",
  ];
  const sorted = byAddress(ordered.toReversed().map((address) => ({ address }))).map(({ address }) => address);
  assert.deepEqual(sorted, ordered);
});

Deno.test("byAddress() goes on by port, keeps the order of equals, and puts what has no address first", () => {
  const items = [
    { address: "10.0.0.1", port: 1161, name: "d" },
    { address: "10.0.0.1", port: 161, name: "b" },
    { address: "10.0.0.1", port: 161, name: "c" },
    { name: "a" },
  ];
  assert.deepEqual(byAddress(items).map(({ name }) => name), ["a", "b", "c", "d"]);
});
