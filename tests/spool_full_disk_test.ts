/** A file system of 32 MB that is really full, in a mount namespace of its own; skipped where the system allows none. */
import assert from "node:assert/strict";

const namespace = ["-U", "-r", "-m"];
const program = new URL("fakes/spool_on_full_disk.ts", import.meta.url).pathname;

async function canMount(): Promise<boolean> {
  if (Deno.build.os !== "linux") return false;
  try {
    const { success } = await new Deno.Command("unshare", {
      args: [...namespace, "sh", "-c", "mount -t tmpfs none /mnt"],
      stderr: "null",
    }).output();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const possible = await canMount();
if (!possible) console.warn("skipped: openSpool() on a full disk (no mount namespaces here)");

Deno.test({
  name: "openSpool() on a full disk keeps, sends and deletes what it has, and goes on when that made room",
  ignore: !possible,
  fn: async () => {
    const run = `mount -t tmpfs -o size=32m none /mnt && exec "$0" run --no-prompt --no-check --allow-all "$1" /mnt`;
    const { code, stdout, stderr } = await new Deno.Command("unshare", {
      args: [...namespace, "sh", "-c", run, Deno.execPath(), program],
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.equal(new TextDecoder().decode(stdout), "drained\n");
  },
});
