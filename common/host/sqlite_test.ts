import assert from "node:assert/strict";
import { DamagedDatabaseError, databaseError, openDatabase, StorageError } from "./sqlite.ts";

const cases = [
  { name: "a full disk by code", error: { message: "x", errcode: 13 }, want: "full" },
  { name: "a full disk by text", error: { message: "database or disk is full" }, want: "full" },
  { name: "a full disk by the system", error: { message: "x", code: "ENOSPC" }, want: "full" },
  { name: "an extended code", error: { message: "x", errcode: 778 }, want: "io" },
  { name: "a read-only file", error: { message: "attempt to write a readonly database" }, want: "readOnly" },
  { name: "a lock", error: { message: "database is locked" }, want: "locked" },
  { name: "a missing folder", error: { message: "x", code: "ENOENT" }, want: "cannotOpen" },
  { name: "damage by code", error: { message: "x", errcode: 11 }, want: "damaged" },
  { name: "damage by text", error: { message: "file is not a database" }, want: "damaged" },
  { name: "a defect of ours", error: { message: "UNIQUE constraint failed: t.a", errcode: 1555 }, want: "itself" },
];
for (const { name, error, want } of cases) {
  Deno.test(`databaseError() knows ${name}`, () => {
    const given = Object.assign(new Error(error.message), error);
    const found = databaseError(given, "/state/spool.db");
    if (want === "itself") return assert.equal(found, given);
    if (want === "damaged") return assert.ok(found instanceof DamagedDatabaseError);
    assert.ok(found instanceof StorageError);
    assert.equal(found.reason, want);
    assert.match(found.message, /"\/state\/spool\.db"/);
  });
}

Deno.test("transaction() leaves nothing of what threw", () => {
  const folder = Deno.makeTempDirSync();
  const db = openDatabase(`${folder}/test.db`);
  try {
    db.exec("CREATE TABLE t (a INTEGER) STRICT");
    assert.throws(() =>
      db.transaction(() => {
        db.run("INSERT INTO t VALUES (1)");
        throw new Error("stop");
      }), /stop/);
    assert.equal(db.transaction(() => db.run("INSERT INTO t VALUES (2)")), 1);
    assert.deepEqual(db.all("SELECT a FROM t"), [{ a: 2 }]);
    assert.equal(db.get("SELECT a FROM t WHERE a = 1"), undefined);
  } finally {
    db.close();
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("openDatabase() of a database in memory leaves no file", () => {
  openDatabase(":memory:").close();
  assert.throws(() => Deno.statSync(":memory:"), Deno.errors.NotFound);
});
