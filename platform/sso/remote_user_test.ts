import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { headerValues, parseRemoteUser } from "./remote_user.ts";

/* As node reads what a proxy sends. */
const sent = (text: string) => Buffer.from(text, "utf8").toString("latin1");

const right: [said: string, account: string, realm: string][] = [
  ["eva@EXAMPLE.TEST", "eva", "EXAMPLE.TEST"],
  ["EXAMPLE\\eva", "eva", "EXAMPLE"],
  ["jörg@EXAMPLE.TEST", "jörg", "EXAMPLE.TEST"],
  ["jo\u0308rg@EXAMPLE.TEST", "jörg", "EXAMPLE.TEST"],
  ["o'neil(x)@EXAMPLE.TEST", "o'neil(x)", "EXAMPLE.TEST"],
  ["eva.m-1_2@example.test", "eva.m-1_2", "example.test"],
];
for (const [said, account, realm] of right) {
  Deno.test(`parseRemoteUser() of ${said}`, () => assert.deepEqual(parseRemoteUser([sent(said)]), { account, realm }));
}

const wrong: [name: string, values: string[]][] = [
  ["none", []],
  ["an empty one", [""]],
  ["two headers", ["eva@EXAMPLE.TEST", "adm@EXAMPLE.TEST"]],
  ["the same one twice", ["eva@EXAMPLE.TEST", "eva@EXAMPLE.TEST"]],
  ["two in one", ["eva@EXAMPLE.TEST, adm@EXAMPLE.TEST"]],
  ["no realm", ["eva"]],
  ["an empty realm", ["eva@"]],
  ["both forms", ["EXAMPLE\\eva@EXAMPLE.TEST"]],
  ["two realms", ["eva@EXAMPLE.TEST@OTHER.TEST"]],
  ["a computer", ["dc1$@EXAMPLE.TEST"]],
  ["a service", ["HTTP/portal.example.test@EXAMPLE.TEST"]],
  ["what Apache writes for a value that is not set", ["(null)"]],
  ["spaces around", [" eva@EXAMPLE.TEST"]],
  ["a wildcard", ["*@EXAMPLE.TEST"]],
  ["a filter", ["eva)(cn=*@EXAMPLE.TEST"]],
  ["a control character", ["eva\x01@EXAMPLE.TEST"]],
  ["a sign that nobody sees", [sent("e\u200bva@EXAMPLE.TEST")]],
  ["Latin-1 in place of UTF-8", ["j\xf6rg@EXAMPLE.TEST"]],
  ["an address in the realm", ["eva@EXAMPLE.TEST/x"]],
];
for (const [name, values] of wrong) {
  Deno.test(`parseRemoteUser() refuses ${name}`, () => assert.equal(parseRemoteUser(values), undefined));
}

Deno.test("headerValues() sees each line of a header, in any case", () => {
  const raw = ["Host", "portal", "x-remote-user", "a@X", "X-Remote-User", "b@X", "X-Other", "X-Remote-User"];
  assert.deepEqual(headerValues(raw, "X-Remote-User"), ["a@X", "b@X"]);
  assert.deepEqual(headerValues(raw, "X-None"), []);
});
