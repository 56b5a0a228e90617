/**
 * Agents of bench/design_load.ts, as a program: each connects at its time by mutual TLS, polls, uploads what is due and
 * leaves. What fails is tried again, with the same batch, until it is acknowledged. A line of JSON on standard input says
 * who they are; a second line ends it: nothing new begins, and once all is acknowledged or given up, what was sent is
 * written to a file. Each session, and each task that a poll brings, is a line of JSON on standard output.
 */
import { PollResponse } from "../proto/gen/opendca/v1/agent_service.ts";
import { Task } from "../proto/gen/opendca/v1/task.ts";
import type { Reading } from "../common/reading/reading.ts";
import { batchOf } from "../tests/fixtures/platform_uploads.ts";
import { call, pollOf } from "../tests/fixtures/platform_fixture.ts";
import type { SentReading } from "./compare_store.ts";
import { type BenchAgent, clientOf, nextRecords } from "./platform_agents.ts";
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

export type AgentLine = { session: Session } | { trying: string } | { task: string; agentId: string };

/* As the agent waits for an answer, and before it tries again; an agent's first pause is five seconds. */
const callMs = 30_000, againMs = { first: 1000, most: 5000 };
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
  const request = batchOf(agent, { sequence: agent.sequence, records, epoch: agent.epoch });
  const kept = records.map(({ recordId, observedAt, content }): SentReading => {
    const { serial = "", meters } = (content as Extract<typeof content, { $case: "reading" }>).value;
    const total = meters.find(({ name }) => name === "total")?.value ?? NaN;
    return { recordId, serial, observedAt: observedAt!.getTime(), total, acknowledged: false };
  });
  sent.push(...kept);
  const { agentId } = agent, failures: Session["failures"] = [];
  for (let waitMs = againMs.first;; waitMs = Math.min(againMs.most, waitMs * 2)) {
    try {
      using client = clientOf({ target: `${address}:${port}`, authorityPem, port }, agent.identity);
      const begin = performance.now();
      const poll = pollOf(agent, {}, { agentEpoch: agent.epoch });
      const answer: PollResponse = await call(client, { method: client.poll, request: poll, withinMs: callMs });
      for (const { task } of answer.tasks) say({ task: Task.decode(task).taskId, agentId: agent.agentId });
      const polled = performance.now();
      const { highestContiguousSequence, rejections } = await call(client, {
        method: client.upload,
        request,
        withinMs: callMs,
      });
      if (rejections.length > 0) throw new Error(`rejected: ${rejections[0]!.message}`);
      if (highestContiguousSequence < request.sequence) throw new Error("not acknowledged");
      for (const reading of kept) reading.acknowledged = true;
      const pollMs = polled - begin, uploadMs = performance.now() - polled;
      say({ session: { agentId, dueAt, acknowledgedAt: Date.now(), failures, pollMs, uploadMs } });
      return;
    } catch (error) {
      failures.push({ at: Date.now(), why: error instanceof Error ? error.message : String(error) });
      if (failures.length === 1) say({ trying: agent.agentId });
    }
    if (Date.now() > giveUpAt) break;
    await sleep(waitMs * (0.5 + Math.random()));
  }
  say({ session: { agentId, dueAt, acknowledgedAt: undefined, failures, pollMs: NaN, uploadMs: NaN } });
}

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
