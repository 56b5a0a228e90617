import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

/* A process each, as the defect ends the process. */
for (const first of ["openPlatform", "startTls"]) {
  Deno.test(`after ${first}() a write to a TLS socket whose connection was closed fails, and the process goes on`, async () => {
    const script = fileURLToPath(new URL("tls_writes_child.ts", import.meta.url));
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--allow-all", script, first],
      stdin: "null",
    }).output();
    assert.equal(new TextDecoder().decode(stdout), "EBADF\n", new TextDecoder().decode(stderr));
  });
}
