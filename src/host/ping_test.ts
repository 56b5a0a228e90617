import assert from "node:assert/strict";
import { pingFailure, roundTripsIn } from "./ping.ts";

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

const said = [
  {
    name: "no right, of iputils",
    text: "/usr/bin/ping: socktype: SOCK_RAW\n/usr/bin/ping: socket: Operation not permitted\n" +
      "/usr/bin/ping: => missing cap_net_raw+p capability or setuid?\n",
    want: ["NotPermittedError", /may not send ICMP$/],
  },
  {
    name: "no right, of busybox",
    text: "ping: permission denied (are you root?)\n",
    want: ["NotPermittedError", /ICMP$/],
  },
  {
    name: "no route",
    text: "ping: connect: Network is unreachable\n",
    want: ["UnavailableError", /^Cannot ping 10\.0\.0\.7: connect: Network is unreachable$/],
  },
  { name: "nothing", text: "", want: ["UnavailableError", /10\.0\.0\.7: the program did not say why$/] },
] as const;
for (const { name, text, want: [kind, message] } of said) {
  Deno.test(`pingFailure() reads ${name}`, () => {
    const error = pingFailure("10.0.0.7", text);
    assert.equal(error.name, kind);
    assert.match(error.message, message);
  });
}
