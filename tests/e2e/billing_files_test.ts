/** Files of a statement, made under the permissions that the platform has when it is run. */
import assert from "node:assert/strict";

const root = new URL("../../", import.meta.url).pathname;
/** What each begins with. */
const starts = { csv: "", erp: "", json: "{", xlsx: "PK", pdf: "%PDF-" } as const;

Deno.test("the platform makes a statement in each form with the permissions of its task", async () => {
  const folder = await Deno.makeTempDir();
  const run = async (...args: string[]) => {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", "platform", "--data", `${folder}/data`, ...args],
      cwd: root,
    }).output();
    assert.ok(success, `${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  };
  try {
    await run("customer", "create", "Acme");
    await run("billing", "make", "--period", "2026-03");
    for (const [form, start] of Object.entries(starts)) {
      await run("billing", "export", "1", "--as", form, "--output", `${folder}/statement.${form}`);
      const bytes = await Deno.readFile(`${folder}/statement.${form}`);
      assert.equal(new TextDecoder().decode(bytes.subarray(0, start.length)), start);
      assert.ok(bytes.length > 0, form);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
