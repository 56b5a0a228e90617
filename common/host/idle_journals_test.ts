import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { idleJournals } from "./idle_journals.ts";
import { openDatabase } from "./sqlite.ts";

const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

function withDatabase(body: (path: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    body(`${folder}/some.db`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("idleJournals() truncates a log that nobody writes, and no other", () =>
  withDatabase((path) => {
    const db = openDatabase(path);
    const look = idleJournals([path, `${path}.none`]);
    db.exec("CREATE TABLE t (a BLOB)");
    const write = () => db.transaction(() => db.run("INSERT INTO t VALUES (zeroblob(8000000))"));
    write();
    const large = sizeOf(`${path}-wal`);
    assert(large > 8_000_000, `the log has ${large} bytes`);
    look();
    assert.equal(sizeOf(`${path}-wal`), large);
    look();
    assert.equal(sizeOf(`${path}-wal`), 0);
    look();
    write();
    look();
    assert(sizeOf(`${path}-wal`) > 0);
    assert.equal(db.all("SELECT 1 FROM t").length, 2);
    db.close();
  }));

Deno.test("idleJournals() waits for nobody who reads, and truncates when that is over", () =>
  withDatabase((path) => {
    const db = openDatabase(path);
    const reader = openDatabase(path, { readOnly: true });
    const look = idleJournals([path]);
    db.exec("CREATE TABLE t (a BLOB); INSERT INTO t VALUES (1)");
    reader.exec("BEGIN");
    assert.equal(reader.all("SELECT a FROM t").length, 1);
    db.run("INSERT INTO t VALUES (zeroblob(100000))");
    const beganMs = performance.now();
    look();
    look();
    assert(performance.now() - beganMs < 4000, "it waited for the reader");
    assert(sizeOf(`${path}-wal`) > 0);
    reader.exec("COMMIT");
    look();
    assert.equal(sizeOf(`${path}-wal`), 0);
    reader.close();
    db.close();
  }));

Deno.test("idleJournals() leaves alone what is no database", () =>
  withDatabase((path) => {
    Deno.writeTextFileSync(path, "nothing of the kind ".repeat(100));
    Deno.writeTextFileSync(`${path}-wal`, "nor this");
    const look = idleJournals([path]);
    look();
    look();
    assert.equal(Deno.readTextFileSync(path), "nothing of the kind ".repeat(100));
  }));
