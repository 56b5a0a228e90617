import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { testHost } from "../../tests/fixtures/test_host.ts";
import { runCli } from "../cli/run_cli.ts";
import { canonicalJson } from "./canonical_json.ts";
import { openLedger } from "./ledger.ts";

Deno.test("canonicalJson() gives equal values equal texts", () => {
  assert.equal(
    canonicalJson({ b: [1, null, "é\n"], a: { d: true, c: 1e21 } }),
    '{"a":{"c":1e+21,"d":true},"b":[1,null,"é\\n"]}',
  );
  assert.throws(() => canonicalJson(NaN), /NaN/);
});

const at = (day: number) => new Date(Date.UTC(2026, 0, day));

/** A state directory with a ledger of five uploads, one a day. */
function createLedger(): { folder: string; path: string } & Disposable {
  const folder = Deno.makeTempDirSync();
  const path = `${folder}/ledger.db`;
  using ledger = openLedger(path);
  for (let day = 1; day <= 5; day++) {
    const bytes = new TextEncoder().encode(`batch ${day}`);
    ledger.append({ at: at(day), kind: "upload", summary: `Sent batch ${day}`, bytes, details: { sequence: day } });
  }
  return { folder, path, [Symbol.dispose]: () => Deno.removeSync(folder, { recursive: true }) };
}

function tamper(path: string, sql: string): void {
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
}

Deno.test("append() keeps hash and size of the exact bytes, and chains on after reopening", () => {
  using state = createLedger();
  using ledger = openLedger(state.path);
  const entry = ledger.append({ at: at(6), kind: "task", summary: "Ping", bytes: new TextEncoder().encode("abc") });
  assert.equal(entry.number, 6);
  assert.equal(entry.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert.equal(entry.size, 3);
  assert.deepEqual(ledger.head(), { number: 6, hash: entry.hash });
  assert.deepEqual(ledger.verify(), { entries: 6, pruned: 0, head: entry.hash, broken: null });
});

Deno.test("entries() begins at a time", () => {
  using state = createLedger();
  using ledger = openLedger(state.path);
  assert.deepEqual([...ledger.entries({ since: at(4) })].map(({ number }) => number), [4, 5]);
  assert.deepEqual([...ledger.entries({ limit: 2 })].map(({ number }) => number), [1, 2]);
});

const frauds = [
  { name: "a changed summary", sql: "UPDATE entry SET summary = 'Sent nothing' WHERE number = 3", broken: 3 },
  { name: "changed details", sql: `UPDATE entry SET details = '{"sequence":9}' WHERE number = 2`, broken: 2 },
  { name: "details that are no JSON", sql: "UPDATE entry SET details = '{' WHERE number = 2", broken: 2 },
  { name: "a changed hash of the last", sql: "UPDATE entry SET hash = 'x' WHERE number = 5", broken: 5 },
  { name: "a removed entry", sql: "DELETE FROM entry WHERE number = 3", broken: 3 },
  { name: "a removed beginning", sql: "DELETE FROM entry WHERE number <= 2", broken: 2 },
  {
    name: "a removed entry that was closed up",
    sql: "DELETE FROM entry WHERE number = 3; UPDATE entry SET number = number - 1 WHERE number > 3",
    broken: 3,
  },
];
for (const { name, sql, broken } of frauds) {
  Deno.test(`verify() names the first entry that is broken by ${name}`, () => {
    using state = createLedger();
    tamper(state.path, sql);
    using ledger = openLedger(state.path);
    assert.equal(ledger.verify().broken?.number, broken);
  });
}

Deno.test("prune() keeps the rest verifiable, also when it is done twice", () => {
  using state = createLedger();
  using ledger = openLedger(state.path);
  assert.equal(ledger.prune(at(1), at(6)), 0);
  assert.equal(ledger.prune(at(3), at(6)), 2);
  assert.equal(ledger.prune(at(4), at(7)), 1);
  const { entries, pruned, broken } = ledger.verify();
  assert.deepEqual({ entries, pruned, broken }, { entries: 4, pruned: 3, broken: null });
  assert.equal(ledger.prune(at(30), at(8)), 3, "never the last entry");
  assert.equal(ledger.verify().broken, null);
});

Deno.test("verify() tells a pruning that removed more than the checkpoint says", () => {
  using state = createLedger();
  {
    using ledger = openLedger(state.path);
    ledger.prune(at(3), at(6));
  }
  tamper(state.path, "DELETE FROM entry WHERE number = 3");
  using ledger = openLedger(state.path);
  assert.equal(ledger.verify().broken?.number, 3);
});

Deno.test("opendca ledger lists, also while the agent has it open", async () => {
  using state = createLedger();
  using _agent = openLedger(state.path);
  const host = testHost({ env: { STATE_DIRECTORY: state.folder } });
  assert.equal(await runCli(["ledger", "--since", "2026-01-05"], host), 0, host.err);
  assert.match(
    host.out,
    /^ {5}5 {2}2026-01-05 00:00:00Z {2}upload {6}Sent batch 5 {2}7 bytes {2}sha256 [0-9a-f]{16}\n$/,
  );
});

Deno.test("opendca ledger leaves out polls that carried the status alone, says so, and shows them with --all", async () => {
  using state = createLedger();
  {
    using ledger = openLedger(state.path);
    ledger.append({ at: at(6), kind: "poll", summary: "Sent status with 0 faults", bytes: new Uint8Array(1) });
  }
  const host = testHost({ env: { STATE_DIRECTORY: state.folder } });
  assert.equal(await runCli(["ledger"], host), 0, host.err);
  assert.equal(host.out.trimEnd().split("\n").length, 5);
  assert.equal(host.err, "1 poll with the agent's status alone is not shown: add --all\n");
  host.out = "";
  assert.equal(await runCli(["ledger", "--all", "--since", "2026-01-06"], host), 0, host.err);
  assert.match(host.out, /^ +6 .* poll +Sent status with 0 faults/);
});

Deno.test("opendca ledger --json gives one entry per line", async () => {
  using state = createLedger();
  const host = testHost({ env: { STATE_DIRECTORY: state.folder } });
  assert.equal(await runCli(["ledger", "--json"], host), 0, host.err);
  assert.deepEqual(host.out.trimEnd().split("\n").map((line) => JSON.parse(line).details.sequence), [1, 2, 3, 4, 5]);
});

Deno.test("opendca ledger --verify names the first broken entry, with exit code 65", async () => {
  using state = createLedger();
  const host = testHost({ env: { STATE_DIRECTORY: state.folder } });
  assert.equal(await runCli(["ledger", "--verify"], host), 0);
  assert.match(host.out, /^intact: 5 entries; head [0-9a-f]{64}\n$/);
  tamper(state.path, "UPDATE entry SET size = 1 WHERE number = 4");
  host.out = "";
  assert.equal(await runCli(["ledger", "--verify"], host), 65);
  assert.match(host.out, /^broken at entry 4: its hash/);
});

Deno.test("opendca ledger shows nothing that a terminal obeys, whatever stands in the file", async () => {
  using state = createLedger();
  const hostile = "char(27) || '[2J' || char(155) || '31m' || char(10) || char(8238)";
  const columns = ["at", "kind", "summary", "sha256"].map((column) => `${column} = ${column} || ${hostile}`);
  tamper(state.path, `UPDATE entry SET ${columns.join(", ")} WHERE number = 4`);
  for (const args of [[], ["--json"], ["--verify"]]) {
    const host = testHost({ env: { STATE_DIRECTORY: state.folder } });
    await runCli(["ledger", ...args], host);
    assert.equal(host.out.split("\n").length, args.includes("--verify") ? 2 : 6, host.out);
    assert.doesNotMatch(host.out.replaceAll("\n", ""), /[\p{Cc}\p{Cf}]/u);
  }
});

for (
  const { args, error } of [
    { args: [], error: /\/nowhere\/ledger\.db/ },
    { args: ["--since", "yesterday"], error: /--since.*yesterday/ },
  ]
) {
  Deno.test(`${["opendca ledger", ...args].join(" ")} is answered with one sentence and a hint`, async () => {
    const host = testHost({ env: { STATE_DIRECTORY: "/nowhere" } });
    assert.equal(await runCli(["ledger", ...args], host), 64, host.err);
    assert.match(host.err, error);
    assert.match(host.err, /\nhint: /);
  });
}
