/**
 * Why `ping` may not send, with each cause made by the system itself: the sentence and the hint that `opendca ping` prints,
 * and that the remedy of the hint is one.
 */
import assert from "node:assert/strict";
import { succeeds, systemTest } from "../fixtures/peers.ts";
import { run, withPingCommand } from "../fixtures/ping_command.ts";

interface Service {
  /** net.ipv4.ping_group_range; default: nothing, as the kernel has it. */
  range?: string;
  noNewPrivileges?: boolean;
  /** What it may ever have; default: everything. */
  bounds?: string[];
  ambient?: string[];
  /** A filter that refuses setuid: ends the process, as systemd's default, or as SystemCallErrorNumber=EPERM. */
  filter?: "kill" | "eperm";
  /** What is at /usr/bin/ping in its place: a copy, which has no capability, or another program. */
  program?: "copy" | "/bin/busybox";
  /** As root, in the network of the service. */
  before?: string;
}

/** SECCOMP_MODE_FILTER: load the number of the call; is it setuid; allow; refuse. */
const installFilter = `
import ctypes, os, struct, sys
setuid = {"x86_64": 105, "aarch64": 146}[os.uname().machine]
end = {"kill": 0x80000000, "eperm": 0x00050001}[sys.argv[1]]
code = [(0x20, 0, 0, 0), (0x15, 1, 0, setuid), (6, 0, 0, 0x7fff0000), (6, 0, 0, end)]
text = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]
if ctypes.CDLL(None).prctl(22, 2, ctypes.byref(Program(len(code), ctypes.addressof(text))), 0, 0) != 0:
    sys.exit("the system installs no filter")
os.execvp(sys.argv[2], sys.argv[2:])
`;

/**
 * What stands before a command that is to run as a service does: `nobody` in a network and a file system of its own. It
 * keeps the right to read what root installed, and the runtime asks by `access`, which needs `no_setuid_fixup`.
 */
function serviceCommand(service: Service): string[] {
  const rights = (names: string[]) => ["-all", ...["dac_read_search", ...names].map((name) => `+${name}`)].join(",");
  const { range = "1 0", program, before = "true", ambient = [], bounds, filter } = service;
  const other = program === "copy"
    ? 'copy=$(mktemp) && cp /usr/bin/ping "$copy" && chmod 755 "$copy"'
    : `copy=${program}`;
  const steps = [
    "ip link set lo up",
    `echo "${range}" >/proc/sys/net/ipv4/ping_group_range`,
    ...(program === undefined ? [] : [other, 'mount --bind "$copy" /usr/bin/ping']),
    ...(program === "copy" ? ['rm "$copy"'] : []),
    before,
    'exec "$@"',
  ];
  return [
    ...["unshare", "--net", "--mount", "sh", "-c", steps.join(" && "), "sh"],
    ...(filter === undefined ? [] : ["python3", "-I", "-c", installFilter, filter]),
    ...["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--securebits", "+no_setuid_fixup"],
    ...["--inh-caps", rights(ambient), "--ambient-caps", rights(ambient)],
    ...(bounds === undefined ? [] : ["--bounding-set", rights(bounds)]),
    ...(service.noNewPrivileges === true ? ["--no-new-privs"] : []),
  ];
}

const wide = "0 2147483647";
const socket = String.raw`ping says: socktype: SOCK_RAW; socket: Operation not permitted(; .*)?\nhint: `;

interface Case {
  name: string;
  service: Service;
  target?: string;
  code: number;
  /** In standard output. */
  out?: RegExp;
  /** The whole of standard error. */
  says?: RegExp;
}

const cases: Case[] = [
  {
    name: "that no group is in ping_group_range",
    service: { program: "copy" },
    code: 77,
    says: RegExp(`^error: Cannot ping as no group of .* in ping_group_range, .*; ${socket}permit it: sysctl .*\n$`),
  },
  {
    name: "nothing where ping_group_range has the group",
    service: { program: "copy", range: "65534 65534", noNewPrivileges: true, bounds: [] },
    code: 0,
  },
  {
    name: "that NoNewPrivileges is the cause",
    service: { noNewPrivileges: true },
    code: 77,
    says: RegExp(`^error: Cannot ping as NoNewPrivileges of this process .*; ${socket}keep it, .*AmbientCap.*\n$`),
  },
  {
    name: "the same of IPv6",
    service: { noNewPrivileges: true },
    target: "::1",
    code: 77,
    says: RegExp(`^error: Cannot ping as NoNewPrivileges of this process .*; ${socket}keep it, .*AmbientCap.*\n$`),
  },
  { name: "nothing with NoNewPrivileges and a wide range", service: { noNewPrivileges: true, range: wide }, code: 0 },
  {
    name: "nothing with NoNewPrivileges, a wide range and IPv6",
    service: { noNewPrivileges: true, range: wide },
    target: "::1",
    code: 0,
  },
  {
    name: "that the bounding set is the cause, although the range is wide",
    service: { bounds: [], range: wide },
    code: 77,
    says:
      /^error: Cannot ping as the bounding set .*CAP_NET_RAW, .*; the system says: Operation not permitted\nhint: add to the unit: CapabilityBoundingSet=CAP_NET_RAW; .*\n$/,
  },
  {
    name: "of a hardened unit all that is to be added",
    service: { bounds: [], noNewPrivileges: true },
    code: 77,
    says: /the bounding set .*\nhint: .*CapabilityBoundingSet=CAP_NET_RAW and AmbientCapabilities=CAP_NET_RAW; .*\n$/,
  },
  {
    name: "nothing when that was added",
    service: { bounds: ["net_raw"], ambient: ["net_raw"], noNewPrivileges: true },
    code: 0,
  },
  {
    name: "that a system call filter refuses what ping calls",
    service: { filter: "eperm" },
    code: 77,
    says:
      /^error: Cannot ping as a system call filter .*; ping says: setuid: Operation not permitted\nhint: .*SystemCallFilter=.*\n$/,
  },
  {
    name: "that a system call filter ended ping",
    service: { filter: "kill" },
    code: 77,
    says:
      /^error: Cannot ping as a system call filter .*; it was ended by SIGSYS without a word\nhint: .*SystemCallFilter=.*\n$/,
  },
  {
    name: "that there is no such interface",
    service: {},
    target: "fe80::1%none0",
    code: 69,
    says: /^error: Cannot ping fe80::1%none0; ping says: fe80::1%none0: .*\nhint: .* interface none0: ip link\n$/,
  },
  {
    name: "of busybox that no group is in the range",
    service: { program: "/bin/busybox" },
    code: 77,
    says: /no group of .*; ping says: permission denied \(are you root\?\)\nhint: permit it: .*\n$/,
  },
  {
    name: "of busybox that it makes no use of the range",
    service: { program: "/bin/busybox", range: wide },
    target: "::1",
    code: 77,
    says:
      /"\/usr\/bin\/ping" needs CAP_NET_RAW, .*; ping says: permission denied \(are you root\?\)\nhint: install one .*\n$/,
  },
  {
    name: "nothing of busybox with the right",
    service: { program: "/bin/busybox", ambient: ["net_raw"] },
    target: "::1",
    code: 0,
  },
  {
    name: "what came instead of an answer",
    service: {
      before: "nft 'table ip t { chain i { type filter hook input priority 0; " +
        "icmp type echo-request reject with icmp type host-unreachable; }; }'",
    },
    target: "127.0.0.7",
    code: 69,
    out: /^127\.0\.0\.7: no answer to 1 echo request\nping says: From 127\.0\.0\.7 Destination Host Unreachable\nSome /,
  },
  {
    name: "that a firewall refuses to send",
    service: {
      program: "/bin/busybox",
      ambient: ["net_raw"],
      before: "nft 'table ip t { chain o { type filter hook output priority 0; meta l4proto icmp drop; }; }'",
    },
    code: 77,
    says:
      /^error: Cannot ping as a firewall rule .* to 127\.0\.0\.1; ping says: sendto: Operation not permitted\nhint: see: nft .*\n$/,
  },
];

const allowed = await succeeds([...serviceCommand({ program: "copy", bounds: [] }), "true"]);
/** Some systems permit ping by ping_group_range alone, or by setuid. */
const hasCapability = allowed && !await succeeds([...serviceCommand({ bounds: [] }), "/usr/bin/ping", "-V"]);
const installsFilter = allowed && await succeeds([...serviceCommand({ filter: "kill" }), "true"]);

for (const { name, service, target = "127.0.0.1", code, out = /^/, says = /^$/ } of cases) {
  const needs = service.filter === undefined
    ? service.bounds !== undefined && service.program === undefined
      ? { needs: "ping with a file capability", allowed: hasCapability }
      : { needs: "namespaces and users of its own", allowed }
    : { needs: "system call filters", allowed: installsFilter };
  const programs = [
    "ping",
    ...(service.program === "/bin/busybox" ? ["busybox"] : []),
    ...(service.before === undefined ? [] : ["nft"]),
  ];
  systemTest(`opendca ping says ${name}`, { ...needs, programs }, () =>
    withPingCommand(async (args) => {
      const [program, ...rest] = serviceCommand(service);
      const output = await run(program!, [...rest, Deno.execPath(), ...args, target, "--count", "1"]);
      assert.match(output.err, says);
      assert.match(output.out, out);
      assert.equal(output.code, code);
    }));
}
