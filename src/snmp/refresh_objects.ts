/** Requests objects whose last answers are known, so that each request is as large as its answer may be. */
import { type AnswerSizes, octetsOf, octetsOfAll } from "./answer_sizes.ts";
import { compareOids } from "./oid.ts";
import { checkAlive } from "./read_objects.ts";
import { SnmpError, type SnmpSession } from "./session.ts";
import type { Varbind } from "./value.ts";

export interface KnownQuestion {
  /** The object before, for GETNEXT. */
  after: string;
  last: Varbind | null;
}

/** Maximum number of objects per request. */
const mostObjects = 45;
/** Assumed size of an object without a known answer. */
const guessedOctets = 24;
/** Texts may be longer than last time. */
const reserve = 0.9;

/**
 * The answers in the order of the questions, undefined for each without one. The result is undefined if the device
 * refuses such requests. Throws `SnmpError` when it stops answering.
 */
export async function refreshObjects(
  session: SnmpSession,
  questions: readonly KnownQuestion[],
  sizes: AnswerSizes,
): Promise<(Varbind | undefined)[] | undefined> {
  const answers = new Map<KnownQuestion, Varbind>();
  const pieces = questions.length > 0 ? [[...questions]] : [];
  for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
    const fitting = countFitting(piece, sizes.room() * reserve);
    if (fitting < piece.length) pieces.unshift(piece.slice(fitting));
    const asked = piece.slice(0, fitting);
    try {
      const varbinds = await session.getNext(asked.map(({ after }) => after), "short");
      sizes.arrived(octetsOfAll(varbinds));
      for (const [i, varbind] of varbinds.entries()) answers.set(asked[i]!, varbind);
    } catch (error) {
      if (!(error instanceof SnmpError)) throw error;
      const { failure, detail } = error;
      if (failure === "closed" || failure === "unreachable" || failure === "usm") throw error;
      if (failure === "timeout") {
        if (session.answers === 0) throw error;
        await checkAlive(session, error);
      }
      const named = asked[(detail.errorIndex ?? 0) - 1];
      if (failure === "noSuchName" && named !== undefined) {
        // The end of an SNMPv1 agent's objects: later questions have no answer either.
        const rest = asked.filter(({ after }) => compareOids(after, named.after) < 0);
        if (rest.length > 0) pieces.unshift(rest);
      } else if (asked.length > 1 && (failure === "timeout" || failure === "tooBig")) {
        sizes.failed(octetsOfLast(asked), failure === "timeout" ? "lost" : "refused");
        const middle = Math.ceil(asked.length / 2);
        pieces.unshift(asked.slice(0, middle), asked.slice(middle));
      } else return undefined;
    }
  }
  return questions.map((question) => answers.get(question));
}

function countFitting(questions: readonly KnownQuestion[], room: number): number {
  let octets = 0;
  for (const [count, { last }] of questions.entries()) {
    octets += last === null ? guessedOctets : octetsOf(last);
    if (count > 0 && (count >= mostObjects || octets > room)) return count;
  }
  return questions.length;
}

function octetsOfLast(questions: readonly KnownQuestion[]): number {
  return questions.reduce((sum, { last }) => sum + (last === null ? guessedOctets : octetsOf(last)), 0);
}
