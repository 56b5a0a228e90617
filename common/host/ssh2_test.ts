import { createPrivateKey, publicKeyOf } from "./ssh2.ts";

Deno.test("createPrivateKey() makes keys that can be read, each time", () => {
  for (let i = 0; i < 2000; i++) publicKeyOf(createPrivateKey());
});
