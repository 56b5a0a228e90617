import assert from "node:assert/strict";
import {
  ensureOwnFile,
  overwriteOwnFile,
  readOwnFile,
  removeLeftovers,
  replaceOwnFile,
  writeNewFile,
} from "./own_file.ts";

interface Trap {
  /** What root would not like to be written. */
  victim: string;
  path: string;
}

const traps: Record<string, (trap: Trap) => Promise<void>> = {
  "a link": ({ victim, path }) => Deno.symlink(victim, path),
  "a link to nothing": ({ victim, path }) => Deno.symlink(`${victim}.absent`, path),
  "a hard link": ({ victim, path }) => Deno.link(victim, path),
  "a pipe": async ({ path }) => void await new Deno.Command("mkfifo", { args: [path] }).output(),
};

function withTrap(name: string, body: (trap: Trap & { kind: string; folder: string }) => void): void {
  for (const [kind, make] of Object.entries(traps)) {
    Deno.test({
      name: `${name}: ${kind}`,
      ignore: Deno.build.os === "windows",
      async fn() {
        const folder = await Deno.makeTempDir();
        try {
          const trap = { victim: `${folder}/victim`, path: `${folder}/own/file` };
          await Deno.mkdir(`${folder}/own`);
          await Deno.writeTextFile(trap.victim, "victim", { mode: 0o644 });
          await make(trap);
          body({ ...trap, kind, folder });
          assert.equal(await Deno.readTextFile(trap.victim), "victim");
          await assert.rejects(Deno.lstat(`${trap.victim}.absent`), Deno.errors.NotFound);
        } finally {
          await Deno.remove(folder, { recursive: true });
        }
      },
    });
  }
}

withTrap("replaceOwnFile() puts a file in its place and writes through nothing", ({ path, folder }) => {
  replaceOwnFile(path, "text", { sync: true });
  const { isFile, mode } = Deno.lstatSync(path);
  assert.ok(isFile);
  assert.equal(mode! & 0o777, 0o600);
  assert.equal(Deno.readTextFileSync(path), "text");
  assert.deepEqual([...Deno.readDirSync(`${folder}/own`)].map(({ name }) => name), ["file"]);
});

withTrap("writeNewFile() takes away what has the name", ({ path }) => {
  writeNewFile(path, "text");
  assert.equal(Deno.readTextFileSync(path), "text");
});

withTrap("overwriteOwnFile() and readOwnFile() refuse what is no file, and wait for nothing", ({ path, kind }) => {
  if (kind === "a hard link") return;
  assert.throws(
    () => overwriteOwnFile(path, "x"),
    (error) => /ELOOP|EISDIR/.test(String((error as { code: string }).code)),
  );
  assert.throws(() => readOwnFile(path), (error) => /ELOOP|EISDIR/.test(String((error as { code: string }).code)));
});

withTrap("ensureOwnFile() makes nothing elsewhere and waits for nothing", ({ path, kind }) => {
  if (kind === "a link to nothing" || kind === "a pipe") assert.throws(() => ensureOwnFile(path), /^Error: it is /);
  else ensureOwnFile(path);
});

Deno.test("replaceOwnFile() leaves the old text and no part of the new one where it cannot be put in place", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/file/in/the/way`, { recursive: true });
    assert.throws(() => replaceOwnFile(`${folder}/file`, "text"));
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["file"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("removeLeftovers() takes what a crash left an hour ago, and nothing else", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const name of ["agent.json", "agent.json.0123456789abcdef.new", "mine.new"]) {
      await Deno.writeTextFile(`${folder}/${name}`, "");
    }
    removeLeftovers(folder, new Date());
    assert.equal([...Deno.readDirSync(folder)].length, 3);
    removeLeftovers(folder, new Date(Date.now() + 2 * 3_600_000));
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["agent.json", "mine.new"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
