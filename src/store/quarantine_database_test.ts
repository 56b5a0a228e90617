import assert from "node:assert/strict";
import { createFakeDisk } from "../../tests/fixtures/fake_disk.ts";
import { openDatabase } from "../../common/host/sqlite.ts";
import { openOrQuarantine } from "./quarantine_database.ts";

const now = new Date("2026-01-02T03:04:05Z");

function fill(path: string): void {
  const db = openDatabase(path);
  db.exec("CREATE TABLE entry (number INTEGER PRIMARY KEY, text TEXT)");
  db.transaction(() => {
    for (let n = 0; n < 500; n++) db.run("INSERT INTO entry (text) VALUES (?)", "x".repeat(100));
  });
  db.close();
}

Deno.test("openOrQuarantine() keeps a sound database, and sets one aside whose damage would show only in use", () => {
  using disk = createFakeDisk();
  const path = disk.path("a.db");
  const reports: { keptAs: string }[] = [];
  const open = () =>
    openOrQuarantine(path, openDatabase, {
      files: disk,
      now,
      reserve: `${path}.reserve`,
      onDamage: (report) => reports.push(report),
    });
  open().close();
  assert.deepEqual(disk.names(), ["a.db"]);
  fill(path);
  const sound = open();
  assert.equal(sound.all("SELECT * FROM entry").length, 500);
  sound.close();
  assert.deepEqual(reports, []);
  disk.rot("a.db", 5 * 4096, new Uint8Array(4096).fill(0x77));
  const begun = open();
  assert.deepEqual(begun.all("SELECT * FROM sqlite_schema"), []);
  begun.close();
  assert.deepEqual(reports.map(({ keptAs }) => keptAs), [`${path}.damaged-2026-01-02T030405000Z`]);
  assert.ok(disk.names().includes("a.db.damaged-2026-01-02T030405000Z"));
});
