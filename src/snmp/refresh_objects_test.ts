import assert from "node:assert/strict";
import { refreshObjects } from "./refresh_objects.ts";
import { createAnswerSizes } from "./answer_sizes.ts";
import { SnmpError, type SnmpSession } from "./session.ts";
import { Tag, type Varbind } from "./value.ts";
import { decodeVarbinds, encodeVarbinds } from "./varbind_list.ts";

const last: Varbind[] = [...Array(60).keys()].map((i) => ({ oid: `1.3.6.1.2.${i}.0`, tag: Tag.integer, value: i }));
const questions = last.map((varbind) => ({ after: varbind.oid.slice(0, -2), last: varbind }));

/** A session that answers each request by `answer`. */
function sessionOf(answer: (oids: string[]) => Varbind[]): { session: SnmpSession; sizes: number[] } {
  const sizes: number[] = [];
  const session = {
    answers: 1,
    get: () => Promise.resolve([]),
    getNext(oids: string[]) {
      sizes.push(oids.length);
      return Promise.resolve().then(() => answer(oids));
    },
  };
  return { session: session as unknown as SnmpSession, sizes };
}

const next = (oids: string[]) => oids.map((oid) => ({ oid: `${oid}.0`, tag: Tag.integer, value: 7 }));
const sizesOf = () => createAnswerSizes(60);
const fail = (failure: SnmpError["failure"], errorIndex?: number): never => {
  throw new SnmpError(failure, failure, errorIndex === undefined ? {} : { errorIndex });
};

Deno.test("refreshObjects() asks in requests of which the answers fit, and answers in the order of the questions", async () => {
  const { session, sizes } = sessionOf(next);
  const answers = await refreshObjects(session, questions, sizesOf());
  assert.deepEqual(answers?.map((answer) => answer?.oid), last.map(({ oid }) => oid));
  assert.deepEqual(sizes, [45, 15]);
});

Deno.test("refreshObjects() asks in halves what is too big, and gives up what is refused otherwise", async () => {
  const { session, sizes } = sessionOf((oids) => oids.length > 20 ? fail("tooBig") : next(oids));
  assert.equal((await refreshObjects(session, questions, sizesOf()))?.filter((it) => it !== undefined).length, 60);
  assert(sizes.length <= 9, `${sizes.length} requests`);
  for (const failure of ["agentError", "malformed"] as const) {
    assert.equal(await refreshObjects(sessionOf(() => fail(failure)).session, questions, sizesOf()), undefined);
  }
  await assert.rejects(refreshObjects(sessionOf(() => fail("closed")).session, questions, sizesOf()), /closed/);
});

Deno.test("refreshObjects() takes noSuchName for the end of an SNMPv1 agent's objects", async () => {
  // Nothing stands behind the tenth of them.
  const { session, sizes } = sessionOf((oids) => {
    const at = oids.findIndex((oid) => Number(oid.split(".")[5]) >= 10);
    return at >= 0 ? fail("noSuchName", at + 1) : next(oids);
  });
  const answers = await refreshObjects(session, questions.slice(0, 20), sizesOf());
  assert.deepEqual(answers?.map((answer) => answer !== undefined), [...Array(20).keys()].map((i) => i < 10));
  assert.deepEqual(sizes, [20, 10]);
});

Deno.test("decodeVarbinds() gives back what encodeVarbinds() was given", () => {
  const all: Varbind[] = [
    ...last,
    { oid: "1.3.6.1.2.1.1.2.0", tag: Tag.oid, value: "1.3.6.1.4.1.11" },
    { oid: "1.3.6.1.2.1.1.3.0", tag: Tag.timeTicks, value: 4_000_000_000 },
    { oid: "1.3.6.1.2.1.1.9.0", tag: Tag.counter64, value: 2n ** 63n },
    { oid: "1.3.6.1.2.1.1.1.0", tag: Tag.octetString, value: new Uint8Array([0, 255, 10]) },
    { oid: "1.3.6.1.2.1.1.8.0", tag: Tag.integer, value: -3 },
    { oid: "1.3.6.1.2.1.1.7.0", tag: Tag.octetString, value: new Uint8Array() },
  ];
  assert.deepEqual(decodeVarbinds(encodeVarbinds(all)), all);
});
