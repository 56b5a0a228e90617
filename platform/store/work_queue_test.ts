import assert from "node:assert/strict";
import { until } from "../../tests/fixtures/until.ts";
import type { Listener } from "./store.ts";
import { startLooking, startQueue } from "./work_queue.ts";

/** A queue of numbers, each of which is worked on until a test ends it. */
function scene({ most = 2, take }: { most?: number; take?: () => Promise<number | undefined> } = {}) {
  const waiting: number[] = [], logged: string[] = [], ends = new Map<number, PromiseWithResolvers<void>>();
  const signals: AbortSignal[] = [];
  let listener: Listener = () => {}, isListening = true, takes = 0;
  const store = {
    listen(_: string, added: Listener) {
      listener = added;
      return () => void (isListening = false);
    },
  };
  const queue = startQueue({ store, log: (event, { message }) => void logged.push(`${event}: ${message}`) }, {
    most,
    channel: "test",
    lookMs: 2 ** 30,
    take() {
      takes++;
      return take?.() ?? Promise.resolve(waiting.shift());
    },
    work(taken, signal) {
      signals.push(signal);
      const end = Promise.withResolvers<void>();
      ends.set(taken, end);
      return end.promise.finally(() => ends.delete(taken));
    },
  });
  return {
    queue,
    waiting,
    logged,
    signals,
    ends,
    tell: () => listener(undefined),
    isListening: () => isListening,
    takes: () => takes,
  };
}

Deno.test("at most so many are worked on at once, and the next one when one is done", async () => {
  const { queue, waiting, ends, tell } = scene();
  waiting.push(1, 2, 3);
  tell();
  await until("it has got there", () => ends.size === 2);
  assert.deepEqual(waiting, [3]);
  tell();
  ends.get(1)!.resolve();
  await until("it has got there", () => ends.has(3));
  assert.deepEqual([...ends.keys()], [2, 3]);
  for (const end of ends.values()) end.resolve();
  await queue[Symbol.asyncDispose]();
});

Deno.test("what is asked for while it looks is looked for again", async () => {
  const looks: PromiseWithResolvers<number | undefined>[] = [];
  const { queue, tell, takes } = scene({
    take() {
      looks.push(Promise.withResolvers());
      return looks.at(-1)!.promise;
    },
  });
  await until("it has got there", () => takes() === 1);
  // It comes after the store was asked.
  tell();
  tell();
  looks[0]!.resolve(undefined);
  await until("it has got there", () => takes() === 2);
  looks[1]!.resolve(undefined);
  await queue[Symbol.asyncDispose]();
  assert.equal(takes(), 2);
});

Deno.test("an error of the store, or of one that is worked on, is logged and ends nothing", async () => {
  let isBroken = true;
  const { queue, tell, logged, ends, takes } = scene({
    most: 1,
    take() {
      if (isBroken) return Promise.reject(new Error("the store is away"));
      return Promise.resolve(ends.size === 0 && takes() < 4 ? takes() : undefined);
    },
  });
  await until("it has got there", () => logged.length === 1);
  isBroken = false;
  tell();
  await until("it has got there", () => ends.has(2));
  ends.get(2)!.reject(new Error("the store went away"));
  await until("it has got there", () => ends.has(3));
  assert.deepEqual(logged, ["storeBusy: the store is away", "storeBusy: the store went away"]);
  ends.get(3)!.resolve();
  await queue[Symbol.asyncDispose]();
});

Deno.test("an end tells what is under way, waits for it, and takes nothing more", async () => {
  const { queue, waiting, ends, tell, signals, takes, isListening } = scene({ most: 1 });
  waiting.push(1, 2);
  tell();
  await until("it has got there", () => ends.has(1));
  let isOver = false;
  const over = queue[Symbol.asyncDispose]().then(() => void (isOver = true));
  assert(signals[0]!.aborted && !isListening());
  const before = takes();
  tell();
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(isOver, false);
  ends.get(1)!.resolve();
  await over;
  assert.deepEqual([takes(), waiting], [before, [2]]);
});

/** Looks that a test ends. */
function looking(options: { lookMs: number; firstMs?: number; gatherMs?: number }) {
  const looks: PromiseWithResolvers<void>[] = [], signals: AbortSignal[] = [], logged: string[] = [];
  let listener: Listener = () => {};
  const store = {
    listen(_: string, added: Listener) {
      listener = added;
      return () => void (listener = () => logged.push("told after the end"));
    },
  };
  const watch = startLooking({ store, log: (event, { message }) => void logged.push(`${event}: ${message}`) }, {
    ...options,
    channel: "test",
    look(signal) {
      signals.push(signal);
      looks.push(Promise.withResolvers());
      return looks.at(-1)!.promise;
    },
  });
  return { watch, looks, signals, logged, tell: () => listener(undefined) };
}

Deno.test("a look follows the end of the one before, also if that failed, and those that are asked for are joined", async () => {
  const { watch, looks, logged, tell } = looking({ lookMs: 1 });
  await until("the first look", () => looks.length === 1);
  looks[0]!.reject(new Error("the store is away"));
  await until("the next look", () => looks.length === 2);
  assert.deepEqual(logged, ["storeBusy: the store is away"]);
  tell();
  tell();
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(looks.length, 2, "one at a time");
  looks[1]!.resolve();
  await until("what was told while it looked is looked for", () => looks.length === 3);
  looks[2]!.resolve();
  await watch[Symbol.asyncDispose]();
});

Deno.test("without a time, a look is made when it is told, once for a burst", async () => {
  const { watch, looks, tell } = looking({ lookMs: Infinity, firstMs: Infinity, gatherMs: 1 });
  for (let i = 0; i < 5; i++) tell();
  await until("the look", () => looks.length === 1);
  looks[0]!.resolve();
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(looks.length, 1);
  tell();
  await until("the next one", () => looks.length === 2);
  looks[1]!.resolve();
  await watch[Symbol.asyncDispose]();
  assert.equal(looks.length, 2);
});

Deno.test("an end waits for the look under way, which is told, and what it throws then is nobody's concern", async () => {
  const { watch, looks, signals, logged, tell } = looking({ lookMs: 1 });
  await until("the look", () => looks.length === 1);
  let isOver = false;
  const over = watch[Symbol.asyncDispose]().then(() => void (isOver = true));
  assert(signals[0]!.aborted);
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(isOver, false);
  looks[0]!.reject(new Error("it was stopped"));
  await over;
  watch.ask();
  tell();
  assert.deepEqual([looks.length, logged], [1, ["told after the end"]]);
});
