import assert from "node:assert/strict";
import { isUnderRootDomain, parseEndpoint } from "./endpoint.ts";
import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";

const good: [text: string, want: string][] = [
  ["dca.example.com", "dca.example.com:443"],
  ["DCA.example.com.:8443", "dca.example.com:8443"],
  ["https://dca.example.com/", "dca.example.com:443"],
  ["localhost:50051", "localhost:50051"],
];
for (const [text, want] of good) {
  Deno.test(`parseEndpoint() reads "${text}"`, () => {
    const { host, port } = parseEndpoint(text);
    assert.equal(`${host}:${port}`, want);
  });
}

const bad: [text: string, reason: RegExp][] = [
  ["http://dca.example.com", /not encrypted/],
  ["10.0.0.1", /is an address/],
  ["[fd00::1]:443", /is an address/],
  ["fd00::1", /is an address/],
  ["dca.example.com:0", /not a port/],
  ["dca.example.com:65536", /not a port/],
  ["dca.example.com/path", /not a host and port/],
  ["dca_1.example.com", /not a host name/],
  ["-dca.example.com", /not a host name/],
  ["1.2.3", /not a host name/],
  ["", /not a host and port/],
];
for (const [text, reason] of bad) {
  Deno.test(`parseEndpoint() refuses "${text}"`, () => {
    assert.throws(() => parseEndpoint(text), (error) => error instanceof ValueSyntaxError && reason.test(error.reason));
  });
}

const hosts: [host: string, want: boolean][] = [
  ["example.com", true],
  ["dca.example.com", true],
  ["A.B.Example.COM.", true],
  ["badexample.com", false],
  ["example.com.evil.test", false],
  ["com", false],
  ["", false],
];
for (const [host, want] of hosts) {
  Deno.test(`isUnderRootDomain() is ${want} for "${host}"`, () => {
    assert.equal(isUnderRootDomain(host, "example.com"), want);
  });
}

Deno.test("isUnderRootDomain() holds nothing under an empty root domain", () => {
  assert.ok(!isUnderRootDomain("example.com", ""));
  assert.ok(!isUnderRootDomain("", ""));
});
