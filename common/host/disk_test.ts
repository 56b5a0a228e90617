import assert from "node:assert/strict";
import { denoDisk, openReplacement, removeLeftovers, replaceFile, saveFile } from "./disk.ts";
import { createOwnFile, ensureOwnFile, overwriteOwnFile, readOwnFile, writeAllSync } from "./own_file.ts";
import { StorageError } from "./sqlite.ts";

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

withTrap("replaceFile() puts a file in its place and writes through nothing", ({ path, folder }) => {
  replaceFile(path, "text", { durable: true });
  const { isFile, mode } = Deno.lstatSync(path);
  assert.ok(isFile);
  assert.equal(mode! & 0o777, 0o600);
  assert.equal(Deno.readTextFileSync(path), "text");
  assert.deepEqual([...Deno.readDirSync(`${folder}/own`)].map(({ name }) => name), ["file"]);
});

withTrap("createOwnFile() removes what has the name", ({ path }) => {
  const file = createOwnFile(path);
  writeAllSync(file, new TextEncoder().encode("text"));
  file.close();
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

Deno.test("replaceFile() leaves the old text and no part of the new one where it cannot be put in place", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/file/in/the/way`, { recursive: true });
    assert.throws(() => replaceFile(`${folder}/file`, "text"));
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

Deno.test("openReplacement() shows nothing under the name until it is complete, and leaves nothing when it is discarded", async () => {
  const folder = await Deno.makeTempDir();
  const names = () => [...Deno.readDirSync(folder)].map(({ name }) => name);
  try {
    const path = `${folder}/file`;
    Deno.writeTextFileSync(path, "old");
    const discarded = openReplacement(path);
    writeAllSync(discarded.file, new TextEncoder().encode("new"));
    assert.equal(Deno.readTextFileSync(path), "old");
    discarded.discard();
    assert.deepEqual(names(), ["file"]);
    const next = openReplacement(path, { mode: 0o640 });
    writeAllSync(next.file, new TextEncoder().encode("new"));
    assert.equal(Deno.readTextFileSync(path), "old");
    next.commit();
    assert.equal(Deno.readTextFileSync(path), "new");
    assert.deepEqual(names(), ["file"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("replaceFile() syncs the file before it has its name, and the folder afterwards", () => {
  const steps: string[] = [];
  const disk = {
    ...denoDisk,
    create: () => ({
      write: (bytes: Uint8Array) => Promise.resolve(bytes.length),
      writeSync: (bytes: Uint8Array) => steps.push(`write ${bytes.length}`) && 2,
      syncSync: () => void steps.push("sync"),
      close: () => void steps.push("close"),
    }),
    rename: (_: string, to: string) => void steps.push(`rename to ${to}`),
    syncDirectory: (path: string) => void steps.push(`sync ${path}`),
  };
  replaceFile("/folder/file", "text", { durable: true, disk });
  assert.deepEqual(steps, ["write 4", "write 2", "sync", "close", "rename to /folder/file", "sync /folder"]);
});

Deno.test("saveFile() says in a StorageError why a file cannot be saved", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/file`);
    assert.throws(() => saveFile(denoDisk, `${folder}/file`, "text"), (error) => {
      assert.ok(error instanceof StorageError);
      assert.equal(error.message, `Cannot write "${folder}/file": Is a directory`);
      return true;
    });
    for (
      const [code, reason, message] of [
        ["ENOSPC", "full", /as the disk is full$/],
        ["EROFS", "readOnly", /as the file system is read-only$/],
      ] as const
    ) {
      const disk = {
        ...denoDisk,
        create() {
          throw Object.assign(new Error("no"), { code });
        },
      };
      assert.throws(() => saveFile(disk, `${folder}/file`, "text"), (error) => {
        assert.ok(error instanceof StorageError && error.reason === reason);
        assert.match(error.message, message);
        return true;
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
