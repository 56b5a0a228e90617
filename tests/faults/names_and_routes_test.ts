/** Names that cannot be found, packets that vanish and hosts of one family, in namespaces with a real resolver and routes. */
import assert from "node:assert/strict";
import type { NamespaceFindings, NamespaceScene } from "./way_in_namespace.ts";
import { namespaceTest, runInNamespace } from "../fixtures/name_server_namespace.ts";

const explorer = new URL("way_in_namespace.ts", import.meta.url).pathname;

const hosts = `127.0.0.1 localhost
192.0.2.1 dropped.test
198.51.100.1 noroute.test
127.0.0.1 only4.test both.test
::1 only6.test both.test
`;

/** What is sent to 192.0.2.1 comes back in by the loopback device, is for nobody here, and is dropped without a word. */
const setUp = `
ip route add 192.0.2.1/32 dev lo
# Attempts end after 15 seconds, not minutes, so that the program does; its own limits are shorter.
echo 3 > /proc/sys/net/ipv4/tcp_syn_retries
`;

function explore(scene: NamespaceScene, nameServer: "dnsmasq" | "none"): Promise<NamespaceFindings> {
  return runInNamespace({
    hosts,
    setUp,
    ...(nameServer === "dnsmasq" ? { nameServer: ["--local=/test/"] } : {}),
    program: explorer,
    argument: scene,
  });
}

const faults: {
  name: string;
  scene: NamespaceScene;
  nameServer?: "dnsmasq";
  want: string;
  says: RegExp;
}[] = [
  {
    name: "a name that the name server does not know",
    scene: { hosts: ["nobody.test"] },
    nameServer: "dnsmasq",
    want: "dns name-not-found",
    says: /ENOTFOUND nobody\.test/,
  },
  {
    name: "a name server that is not there",
    scene: { hosts: ["nobody.test"] },
    want: "dns name-server-silent",
    says: /no DNS server answers: .*EAI_AGAIN/,
  },
  {
    name: "a name server that does not answer",
    scene: { hosts: ["nobody.test"], silentNameServer: true },
    want: "dns name-server-silent",
    says: /no DNS server answers/,
  },
  {
    name: "packets that are dropped",
    scene: { hosts: ["dropped.test"] },
    want: "tcp connect-timeout",
    says: /No answer within/,
  },
  {
    name: "a network without a route",
    scene: { hosts: ["noroute.test"] },
    want: "tcp unreachable",
    says: /ENETUNREACH/,
  },
  {
    name: "a closed port at all addresses of a name",
    scene: { hosts: ["both.test"] },
    want: "tcp connection-refused",
    says: /refused/i,
  },
];
for (const { name, scene, nameServer = "none", want, says } of faults) {
  namespaceTest(`opendca doctor and a call name ${name}: ${want}`, ["ip", "dnsmasq"], async () => {
    const found = await explore(scene, nameServer);
    assert.deepEqual(
      { failures: found.failures, code: found.code, call: found.call },
      { failures: [want], code: 69, call: want.split(" ")[1] },
      found.message,
    );
    assert.match(found.message, says);
  });
}

const ways: { name: string; scene: NamespaceScene; warnings?: string[] }[] = [
  { name: "by IPv4 alone", scene: { hosts: ["only4.test"], address: "127.0.0.1" } },
  { name: "by IPv6 alone", scene: { hosts: ["only6.test"], address: "::1" } },
  { name: "by IPv4 where IPv6 is closed", scene: { hosts: ["both.test"], address: "127.0.0.1" } },
  { name: "by IPv6 where IPv4 is closed", scene: { hosts: ["both.test"], address: "::1" } },
  {
    name: "at the second endpoint where packets to the first are dropped",
    scene: { hosts: ["dropped.test", "only4.test"], address: "127.0.0.1" },
    warnings: ["tcp connect-timeout"],
  },
];
for (const { name, scene, warnings = [] } of ways) {
  namespaceTest(`opendca doctor and a call find the platform ${name}`, ["ip"], async () => {
    const found = await explore(scene, "none");
    assert.deepEqual(
      { failures: found.failures, warnings: found.warnings, code: found.code, call: found.call },
      { failures: [], warnings, code: 0, call: `called ${scene.hosts.at(-1)}:9443` },
      found.message,
    );
  });
}
