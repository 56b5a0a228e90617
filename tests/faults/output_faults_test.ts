/** Output that is full or that nobody reads, of both programs as processes. */
import assert from "node:assert/strict";
import { createPendingFile } from "../../src/host/pending_file.ts";
import project from "../../deno.json" with { type: "json" };

const root = new URL("../../", import.meta.url).pathname;

/** Runs a shell line in which $OPENDCA and $PLATFORM are the programs. */
async function shell(line: string): Promise<{ code: number; out: string; err: string }> {
  const program = ({ command }: { command: string }) =>
    command.replaceAll("'", "").replace(/^deno /, `${Deno.execPath()} `).replace(/(\S*main\.ts)/, `${root}$1`).replace(
      " run ",
      " run --no-check ",
    );
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-o", "pipefail", "-c", line],
    env: { OPENDCA: program(project.tasks.opendca), PLATFORM: program(project.tasks.platform), NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

const target = "127.149.0.1 --timeout 50 --retries 0 --quiet";

for (
  const [name, line, where] of [
    ["scan on a full standard output", `$OPENDCA scan ${target} > /dev/full`, "standard output"],
    ["help of opendca", "$OPENDCA scan --help > /dev/full", "standard output"],
    ["help of opendca-platform", "$PLATFORM --help > /dev/full", "standard output"],
  ] as const
) {
  Deno.test(`${name} says in one sentence that it cannot write, and ends with 74`, async () => {
    const { code, err } = await shell(line);
    assert.equal(code, 74, err);
    assert.equal(
      err,
      `error: Cannot write to ${where}: No space left on device\n` +
        "hint: see whether the disk is full, and whether the device is there\n",
    );
  });
}

for (const line of [`$OPENDCA scan ${target} -f json`, "$OPENDCA scan --help", "$PLATFORM --help"]) {
  Deno.test(`${line} ends without a word when nobody reads it`, async () => {
    const { code, err } = await shell(`( ${line}; echo "ended with $?" >&2 ) | true`);
    assert.equal(code, 0);
    // Whoever is quicker: the program may have written all before its reader is gone.
    assert.match(err, /^ended with (141|0)\n$/);
  });
}

Deno.test("createPendingFile() says in one sentence that a place is full", async () => {
  const file = await createPendingFile("/dev/full");
  await assert.rejects(file.write("text"), {
    name: "OutputError",
    message: /^Cannot write to "\/dev\/full": No space/,
  });
  await file.discard();
});

Deno.test("--output - and /dev/stdout are standard output, and add to a file that the shell has opened", async () => {
  const file = await Deno.makeTempFile();
  try {
    for (const name of ["-", "/dev/stdout"]) {
      const { code, err } = await shell(`( echo before; $OPENDCA scan ${target} -o ${name}; echo after ) > ${file}`);
      assert.deepEqual([code, err], [0, ""]);
      assert.match(await Deno.readTextFile(file), /^before\n[\s\S]*1 address, 0 answered[\s\S]*after\n$/);
    }
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("@- is standard input for targets, and - for a file of credentials", async () => {
  const targets = await shell(
    `printf '127.149.0.1 # one\\n127.149.0.2\\n' | $OPENDCA scan @- ${target.replace("127.149.0.1", "")}`,
  );
  assert.match(targets.out, /^[\s\S]*2 addresses, 0 answered/);
  const credentials = await shell(
    `printf 'default:\\n  - community: [x]\\n' | $OPENDCA scan --credentials - ${target}`,
  );
  assert.equal(credentials.code, 78, credentials.err);
});
