/** A few passwords tried with many users, from many sources: nobody is kept out, and the dealer learns of it. */
import assert from "node:assert/strict";
import { auditRows } from "../../platform/audit/audit_log.ts";
import { signInByPassword } from "../../platform/users/sign_in.ts";
import { listUserAudit, listUsers } from "../../platform/users/users.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { client, operator, password, type UsersScene, usersScene } from "./users_fixture.ts";

const names = ["ann", "ben", "cem", "dan", "eva", "fay"].map((name) => `${name}@partner.example`);

/** From an address of its own each time. */
let sources = 0;
async function fail({ platform }: UsersScene, email: string): Promise<void> {
  const source = `198.51.${Math.floor(++sources / 250)}.${sources % 250}`;
  const { kind } = await signInByPassword(platform, { email, password: "Summer2026!", source, browser: "curl" });
  assert.equal(kind, "refused");
}

const actions = async ({ queries }: UsersScene, action: string) =>
  (await auditRows(queries, {})).filter((row) => row.action === action);

slowInPostgres(
  "five users of a dealer who fail within an hour are noted once, in the dealer's log, and keep out nobody",
  async () => {
    await using scene = await usersScene();
    const logged: string[] = [];
    scene.platform.log = (event) => void logged.push(event);
    for (const email of names) await scene.user(email);
    await scene.user("boss@foreign.example", { dealer: "Foreign" });
    // The same user again and again is one user; so are those of another dealer, and those of yesterday.
    await fail(scene, names[5]!);
    scene.clock.advance(60 * 60_000);
    for (const email of [...names.slice(0, 4), names[0]!, "boss@foreign.example", "nobody@partner.example"]) {
      await fail(scene, email);
    }
    assert.deepEqual(await actions(scene, "passwordSpraying"), []);
    await fail(scene, names[4]!);
    await fail(scene, names[5]!);
    const [noted, ...more] = await actions(scene, "passwordSpraying");
    assert.deepEqual([JSON.parse(noted!.detail!).users, more.length, logged], [5, 0, ["passwordSpraying"]]);
    const dealer =
      (await scene.queries.get<{ id: string }>("SELECT dealer_id AS id FROM dealers WHERE name = 'Print Partner'"))!;
    const { rows: log } = await listUserAudit(scene.platform, operator, { dealerId: dealer.id });
    assert(log.some(({ action }) => action === "passwordSpraying"));
    assert((await listUsers(scene.platform, operator, {})).every(({ state }) => state === "active"));
    assert.equal(
      (await signInByPassword(scene.platform, { email: names[0]!, password, ...client })).kind,
      "secondFactor",
    );
    // An hour later it is noted again.
    scene.clock.advance(61 * 60_000);
    for (const email of names.slice(1, 6)) await fail(scene, email);
    assert.equal((await actions(scene, "passwordSpraying")).length, 2);
  },
);

Deno.test("300 failures of all sources within a quarter of an hour are noted once, also with addresses of nobody", async () => {
  await using scene = await usersScene();
  const logged: string[] = [];
  scene.platform.log = (event) => void logged.push(event);
  for (let i = 0; i < 299; i++) await fail(scene, `nobody-${i}@partner.example`);
  assert.deepEqual(logged, []);
  for (let i = 0; i < 5; i++) await fail(scene, `nobody-${i}@partner.example`);
  assert.deepEqual(logged, ["manyFailedSignIns"]);
  assert.equal((await actions(scene, "manyFailedSignIns")).length, 1);
});
