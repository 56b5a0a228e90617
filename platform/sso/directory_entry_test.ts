import assert from "node:assert/strict";
import fc from "fast-check";
import {
  accountState,
  type Attributes,
  bestEntry,
  dnsDomainOf,
  fileTime,
  formatGuid,
  lockoutPolicy,
  maybeGuidBytes,
  maybePrimaryGroupSid,
  nameRank,
  parseTypedName,
  passwordState,
  personOf,
  refusalOf,
  wouldLock,
} from "./directory_entry.ts";

const now = new Date("2026-11-29T12:00:00Z");
const ofDomain = { base: "OU=People,DC=example,DC=test", kind: "activeDirectory" } as const;

const states: [name: string, entry: Attributes, state: string][] = [
  ["a normal account", { userAccountControl: "512", accountExpires: "9223372036854775807" }, "usable"],
  ["0 as never", { userAccountControl: "66048", accountExpires: "0" }, "usable"],
  ["another directory", {}, "usable"],
  ["a deactivated one", { userAccountControl: "514" }, "disabled"],
  ["one that expires in a moment", { accountExpires: `${fileTime(now.getTime()) + 1n}` }, "usable"],
  ["one that expires now", { accountExpires: `${fileTime(now.getTime())}` }, "expired"],
  ["a locked one, which may go on", { "msDS-User-Account-Control-Computed": "16" }, "usable"],
  ["389 Directory Server", { nsAccountLock: "TRUE" }, "disabled"],
];
for (const [name, entry, state] of states) {
  Deno.test(`accountState() of ${name}`, () => assert.equal(accountState(entry, now), state));
}

Deno.test("passwordState() tells what a right password does not help against", () => {
  const of = (computed: number) => passwordState({ "msDS-User-Account-Control-Computed": `${computed}` });
  assert.deepEqual([0, 16, 0x80_0000, 0x80_0010].map(of), ["usable", "locked", "passwordExpired", "locked"]);
  assert.equal(passwordState({}), "usable");
});

Deno.test("wouldLock() leaves the last attempt to the person", () => {
  const at = fileTime(now.getTime()), minute = 600_000_000n;
  const policy = lockoutPolicy({ lockoutThreshold: "5", lockOutObservationWindow: `${-30n * minute}` });
  const tried = (count: number, since: bigint) => ({ badPwdCount: `${count}`, badPasswordTime: `${at - since}` });
  assert.equal(wouldLock(tried(3, minute), policy, now), false);
  assert.equal(wouldLock(tried(4, minute), policy, now), true);
  assert.equal(wouldLock(tried(4, 30n * minute - 1n), policy, now), true);
  assert.equal(wouldLock(tried(4, 30n * minute), policy, now), false);
  assert.equal(wouldLock(tried(4, 999n * minute), { ...policy, window: 0n }, now), true);
  assert.equal(wouldLock(tried(99, minute), lockoutPolicy({}), now), false, "no policy, no locking");
  assert.equal(wouldLock({}, policy, now), false);
});

Deno.test("refusalOf() reads what Active Directory says", () => {
  const said = (code: string) =>
    `80090308: LdapErr: DSID-0C09041C, comment: AcceptSecurityContext error, data ${code}, v4563`;
  const cases = { "52e": "wrongPassword", "533": "disabled", "701": "expired", "773": "mustChangePassword" };
  for (
    const [code, reason] of Object.entries({
      ...cases,
      "775": "locked",
      "532": "passwordExpired",
      "fff": "wrongPassword",
    })
  ) {
    assert.equal(refusalOf(said(code)), reason);
  }
  assert.equal(refusalOf("Invalid credentials"), "wrongPassword");
});

Deno.test("parseTypedName() takes a domain in front, and no control characters", () => {
  assert.deepEqual(parseTypedName(" eva "), { name: "eva", domain: undefined });
  assert.deepEqual(parseTypedName("EXAMPLE\\eva"), { name: "eva", domain: "EXAMPLE" });
  assert.deepEqual(parseTypedName("jo\u0308rg"), { name: "jörg", domain: undefined });
  for (const typed of ["", " ", "\\", "A\\", "\\eva", "A\\B\\eva", "e\0va", "eva\n\x7f", "\ud800", "x".repeat(257)]) {
    assert.equal(parseTypedName(typed), undefined, JSON.stringify(typed));
  }
});

Deno.test("nameRank() compares exactly where the directory does not", () => {
  const eva = {
    sAMAccountName: "eva",
    userPrincipalName: "eva.m@example.com",
    mail: ["Eva@Example.com", "em@example.com"],
  };
  const rank = (typed: string) => nameRank(eva, parseTypedName(typed)!, ofDomain);
  assert.deepEqual(["EVA.M@example.com", "Eva", "eva@EXAMPLE.test", "em@example.com"].map(rank), [0, 1, 2, 3]);
  for (const typed of ["éva", "ev", "eva@example.org", "X\\eva.m@example.com", "*"]) {
    assert.equal(rank(typed), undefined);
  }
  const uid = { uid: "eva", mail: "eva@example.com" };
  assert.equal(nameRank(uid, { name: "eva", domain: undefined }, { ...ofDomain, kind: "other" }), 0);
  assert.equal(nameRank(uid, { name: "eva", domain: "X" }, { ...ofDomain, kind: "other" }), undefined);
});

Deno.test("bestEntry() lets nobody take the name of another by an address of e-mail", () => {
  const eva = { sAMAccountName: "eva", userPrincipalName: "eva@example.test" };
  const thief = { sAMAccountName: "thief", userPrincipalName: "thief@example.test", mail: "eva@example.test" };
  const find = (typed: string, entries: Attributes[]) => bestEntry(entries, parseTypedName(typed)!, ofDomain);
  assert.equal(find("eva@example.test", [thief, eva]), eva);
  assert.equal(
    find("shared@example.com", [{ mail: "shared@example.com" }, { mail: "shared@example.com" }]),
    "ambiguous",
  );
  assert.equal(find("nobody", [eva, thief]), "unknown");
});

Deno.test("dnsDomainOf() reads the parts of a domain", () => {
  assert.equal(dnsDomainOf("OU=Staff, dc=Example , DC=test"), "example.test");
  assert.equal(dnsDomainOf("O=Example"), "");
});

Deno.test("formatGuid() writes as Windows does, and maybeGuidBytes() reads it back", () => {
  const bytes = Uint8Array.fromHex("b979e2d3a1d308469af5dbdf8fd79a89");
  assert.equal(formatGuid(bytes), "d3e279b9-d3a1-4608-9af5-dbdf8fd79a89");
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
    assert.deepEqual(maybeGuidBytes(formatGuid(bytes)), bytes);
  }));
  for (
    const wrong of ["", "*", "d3e279b9-d3a1-4608-9af5-dbdf8fd79a8", "d3e279b9d3a146089af5dbdf8fd79a89", " d3e279b9"]
  ) {
    assert.equal(maybeGuidBytes(wrong), undefined);
  }
});

Deno.test("maybePrimaryGroupSid() is of the same domain", () => {
  const sid = Uint8Array.fromHex("010500000000000515000000" + "01000000020000000300000050040000");
  const group = maybePrimaryGroupSid({ objectSid: sid, primaryGroupID: "513" });
  assert.equal(group?.toHex(), "010500000000000515000000" + "01000000020000000300000001020000");
  for (
    const entry of [{}, { objectSid: sid }, { primaryGroupID: "513" }, { objectSid: "S-1-5", primaryGroupID: "513" }]
  ) {
    assert.equal(maybePrimaryGroupSid(entry), undefined);
  }
});

Deno.test("personOf() needs what never changes", () => {
  const objectGUID = Uint8Array.fromHex("b979e2d3a1d308469af5dbdf8fd79a89");
  const entry = { dn: "CN=Eva", cn: "Eva", objectGUID, sAMAccountName: "eva", userAccountControl: "512", mail: [] };
  const id = "d3e279b9-d3a1-4608-9af5-dbdf8fd79a89";
  assert.deepEqual(personOf(entry, "activeDirectory"), { id, name: "Eva", email: undefined, account: "eva" });
  assert.throws(() => personOf({ dn: "CN=Eva" }, "activeDirectory"), /objectGUID of CN=Eva/);
  assert.throws(
    () => personOf({ ...entry, userAccountControl: [] }, "activeDirectory"),
    /userAccountControl of CN=Eva/,
  );
  assert.throws(() => personOf({ dn: "uid=eva", uid: "eva" }, "other"), /entryUUID of uid=eva/);
});
