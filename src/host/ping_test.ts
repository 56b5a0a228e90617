import assert from "node:assert/strict";
import { insteadIn, ping, pingArguments, roundTripsIn } from "./ping.ts";

const cases = [
  {
    name: "iputils",
    text:
      "PING 10.0.0.7 (10.0.0.7) 56(84) bytes of data.\n64 bytes from 10.0.0.7: icmp_seq=1 ttl=64 time=0.045 ms\n64 bytes from 10.0.0.7: icmp_seq=2 ttl=64 time=12.3 ms\n\n--- 10.0.0.7 ping statistics ---\n2 packets transmitted, 2 received, 0% packet loss, time 1003ms\nrtt min/avg/max/mdev = 0.045/6.1/12.3/0.007 ms\n",
    want: [0.045, 12.3],
  },
  {
    name: "Windows",
    text: "Reply from 10.0.0.7: bytes=32 time<1ms TTL=64\nReply from 10.0.0.7: bytes=32 time=7ms TTL=64\n",
    want: [1, 7],
  },
  { name: "German Windows", text: "Antwort von 10.0.0.7: Bytes=32 Zeit=3ms TTL=64\n", want: [3] },
  { name: "silence", text: "2 packets transmitted, 0 received, 100% packet loss, time 1003ms\n", want: [] },
];
for (const { name, text, want } of cases) {
  Deno.test(`roundTripsIn() reads the times of ${name}`, () => assert.deepEqual(roundTripsIn(text), want));
}

const instead = [
  [
    "PING 10.0.0.7 (10.0.0.7) 56(84) bytes of data.\nFrom 10.0.0.2 icmp_seq=1 Destination Host Unreachable\n",
    "From 10.0.0.2 Destination Host Unreachable",
  ],
  [
    "From 10.0.0.1 icmp_seq=1 Packet filtered\nFrom 10.0.0.9 icmp_seq=2 Time to live exceeded\n",
    "From 10.0.0.1 Packet filtered",
  ],
  [
    "From fd00::1 icmp_seq=1 Destination unreachable: Administratively prohibited\n",
    "From fd00::1 Destination unreachable: Administratively prohibited",
  ],
  ["Reply from 10.0.0.2: Destination host unreachable.\r\n", "Reply from 10.0.0.2: Destination host unreachable."],
  ["2 packets transmitted, 0 received, 100% packet loss, time 1003ms\n", undefined],
  ["", undefined],
] as const;
for (const [text, want] of instead) {
  Deno.test(`insteadIn() finds ${want}`, () => assert.equal(insteadIn(text), want));
}

const systems = [
  ["linux", "10.0.0.7", ["-n", "-c", "3", "-W", "2", "10.0.0.7"]],
  ["linux", "fd00::5", ["-n", "-6", "-c", "3", "-W", "2", "fd00::5"]],
  ["linux", "fe80::1%eth0.5", ["-n", "-6", "-c", "3", "-W", "2", "fe80::1%eth0.5"]],
  ["darwin", "10.0.0.7", ["-n", "-c", "3", "-W", "2000", "10.0.0.7"]],
  ["windows", "fe80::1%12", ["-n", "3", "-w", "2000", "fe80::1%12"]],
] as const;
for (const [os, address, want] of systems) {
  Deno.test(`pingArguments() of ${os} for ${address}`, () => {
    assert.deepEqual(pingArguments(address, { count: 3, os }), want);
  });
}

Deno.test("pingArguments() says what macOS cannot do", () => {
  assert.throws(() => pingArguments("fd00::5", { count: 1, os: "darwin" }), /IPv4 addresses only$/);
});

for (
  const text of [
    "",
    "localhost",
    "printer.example",
    "-f",
    "-6",
    "10.0.0.7 -f",
    "10.0.0.7%eth0",
    "fe80::1%",
    "fe80::1%-f",
  ]
    .concat(["fe80::1%a b", "fe80::1%eth0\n", "0x7f.1", "10.0.0", "010.0.0.1"])
) {
  Deno.test(`ping() runs nothing for ${JSON.stringify(text)}`, async () => {
    const { signal } = new AbortController();
    await assert.rejects(ping(text, { count: 1, signal, programs: ["/nowhere"] }), /as it is not an IP address$/);
  });
}

/** Calls back with the path of a `ping` that is this script. */
async function withScript(script: string, use: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/ping`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    await use(`${folder}/ping`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const { signal } = new AbortController();
const rejection = (running: Promise<unknown>) =>
  running.then(
    (): string[] => assert.fail("it answered"),
    (error: Error & { hint?: string }) => [error.name, error.message, error.hint ?? ""],
  );

Deno.test("ping() kills a program that hangs and heeds no SIGTERM, at its end and when it is stopped", () =>
  withScript("trap '' TERM INT\nexec tail -f /dev/null", async (path) => {
    const late = ping("10.0.0.7", { count: 1, signal, programs: [path], patienceMs: -2900 });
    const [name, message, hint] = await rejection(late);
    assert.equal(name, "UnavailableError");
    assert.match(message!, /^Cannot ping 10\.0\.0\.7 as ".*\/ping" did not end within 0\.1 s and was killed$/);
    assert.match(hint!, /ping -n -c 1 -W 2 10\.0\.0\.7$/);
    const stop = new AbortController();
    const stopped = ping("10.0.0.7", { count: 1, signal: stop.signal, programs: [path] });
    stop.abort(new Error("Ctrl-C"));
    assert.deepEqual((await rejection(stopped))[1], "Ctrl-C");
  }));

Deno.test("ping() gives the program nothing of the environment but the language", () =>
  withScript('echo "ping: $LC_ALL ${HOME:-none} $*" >&2; exit 2', async (path) => {
    const [, message] = await rejection(ping("::1", { count: 2, signal, programs: ["/nowhere/ping", path] }));
    assert.equal(message, "Cannot ping ::1; ping says: C none -n -6 -c 2 -W 2 ::1");
  }));

Deno.test("ping() takes 1 for silence, but not when something is said, and an answer for an answer", async () => {
  await withScript("exit 1", async (path) => {
    assert.deepEqual(await ping("10.0.0.7", { count: 1, signal, programs: [path] }), { roundTripMs: [] });
  });
  await withScript("echo 'ping: sendto: Network is unreachable' >&2; exit 1", async (path) => {
    const [, message] = await rejection(ping("10.0.0.7", { count: 1, signal, programs: [path] }));
    assert.equal(message, "Cannot ping 10.0.0.7; ping says: sendto: Network is unreachable");
  });
  await withScript("echo '64 bytes: ttl=64 time=2 ms'; echo 'ping: sendmsg: x' >&2; exit 1", async (path) => {
    assert.deepEqual(await ping("10.0.0.7", { count: 2, signal, programs: [path] }), { roundTripMs: [2] });
  });
});

Deno.test("ping() without a program says where it looked", async () => {
  const [name, message, hint] = await rejection(ping("10.0.0.7", { count: 1, signal, programs: ["/nowhere/a", "/b"] }));
  assert.equal(name, "UnavailableError");
  assert.equal(message, "Cannot ping as there is no program for it: looked for /nowhere/a, /b");
  assert.match(hint!, /iputils-ping$/);
});

Deno.test("ping() says of a file that may not be run what to look at", () =>
  withScript("exit 0", async (path) => {
    await Deno.chmod(path, 0o644);
    const [name, message, hint] = await rejection(ping("10.0.0.7", { count: 1, signal, programs: [path] }));
    assert.equal(name, "NotPermittedError");
    assert.match(message!, /may not run ".*\/ping"; the system says: Permission denied$/);
    assert.match(hint!, /noexec/);
  }));
