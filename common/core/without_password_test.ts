import assert from "node:assert/strict";
import { withoutPassword } from "./without_password.ts";

Deno.test("withoutPassword() shows an address without its user and password, and other texts as they are", () => {
  for (
    const [text, shown] of [
      ["https://eva:s3cret@example.com/x", "https://example.com/x"],
      ["mqtts://s3cret@broker.example.com", "mqtts://broker.example.com"],
      ["zabbixs://:s3cret@[::1]:10051", "zabbixs://[::1]:10051"],
      ["HTTPS://Example.com", "HTTPS://Example.com"],
      ["nothing", "nothing"],
    ] as const
  ) assert.equal(withoutPassword(text), shown);
});
