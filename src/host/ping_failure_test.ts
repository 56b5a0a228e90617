import assert from "node:assert/strict";
import type { PingFacts } from "./ping_facts.ts";
import { type PingEnd, pingFailure, saidOf } from "./ping_failure.ts";

/** A service without any right, on a system with the kernel's own range. */
const service: PingFacts = {
  userId: 999,
  noNewPrivileges: false,
  isNetRawInBounds: true,
  hasFilter: false,
  isGroupInRange: false,
  isSetuid: false,
};
const unknown: PingFacts = {
  userId: 501,
  noNewPrivileges: null,
  isNetRawInBounds: null,
  hasFilter: null,
  isGroupInRange: null,
  isSetuid: null,
};

/** As iputils 20221126 and Debian's busybox print them. */
const rawSocket = "/usr/bin/ping: socktype: SOCK_RAW\n/usr/bin/ping: socket: Operation not permitted\n" +
  "/usr/bin/ping: => missing cap_net_raw+p capability or setuid?\n";
const plainSocket = "ping: socktype: SOCK_DGRAM\nping: socket: Operation not permitted\n";
const busyboxSocket = "ping: permission denied (are you root?)\n";

const ended = (said: string, code = 2, signal: string | null = null): PingEnd => ({
  kind: "ended",
  code,
  signal,
  said,
});
const refused = (code: string | null): PingEnd => ({
  kind: "refused",
  code,
  said: code === "EPERM" ? "Operation not permitted" : "Permission denied",
});

const groupRange = [
  /no group of this user is in ping_group_range/,
  /^permit it: sysctl -w net\.ipv4\.ping_group_range=/,
];
const noNewPrivileges = [/as NoNewPrivileges of this process/, /ping_group_range=.*AmbientCapabilities=CAP_NET_RAW$/];
const boundingSet = [/as the bounding set of this process lacks CAP_NET_RAW/, /CapabilityBoundingSet=CAP_NET_RAW/];
const filter = [/as a system call filter \(seccomp\)/, /SystemCallFilter=capset @setuid/];
const several = [
  /as this process may not send ICMP/,
  /ping_group_range.*NoNewPrivileges, Capab.* and SystemCallFilter/,
];
const fileMode = [/as this user may not run "\/usr\/bin\/ping"/, /noexec/];
const firewall = [/as a firewall rule or a route/, /nft list ruleset; ip route get 10\.0\.0\.7$/];

const hardened = { ...service, noNewPrivileges: true, isNetRawInBounds: false, hasFilter: true };

const denied: [string, PingEnd, PingFacts, RegExp[]][] = [
  ["no right at all", ended(rawSocket), service, groupRange],
  ["no right, of busybox", ended(busyboxSocket, 1), service, groupRange],
  ["NoNewPrivileges", ended(rawSocket), { ...service, noNewPrivileges: true }, noNewPrivileges],
  ["NoNewPrivileges and setuid", ended(rawSocket), { ...hardened, hasFilter: false, isSetuid: true }, noNewPrivileges],
  ["NoNewPrivileges and a filter that lets ping be", ended(rawSocket), {
    ...service,
    noNewPrivileges: true,
    hasFilter: true,
  }, noNewPrivileges],
  // It was started, so that its file has no capability that could be taken from it.
  ["a hardened unit and a plain file", ended(rawSocket), hardened, groupRange],
  ["an empty bounding set", refused("EPERM"), { ...service, isNetRawInBounds: false }, boundingSet],
  ["an empty bounding set beside all else", refused("EPERM"), hardened, boundingSet],
  ["an empty bounding set and a range for all", refused("EPERM"), {
    ...service,
    isNetRawInBounds: false,
    isGroupInRange: true,
  }, boundingSet],
  ["an empty bounding set of root", ended(busyboxSocket, 1), {
    ...service,
    userId: 0,
    isNetRawInBounds: false,
  }, boundingSet],
  ["an empty bounding set and setuid", ended(rawSocket), {
    ...service,
    isNetRawInBounds: false,
    isSetuid: true,
  }, boundingSet],
  ["EPERM where nothing is known", refused("EPERM"), unknown, boundingSet],
  ["a filter that ends it", ended("", 159, "SIGSYS"), service, filter],
  ["a filter for capset", ended("ping: cap_set_proc: Operation not permitted\n", 255), hardened, filter],
  ["a filter for setuid", ended("ping: setuid: Operation not permitted\n", 255), hardened, filter],
  ["a filter for prctl", ended("ping: prctl: Operation not permitted\n", 255), unknown, filter],
  ["a filter for the plain socket", ended(plainSocket), { ...service, hasFilter: true }, filter],
  ["a filter for execve", refused("EPERM"), { ...service, hasFilter: true }, filter],
  ["a filter although the range has the group", ended(rawSocket), {
    ...service,
    hasFilter: true,
    isGroupInRange: true,
  }, filter],
  ["a security module", ended(rawSocket), { ...service, isGroupInRange: true }, several],
  ["a busybox that knows no plain socket", ended(busyboxSocket, 1), { ...service, isGroupInRange: true }, [
    /as "\/usr\/bin\/ping" needs CAP_NET_RAW/,
    /iputils-ping$/,
  ]],
  ["no right where nothing is known", ended(rawSocket), unknown, several],
  ["a file that may not be run", refused(null), hardened, fileMode],
  ["EPERM with every right", refused("EPERM"), service, fileMode],
  ["a firewall", ended("ping: sendmsg: Operation not permitted\n", 1), hardened, firewall],
  ["a firewall, of busybox", ended("ping: sendto: Operation not permitted\n", 1), unknown, firewall],
  [
    "a prohibited route",
    ended("ping: Do you want to ping broadcast? Then -b. If not, check your local firewall rules\n"),
    {
      ...hardened,
    },
    firewall,
  ],
  ["a prohibited route, of busybox", ended("ping: sendto: Permission denied\n", 1), hardened, firewall],
];
for (const [name, end, facts, [message, hint]] of denied) {
  Deno.test(`pingFailure() names ${name}, with what was said`, () => {
    const error = pingFailure({ address: "10.0.0.7", program: "/usr/bin/ping" }, end, facts) as Error & {
      hint: string;
    };
    assert.equal(error.name, "NotPermittedError");
    assert.match(error.message, message!);
    assert.match(error.hint, hint!);
    const said = saidOf(end.said) || "SIGSYS";
    assert.ok(error.message.includes(said), error.message);
    // All of it goes to the platform as one text.
    assert.ok(`${error.message} (${error.hint})`.length <= 500);
  });
}

const unavailable: [string, string, PingEnd, RegExp, RegExp][] = [
  [
    "no route",
    "10.0.0.7",
    ended("ping: connect: Network is unreachable\n"),
    /says: connect: Network is un/,
    /^check the routes/,
  ],
  ["a blackhole", "10.0.0.7", ended("ping: connect: Invalid argument\n"), /: Invalid argument$/, /^check the routes/],
  [
    "an interface that is not there",
    "fe80::1%eth7",
    ended("ping: fe80::1%eth7: Name or service not known\n"),
    /not known$/,
    /there is an interface eth7: ip link$/,
  ],
  [
    "the same of busybox",
    "fe80::1%eth7",
    ended("ping: bad address 'fe80::1%eth7'\n", 1),
    /bad address/,
    /interface eth7/,
  ],
  [
    "no IPv6",
    "fd00::1",
    ended("ping: socket: Address family not supported by protocol\n"),
    /Address family/,
    /RestrictAddressFamilies=/,
  ],
  [
    "an option that it lacks",
    "fd00::1",
    ended("ping: invalid option -- '6'\nUsage: ping [-c count] host\n"),
    /invalid option -- '6'; Usage/,
    /install another/,
  ],
  ["nothing", "10.0.0.7", ended(""), /^Cannot ping 10\.0\.0\.7; it ended with 2 without a word$/, /^try it by hand/],
  ["a signal", "10.0.0.7", ended("", 137, "SIGKILL"), /it was ended by SIGKILL without a word$/, /^try it by hand/],
  [
    "another language",
    "10.0.0.7",
    ended("ping: Verbindung: Das Netzwerk ist nicht erreichbar\n"),
    /says: Verbindung: Das Netzwerk/,
    /^check the routes/,
  ],
];
for (const [name, address, end, message, hint] of unavailable) {
  Deno.test(`pingFailure() reads ${name}`, () => {
    const error = pingFailure({ address, program: "/usr/bin/ping" }, end, hardened) as Error & { hint: string };
    assert.equal(error.name, "UnavailableError");
    assert.match(error.message, message);
    assert.match(error.hint, hint);
  });
}

Deno.test("saidOf() makes one line of it that is safe to show, without warnings", () => {
  assert.equal(saidOf("ping: a\r\n/bin/ping6: b\n\n  c\n"), "a; b; c");
  assert.equal(saidOf("ping: \u001b]0;owned\u0007bad\u202e\n"), "bad");
  assert.equal(saidOf("ping: Warning: time of day goes back (-5us), taking countermeasures\n"), "");
  assert.equal(saidOf("x".repeat(100_000)).length, 160);
});
