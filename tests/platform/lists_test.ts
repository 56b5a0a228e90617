/** Every list has pages, and prints a table, JSON and CSV. */
import assert from "node:assert/strict";
import * as sessions from "../../platform/access/sessions.ts";
import { noteLedgerHead } from "../../platform/agents/ledger_heads.ts";
import { denoMachine } from "../../platform/edge/cli/deno_host.ts";
import { allCommands } from "../../platform/edge/cli/run_platform.ts";
import { LevelKind } from "../../proto/gen/opendca/v1/reading.ts";
import { eachDatabase, isPostgres } from "../fixtures/each_database.ts";
import { keepOneReading } from "../fixtures/known_devices.ts";
import { looseTenant } from "../fixtures/loose_queries.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { sampleManifest, signedManifest, signingKeys } from "../fixtures/signed_release.ts";
import { type Ran, type RunCommand, withPlatform } from "./commands.ts";
import { deviceScene } from "./device_changes_fixture.ts";

const sessionId = "ses-000000000001";

/* The arguments of each list besides pages and format. */
const lists: Record<string, (ids: { agentId: string; deviceId: string }) => string[]> = {
  "dealer list": () => [],
  "customer list": () => [],
  "site list": () => [],
  "code list": () => [],
  "agent list": () => [],
  "agent ledger-heads": ({ agentId }) => [agentId],
  "task list": () => [],
  "access list": () => [],
  "approval list": () => [],
  "access log": () => [sessionId],
  "device list": () => [],
  "meter list": ({ deviceId }) => [deviceId],
  "meter history": ({ deviceId }) => [deviceId, "--name", "total"],
  "meter export": () => ["--from", "2026-03-01", "--to", "2026-03-31"],
  "reading list": () => [],
  "supply list": () => [],
  "alert list": () => ["--ended"],
  "audit list": () => [],
  "release list": () => [],
  "role list": () => ["--dealer", "default"],
  "user list": () => [],
};

/* Files, and lists of which there are few rows by nature. */
const shownWhole =
  /^(agreement|billing|document|feed|notification|sign-in|token|webhook) list$|^(billing|data) export$/;

/* Of no single customer. */
const isOfAll = (path: string) => /^(dealer|customer|release|role|user) /.test(path);

Deno.test("every command that lists something has pages", () => {
  const listing = allCommands(denoMachine()).commands.flatMap((group) =>
    group.commands.filter((command) => /^(list|export|log|ledger-heads)$/.test(command.name()))
      .concat(group.name() === "meter" ? group.commands.filter((command) => command.name() === "history") : [])
      .map((command) => ({ path: `${group.name()} ${command.name()}`, command }))
  ).filter(({ path }) => !shownWhole.test(path));
  assert.deepEqual(listing.map(({ path }) => path).toSorted(), Object.keys(lists).toSorted());
  for (const { path, command } of listing) {
    const names = command.options.map(({ long }) => long);
    assert.ok(names.includes("--limit") && names.includes("--offset"), path);
  }
});

/** At least three of everything, most of it of the customer Acme. */
async function filled(
  run: RunCommand,
  openStore: Parameters<Parameters<typeof withPlatform>[0]>[1]["openStore"],
): Promise<{ agentId: string; deviceId: string }> {
  // Makes the keys.
  await run("dealer", "list");
  await using store = await openStore();
  await using scene = await deviceScene("Acme", store);
  const { tenant, agentIds: [agentId = ""] } = scene, { customerId } = tenant;
  let deviceId = "";
  for (const [i, total] of [10, 20, 30].entries()) {
    const parts = { serial: `SERIAL-${i}`, address: `10.1.0.${i + 1}`, total, alert: `alert ${i}` };
    deviceId = await scene.upload(parts);
    scene.pass(1000);
    await scene.upload({ ...parts, total: total + 1 });
    scene.pass(1000);
    await scene.upload({ ...parts, total: total + 2 });
    const at = new Date(scene.now());
    const supplies = [1, 2].map((n) => ({
      index: `1.${n}`,
      kind: "tonerCartridge",
      colorant: "black",
      level: { kind: LevelKind.EXACT, percent: n },
      others: [],
    }));
    const reading = { ...readingOf(parts), supplies: supplies as never };
    const time = { observedAt: at, receivedAt: at, basis: "agent" as const };
    await keepOneReading(looseTenant(store, customerId), {
      ...{ deviceId, agentId, ...time, scope: "full", reading, stored: new Uint8Array(0) },
    });
    await noteLedgerHead(tenant, { agentId, number: i + 1, hash: String(i + 1).repeat(64), at });
    const session_id = sessionId.replace(/1$/, String(i + 1));
    await sessions.addSession(tenant, {
      ...{ session_id, label: session_id, agent_id: agentId, device_id: deviceId, task_id: "t", address: "10.1.0.1" },
      ...{ port: 443, scheme: "https", openedBy: "operator:eva", keyDigest: new Uint8Array(32), at, endsAt: at },
    });
    await tenant.run(
      `INSERT INTO approval_requests (customer_id, request_id, kind, agent_id, target, wish, state, asked_by, asked_at,
         expires_at) VALUES (:customer, :id, 'ping', :agent_id, '', '{}', 'waiting', 'operator:eva', :at, :at)`,
      { id: `apr-00000000000${i}`, agent_id: agentId, at: at.getTime() },
    );
    await tenant.run(
      `INSERT INTO access_requests (customer_id, session_id, request_id, at, method, path, query_length, status, bytes_in,
         bytes_out, ms) VALUES (:customer, :session_id, :request_id, :at, 'GET', '/', 0, 200, 0, 1, 1)`,
      { session_id: sessionId, request_id: String(i), at: at.getTime() },
    );
  }
  for (const name of ["Second", "Third"]) {
    await run("dealer", "create", name);
    await run("customer", "create", name, "--dealer", name);
    await run("site", "create", name, "--customer", "Acme");
  }
  for (const version of ["0.2.0", "0.3.0"]) {
    const manifest = signedManifest({ ...sampleManifest, version }, signingKeys(2));
    await store.transaction((tx) =>
      tx.run(
        `INSERT INTO releases (version, manifest, state, changed_by, changed_at, added_at, counted_since)
         VALUES (:version, :manifest, 'offered', 'operator:eva', 1, 1, 1)`,
        { version, manifest },
      )
    );
    await store.transaction((tx) =>
      tx.run(
        `INSERT INTO users (user_id, dealer_id, email, name, state, state_since, created_at)
         SELECT :id, dealer_id, :email, 'Eva', 'active', 1, 1 FROM dealers ORDER BY dealer_id LIMIT 1`,
        { id: `usr-${version}`, email: `eva@${version}.example` },
      )
    );
  }
  for (let i = 0; i < 3; i++) {
    await run("code", "create", "--customer", "Acme", "--site", "Second");
    assert.equal((await run("task", "ping", agentId, "10.1.0.1", "--customer", "Acme")).code, 0);
  }
  return { agentId, deviceId };
}

eachDatabase(
  "pages of every list together are the whole list, as a table, JSON and CSV, also when no record is kept any more",
  (t) =>
    withPlatform(async (run, { openStore, sql }) => {
      const ids = await filled(run, openStore);
      const before: Record<string, unknown[]> = {};
      const listedOf = (path: string) => {
        const customer = isOfAll(path) ? [] : ["--customer", "Acme"];
        const ending = async (code: number, ...args: string[]) => {
          const ran = await run(...path.split(" "), ...lists[path]!(ids), ...customer, ...args);
          assert.equal(ran.code, code, `${path} ${args.join(" ")}: ${ran.stderr}`);
          return ran;
        };
        return {
          ending,
          rows: async (...args: string[]): Promise<unknown[]> =>
            JSON.parse((await ending(0, "--json", ...args)).stdout),
        };
      };
      for (const path of Object.keys(lists)) {
        await t.step(path, async () => {
          const { ending, rows } = listedOf(path);
          const all = before[path] = await rows();
          assert.ok(all.length >= 2, `${path} has ${all.length}`);
          const half = Math.ceil(all.length / 2);
          const first = await ending(0, "--limit", String(half), "--json"), pages = [JSON.parse(first.stdout)];
          pages.push(await rows("--offset", String(half)));
          // The latest entries of the audit log are the first page.
          if (path === "audit list") assert.deepEqual(pages[0], all.slice(-half));
          else assert.deepEqual(pages.flat(), all);
          // Whoever reads a part is told so.
          if (path !== "audit list") assert.match(first.stderr, new RegExp(`^note: .*1 to ${half}\\b`));
          const beyond = await ending(0, "--offset", String(all.length));
          assert.match(beyond.stdout, /^(none\b.*|there are not so many entries)\n$/);
          // What is printed is of the same rows, whatever the database.
          if (!isPostgres()) await checkFormats(path, ending);
        });
      }
      await sql("DELETE FROM records");
      for (const path of Object.keys(lists)) assert.deepEqual(await listedOf(path).rows(), before[path], path);
    }),
);

async function checkFormats(path: string, ending: (code: number, ...args: string[]) => Promise<Ran>): Promise<void> {
  const csv = (await ending(0, "--format", "csv", "--limit", "1")).stdout.trimEnd().split("\r\n");
  assert.equal(csv.length, 2, csv.join("\n"));
  const table = await ending(0, "--format", "table", "--limit", "1", "--offset", "1");
  assert.match(table.stdout.split("\n")[0]!, /^[A-Z]+ .*[A-Z]/);
  if (path !== "audit list") assert.match(table.stdout, /\b2 (to 2|of)\b/);
  assert.equal((await ending(0, "--offset", "999", "--format", "json")).stdout, "[]\n");
  for (const wrong of [["--limit", "0"], ["--offset", "-1"], ["--limit", "x"]]) {
    assert.equal((await ending(64, ...wrong)).stdout, "", wrong.join(" "));
  }
}
