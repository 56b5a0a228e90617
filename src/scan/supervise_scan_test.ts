import { fakeNames } from "../../tests/fixtures/fake_names.ts";
import assert from "node:assert/strict";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { UnavailableError } from "../../common/core/errors.ts";
import { defaultPlan, planToWire } from "../snmp/credential.ts";
import type { FromScanner, Shard, ToScanner } from "./worker_messages.ts";
import { parseTargets } from "../targets/parse_targets.ts";
import { targetAt } from "../targets/address_space.ts";
import { permute } from "../targets/permute.ts";
import type { ScanPosition } from "./shard_queue.ts";
import { ScanFailedError, type ScannerWorker, type ScanResult, superviseScan } from "./supervise_scan.ts";

const seed = 7;

interface FakeWorker extends ScannerWorker {
  stops: boolean[];
  shards: Shard[];
  terminated: boolean;
}

function fakeWorker(
  onShard: (shard: Shard, tell: (message: FromScanner) => void) => void,
  startup: (worker: FakeWorker) => boolean = () => true,
): FakeWorker {
  const tell = (message: FromScanner) => {
    if (!worker.terminated) void Promise.resolve().then(() => worker.onMessage(message));
  };
  const worker: FakeWorker = {
    shards: [],
    stops: [],
    terminated: false,
    onMessage: () => {},
    onCrash: () => {},
    terminate: () => worker.terminated = true,
    post: (message: ToScanner) => {
      if (message.type === "start") {
        if (startup(worker)) tell({ type: "ready" });
      } else if (message.type === "stop") {
        worker.stops.push(message.atOnce);
        tell({ type: "stopped" });
      } else if (message.type === "shard") {
        worker.shards.push(message.shard);
        onShard(message.shard, tell);
      }
    },
  };
  return worker;
}

/** Runs a scan whose workers do what `behave` says with each shard. */
async function supervise(
  range: string,
  behave: (worker: FakeWorker, shard: Shard, tell: (message: FromScanner) => void, clock: FakeClock) => void,
  options: {
    workers?: number;
    mostWorkers?: number;
    ratePerSecond?: number;
    startup?: (worker: FakeWorker) => boolean;
    untilMs?: number;
    abortAtMs?: number;
    position?: ScanPosition;
    stopsAtOnce?: boolean;
    /** Whether there is room for a further worker. */
    hasRoom?: (started: number) => boolean;
  } = {},
) {
  const clock = new FakeClock();
  const abort = new AbortController();
  const space = await parseTargets([range], {
    exclude: [],
    port: 161,
    maxAddresses: 100_000,
    resolve: fakeNames({}),
    readTextFile: () => Promise.reject(new Error("no files here")),
  });
  const workers: FakeWorker[] = [];
  const scan = superviseScan({
    space,
    credentials: planToWire(defaultPlan(["public"])),
    ratePerSecond: options.ratePerSecond ?? 0,
    timeoutMs: 1000,
    retries: 1,
    workers: options.workers ?? 1,
    ...(options.mostWorkers === undefined ? {} : { mostWorkers: options.mostWorkers }),
    deviceDeadlineMs: 60_000,
    maxReading: 4,
    scope: "full",
    seed,
    capture: null,
    ...(options.position === undefined ? {} : { position: options.position }),
    stopsAtOnce: options.stopsAtOnce ?? false,
  }, {
    createWorker: () => {
      if (options.hasRoom?.(workers.length) === false) throw new UnavailableError("Cannot start a thread");
      const worker = fakeWorker((shard, tell) => behave(worker, shard, tell, clock), options.startup);
      workers.push(worker);
      return worker;
    },
    clock,
    signal: abort.signal,
    onProgress: () => {},
    onReading: () => {},
  });
  let result: ScanResult | undefined;
  const settled = scan.then((value) => result = value);
  if (options.abortAtMs !== undefined) {
    await clock.advance(options.abortAtMs);
    abort.abort();
  }
  await clock.advance(options.untilMs ?? 600_000);
  await settled;
  const addressAt = (index: number) => targetAt(space, permute(index, space.size, seed)).address;
  return { result: result!, workers, addressAt };
}

const finish = (_worker: FakeWorker, shard: Shard, tell: (message: FromScanner) => void) =>
  tell({ type: "shardDone", shard: shard.id, complete: true, problems: [] });

Deno.test("superviseScan() gives every address to a worker once", async () => {
  const { workers, result } = await supervise("127.0.0.0-127.0.3.255", finish, { workers: 2 });
  const covered = workers.flatMap(({ shards }) => shards).reduce((sum, { from, to }) => sum + to - from, 0);
  assert.equal(covered, 1024);
  assert.equal(result.interrupted, false);
  assert(workers.every(({ terminated }) => terminated));
});

/** Takes so long for each shard, one after the other, as a worker does that has all it can do. */
function finishAfter(ms: number): Parameters<typeof supervise>[1] {
  const busy = new Map<unknown, Promise<void>>();
  return (worker, shard, tell, clock) => {
    const before = busy.get(worker) ?? Promise.resolve();
    busy.set(
      worker,
      before.then(() => clock.sleep(ms)).then(() =>
        tell({ type: "shardDone", shard: shard.id, complete: true, problems: [] })
      ),
    );
  };
}

const furtherWorkers = [
  { what: "starts further workers one by one while there is work that nobody has begun", ms: 1000, most: 3, want: 3 },
  { what: "starts no further worker when all work is begun after two seconds", ms: 50, most: 3, want: 1 },
  { what: "starts no further worker when less is left than was begun in two seconds", ms: 130, most: 3, want: 1 },
  { what: "starts no further worker where they share a rate", ms: 1000, most: 3, rate: 100_000, want: 1 },
  { what: "goes on with the workers that it has where there is no room for a further one", ms: 1000, most: 3, room: 2 },
];

for (const { what, ms, most, rate = 0, room = 99, want = room } of furtherWorkers) {
  Deno.test(`superviseScan() ${what}`, async () => {
    const { workers, result } = await supervise("127.0.0.0-127.0.3.255", finishAfter(ms), {
      mostWorkers: most,
      ratePerSecond: rate,
      hasRoom: (started) => started < room,
    });
    assert.equal(workers.length, want);
    const covered = workers.flatMap(({ shards }) => shards).reduce((sum, { from, to }) => sum + to - from, 0);
    assert.equal(covered, 1024);
    assert.deepEqual(result.position.done, [[0, 1024]]);
    if (want > 1) assert(workers.every(({ shards }) => shards.length > 0));
  });
}

Deno.test("superviseScan() does all with the workers that there is room for, also when one of them dies", async () => {
  const covered: number[] = [];
  let dies = true;
  const { workers, result } = await supervise("127.0.0.0-127.0.3.255", (worker, shard, tell) => {
    if (dies) {
      dies = false;
      return worker.onCrash("boom");
    }
    for (let i = shard.from; i < shard.to; i++) covered.push(i);
    finish(worker, shard, tell);
  }, { workers: 4, hasRoom: (started) => started < 2 });
  assert.equal(workers.length, 2);
  assert.equal(result.interrupted, false);
  assert.deepEqual(result.problems, []);
  assert.equal(new Set(covered).size, 1024);
});

Deno.test("superviseScan() rejects where there is no room for any worker, at the start and later", async () => {
  await assert.rejects(supervise("127.0.0.1", finish, { hasRoom: () => false }), UnavailableError);
  const crash = (worker: FakeWorker) => worker.onCrash("boom");
  await assert.rejects(supervise("127.0.0.1", crash, { hasRoom: (started) => started === 0 }), UnavailableError);
});

Deno.test("superviseScan() replaces a worker that crashes and has its shard done again", async () => {
  let crashes = 0;
  const { result, workers } = await supervise("127.0.0.0-127.0.0.63", (worker, shard, tell) => {
    if (crashes++ === 0) worker.onCrash("boom");
    else finish(worker, shard, tell);
  });
  assert.equal(workers.length, 2);
  assert.deepEqual(result.problems, []);
  const done = workers[1]!.shards.reduce((sum, { from, to }) => sum + to - from, 0);
  assert.equal(done, 64);
});

Deno.test("superviseScan() names the one address that kills every worker and does the rest", async () => {
  const bad = 21;
  const completed = new Set<number>();
  const { result, addressAt } = await supervise("127.0.0.0-127.0.0.63", (worker, shard, tell) => {
    if (shard.from <= bad && bad < shard.to) return worker.onCrash("boom");
    for (let i = shard.from; i < shard.to; i++) completed.add(i);
    finish(worker, shard, tell);
  });
  assert.equal(completed.size, 63);
  assert.deepEqual(result.problems.map(({ code, address }) => [code, address]), [["worker-crash", addressAt(bad)]]);
});

Deno.test("superviseScan() replaces a worker that falls silent", async () => {
  let silent = true;
  const { workers, result } = await supervise("127.0.0.0-127.0.0.15", (worker, shard, tell) => {
    if (!silent) finish(worker, shard, tell);
    silent = false;
  });
  assert.equal(workers.length, 2);
  assert.deepEqual(result.problems, []);
});
Deno.test("superviseScan() replaces a worker that lives but makes no progress", async () => {
  let first = true;
  let buriedAtMs = 0;
  const { workers } = await supervise("127.0.0.0-127.0.0.15", (worker, shard, tell, clock) => {
    if (!first) {
      buriedAtMs = clock.monotonicMs();
      return finish(worker, shard, tell);
    }
    first = false;
    const counters = { packetsSent: 1, packetsReceived: 0, stray: 0, malformed: 0, probed: 1, answered: 0, reading: 0 };
    void (async () => {
      while (!worker.terminated) {
        await clock.sleep(250);
        tell({ type: "progress", counters });
      }
    })();
  });
  assert.equal(workers.length, 2);
  assert(buriedAtMs > 90_000, `given up after ${buriedAtMs} ms`);
});

Deno.test("superviseScan() does not ask again who was reported before the crash", async () => {
  let first = true;
  const { result, workers } = await supervise("127.0.0.0-127.0.0.15", (worker, shard, tell) => {
    if (!first) return finish(worker, shard, tell);
    first = false;
    const other = { address: "127.0.0.3", description: "x", objectId: null };
    worker.onMessage({
      type: "results",
      results: [{ shard: shard.id, key: "127.0.0.3 161", readings: [], other, problems: [] }],
    });
    worker.onCrash("boom");
  });
  assert.deepEqual(workers[1]!.shards.map(({ skip }) => skip), [["127.0.0.3 161"]]);
  assert.equal(result.others.length, 1);
});

Deno.test("superviseScan() gives up with one sentence when no worker starts", async () => {
  const scan = supervise("127.0.0.0-127.0.0.15", finish, {
    startup: (worker) => {
      void Promise.resolve().then(() => worker.onCrash("no threads"));
      return false;
    },
  });
  await assert.rejects(scan, (error: Error) => error instanceof UnavailableError && /no threads/.test(error.message));
});

Deno.test("superviseScan() ends within two seconds of an interruption, also when workers do not answer", async () => {
  const { result, workers } = await supervise("127.0.0.0-127.0.0.63", (worker) => {
    worker.post = () => {};
  }, { workers: 2, abortAtMs: 100, untilMs: 2_000 });
  assert.equal(result.interrupted, true);
  assert.equal(result.notProbed, 64);
  assert(workers.every(({ terminated }) => terminated));
});

const device = (shard: Shard, key: string): FromScanner => ({
  type: "results",
  results: [{
    shard: shard.id,
    key,
    readings: [],
    other: { address: "127.0.0.3", description: "x", objectId: null },
    problems: [],
  }],
});

Deno.test("superviseScan() that can start no further worker throws with what was read until then", async () => {
  let started = 0, shards = 0;
  const scan = supervise("127.0.0.0-127.0.0.63", (worker, shard, tell) => {
    if (shards++ > 0) return worker.onCrash("a defect");
    tell(device(shard, "127.0.0.3 161"));
    finish(worker, shard, tell);
  }, {
    startup: (worker) => {
      if (started++ === 0) return true;
      void Promise.resolve().then(() => worker.onCrash("no threads"));
      return false;
    },
  });
  await assert.rejects(scan, (error: Error) => {
    assert(error instanceof ScanFailedError);
    assert.match(error.message, /no threads/);
    assert.deepEqual(error.soFar.others.map(({ address }) => address), ["127.0.0.3"]);
    assert.equal(error.soFar.interrupted, false);
    return true;
  });
});

Deno.test("superviseScan() that is stopped says where, and goes on from there without asking again what is done", async () => {
  let count = 0;
  const { result, workers } = await supervise("127.0.0.0-127.0.0.99", (worker, shard, tell) => {
    // The second one is stopped half-way, when one of its devices has been read; of the others nothing is known.
    if (++count === 1) finish(worker, shard, tell);
    if (count !== 2) return;
    tell(device(shard, "127.0.0.3 161"));
    tell({ type: "pull" });
    tell({ type: "shardDone", shard: shard.id, complete: false, problems: [] });
  }, { abortAtMs: 100, stopsAtOnce: true });
  assert.equal(result.interrupted, true);
  assert.deepEqual(workers[0]!.stops, [true]);
  assert.deepEqual(result.position, {
    done: [[0, 16]],
    begun: [{ from: 16, to: 32, reported: ["127.0.0.3 161"] }],
  });
  const next = await supervise("127.0.0.0-127.0.0.99", finish, { position: result.position });
  const [first, ...others] = next.workers[0]!.shards;
  assert.deepEqual([first!.from, first!.to, first!.skip], [16, 32, ["127.0.0.3 161"]]);
  assert.deepEqual([others[0]!.from, others.at(-1)!.to], [32, 100]);
  assert.equal(next.result.interrupted, false);
  assert.deepEqual(next.result.position, { done: [[0, 100]], begun: [] });
});

Deno.test("superviseScan() has nothing to do at a position where all is done", async () => {
  const { result, workers } = await supervise("127.0.0.0-127.0.0.99", finish, {
    position: { done: [[0, 100]], begun: [] },
  });
  assert.deepEqual([result.interrupted, workers.length], [false, 0]);
});
