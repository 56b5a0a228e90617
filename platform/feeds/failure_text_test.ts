import assert from "node:assert/strict";
import { failureText } from "./failure_text.ts";

Deno.test("a failure of the system is told in words; another one as it is", () => {
  const of = (message: string, code?: string) =>
    failureText(Object.assign(new Error(message), code === undefined ? {} : { code }));
  assert.match(of("connect ECONNREFUSED 127.0.0.1:8883", "ECONNREFUSED"), /refused/);
  assert.match(of("getaddrinfo EAI_AGAIN broker.invalid"), /name cannot be found/);
  assert.match(of("read", "ECONNRESET"), /closed/);
  assert.match(of("invalid peer certificate: UnknownIssuer"), /setting ca/);
  assert.equal(of("it answered 503"), "it answered 503");
  assert.equal(failureText("text"), "text");
});
