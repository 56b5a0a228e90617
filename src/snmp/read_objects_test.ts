import assert from "node:assert/strict";
import fc from "fast-check";
import { createAnswerSizes, createKindSizes } from "./answer_sizes.ts";
import { compareOids } from "./oid.ts";
import { type ColumnGroup, readNextObjects, readObjects, walkColumns } from "./read_objects.ts";
import { SnmpError, type SnmpSession } from "./session.ts";
import { Tag, type Varbind } from "./value.ts";

interface FakeAgent extends SnmpSession {
  /** What was asked, such as "getBulk 7x6". */
  asked: string[];
}

/** A session over a fixed MIB; `fault` may answer instead. */
function agent(
  mib: Record<string, number>,
  options: {
    version?: "1" | "2c";
    fault?: (kind: string, oids: readonly string[], size: number) => Varbind[][] | void;
  } = {},
): FakeAgent {
  const { version = "2c", fault } = options;
  const order = Object.keys(mib).sort(compareOids);
  const asked: string[] = [];
  const at = (oid: string): Varbind => ({ oid, tag: Tag.integer, value: mib[oid]! });
  const after = (oid: string) => order.find((candidate) => compareOids(candidate, oid) > 0);
  const exception = (oid: string, tag: number, index: number): Varbind => {
    if (version === "1") throw new SnmpError("noSuchName", "no such name", { errorIndex: index + 1 });
    return { oid, tag, value: null };
  };
  const next = (oid: string, index: number): Varbind => {
    const found = after(oid);
    return found === undefined ? exception(oid, Tag.endOfMibView, index) : at(found);
  };
  const answer = (kind: string, oids: readonly string[], size: number, lists: () => Varbind[][]) => {
    asked.push(`${kind} ${oids.length}x${size}`);
    return Promise.resolve().then(() => fault?.(kind, oids, size) ?? lists());
  };
  return {
    asked,
    version,
    get: async (oids) =>
      (await answer("get", oids, 1, () => [
        oids.map((oid, i) => oid in mib ? at(oid) : exception(oid, Tag.noSuchInstance, i)),
      ]))[0]!,
    getNext: async (oids) => (await answer("getNext", oids, 1, () => [oids.map(next)]))[0]!,
    getBulk: (oids, _nonRepeaters, repetitions) =>
      answer("getBulk", oids, repetitions, () =>
        oids.map((oid, i) => {
          const list: Varbind[] = [];
          for (let cursor = oid; list.length < repetitions;) {
            const varbind = next(cursor, i);
            list.push(varbind);
            if (varbind.tag === Tag.endOfMibView) break;
            cursor = varbind.oid;
          }
          return list;
        })),
    engineId: () => null,
    malformed: 0,
    requests: 0,
    answers: 1,
    overheadOctets: 40,
    close: () => {},
  };
}

/** A table with `columns` columns of `rows` rows below 1.3.`id`. */
function table(id: number, columns: number, rows: number): Record<string, number> {
  const mib: Record<string, number> = {};
  for (let column = 1; column <= columns; column++) {
    for (let row = 1; row <= rows; row++) mib[`1.3.${id}.${column}.${row}`] = column * 100 + row;
  }
  return mib;
}

function groupOf(id: number, columns: number, expectedRows: number, maxRows = 100): ColumnGroup {
  return {
    name: `t${id}`,
    columns: Array.from({ length: columns }, (_, i) => `1.3.${id}.${i + 1}`),
    expectedRows,
    maxRows,
  };
}

async function walk(session: SnmpSession, groups: ColumnGroup[]) {
  const values = new Map<string, unknown>();
  const problems = await walkColumns(session, groups, (varbind) => values.set(varbind.oid, varbind.value));
  return { values, problems };
}

Deno.test("walkColumns() reads a table of five rows in one request", async () => {
  const session = agent({ ...table(1, 7, 5), "1.3.9.1": 1 });
  const { values, problems } = await walk(session, [groupOf(1, 7, 5)]);
  assert.equal(values.size, 35);
  assert.deepEqual(problems, []);
  assert.deepEqual(session.asked, ["getBulk 7x6"]);
});

Deno.test("walkColumns() asks a device for as many rows as others of its kind have", async () => {
  const mib = { ...table(1, 4, 10), ...table(2, 5, 1), "1.3.4.1": 1 };
  const groups = [groupOf(1, 4, 2), groupOf(2, 5, 8), groupOf(3, 3, 8)];
  const kind = createKindSizes();
  const read = async (mib: Record<string, number>) => {
    const session = agent(mib);
    const sizes = createAnswerSizes(40);
    sizes.share(kind);
    const values: string[] = [];
    assert.deepEqual(await walkColumns(session, groups, ({ oid }) => values.push(oid), sizes), []);
    return { asked: session.asked, values: values.sort(compareOids) };
  };
  const first = await read(mib), second = await read(mib);
  assert.deepEqual(second.values, Object.keys(mib).filter((oid) => oid !== "1.3.4.1").sort(compareOids));
  assert.deepEqual(first.values, second.values);
  assert(first.asked.length > 2, `${first.asked}`);
  assert.deepEqual(second.asked, ["getBulk 4x11", "getBulk 8x2"]);
  // One that has more than the others, and one that has less.
  const more = { ...table(1, 4, 23), ...table(2, 5, 3), ...table(3, 3, 1), "1.3.4.1": 1 };
  assert.equal((await read(more)).values.length, Object.keys(more).length - 1);
  const less = { ...table(1, 4, 1), "1.3.4.1": 1 };
  assert.equal((await read(less)).values.length, Object.keys(less).length - 1);
});

Deno.test("walkColumns() reads the same whatever others of a kind have", async () => {
  const rows = fc.integer({ min: 0, max: 40 });
  const tables = fc.array(fc.record({ columns: fc.integer({ min: 1, max: 7 }), rows, expected: rows }), {
    minLength: 1,
    maxLength: 6,
  });
  await fc.assert(
    fc.asyncProperty(tables, fc.array(rows), fc.boolean(), async (tables, others, isBulk) => {
      const mib = Object.assign({}, ...tables.map(({ columns, rows }, i) => table(i + 1, columns, rows)));
      const groups = tables.map(({ columns, expected }, i) => groupOf(i + 1, columns, expected));
      const kind = createKindSizes();
      const sizes = createAnswerSizes(40);
      sizes.share(kind);
      groups.flatMap(({ columns }) => columns).forEach((column, i) => {
        if (others[i] !== undefined) kind.rows.set(column, others[i]);
      });
      const session = agent(mib, { version: isBulk ? "2c" : "1" });
      const values: string[] = [];
      assert.deepEqual(await walkColumns(session, groups, ({ oid }) => values.push(oid), sizes), []);
      assert.deepEqual(values.sort(compareOids), Object.keys(mib).sort(compareOids));
      for (const asked of session.asked) {
        const [columns, repetitions] = asked.split(" ")[1]!.split("x").map(Number);
        assert(columns! * repetitions! <= 45, asked);
      }
    }),
    { numRuns: 100 },
  );
});

Deno.test("walkColumns() packs columns of several tables into one request", async () => {
  const session = agent({ ...table(1, 3, 2), ...table(2, 4, 2), "1.3.9.1": 1 });
  const { values } = await walk(session, [groupOf(1, 3, 2), groupOf(2, 4, 2)]);
  assert.equal(values.size, 14);
  assert.deepEqual(session.asked, ["getBulk 7x3"]);
});

Deno.test("walkColumns() goes on where an answer was cut", async () => {
  const mib = { ...table(1, 2, 6), "1.3.9.1": 1 };
  const whole = agent(mib);
  const session = agent(mib, {
    fault: (_kind, oids) =>
      oids.map((oid) =>
        Object.keys(mib).filter((other) => compareOids(other, oid) > 0).sort(compareOids).slice(0, 2).map((found) => ({
          oid: found,
          tag: Tag.integer,
          value: 1,
        }))
      ),
  });
  assert.deepEqual(
    [...(await walk(session, [groupOf(1, 2, 6)])).values.keys()].sort(),
    [...(await walk(whole, [groupOf(1, 2, 6)])).values.keys()].sort(),
  );
});

Deno.test("walkColumns() asks for less after tooBig", async () => {
  const session = agent({ ...table(1, 4, 6), "1.3.9.1": 1 }, {
    fault: (kind, oids, size) => {
      if (kind === "getBulk" && oids.length * size > 10) throw new SnmpError("tooBig", "too big");
    },
  });
  const { values } = await walk(session, [groupOf(1, 4, 6)]);
  assert.equal(values.size, 24);
});

Deno.test("walkColumns() uses GetNext where GetBulk is not answered", async () => {
  const session = agent({ ...table(1, 4, 6), "1.3.9.1": 1 }, {
    fault: (kind) => {
      if (kind === "getBulk") throw new SnmpError("timeout", "silent");
    },
  });
  const { values } = await walk(session, [groupOf(1, 4, 6)]);
  assert.equal(values.size, 24);
  assert(session.asked.filter((line) => line.startsWith("getBulk")).length <= 3);
});

Deno.test("walkColumns() fails when the device is silent for GetNext too", async () => {
  const session = agent(table(1, 4, 6), {
    fault: () => {
      throw new SnmpError("timeout", "silent");
    },
  });
  await assert.rejects(walk(session, [groupOf(1, 4, 6)]), { failure: "timeout" });
});

Deno.test("walkColumns() ends a v1 walk at the end of the MIB", async () => {
  const session = agent(table(1, 3, 2), { version: "1" });
  const { values, problems } = await walk(session, [groupOf(1, 3, 2)]);
  assert.equal(values.size, 6);
  assert.deepEqual(problems, []);
});

Deno.test("walkColumns() leaves a column that goes back and names it", async () => {
  const session = agent(table(1, 2, 3), {
    fault: (_kind, oids) =>
      oids.map(
        () => [{ oid: "1.3.1.1.1", tag: Tag.integer, value: 1 }, { oid: "1.3.1.1.1", tag: Tag.integer, value: 1 }],
      ),
  });
  const { problems } = await walk(session, [groupOf(1, 1, 3)]);
  assert.deepEqual(problems.map(({ code, oid }) => [code, oid]), [["non-increasing", "1.3.1.1"]]);
});

Deno.test("walkColumns() leaves an endless column at its limit", async () => {
  let row = 0;
  const session = agent({}, {
    fault: (_kind, oids, size) =>
      oids.map(() => Array.from({ length: size }, () => ({ oid: `1.3.1.1.${++row}`, tag: Tag.integer, value: 1 }))),
  });
  const { values, problems } = await walk(session, [groupOf(1, 1, 5, 20)]);
  assert.equal(values.size, 20);
  assert.deepEqual(problems.map(({ code }) => code), ["table-too-long"]);
});

Deno.test("walkColumns() ends with an answer that has no values", async () => {
  const session = agent({}, { fault: (_kind, oids) => oids.map(() => []) });
  const { problems } = await walk(session, [groupOf(1, 2, 3)]);
  assert.deepEqual(problems.map(({ code }) => code), ["agent-error", "agent-error"]);
});

Deno.test("readObjects() gets the rest when SNMPv1 misses some objects", async () => {
  const session = agent({ "1.3.1": 1, "1.3.3": 3 }, { version: "1" });
  const { varbinds, problems } = await readObjects(session, ["1.3.1", "1.3.2", "1.3.3", "1.3.4"]);
  assert.deepEqual(varbinds.map(({ value }) => value), [1, 3]);
  assert.deepEqual(problems, []);
});

Deno.test("readObjects() halves a request that is too big", async () => {
  const mib = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`1.3.${i}`, i]));
  const session = agent(mib, {
    fault: (_kind, oids) => {
      if (oids.length > 5) throw new SnmpError("tooBig", "too big");
    },
  });
  assert.equal((await readObjects(session, Object.keys(mib))).varbinds.length, 20);
});

Deno.test("readObjects() names an object that the agent fails on", async () => {
  const session = agent({ "1.3.1": 1, "1.3.2": 2 }, {
    fault: (_kind, oids) => {
      const bad = oids.indexOf("1.3.2");
      if (bad >= 0) throw new SnmpError("agentError", "genErr", { errorIndex: bad + 1 });
    },
  });
  const { varbinds, problems } = await readObjects(session, ["1.3.1", "1.3.2"]);
  assert.deepEqual(varbinds.map(({ oid }) => oid), ["1.3.1"]);
  assert.deepEqual(problems.map(({ code, oid }) => [code, oid]), [["agent-error", "1.3.2"]]);
});

Deno.test("readNextObjects() leaves out what lies past the end", async () => {
  const session = agent({ "1.3.1.0": 1 });
  assert.deepEqual((await readNextObjects(session, ["1.3.1", "1.3.2"])).varbinds.map(({ oid }) => oid), ["1.3.1.0"]);
});
