import assert from "node:assert/strict";
import { UsageError } from "../../common/core/errors.ts";
import { checkedSettings } from "./kinds.ts";
import { directoryConfig, directoryGroupKey, parseServer } from "./ldap_settings.ts";

const right = {
  servers: "ldaps://dc1.example.com, ldap://dc2.example.com:10389",
  base: "DC=example,DC=com",
  account: "opendca@example.com",
  password: "s3cret",
};
const check = (changed: Record<string, string>) =>
  checkedSettings("ldap", { before: {}, changed: { ...right, ...changed } });

Deno.test("directoryConfig() is what a connection needs", () => {
  assert.deepEqual(directoryConfig(check({})), {
    servers: ["ldaps://dc1.example.com", "ldap://dc2.example.com:10389"],
    caPem: null,
    base: "DC=example,DC=com",
    account: "opendca@example.com",
    password: "s3cret",
  });
  assert.equal(check({})["windows-second-factor"], "no");
  assert.equal(check({ realms: "EXAMPLE.COM, EXAMPLE" })["realms"], "EXAMPLE.COM EXAMPLE");
});

Deno.test("parseServer() knows the usual ports", () => {
  assert.deepEqual(parseServer("ldaps://dc1.example.com"), { host: "dc1.example.com", port: 636, isTls: true });
  assert.deepEqual(parseServer("ldap://dc1.example.com/"), { host: "dc1.example.com", port: 389, isTls: false });
  assert.deepEqual(parseServer("ldaps://[fd00::7]:3269"), { host: "fd00::7", port: 3269, isTls: true });
});

const wrong: [name: string, changed: Record<string, string>][] = [
  ["no server", { servers: "" }],
  ["no scheme", { servers: "dc1.example.com" }],
  ["another scheme", { servers: "https://dc1.example.com" }],
  ["a server with a path", { servers: "ldaps://dc1.example.com/DC=example" }],
  ["a server with a password", { servers: "ldaps://a:b@dc1.example.com" }],
  ["many servers", { servers: Array.from({ length: 11 }, (_, at) => `ldaps://dc${at}.example.com`).join(" ") }],
  ["a base that is a name", { base: "example.com" }],
  ["an account that is a way to sign in", { account: "EXTERNAL" }],
  ["no password", { password: "" }],
  ["a realm with an address", { realms: "EXAMPLE.COM/x" }],
  ["another word than yes or no", { "windows-second-factor": "maybe" }],
  ["an authority that is none", { ca: "x" }],
];
for (const [name, changed] of wrong) {
  Deno.test(`checkedSettings() refuses a directory with ${name}`, () =>
    assert.throws(() => check(changed), UsageError));
}

Deno.test("directoryGroupKey() compares as directories do", () => {
  assert.equal(
    directoryGroupKey("CN=Te\u0308st,DC=Example"),
    directoryGroupKey("cn=täst,dc=example".replace("ä", "\u00eb")),
  );
  assert.notEqual(directoryGroupKey("CN=a\\, b,DC=x"), directoryGroupKey("CN=a,CN=b,DC=x"));
});
