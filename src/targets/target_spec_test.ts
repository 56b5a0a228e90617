import assert from "node:assert/strict";
import fc from "fast-check";
import { formatIp } from "../../common/core/ip.ts";
import { anyCharacter } from "../../tests/fixtures/any_character.ts";
import { parseTargetSpec, TargetSyntaxError } from "./target_spec.ts";

/** "FIRST-LAST" or the name, "block" for CIDR, and the port. */
function describe(text: string): string {
  const spec = parseTargetSpec(text);
  const port = spec.port === undefined ? "" : ` port ${spec.port}`;
  if (spec.kind === "name") return `name ${spec.name}${port}`;
  const { family, first, last } = spec.range;
  const ends = `${formatIp({ family, value: first })}-${formatIp({ family, value: last })}`;
  return `${spec.isBlock ? "block" : "range"} ${ends}${port}`;
}

const good: [text: string, want: string][] = [
  ["10.0.0.1", "range 10.0.0.1-10.0.0.1"],
  ["10.0.0.1:1161", "range 10.0.0.1-10.0.0.1 port 1161"],
  ["10.1.0.0/16", "block 10.1.0.0-10.1.255.255"],
  ["10.1.2.3/16", "block 10.1.0.0-10.1.255.255"],
  ["10.1.0.0/16:65535", "block 10.1.0.0-10.1.255.255 port 65535"],
  ["10.0.0.1-20", "range 10.0.0.1-10.0.0.20"],
  ["10.0.0.250-10.0.1.5", "range 10.0.0.250-10.0.1.5"],
  ["10.0.0.1-20:1", "range 10.0.0.1-10.0.0.20 port 1"],
  ["fd00::5", "range fd00::5-fd00::5"],
  ["[fd00::5]", "range fd00::5-fd00::5"],
  ["[fd00::5]:1161", "range fd00::5-fd00::5 port 1161"],
  ["fd00::5:1161", "range fd00::5:1161-fd00::5:1161"],
  ["fd00::/126", "block fd00::-fd00::3"],
  ["[fd00::/126]:1161", "block fd00::-fd00::3 port 1161"],
  ["fd00::1-fd00::9", "range fd00::1-fd00::9"],
  ["::ffff:10.0.0.1", "range 10.0.0.1-10.0.0.1"],
  ["printer", "name printer"],
  ["PRN-07.Example.", "name prn-07.example"],
  ["prn_07.example:1161", "name prn_07.example port 1161"],
  ["10-0-0-1.example", "name 10-0-0-1.example"],
  ["3com", "name 3com"],
  ["drücker.example", "name xn--drcker-4ya.example"],
];
for (const [text, want] of good) {
  Deno.test(`parseTargetSpec() reads "${text}"`, () => assert.equal(describe(text), want));
}

const bad: [text: string, reason: RegExp, hint?: RegExp][] = [
  ["", /it is empty/],
  ["10.0.0.256", /octet 256 is above 255/],
  ["10.0.0.1-256", /octet 256 is above 255/],
  ["10.0.0.300/24", /octet 300 is above 255/],
  ["010.0.0.1", /an octet starts with 0/, /did you mean 10\.0\.0\.1\?/],
  ["10.0.0", /"10\.0\.0" is not an IPv4 address/, /did you mean 10\.0\.0\.0\/24\?/],
  ["10.1.*.*", /is not an IPv4 address/, /did you mean 10\.1\.0\.0\/16\?/],
  ["12", /"12" is not an IP address/],
  ["10.0.0.0/33", /prefix length "33" is not a number from 0 to 32/, /did you mean 10\.0\.0\.0\/24\?/],
  ["10.1.2.0/255.255.0.0", /prefix length "255\.255\.0\.0"/, /did you mean 10\.1\.0\.0\/16\?/],
  ["10.0.0.0/", /prefix length ""/],
  ["fd00::/129", /prefix length "129" is not a number from 0 to 128/],
  ["fd00::/126:161", /prefix length "126:161"/, /did you mean \[fd00::\/126\]:161\?/],
  ["10.0.0.20-10.0.0.1", /ends before it starts/, /did you mean 10\.0\.0\.1-10\.0\.0\.20\?/],
  ["10.0.0.20-1", /ends before it starts/, /did you mean 10\.0\.0\.1-10\.0\.0\.20\?/],
  ["10.0.0.1-fd00::1", /different address families/],
  ["10.0.0.1:0", /port "0" is not a number from 1 to 65535/],
  ["10.0.0.1:65536", /port "65536"/],
  ["printer:snmp", /port "snmp"/],
  ["[fd00::1", /brackets do not match/],
  ["fd00::12345", /not an IPv6 address/],
  ["fe80::1%", /"" is not the name of an interface/],
  ["fe80::1%eth 0", /more than one word/],
  ["fe80::1%eth0/64", /"eth0\/64" is not the name of an interface/],
  ["fd00::1%eth0", /only a link-local address has a zone/],
  ["10.0.0.1%eth0", /only a link-local address has a zone/],
  ["%eth0", /"" is not an IPv6 address/],
  ["10.0.0.1 10.0.0.2", /more than one word/],
  ["10.0.0.1,10.0.0.2", /more than one word/],
  ["http://10.0.0.1:80/status", /a URL/, /did you mean 10\.0\.0\.1\?/],
  ["user@printer", /neither an address nor a host name/],
  ["printer?x", /neither an address nor a host name/],
  ["-printer", /neither an address nor a host name/],
  ["a..b", /neither an address nor a host name/],
  ["0x7f000001", /neither an address nor a host name/],
  ["printer.1", /not an IP address/],
];
for (const [text, reason, hint] of bad) {
  Deno.test(`parseTargetSpec() refuses "${text}"`, () => {
    assert.throws(() => parseTargetSpec(text), (error) => {
      assert.ok(error instanceof TargetSyntaxError);
      assert.match(error.reason, reason);
      if (hint) assert.match(error.hint ?? "", hint);
      return true;
    });
  });
}

Deno.test("parseTargetSpec() reads any text or throws TargetSyntaxError", () => {
  const texts = fc.oneof(
    fc.string({ unit: anyCharacter }),
    fc.string({ unit: fc.constantFrom(..."0129.-/:[]*axfd%é@ ") }),
  );
  fc.assert(fc.property(texts, (text) => {
    try {
      parseTargetSpec(text);
    } catch (error) {
      if (!(error instanceof TargetSyntaxError)) throw error;
    }
  }));
});
