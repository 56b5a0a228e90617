import assert from "node:assert/strict";
import { createAnswer, createHello, forwardKeyOf, helloBytes, isAnswer, maybeHelloKind } from "./forward_hello.ts";

const key = forwardKeyOf("one"), other = forwardKeyOf("other");

Deno.test("both ends of a forward know each other by the session's key, and nobody else", () => {
  for (const kind of ["session", "device"] as const) {
    const hello = createHello(kind, key), answer = createAnswer(hello, key);
    assert.equal(hello.length, helloBytes);
    assert.equal(maybeHelloKind(hello, key), kind);
    assert.equal(maybeHelloKind(hello, other), undefined);
    assert.ok(isAnswer(answer, { hello, key }));
    assert.ok(!isAnswer(answer, { hello: createHello(kind, key), key }), "an answer to another hello");
    assert.ok(!isAnswer(createAnswer(hello, other), { hello, key }));
    // What one end has sent is not what the other end expects.
    assert.ok(!isAnswer(hello.subarray(17), { hello, key }));
  }
});

Deno.test("a hello that was cut or changed in any octet is none", () => {
  const hello = createHello("device", key);
  for (let at = 0; at < hello.length; at++) {
    const changed = Uint8Array.from(hello);
    changed[at]! ^= 1;
    assert.equal(maybeHelloKind(changed, key), undefined);
    assert.equal(maybeHelloKind(hello.subarray(0, at), key), undefined);
  }
});
