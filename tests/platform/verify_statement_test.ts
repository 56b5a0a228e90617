/** Statements with proofs: what the agent signed is what is billed, and each alteration is found. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { UsageError } from "../../common/core/errors.ts";
import type { SigningKey } from "../../common/protocol/signature.ts";
import { canonicalJson, createStatementHash, signedHash } from "../../common/protocol/statement_lines.ts";
import { runCli } from "../../src/cli/run_cli.ts";
import { testHost } from "../fixtures/test_host.ts";
import { defaultRetention, dropOld } from "../../platform/devices/retention.ts";
import { Batch } from "../../proto/gen/opendca/v1/batch.ts";
import { parseStatement, type StatementFile } from "../../src/statement/statement_file.ts";
import { type StatementVerdict, type VerifyPins, verifyStatement } from "../../src/statement/verify_statement.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { signedScene, today } from "./signed_scene.ts";

const day = 86_400_000;

const verify = (text: string, pins?: VerifyPins) => verifyStatement(parseStatement(text), pins);
const kinds = ({ rows }: StatementVerdict) => rows.map(({ kind }) => kind);

/** With the false value of a reset in the period, so that the proof has a step. */
const values = { 21: 1000, 18: 1100, 12: 40, 9: 90, 6: 160 };

slowInPostgres("a statement of signed readings is proved without the platform", async () => {
  await using scene = await signedScene();
  await scene.send({ 21: 1000, 18: 1100 });
  await scene.send({ 12: 40, 9: 90 });
  await scene.send({ 6: 160 });
  const verdict = verify(await scene.statement());
  assert.deepEqual(verdict.problems, []);
  assert.deepEqual(verdict.notes, []);
  assert.deepEqual(verdict.rows, [
    { row: 1, serial: "ABC12345", meter: "total", billed: 220, kind: "proved", why: "" },
  ]);
  assert.equal(verdict.agents[0]!.agent, scene.agent.agentId);
});

slowInPostgres("what is not signed is told, and is no error", async () => {
  await using scene = await signedScene();
  await scene.send({ 21: 1000 });
  // An agent of an earlier version.
  await scene.send({ 6: 1200 }, ({ seal: _, ...batch }) => Batch.create(batch));
  const verdict = verify(await scene.statement());
  assert.deepEqual([verdict.problems, kinds(verdict)], [[], ["unproved"]]);
  assert.match(verdict.rows[0]!.why, /the agent did not sign it/);
});

slowInPostgres(
  "a seal of other records, by another key or of a damaged form proves nothing, and is audited",
  async () => {
    const alterations: [RegExp, (batch: Batch) => Batch][] = [
      [/not what the agent signed/, (batch) => ({ ...batch, seal: { ...batch.seal!, root: Buffer.alloc(32, 7) } })],
      [/signature of its batch was wrong/, (batch) => ({
        ...batch,
        seal: { ...batch.seal!, signature: Buffer.alloc(64, 7) },
      })],
      [/unknown key/, (batch) => ({ ...batch, seal: { ...batch.seal!, certificateDigest: Buffer.alloc(32, 7) } })],
      [/did not sign it/, (batch) => ({ ...batch, seal: { ...batch.seal!, signature: Buffer.alloc(3) } })],
    ];
    for (const [why, alter] of alterations) {
      await using scene = await signedScene();
      await scene.send({ 21: 1000 });
      await scene.send({ 6: 1200 }, alter);
      const verdict = verify(await scene.statement());
      assert.deepEqual([verdict.problems, kinds(verdict)], [[], ["unproved"]]);
      assert.match(verdict.rows[0]!.why, why);
      const audit = await scene.platform.queries.all<{ action: string }>("SELECT action FROM audit_log");
      assert.ok(audit.some(({ action }) => action === "batchNotProved"));
    }
  },
);

slowInPostgres("a batch that is missing in the chain is told", async () => {
  await using scene = await signedScene();
  await scene.send({ 21: 1000 });
  await scene.send({ 12: 1100 }, (batch) => ({ ...batch, seal: { ...batch.seal!, previous: Buffer.alloc(32, 7) } }));
  await scene.send({ 6: 1200 });
  const verdict = verify(await scene.statement());
  assert.ok(verdict.notes.length > 0 || verdict.problems.length > 0);
});

slowInPostgres("a statement keeps its proof when the readings are gone", async () => {
  await using scene = await signedScene();
  await scene.send(values);
  const text = await scene.statement();
  await dropOld(scene.platform.platform.store, {
    now: new Date(today + 400 * day),
    retention: defaultRetention,
  });
  assert.equal(await scene.exported(1), text);
  assert.deepEqual(kinds(verify(text)), ["proved"]);
});

Deno.test("what the reader trusts is asked for: the authority, the agents, the platform", async () => {
  await using scene = await signedScene();
  await scene.send(values);
  const text = await scene.statement(), { agents, authorities, platformKey } = verify(text);
  const sound: VerifyPins = { authorities, agents: [agents[0]!.key], platformKeys: [platformKey] };
  assert.deepEqual([verify(text, sound).problems, kinds(verify(text, sound))], [[], ["proved"]]);
  for (const name of ["authorities", "agents", "platformKeys"] as const) {
    const other = "0".repeat(name === "platformKeys" ? 16 : 64);
    const verdict = verify(text, { ...sound, [name]: [other] });
    assert.ok(verdict.problems.length > 0, name);
  }
});

Deno.test("opendca verify-statement tells what is proved, and ends with 77 where something is wrong", async () => {
  await using scene = await signedScene();
  await scene.send(values);
  const text = await scene.statement();
  const verified = async (file: string, ...options: string[]) => {
    const host = testHost();
    host.readTextFile = (path) => path === "s.json" ? Promise.resolve(file) : Promise.reject(new Error("no such file"));
    return { code: await runCli(["verify-statement", "s.json", ...options], host), out: host.out, err: host.err };
  };
  const sound = await verified(text, "--strict");
  assert.equal(sound.code, 0);
  assert.match(sound.out, /^1 row: 1 proved, 0 not proved, 0 wrong$/m);
  const altered = await verified(text.replace('"value":160', '"value":170'));
  assert.equal(altered.code, 77);
  assert.match(altered.out, /^wrong: row 1, ABC12345, total 220: .* the agent read 160, and the statement says 170$/m);
  const json = await verified(text, "--json");
  assert.equal(JSON.parse(json.out).rows[0].kind, "proved");
  for (const bad of ["", "[]", "{}", "null", text.slice(0, -9)]) {
    const refused = await verified(bad);
    assert.deepEqual([refused.code, /Cannot read the file as a statement/.test(refused.err)], [64, true]);
  }
  assert.equal((await verified(text, "--agent", "other.pem")).code, 64);
});

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Each value in turn: altered in several ways, left out, and where it is a list, with one element more and less. */
function* alterations(value: Json, path: string[] = []): Generator<{ path: string[]; altered: Json | undefined }> {
  if (typeof value === "number") {
    for (const other of [value + 1, value - 0.5, -value - 1]) yield { path, altered: other };
  }
  if (typeof value === "boolean") yield { path, altered: !value };
  if (value === null) { for (const other of ["x", 0]) yield { path, altered: other }; }
  if (typeof value === "string") {
    const middle = Math.floor(value.length / 2);
    // Of what the agent signed, one octet is as good as another.
    for (const at of new Set(/statement|rows/.test(path[0] ?? "") ? [0, middle, value.length - 1] : [middle])) {
      if (at < 0 || at >= value.length) continue;
      const other = /[0-9]/.test(value[at]!) ? String((Number(value[at]) + 1) % 10) : value[at] === "b" ? "c" : "b";
      yield { path, altered: `${value.slice(0, at)}${other}${value.slice(at + 1)}` };
    }
    yield { path, altered: `${value}0` };
  }
  if (Array.isArray(value)) {
    if (value.length > 0) yield { path, altered: [...value, value[0]!] };
    for (const i of value.keys()) yield { path, altered: value.toSpliced(i, 1) };
    if (value.length > 1) yield { path, altered: value.toReversed() };
    const forms = new Set<string>();
    for (const [i, each] of value.entries()) {
      // Readings with the same fields are all alike.
      const form = path[0] === "readings" ? Object.keys(each as object).join() : String(i);
      if (!forms.has(form)) yield* alterations(each, [...path, String(i)]);
      forms.add(form);
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [name, each] of Object.entries(value)) {
      yield { path: [...path, name], altered: undefined };
      yield* alterations(each, [...path, name]);
    }
    yield { path: [...path, "more"], altered: 1 };
  }
}

function withAltered(value: Json, [name, ...rest]: string[], altered: Json | undefined): Json {
  if (name === undefined) return altered!;
  if (Array.isArray(value)) {
    return value.flatMap((each, i) => {
      if (String(i) !== name) return [each];
      return rest.length === 0 && altered === undefined ? [] : [withAltered(each, rest, altered)];
    });
  }
  const object = value as { [name: string]: Json };
  if (rest.length > 0) return { ...object, [name]: withAltered(object[name]!, rest, altered) };
  const { [name]: _, ...others } = object;
  return altered === undefined ? others : { ...others, [name]: altered };
}

function isClean(value: Json, pins?: VerifyPins): boolean {
  try {
    const { problems, rows } = verifyStatement(parseStatement(JSON.stringify(value)), pins);
    return problems.length === 0 && rows.every(({ kind }) => kind !== "wrong");
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return false;
  }
}

/** As a platform would that bills something else: the hash and its signature are right again. */
function resigned(value: Json, key: SigningKey): Json {
  const file = value as unknown as StatementFile, hash = createStatementHash();
  hash.add(canonicalJson(file.statement));
  for (const list of [file.rows, file.readings, file.batches, file.certificates]) {
    if (Array.isArray(list)) { for (const line of list) hash.add(canonicalJson(line)); }
  }
  const hex = hash.hex(), { signature } = file;
  const signed = Buffer.from(key.sign("opendca.statement.v1", signedHash(hex))).toString("base64");
  return { ...value as object, hash: hex, signature: { ...signature, value: signed } } as Json;
}

for (const [name, isWhole] of [["an", false], ["each", true]] as const) {
  Deno.test(`${name} alteration of each field of a statement is found${isWhole ? " (slow)" : ""}`, async (t) => {
    await using scene = await signedScene();
    await scene.send({ 21: 1000, 18: 1100 });
    await scene.send({ 12: 40 });
    // Batches that no reading needs.
    await scene.send({ 10: 60 });
    await scene.send({ 9: 90 });
    await scene.send({ 6: 160 });
    const original = JSON.parse(await scene.statement()) as Json;
    assert.ok(isClean(original));
    const { batches } = original as unknown as StatementFile;
    assert.deepEqual(batches.map((line) => ["links" in line, line.batch]), [[false, 1], [false, 2], [true, 3], [
      false,
      5,
    ]]);

    await t.step("batches without a signature prove nothing by themselves", () => {
      const file = { ...original as unknown as StatementFile, batches: batches.slice(0, -1) };
      const altered = resigned(file as unknown as Json, scene.platform.platform.signingKey);
      assert.match(
        verify(JSON.stringify(altered)).problems.join(),
        /^batch 3 of .* is not signed by the agent, nor is one/,
      );
    });
    const all = [...alterations(original)].filter(({ path, altered }) =>
      canonicalJson(withAltered(original, path, altered)) !== canonicalJson(original)
    );
    assert.ok(all.length > 400, `${all.length}`);
    const fieldOf = ({ path }: { path: string[] }) => path.map((name) => /^\d+$/.test(name) ? "*" : name).join(".");

    const ofEach = [...new Map(all.map((each) => [fieldOf(each), each])).values()];

    await t.step("by anybody", () => {
      // All is in the hash: one alteration of each field will do.
      const missed = ofEach.filter(({ path, altered }) => isClean(withAltered(original, path, altered)));
      assert.deepEqual(missed.map(({ path, altered }) => `${path.join(".")} = ${JSON.stringify(altered)}`), []);
    });

    await t.step("by the platform itself, where it says what an agent read", () => {
      const key = scene.platform.platform.signingKey;
      const missed = (isWhole ? all : ofEach).filter(({ path, altered }) =>
        isClean(resigned(withAltered(original, path, altered), key))
      );
      const fields = new Set(missed.map(fieldOf));
      assert.deepEqual([...fields].filter((field) => !vouchedFor.some((known) => known.test(field))), []);
    });
  });
}

/* What only the platform vouches for: see docs/billing.md. */
const vouchedFor: RegExp[] = [
  /^statement\.(form|number|customer\.(id|name)|meters(\.\*)?|estimate|madeAt|madeBy)$/,
  // The days stay the same ones in a zone with the same offset.
  /^statement\.period\.zone$/,
  /^rows\.\*\.device\.(id|manufacturer|model|siteId|site|network|address)$/,
  // What is said of gaps and moves, and the sentences. Steps that count otherwise are proved.
  /^rows\.\*\.marks(\.\*\.(from|until|kind|more))?$/,
  /^rows\.\*\.notes(\.\*)?$/,
  // Of which there may be more than needed, in any order.
  /^certificates$/,
  // They were made anew.
  /^(hash|signature\.value)$/,
];
