import assert from "node:assert/strict";
import fc from "fast-check";
import { Buffer } from "node:buffer";
import { mostHeaderBytes, parseProxyHeader, type ProxyHeader } from "./proxy_header.ts";

const signature = Buffer.from("0d0a0d0a000d0a515549540a", "hex");

function binary(command: number, kind: number, body: Buffer, length = body.length): Buffer {
  return Buffer.concat([signature, Buffer.from([command, kind, length >> 8, length & 255]), body]);
}

const ipv4 = Buffer.from([203, 0, 113, 9, 10, 0, 0, 1, 0xc0, 0x01, 0x20, 0xfb]);
const ipv6 = Buffer.concat([
  Buffer.from("20010db8000000000000000000000009", "hex"),
  Buffer.from("fd000000000000000000000000000001", "hex"),
  Buffer.from([0xc0, 0x01, 0x20, 0xfb]),
]);
const extension = Buffer.from([0x05, 0, 3, 1, 2, 3]);
const line = (text: string) => Buffer.from(`${text}\r\n`);

const complete: [name: string, bytes: Buffer, peer: string | undefined][] = [
  ["text, IPv4", line("PROXY TCP4 203.0.113.9 10.0.0.1 49153 8443"), "203.0.113.9:49153"],
  ["text, IPv6", line("PROXY TCP6 2001:db8::9 fd00::1 49153 8443"), "2001:db8::9:49153"],
  ["text, the longest", line(`PROXY UNKNOWN ${"f".repeat(91)}`), undefined],
  ["text, unknown", line("PROXY UNKNOWN"), undefined],
  ["binary, IPv4", binary(0x21, 0x11, ipv4), "203.0.113.9:49153"],
  ["binary, IPv4 with an extension", binary(0x21, 0x11, Buffer.concat([ipv4, extension])), "203.0.113.9:49153"],
  ["binary, IPv6", binary(0x21, 0x21, ipv6), "2001:db8::9:49153"],
  ["binary, the proxy itself", binary(0x20, 0, Buffer.alloc(0)), undefined],
  ["binary, the proxy itself, with addresses", binary(0x20, 0x11, ipv4), undefined],
  ["binary, of an unknown kind", binary(0x21, 0, Buffer.alloc(0)), undefined],
];
for (const [name, bytes, peer] of complete) {
  Deno.test(`parseProxyHeader(): ${name}, in any pieces and with what follows`, () => {
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(parseProxyHeader(bytes.subarray(0, length)), "incomplete", `${length} bytes`);
    }
    for (const more of ["", "\x16\x03\x01", "PROXY "]) {
      assert.deepEqual(parseProxyHeader(Buffer.concat([bytes, Buffer.from(more)])), { bytes: bytes.length, peer });
    }
  });
}

const refused: [name: string, bytes: Buffer, says: RegExp][] = [
  ["TLS", Buffer.from([0x16, 0x03, 0x01]), /does not begin with/],
  ["HTTP", Buffer.from("GET / HTTP/1.1\r\n"), /does not begin with/],
  ["another word", Buffer.from("PROXIES"), /does not begin with/],
  ["a line without an end", Buffer.from(`PROXY TCP4 ${"1".repeat(96)}`), /too long/],
  ["a line that ends too late", line(`PROXY UNKNOWN ${"f".repeat(92)}`), /too long/],
  ["no address", line("PROXY TCP4 nobody 10.0.0.1 1 2"), /invalid/],
  ["an address of the other family", line("PROXY TCP4 ::1 10.0.0.1 1 2"), /invalid/],
  ["an octal address", line("PROXY TCP4 010.0.0.1 10.0.0.1 1 2"), /invalid/],
  ["a port beyond the last", line("PROXY TCP4 10.0.0.1 10.0.0.1 65536 2"), /invalid/],
  ["a port with a sign", line("PROXY TCP4 10.0.0.1 10.0.0.1 +1 2"), /invalid/],
  ["a port too many", line("PROXY TCP4 10.0.0.1 10.0.0.1 1 2 3"), /invalid/],
  ["two blanks", line("PROXY  TCP4 10.0.0.1 10.0.0.1 1 2"), /invalid/],
  ["UDP in text", line("PROXY UDP4 10.0.0.1 10.0.0.1 1 2"), /invalid/],
  ["version 1 in binary", binary(0x11, 0x11, ipv4), /version/],
  ["a command of the future", binary(0x22, 0x11, ipv4), /version or command/],
  ["UDP", binary(0x21, 0x12, ipv4), /not of TCP/],
  ["a UNIX socket", binary(0x21, 0x31, Buffer.alloc(216)), /not of TCP/],
  ["half of the addresses", binary(0x21, 0x21, ipv4), /not of TCP/],
  ["64 KiB, before they come", binary(0x21, 0x11, ipv4, 65_535), /65551 bytes, at most 4096/],
];
for (const [name, bytes, says] of refused) {
  Deno.test(`parseProxyHeader() refuses ${name}`, () => {
    const header = parseProxyHeader(bytes);
    assert(typeof header === "object" && "invalid" in header, JSON.stringify(header));
    assert.match(header.invalid, says);
  });
}

Deno.test("parseProxyHeader() of any bytes says the same for each longer piece once it has said something", () => {
  const starts = fc.constantFrom(
    ...complete.map(([, bytes]) => bytes),
    signature,
    Buffer.from("PROXY "),
    Buffer.alloc(0),
  );
  fc.assert(fc.property(starts, fc.nat(60), fc.uint8Array({ maxLength: 200 }), (start, kept, more) => {
    const bytes = Buffer.concat([start.subarray(0, kept), more]);
    let said: ProxyHeader = "incomplete";
    for (let length = 0; length <= bytes.length; length++) {
      const header = parseProxyHeader(bytes.subarray(0, length));
      if (said !== "incomplete") assert.deepEqual(header, said);
      said = header;
      if (typeof said === "object" && "bytes" in said) assert(said.bytes <= Math.min(length, mostHeaderBytes));
    }
  }));
});
