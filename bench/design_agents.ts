/**
 * Agents of bench/design_load.ts, as a program: each connects at its time by mutual TLS, polls, uploads what is due and
 * leaves; a real one stays connected. Deadlines, pauses and connections are those of src/link: what fails is tried again,
 * with the same batch, until it is acknowledged. A line of JSON on standard input says who they are; a second line ends
 * it: nothing new begins, and once all is acknowledged or given up, what was sent is written to a file. Each session, and
 * each task that a poll brings, is a line of JSON on standard output.
 */
import { Buffer } from "node:buffer";
import { Batch } from "../proto/gen/opendca/v1/batch.ts";
import { Task } from "../proto/gen/opendca/v1/task.ts";
import type { Reading } from "../common/reading/reading.ts";
import { batchOf } from "../tests/fixtures/platform_uploads.ts";
import { pollOf } from "../tests/fixtures/platform_fixture.ts";
import { apiOf, pollPause, untilDone, uploadPause } from "./bench_session.ts";
import type { SentReading } from "./compare_store.ts";
import { type OwnState, watchSelf } from "./own_limits.ts";
import { type BenchAgent, nextRecords } from "./platform_agents.ts";
import type { Session } from "./who_noticed.ts";

export interface AgentsInput {
  /** Of HAProxy; from each, an agent has another source. */
  addresses: string[];
  port: number;
  authorityPem: string;
  agents: BenchAgent[];
  readings: Reading[];
  printersOfAgent: number;
  readingsOfPoll: number;
  perSecond: number;
  /** After its end, batches are tried for so long. */
  drainMs: number;
  /** Where to write what was sent. */
  file: string;
}

export type AgentLine =
  | { session: Session }
  | { trying: string }
  | { task: string; agentId: string }
  | { own: OwnState };

/** Neighbours in the list are of one customer; those of one second are not. */
const stride = 7919;

const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
const input = await (async () => {
  let text = "";
  for await (const part of lines.values({ preventCancel: true })) {
    text += part;
    if (text.endsWith("\n")) break;
  }
  return JSON.parse(text) as AgentsInput;
})();
let isOver = false, giveUpAt = Infinity;
(async () => {
  for await (const _ of lines) break;
  isOver = true;
  giveUpAt = Date.now() + input.drainMs;
})();

const say = (line: AgentLine) => console.log(JSON.stringify(line));
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
const sent: SentReading[] = [];

async function session(agent: BenchAgent, address: string, dueAt: number): Promise<void> {
  const { authorityPem, port, readings, printersOfAgent, readingsOfPoll: count } = input;
  const records = nextRecords(agent, { readings, printers: printersOfAgent, count });
  const message = batchOf(agent, { sequence: agent.sequence, records, epoch: agent.epoch });
  const bytes = Buffer.from(Batch.encode(message).finish());
  const kept = records.map(({ recordId, observedAt, content }): SentReading => {
    const { serial = "", meters } = (content as Extract<typeof content, { $case: "reading" }>).value;
    const total = meters.find(({ name }) => name === "total")?.value ?? NaN;
    return { recordId, serial, observedAt: observedAt!.getTime(), total, acknowledged: false };
  });
  sent.push(...kept);
  const { agentId } = agent, failures: Session["failures"] = [];
  using api = apiOf(agent, { address, port, authorityPem });
  const onFailure = (error: unknown) => {
    failures.push({ at: Date.now(), why: error instanceof Error ? error.message : String(error) });
    if (failures.length === 1) say({ trying: agentId });
  };
  const mayGoOn = () => Date.now() < giveUpAt;
  let pollMs = NaN, uploadMs = NaN;

  async function poll(): Promise<void> {
    const begin = performance.now();
    const { tasks } = await api.poll(pollOf(agent, {}, { agentEpoch: agent.epoch }));
    pollMs = performance.now() - begin;
    for (const { task } of tasks) say({ task: Task.decode(task).taskId, agentId });
  }

  async function upload(): Promise<void> {
    const begin = performance.now();
    const { highestContiguousSequence, rejections } = await api.upload({ message, bytes });
    if (rejections.length > 0) throw new Error(`rejected: ${rejections[0]!.message}`);
    if (highestContiguousSequence < message.sequence) throw new Error("not acknowledged");
    for (const reading of kept) reading.acknowledged = true;
    uploadMs = performance.now() - begin;
  }

  // The first poll comes first; one that fails is tried again beside the uploads, with pauses of its own.
  const first = Promise.withResolvers<void>();
  const polls = untilDone(() => poll().finally(first.resolve), { pause: pollPause, mayGoOn, onFailure });
  await first.promise;
  const uploads = untilDone(upload, { pause: uploadPause, mayGoOn, onFailure });
  const isDone = (await Promise.allSettled([polls, uploads])).every(({ status }) => status === "fulfilled");
  say({ session: { agentId, dueAt, acknowledgedAt: isDone ? Date.now() : undefined, failures, pollMs, uploadMs } });
}

using _own = watchSelf((own) => say({ own }));
const { agents, addresses, perSecond } = input;
const step = agents.length % stride === 0 ? stride + 1 : stride;
const busy = new Set<BenchAgent>(), running = new Set<Promise<void>>();
const beganAt = Date.now();
for (let i = 0; !isOver; i++) {
  const dueAt = beganAt + i * 1000 / perSecond;
  await sleep(dueAt - Date.now());
  const number = i * step % agents.length, agent = agents[number]!;
  // One that still tries has no time for another.
  if (busy.has(agent)) continue;
  busy.add(agent);
  const work = session(agent, addresses[number % addresses.length]!, dueAt).finally(() => {
    busy.delete(agent);
    running.delete(work);
  });
  running.add(work);
}
await Promise.all(running);
await Deno.writeTextFile(input.file, JSON.stringify(sent));
