/** The trust centre: region, documents, agreements with their evidence, export and erasure. */
import assert from "node:assert/strict";
import { UnavailableError } from "../../common/core/errors.ts";
import { auditVerdict } from "../../platform/audit/audit_log.ts";
import { closeCustomer } from "../../platform/customers/close.ts";
import {
  type Evidence,
  listSignatures,
  type Party,
  publishText,
  signAgreement,
  type Signing,
  verifyEvidence,
} from "../../platform/trust/agreements.ts";
import { addDocument, readDocument } from "../../platform/trust/documents.ts";
import { eraseCustomer, erasePerson } from "../../platform/trust/erase_data.ts";
import { exportCustomer, exportPerson } from "../../platform/trust/export_data.ts";
import { checkedRegion, moveRegion, stateRegion } from "../../platform/trust/region.ts";
import { deletionOrder, tableFacts } from "../../platform/trust/tables.ts";
import { addProvider } from "../../platform/sso/manage_providers.ts";
import { deactivateUser } from "../../platform/users/manage_users.ts";
import { inPostgres, slowInPostgres } from "../fixtures/each_database.ts";
import { startTestPlatform } from "../fixtures/platform_fixture.ts";
import { looseQueries } from "../fixtures/loose_queries.ts";
import { customerWithEverything, dump, ofNobody, tablesOf } from "./tenant_scene.ts";
import { client, operator, type UsersScene, usersScene } from "./users_fixture.ts";

slowInPostgres("a server of another region than the database says does not start", async () => {
  await using scene = await usersScene();
  const { platform, queries } = scene;
  assert.equal(await stateRegion(platform, operator, undefined), undefined);
  assert.equal(await stateRegion(platform, operator, "eu-central-1"), "eu-central-1");
  assert.equal(await stateRegion(platform, operator, "eu-central-1"), "eu-central-1");
  assert.equal(await stateRegion(platform, operator, undefined), "eu-central-1");
  await assert.rejects(stateRegion(platform, operator, "us"), {
    name: "ConfigError",
    message: 'Cannot serve as region "us" as the database says "eu-central-1"',
  });
  await moveRegion(platform, operator, { region: "eu-west-1", reason: "moved" });
  assert.equal(await stateRegion(platform, operator, "eu-west-1"), "eu-west-1");
  const entries = await queries.all<{ action: string }>("SELECT action FROM audit_log WHERE action LIKE 'region%'");
  assert.deepEqual(entries.map(({ action }) => action), ["regionStated", "regionMoved"]);
  for (const text of ["", "EU!", "e u", "-eu", `e${"u".repeat(40)}`]) assert.throws(() => checkedRegion(text));
  assert.equal(checkedRegion(" EU "), "eu");
});

inPostgres("the region that PostgreSQL itself says wins over what is stated", async () => {
  await using scene = await usersScene();
  const { platform, queries } = scene;
  await queries.get("SELECT set_config('opendca.region', '', false)");
  const { name } = (await queries.get<{ name: string }>("SELECT current_database() AS name"))!;
  const sayRegion = (region: string) =>
    platform.store.transaction(async (tx) => {
      await tx.get(`SELECT set_config('opendca.region', '${region}', true) AS set`);
      return await tx.get<{ region: string }>("SELECT current_setting('opendca.region', true) AS region");
    });
  assert.ok(name !== "" && (await sayRegion("eu"))!.region === "eu");
  // Of the transaction alone: what the database says is asked within the transaction that decides.
  const said = { ...platform, store: saying(platform.store, "eu") };
  assert.equal(await stateRegion(said, operator, undefined), "eu");
  await assert.rejects(stateRegion(said, operator, "us"), /as the database says "eu"/);
  const moved = { ...platform, store: saying(platform.store, "us") };
  await assert.rejects(stateRegion(moved, operator, undefined), /is in the region "us", and its content says "eu"/);
  await assert.rejects(moveRegion(moved, operator, { region: "asia", reason: "x" }), /the database itself says "us"/);
});

/** A store whose database says this region, as by ALTER DATABASE … SET opendca.region. */
function saying(store: UsersScene["platform"]["store"], region: string): UsersScene["platform"]["store"] {
  return {
    ...store,
    transaction: (work, options) =>
      store.transaction(async (tx) => {
        await tx.get("SELECT set_config('opendca.region', :region, true) AS set", { region });
        return await work(tx);
      }, options),
  };
}

const text = { kind: "nda", version: "2026-1", language: "en", body: "Keep it secret.\r\nAll of it." } as const;

async function signed(scene: UsersScene, party: Party, further: Partial<Signing> = {}) {
  const { textSha256 = "" } = further;
  const user = await scene.user(`signer${Math.random()}@partner.example`);
  return await signAgreement(scene.platform, { actor: { kind: "user", name: user.email } }, {
    kind: "nda",
    party,
    textSha256,
    userId: user.userId,
    typedName: "Eva Meier",
    capacity: "managing director",
    ...client,
    proof: "password and app",
    ...further,
  });
}

async function dealerOf({ queries, acme }: UsersScene): Promise<string> {
  const sql = "SELECT dealer_id FROM customers WHERE customer_id = :acme";
  return (await queries.get<{ dealer_id: string }>(sql, { acme }))!.dealer_id;
}

slowInPostgres("a document behind the agreement opens by its signature, and closes with the next version", async () => {
  await using scene = await usersScene();
  const { platform } = scene, party: Party = { dealerId: await dealerOf(scene), customerId: undefined };
  const content = new TextEncoder().encode("SOC 2 Type 2");
  const { document_id: documentId } = await addDocument(platform, operator, {
    title: "SOC 2 report",
    kind: "report",
    fileName: "soc2.pdf",
    content,
    needsNda: true,
  });
  const read = (of: Party) => readDocument(platform, operator, { documentId, party: of });
  assert.equal(await read(party), undefined);
  const { sha256 } = await publishText(platform, operator, text);
  assert.equal(await read(party), undefined);
  await assert.rejects(signed(scene, party, { textSha256: "0".repeat(64) }), /the text was replaced/);
  await signed(scene, party, { textSha256: sha256 });
  assert.deepEqual((await read(party))!.content, content);
  assert.equal(await read({ dealerId: "dea-other", customerId: undefined }), undefined);
  await assert.rejects(signed(scene, party, { textSha256: sha256 }), /signed already/);
  scene.clock.advance(1000);
  await publishText(platform, operator, { ...text, version: "2026-2", body: "Keep all of it secret." });
  assert.equal(await read(party), undefined);
  await assert.rejects(signed(scene, party, { textSha256: sha256 }), /the text was replaced/);
  await assert.rejects(publishText(platform, operator, text), /there is one already/);
});

Deno.test("documents of unknown kinds, without content, or with paths in their names are refused", async () => {
  await using scene = await usersScene();
  const add = (fileName: string, content = new Uint8Array(1)) =>
    addDocument(scene.platform, operator, { title: "x", kind: "other", fileName, content, needsNda: false });
  for (const name of ["x.html", "x.svg", "../x.pdf", 'x".pdf', "x\r\n.pdf", ".pdf.exe"]) {
    await assert.rejects(add(name));
  }
  await assert.rejects(add("x.pdf", new Uint8Array(0)));
  await add("Policy (2026).pdf");
});

slowInPostgres("the evidence of a signature is verified by the audit log; a change of any field is found", async () => {
  await using scene = await usersScene();
  const { platform } = scene, party: Party = { dealerId: await dealerOf(scene), customerId: scene.acme };
  const { sha256 } = await publishText(platform, operator, { ...text, kind: "dpa" });
  const { evidence } = await signed(scene, party, { kind: "dpa", textSha256: sha256 });
  const parsed = JSON.parse(evidence) as Evidence;
  assert.equal(parsed.agreement.text, "Keep it secret.\nAll of it.");
  assert.equal(parsed.party.customer!.name, "Acme");
  const verdict = await verifyEvidence(platform, operator, evidence);
  assert.equal(verdict.kind, "valid");
  assert.equal((await verifyEvidence(platform, operator, JSON.stringify(parsed, undefined, 2))).kind, "valid");
  let changed = 0;
  for (const altered of alterations(parsed)) {
    changed++;
    assert.equal((await verifyEvidence(platform, operator, JSON.stringify(altered))).kind, "invalid");
  }
  assert.ok(changed >= 18, `${changed}`);
  for (const none of ["", "null", "{}", "[]", '"x"']) {
    assert.equal((await verifyEvidence(platform, operator, none)).kind, "invalid");
  }
  assert.equal((await scene.platform.store.transaction((tx) => auditVerdict(tx))).brokenAt, undefined);
});

/** The value with one leaf changed, for each of its leaves. */
function* alterations(value: unknown): Generator<unknown> {
  if (typeof value === "string") yield `${value}x`;
  else if (value === null) yield {};
  else if (typeof value === "object") {
    for (const [key, inner] of Object.entries(value)) {
      for (const altered of alterations(inner)) yield { ...value, [key]: altered };
    }
  }
}

async function linesOf(lines: AsyncIterable<string>): Promise<Record<string, unknown>[]> {
  const all: Record<string, unknown>[] = [];
  for await (const line of lines) all.push(JSON.parse(line));
  return all;
}

slowInPostgres("an export has every row of a customer and no secret, and an erasure leaves none of them", async () => {
  await using test = await startTestPlatform();
  const { platform } = test;
  const agent = await customerWithEverything(test, "Acme"), other = await customerWithEverything(test, "Other");
  const { customerId: id } = agent.tenant, otherId = other.tenant.customerId;
  const before = await platform.store.transaction((tx) => dump(tx, id));
  const lines = await linesOf(exportCustomer(platform, operator, { customer: "Acme" }));
  const rows = Map.groupBy(lines.slice(1, -1), ({ table }) => String(table));
  for (const [table, expected] of Object.entries(before)) {
    // The export itself is in the audit log.
    const count = expected.length + (table === "audit_log" ? 1 : 0);
    assert.equal(rows.get(table)?.length ?? 0, count, table);
  }
  const [{ row: record }] = rows.get("records")! as [{ row: { reads: { reading: { model: string } } } }];
  assert.ok(record.reads.reading !== undefined);
  const named = new Set((lines[0] as { leftOut: string[] }).leftOut);
  for (const secret of ["access_links.secret_digest", "access_sessions.key_digest", "activation_codes.digest"]) {
    const [table, column] = secret.split(".") as [string, string];
    assert.ok(named.has(secret), secret);
    assert.ok(rows.get(table)!.every(({ row }) => !(column in (row as object))), secret);
  }
  await assert.rejects(eraseCustomer(platform, operator, { customer: id, confirm: "Acme", reason: "" }), /a reason/);
  await assert.rejects(
    eraseCustomer(platform, operator, { customer: id, confirm: "Acme", reason: "end" }),
    /not closed/,
  );
  await closeCustomer(platform, operator, { customer: id, reason: "end", revokeAgents: true });
  await assert.rejects(
    eraseCustomer(platform, operator, { customer: id, confirm: "acme", reason: "end" }),
    /not its name/,
  );
  const otherBefore = await platform.store.transaction((tx) => dump(tx, otherId));
  const proof = await eraseCustomer(platform, operator, {
    customer: id,
    confirm: "Acme",
    reason: "the contract ended",
  });
  assert.equal(proof.left, 0);
  assert.ok(proof.rows.records! > 0 && proof.rows.customers === 1, JSON.stringify(proof.rows));
  const after = await platform.store.transaction((tx) => dump(tx, id));
  assert.deepEqual(Object.keys(after).filter((table) => after[table]!.length > 0), ["audit_log"]);
  assert.deepEqual(await platform.store.transaction((tx) => dump(tx, otherId)), otherBefore);
  await assert.rejects(linesOf(exportCustomer(platform, operator, { customer: id })), /Cannot find/);
});

slowInPostgres(
  "an erasure takes the customer's users along, and its identity provider with domains and groups",
  async () => {
    await using scene = await usersScene();
    const { platform, queries, acme: id } = scene;
    await scene.user("admin@partner.example");
    await scene.user("vera@acme.example", { customer: "Acme", dealer: undefined, grants: [{ role: "viewer" }] });
    await addProvider(platform, operator, {
      kind: "oidc",
      name: "Acme ID",
      customer: "Acme",
      settings: { issuer: "https://id.example.com", "client-id": "portal", "client-secret": "x" },
      domains: ["acme.example"],
    });
    await queries.run(
      `INSERT INTO provider_roles (provider_id, group_name, role, of_customer, of_site)
     SELECT provider_id, 'printing', 'viewer', '', '' FROM identity_providers`,
    );
    await closeCustomer(platform, operator, { customer: id, reason: "end", revokeAgents: true });
    const { rows } = await eraseCustomer(platform, operator, { customer: id, confirm: "Acme", reason: "end" });
    assert.equal(rows.identity_providers, 1);
    assert.equal(rows.users, 1);
    assert.deepEqual(await queries.all("SELECT 1 FROM provider_domains UNION ALL SELECT 1 FROM provider_roles"), []);
    assert.equal((await queries.all("SELECT 1 FROM users")).length, 1);
  },
);

slowInPostgres(
  "an export that runs while its customer is erased ends with an error, not as if it were whole",
  async () => {
    await using test = await startTestPlatform();
    const { platform } = test, agent = await customerWithEverything(test, "Acme");
    const { customerId: id } = agent.tenant;
    await closeCustomer(platform, operator, { customer: id, reason: "end", revokeAgents: true });
    const lines = exportCustomer(platform, operator, { customer: id });
    await lines.next();
    await eraseCustomer(platform, operator, { customer: id, confirm: "Acme", reason: "end" });
    await assert.rejects(linesOf(lines), UnavailableError);
  },
);

slowInPostgres("everything about a person is exported without secrets, and erased but for the audit log", async () => {
  await using scene = await usersScene();
  const { platform, queries } = scene;
  await scene.user("admin@partner.example");
  const max = await scene.user("max@partner.example", { grants: [{ role: "viewer" }] });
  const exported = await linesOf(exportPerson(platform, operator, { userId: max.userId }));
  const text = JSON.stringify(exported);
  assert.ok(exported.some(({ table }) => table === "users") && exported.some(({ table }) => table === "audit_log"));
  assert.ok(!text.includes("totp_secret") && !text.includes("hash of "), "no password, no second factor");
  const erase = () => erasePerson(platform, operator, { userId: max.userId, reason: "asked for" });
  await assert.rejects(erase(), /is active/);
  await deactivateUser(platform, operator, { user: max.email });
  const { rows } = await erase();
  assert.equal(rows.users, 1);
  for (const [table, columns] of await tablesOf(looseQueries(platform.store) as never)) {
    if (!columns.includes("user_id")) continue;
    assert.deepEqual(await queries.all(`SELECT 1 FROM ${table} WHERE user_id = :id`, { id: max.userId }), [], table);
  }
  await assert.rejects(erase(), /Cannot find/);
});

slowInPostgres("the order of deletion puts each table before those that it refers to", async () => {
  await using scene = await usersScene();
  const facts = await scene.platform.store.transaction((tx) => tableFacts(tx));
  const order = deletionOrder(facts).map(({ name }) => name);
  assert.equal(order.length, facts.length);
  for (const { name, refersTo } of facts) {
    for (const other of refersTo) assert.ok(order.indexOf(name) < order.indexOf(other), `${name}, ${other}`);
  }
  assert.ok(facts.find(({ name }) => name === "agents")!.refersTo.includes("sites"));
  const known = facts.map(({ name }) => name);
  for (const name of ofNobody) assert.ok(known.includes(name), name);
});

Deno.test("signatures of one customer are not those of another", async () => {
  await using scene = await usersScene();
  const { platform } = scene, dealerId = await dealerOf(scene);
  const { sha256 } = await publishText(platform, operator, { ...text, kind: "dpa" });
  await signed(scene, { dealerId, customerId: scene.acme }, { kind: "dpa", textSha256: sha256 });
  const of = (customerId: string) => listSignatures(platform, operator, { dealerId, customerId });
  assert.equal((await of(scene.acme)).length, 1);
  assert.equal((await of(scene.other)).length, 0);
});
