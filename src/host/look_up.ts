/** The system's name resolution, in a separate thread that runs while there are names to resolve. */
import { getServers } from "node:dns";
import { descriptorShortage } from "../../common/core/shortage.ts";
import { type NameAnswer, NameLookupError } from "../targets/host_names.ts";
import { perThread, threadPermissions } from "./thread_room.ts";
import { countFreeDescriptors } from "./udp_port.ts";

export interface ToResolver {
  id: number;
  name: string;
}

export type FromResolver =
  | ({ id: number } & NameAnswer)
  | { id: number; code: string; message: string };

/** Entry of the thread; `deno compile` bundles it by `--include`. */
const resolverEntry = new URL("../../workers/resolver.ts", import.meta.url);

/** Resolvers give up by themselves after 5 to 20 seconds; after this a stuck thread is no longer awaited. */
const timeoutMs = 20_000;
const idleMs = 1_000;

const noDescriptors = `${descriptorShortage.what} (${descriptorShortage.hint})`;

interface Waiting {
  name: string;
  resolve(answer: NameAnswer): void;
  reject(error: Error): void;
  timer: ReturnType<typeof setTimeout>;
}

let thread: Worker | undefined;
let nextId = 1;
let idleTimer: ReturnType<typeof setTimeout> | undefined;
const waiting = new Map<number, Waiting>();

/** All addresses of a name. Rejects with `NameLookupError`. */
export function lookUp(name: string): Promise<NameAnswer> {
  const id = nextId++;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(id, "silent", noAnswer()), timeoutMs);
    waiting.set(id, { name, resolve, reject, timer });
    clearTimeout(idleTimer);
    // Starting a thread with too few descriptors would end the whole process.
    if (thread === undefined && countFreeDescriptors(perThread) < perThread) return fail(id, "silent", noDescriptors);
    (thread ??= startThread()).postMessage({ id, name } satisfies ToResolver);
  });
}

function startThread(): Worker {
  const worker = new Worker(resolverEntry.href, {
    type: "module",
    deno: { permissions: threadPermissions(true) },
  });
  worker.onmessage = ({ data }: MessageEvent<FromResolver>) => {
    if ("addresses" in data) return settle(data.id)?.resolve(data);
    // EAI_AGAIN means that no name server answered; all other codes are an answer.
    if (data.code === "ENOTFOUND" || data.code === "ENODATA") fail(data.id, "unknown", "no name server knows it");
    else if (data.code === "EMFILE") fail(data.id, "silent", noDescriptors);
    else fail(data.id, "silent", data.code === "EAI_AGAIN" ? noAnswer() : data.message);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    thread = undefined;
    for (const id of [...waiting.keys()]) fail(id, "silent", `the resolver failed: ${event.message}`);
  };
  return worker;
}

function noAnswer(): string {
  const servers = [...new Set(getServers())];
  if (servers.length === 0) return "this machine has no name server";
  return `the name server${servers.length > 1 ? "s" : ""} ${servers.join(", ")} ${
    servers.length > 1 ? "do" : "does"
  } not answer`;
}

function fail(id: number, reason: NameLookupError["reason"], message: string): void {
  settle(id)?.reject(new NameLookupError(reason, message));
}

function settle(id: number): Waiting | undefined {
  const found = waiting.get(id);
  if (found === undefined) return undefined;
  clearTimeout(found.timer);
  waiting.delete(id);
  if (waiting.size === 0) {
    idleTimer = setTimeout(() => {
      thread?.terminate();
      thread = undefined;
    }, idleMs);
  }
  return found;
}
