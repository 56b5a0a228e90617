/** Statements that a platform could make up of readings that agents signed, and files that nobody should have to read. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { UsageError } from "../../common/core/errors.ts";
import { leafOf, merkleRoot } from "../../common/protocol/merkle_tree.ts";
import { headOf, sealBatch } from "../../common/protocol/signed_batch.ts";
import { createSigningKeyPem, loadSigningKey } from "../../common/protocol/signature.ts";
import { canonicalJson, createStatementHash, signedHash } from "../../common/protocol/statement_lines.ts";
import { issueAgentCertificate, parseCsr } from "../../platform/agents/agent_certificate.ts";
import { createAuthority, loadAuthority, validityFrom } from "../../platform/keys/authority.ts";
import { Record as UploadedRecord } from "../../proto/gen/opendca/v1/batch.ts";
import { merkleLevels, merklePath } from "../../common/protocol/merkle_tree.ts";
import { parseStatement } from "../../src/statement/statement_file.ts";
import { verifyStatement } from "../../src/statement/verify_statement.ts";
import { newKeyAndCsr } from "../fixtures/platform_fixture.ts";
import { readingOf, recordOf } from "../fixtures/platform_uploads.ts";

type Values = Record<string, unknown>;

interface Signed {
  day: number;
  total: number;
  serial?: string;
  /** In place of a record. */
  bytes?: Uint8Array;
}

const signingKey = loadSigningKey(createSigningKeyPem());
const agentId = "agt-000000000001";
const made = (async () => {
  const authority = loadAuthority(await createAuthority("Agents", validityFrom(new Date("2024-01-01"), 10_000)));
  const { csr, privateKeyPem } = await newKeyAndCsr();
  const { der } = await issueAgentCertificate(await authority, {
    agentId,
    csr: await parseCsr(new Uint8Array(csr)),
    now: new Date("2025-01-01"),
  });
  return { der, keyPem: privateKeyPem, authority: new Uint8Array((await authority).certificate.rawData) };
})();

const at = (day: number) => Date.UTC(2025, 2, day, 12);
const iso = (day: number) => new Date(at(day)).toISOString();
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

/** Readings of one batch of an agent, and rows that anybody may make of them. */
async function fileOf(readings: readonly Signed[], rows: readonly Values[]): Promise<Values> {
  const { der, keyPem, authority } = await made;
  const records = readings.map(({ day, total, serial = "ABC12345", bytes }) =>
    bytes ?? UploadedRecord.encode(recordOf(readingOf({ total, serial, observedAt: new Date(at(day)) }), {
      observedAt: new Date(at(day)),
      deviceKey: serial,
    })).finish()
  );
  const leaves = records.map(leafOf), levels = merkleLevels(leaves), root = merkleRoot(leaves);
  const batchId = "00000000-0000-4000-8000-000000000001";
  const head = { epoch: "e", sequence: 1, batchId, records: records.length, root, previous: new Uint8Array() };
  const seal = sealBatch(head, { keyPem, certificateDer: der });
  assert.equal(headOf(head).length, 32);
  const lineOf = (bytes: Uint8Array) => ({
    certificate: createHash("sha256").update(bytes).digest("hex"),
    der: base64(bytes),
  });
  return signedFile({
    statement: {
      form: 2,
      number: 1,
      customer: { id: "cus-1", name: "Acme" },
      period: {
        fromDay: "2025-03-01",
        toDay: "2025-03-31",
        zone: "UTC",
        from: "2025-03-01T00:00:00.000Z",
        until: "2025-04-01T00:00:00.000Z",
      },
      estimate: false,
      madeAt: "2025-04-03T00:00:00.000Z",
      madeBy: "operator:eva",
      rows: rows.length,
    },
    rows: rows.map((row, i) => ({ ...row, row: i + 1 })),
    readings: readings.map(({ day, serial = "ABC12345" }, i) => ({
      reading: i + 1,
      device: serial === "ABC12345" ? "dev-1" : "dev-2",
      at: iso(day),
      agent: agentId,
      batch: 1,
      index: i,
      path: hex(new Uint8Array(Buffer.concat(merklePath(levels, i)))),
      record: base64(records[i]!),
    })),
    batches: [{
      batch: 1,
      agent: agentId,
      epoch: "e",
      sequence: 1,
      batchId,
      records: records.length,
      root: hex(root),
      previous: "",
      fault: "",
      certificate: lineOf(der).certificate,
      signature: base64(seal.signature),
    }],
    certificates: [lineOf(der), lineOf(authority)],
  });
}

function signedFile(file: Values): Values {
  const hash = createStatementHash();
  hash.add(canonicalJson(file.statement));
  for (const kind of ["rows", "readings", "batches", "certificates"]) {
    for (const line of file[kind] as unknown[]) hash.add(canonicalJson(line));
  }
  const digest = hash.hex();
  return {
    ...file,
    hash: digest,
    signature: {
      keyId: signingKey.keyId,
      publicKey: base64(signingKey.publicKey),
      value: base64(signingKey.sign("opendca.statement.v1", signedHash(digest))),
    },
  };
}

/** From the reading of one day to that of another. */
function rowOf(first: Signed, last: Signed, more: Values & { counted: number }): Values {
  const { day, total } = first, deviceOf = ({ serial = "ABC12345" }) => serial === "ABC12345" ? "dev-1" : "dev-2";
  const minutes = (ms: number) => Math.round(ms / 60_000);
  return {
    device: {
      id: deviceOf(first),
      serial: first.serial ?? "ABC12345",
      manufacturer: null,
      model: null,
      siteId: "sit-1",
      site: "Berlin",
      network: "office",
      address: "10.1.0.7",
    },
    meter: "total",
    unit: "impressions",
    first: {
      at: iso(day),
      value: total,
      device: deviceOf(first),
      minutesAfterBegin: minutes(at(day) - Date.UTC(2025, 2, 1)),
    },
    last: {
      at: iso(last.day),
      value: last.total,
      device: deviceOf(last),
      minutesBeforeEnd: minutes(Date.UTC(2025, 3, 1) - at(last.day)),
    },
    estimated: 0,
    corrected: 0,
    adjusted: 0,
    billed: more.counted,
    marks: [],
    notes: [],
    ...more,
  };
}

const verdictOf = (file: Values) => verifyStatement(parseStatement(JSON.stringify(file)));
const noneBefore = { kind: "noneBefore", at: at(0) };
const step = (kind: string, before: Signed, after: Signed, more: Values = {}) => ({
  kind,
  beforeAt: at(before.day),
  at: at(after.day),
  before: before.total,
  after: after.total,
  ...more,
});

const a = { day: -1, total: 1000 }, b = { day: 5, total: 1100 }, c = { day: 9, total: 40 }, d = { day: 20, total: 90 };
const readings = [a, b, c, d];
const reset = step("reset", b, c), honest = rowOf(a, d, { counted: 150, marks: [reset] });

const forged: { name: string; readings?: Signed[]; rows: Values[]; why: RegExp }[] = [
  {
    name: "the same fall twice",
    rows: [rowOf(a, d, { counted: 150 + 1060, marks: [reset, reset] })],
    why: /steps are not in the order/,
  },
  {
    name: "a rise told backwards as a fall",
    rows: [rowOf(a, d, { counted: 150 + 100, marks: [step("reset", b, a), reset] })],
    why: /steps are not in the order/,
  },
  {
    name: "a fall of before the row",
    readings: [{ day: -9, total: 5000 }, ...readings],
    rows: [rowOf(a, d, { counted: 150 + 4000, marks: [step("reset", { day: -9, total: 5000 }, a), reset] })],
    why: /steps are not in the order/,
  },
  {
    name: "a wrap at a number where no counter wraps",
    rows: [rowOf(a, d, { counted: 1e9 - 910, marks: [step("wrap", b, c, { modulus: 1e9, counted: 1e9 - 1060 })] })],
    why: /a step of wrap counts/,
  },
  {
    name: "a wrap at a number of its own",
    rows: [rowOf(a, d, { counted: 191, marks: [step("wrap", b, c, { modulus: 1101, counted: 41 })] })],
    why: /a step of wrap counts/,
  },
  {
    name: "a wrap at a number that no counter ends at",
    readings: [a, { day: 5, total: 4090 }, c, d],
    rows: [
      rowOf(a, d, {
        counted: 3190,
        marks: [step("wrap", { day: 5, total: 4090 }, c, { modulus: 4100, counted: 50 })],
      }),
    ],
    why: /a step of wrap counts/,
  },
  {
    name: "a wrap of what is beyond its number already",
    readings: [a, { day: 5, total: 1_000_002 }, c, d],
    rows: [
      rowOf(a, d, {
        counted: 999_090,
        marks: [step("wrap", { day: 5, total: 1_000_002 }, c, { modulus: 1e6, counted: 38 })],
      }),
    ],
    why: /a step of wrap counts/,
  },
  {
    name: "a fall back from a high value with a base below 0",
    rows: [rowOf(a, d, { counted: 150 + 5040, marks: [step("spike", b, c, { base: -5000, counted: 5040 })] })],
    why: /a step of spike counts/,
  },
  {
    name: "a false low value whose peak is below it",
    rows: [rowOf(c, d, { counted: 5050, marks: [noneBefore, step("dip", c, d, { peak: -4960, counted: 5050 })] })],
    why: /a step of dip counts/,
  },
  {
    name: "a rise called a fall",
    rows: [rowOf(a, b, { counted: 0, marks: [step("reset", a, b)] })],
    why: /a step of reset counts/,
  },
  { name: "one row twice", rows: [honest, honest], why: /row 1 counts the same counter/ },
  {
    name: "one row again as another device",
    rows: [honest, { ...honest, device: { ...honest.device as Values, id: "dev-9", site: "Munich" } }],
    why: /row 1 counts the same counter/,
  },
  {
    name: "a part of a row again",
    rows: [honest, rowOf(c, d, { counted: 50, marks: [noneBefore] })],
    why: /row 1 counts the same counter/,
  },
  {
    name: "from the counter of one device to that of another, without a serial number",
    readings: [{ day: -1, total: 10, serial: "XYZ99999" }, d],
    rows: [{
      ...rowOf({ day: -1, total: 10, serial: "XYZ99999" }, d, { counted: 80 }),
      device: { ...honest.device as Values, serial: null },
    }],
    why: /two devices/,
  },
  {
    name: "a record that is none",
    readings: [a, { ...d, bytes: new Uint8Array([0xff, 0xff, 0xff]) }],
    rows: [rowOf(a, d, { counted: 0 })],
    why: /it is no reading/,
  },
];

Deno.test("a statement of readings that an agent signed is proved", async () => {
  const { problems, rows } = verdictOf(await fileOf(readings, [honest]));
  assert.deepEqual([problems, rows.map(({ kind, why }) => [kind, why])], [[], [["proved", ""]]]);
  // A device that moved has a row for each site, which have one reading in common.
  const moved = { kind: "moved", at: at(8), from: "Berlin", to: "Munich" };
  const parts = [
    rowOf(a, b, { counted: 100, marks: [moved] }),
    rowOf(b, d, { counted: 50, marks: [reset, moved] }),
  ];
  const both = verdictOf(await fileOf(readings, parts));
  assert.deepEqual([both.problems, both.rows.map(({ kind }) => kind)], [[], ["proved", "proved"]]);
});

for (const { name, readings: own = readings, rows, why } of forged) {
  Deno.test(`verifyStatement() names what was made up: ${name}`, async () => {
    const verdict = verdictOf(await fileOf(own, rows)), last = verdict.rows.at(-1)!;
    assert.equal(last.kind, "wrong", JSON.stringify(verdict.rows));
    assert.match(last.why, why);
  });
}

Deno.test("a false value that began before the period, and devices that were joined, are told as not proved", async () => {
  const spike = rowOf(b, d, { counted: 90, marks: [noneBefore, step("spike", b, c, { base: 0, counted: 40 })] });
  const joined = { ...honest, marks: [reset, { kind: "merged", serials: "ABC12345, XYZ99999" }] };
  for (const [row, why] of [[spike, /began before the period/], [joined, /joined several devices/]] as const) {
    const { problems, rows: [verdict] } = verdictOf(await fileOf(readings, [row]));
    assert.deepEqual([problems, verdict!.kind], [[], "unproved"]);
    assert.match(verdict!.why, why);
  }
});

const refused: { name: string; alter: (text: string) => string; why: RegExp }[] = [
  { name: "a key twice", alter: (text) => text.replace('"billed":150', '"billed":999,"billed":150'), why: /key twice/ },
  {
    name: "a key twice, once escaped",
    alter: (text) => text.replace('"billed":150', '"\\u0062illed":999,"billed":150'),
    why: /key twice/,
  },
  { name: "a number with an exponent", alter: (text) => text.replace(":150", ":1.5e2"), why: /number 1\.5e2/ },
  {
    name: "a number with more digits than it has",
    alter: (text) => text.replace('"billed":150', '"billed":150.00000000000000001'),
    why: /the number 150\.0+1 is/,
  },
  { name: "minus zero", alter: (text) => text.replace('"estimated":0', '"estimated":-0'), why: /number -0/ },
  { name: "a number that is none", alter: (text) => text.replace(":150", ":1e999"), why: /number 1e999/ },
  {
    name: "100,000 levels",
    alter: (text) => text.replace('"kind":"reset"', `"kind":"reset","x":${"[".repeat(100_000)}${"]".repeat(100_000)}`),
    why: /more than 20 levels/,
  },
  { name: "a byte order mark", alter: (text) => `\uFEFF${text}`, why: /no JSON in UTF-8/ },
  {
    name: "UTF-16",
    alter: (text) => new TextDecoder().decode(new Uint8Array(Buffer.from(text, "utf16le"))),
    why: /no JSON in UTF-8/,
  },
  { name: "two documents", alter: (text) => text + text, why: /no JSON in UTF-8/ },
];

for (const { name, alter, why } of refused) {
  Deno.test(`parseStatement() refuses ${name}`, async () => {
    const text = JSON.stringify(await fileOf(readings, [honest])), altered = alter(text);
    assert.notEqual(altered, text);
    assert.throws(() => parseStatement(altered), (error) => error instanceof UsageError && why.test(error.message));
  });
}

Deno.test("a statement is the same with blanks, and in ASCII", async () => {
  const file = await fileOf(readings, [{ ...honest, notes: ['Zähler: "1e5", {a:1} \\ 10.1.0.7'] }]);
  for (const text of [JSON.stringify(file, null, 2), JSON.stringify(file).replaceAll("ä", "\\u00e4")]) {
    assert.deepEqual(verifyStatement(parseStatement(text)).rows.map(({ kind }) => kind), ["proved"]);
  }
});

Deno.test("nothing that is signed anew makes it crash", async () => {
  const file = await fileOf(readings, [honest]), lists = ["rows", "readings", "batches", "certificates"];
  const odd = fc.oneof(
    fc.constantFrom<unknown>(1e308, -1e308, 2 ** 53, 1e21, -1, 0.1, "", "\ud800", "x".repeat(5000), [], [[]], {}, null),
    fc.jsonValue({ maxDepth: 2 }),
  );
  const change = fc.record({ list: fc.constantFrom(...lists), n: fc.nat(9), field: fc.nat(30), value: odd });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const altered = structuredClone(file);
      for (const { list, n, field, value } of changes) {
        const lines = altered[list] as Values[], line = lines[n % lines.length]!;
        const names = Object.keys(line), name = names[field % names.length]!, own = line[name];
        if (typeof own === "object" && own !== null && field > 15) {
          const inner = Object.keys(own);
          if (inner.length > 0) (own as Values)[inner[field % inner.length]!] = value;
        } else line[name] = value;
      }
      try {
        verdictOf(signedFile(altered));
      } catch (error) {
        assert.ok(error instanceof UsageError, `${error instanceof Error ? error.stack : error}`);
      }
    }),
    { numRuns: 400 },
  );
});
