import assert from "node:assert/strict";
import { UnavailableError, UsageError } from "../../common/core/errors.ts";
import { createPasswordHasher } from "./password_hasher.ts";

const good = "lantern tulip gravel seven";

Deno.test("isRight() knows the password that hash() hashed, and no other", async () => {
  using hasher = createPasswordHasher();
  const hash = await hasher.hash(good, []);
  assert.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  assert.notEqual(await hasher.hash(good, []), hash);
  assert.equal(await hasher.isRight(good, hash), true);
  assert.equal(await hasher.isRight(`${good} `, hash), false);
  assert.equal(await hasher.isRight("", hash), false);
  assert.equal(await hasher.isRight(good, null), false);
  assert.equal(await hasher.isRight("x".repeat(100_000), hash), false);
});

const refused: [name: string, password: string, known?: string[]][] = [
  ["one that is too short", "kX9#mQ2vL7p"],
  ["one that is too long", "x9 ".repeat(43)],
  ["a stolen one with numbers", "password1234"],
  ["a row of keys", "qwertyuiop1234"],
  ["one letter again and again", "aaaaaaaaaaaaaaa"],
  ["the person's own address", "eva.example@acme", ["eva.example@acme.example", "acme", "eva.example@acme"]],
];
for (const [name, password, known = []] of refused) {
  Deno.test(`hash() refuses ${name}`, async () => {
    using hasher = createPasswordHasher();
    await assert.rejects(hasher.hash(password, known), UsageError);
  });
}

Deno.test("hash() counts characters, not bytes, and has no rules about their kinds", async () => {
  using hasher = createPasswordHasher();
  const hash = await hasher.hash("ключ дерево река 🎈", []);
  assert.equal(await hasher.isRight("ключ дерево река 🎈", hash), true);
});

Deno.test("isRight() refuses when too many wait, and those who wait are told when it ends", async () => {
  const hasher = createPasswordHasher();
  const waiting = Array.from({ length: 40 }, () => hasher.isRight(good, null));
  await assert.rejects(hasher.isRight(good, null), UnavailableError);
  hasher[Symbol.dispose]();
  for (const result of await Promise.allSettled(waiting)) {
    if (result.status === "rejected") assert(result.reason instanceof UnavailableError);
  }
});
