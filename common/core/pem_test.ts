import assert from "node:assert/strict";
import fc from "fast-check";
import { decodePem, encodePem } from "./pem.ts";

Deno.test("encodePem() breaks lines at 64 characters and ends with a line feed", () => {
  const lines = encodePem("PRIVATE KEY", new Uint8Array(49)).split("\n");
  assert.deepEqual(lines.map(({ length }) => length), [27, 64, 4, 25, 0]);
});

Deno.test("decodePem() gives back what encodePem() was given, in order and by label", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), (all) => {
    const text = all.map((der) => `subject=/CN=x\n${encodePem("CERTIFICATE", der)}${encodePem("KEY", der)}`).join("");
    assert.deepEqual(decodePem("CERTIFICATE", text), all);
  }));
});

Deno.test("decodePem() reads the line ends of Windows, and throws for what is not base64", () => {
  assert.deepEqual(decodePem("A", "-----BEGIN A-----\r\nAQID\r\n-----END A-----\r\n"), [new Uint8Array([1, 2, 3])]);
  assert.throws(() => decodePem("A", "-----BEGIN A-----\n=*=\n-----END A-----\n"), SyntaxError);
  assert.deepEqual(decodePem("A", "no PEM at all"), []);
});
