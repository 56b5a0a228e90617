/** A file system of 32 MB that is really full, in a mount namespace of its own. */
import assert from "node:assert/strict";
import { succeeds, systemTest } from "../fixtures/peers.ts";

const namespace = ["-U", "-r", "-m"];
const program = new URL("spool_on_full_disk.ts", import.meta.url).pathname;

systemTest(
  "openSpool() on a full disk keeps, sends and deletes what it has, and goes on when that made room",
  {
    needs: "mount namespaces",
    allowed: await succeeds(["unshare", ...namespace, "mount", "-t", "tmpfs", "none", "/mnt"]),
  },
  async () => {
    const run = `mount -t tmpfs -o size=32m none /mnt && exec "$0" run --no-prompt --no-check --allow-all "$1" /mnt`;
    const { code, stdout, stderr } = await new Deno.Command("unshare", {
      args: [...namespace, "sh", "-c", run, Deno.execPath(), program],
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.equal(new TextDecoder().decode(stdout), "drained\n");
  },
);
