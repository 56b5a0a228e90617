/**
 * `deno task bench:platform --portal [--agents N] [--devices N] [--users N] [--seconds N] [--data FOLDER]`:
 * the design load
 * (10,000 agents with 500,000 printers, 200 people) on two platform processes behind HAProxy, with PostgreSQL and Mosquitto.
 * First all parts are there for some seconds; then each part is killed in turn and begun again. At the end, what agents
 * were told is stored is compared with the store: nothing lost, nothing twice; who noticed, and how long.
 *
 * With --data, the fleet stays in that folder, and the next run begins with it; with --prepare, that is all that is done.
 */
import { setPriority } from "node:os";
import { systemClock } from "../common/core/clock.ts";
import { messageOf } from "../common/core/errors.ts";
import type { OpenPlatform } from "../platform/agents/platform.ts";
import { openPlatform } from "../platform/compose.ts";
import { pemOf } from "../platform/keys/authority.ts";
import { parseDatabaseUrl } from "../platform/store/postgres/database_url.ts";
import { migrateDatabase, type PostgresServer } from "../tests/fixtures/postgres_server.ts";
import { until } from "../tests/fixtures/until.ts";
import { programOptions } from "../tools/program_options.ts";
import type { AgentLine, AgentsInput } from "./design_agents.ts";
import { type Fleet, fleetIn, startDurable } from "./design_fleet.ts";
import { backendPart, type Part, type Parts, serverPart, startParts } from "./design_parts.ts";
import { signedInPeople } from "./design_people.ts";
import { type Calm, type Kill, printRun, type Run } from "./design_report.ts";
import { type PushedTasks, pushTasks } from "./design_tasks.ts";
import type { UserLine, UsersInput } from "./design_users.ts";
import { compareStore, type SentReading, storedReadings } from "./compare_store.ts";
import { postgresCpuSeconds, usageOf } from "./measure.ts";
import { descriptorLimit, type OwnState, raiseDescriptorLimit, watchSelf } from "./own_limits.ts";
import { compareTasks, longMs, noticed, type Session, type Visit } from "./who_noticed.ts";

const { values } = programOptions(
  "deno task bench:platform --portal [--agents N] [--devices N] [--users N] [--seconds N] [--rate N] [--data FOLDER] " +
    "[--prepare] [--kill TEXT] [--priority N]",
  {
    portal: false,
    agents: 10_000,
    devices: 500_000,
    users: 200,
    seconds: 60,
    /** Sessions of agents in a second; 0: as many as the agents' polls need. */
    rate: 0,
    data: "",
    prepare: false,
    /** Kills the parts whose name has this in it. */
    kill: "",
    /**
     * Of agents, as in nice(1): they have machines of their own, and the platform goes first. People have the platform's,
     * as their times are what is measured.
     */
    priority: 5,
    "inside-own-namespace": false,
  },
  { mayBeZero: ["rate", "priority"] },
);
const { seconds, users: people } = values, size = { agents: values.agents, devices: values.devices };
const pollSeconds = 300, everySeconds = 20;
/* Of different printers, so that the counter of each goes on. */
const readingsOfPoll = Math.min(10, Math.max(1, Math.round(size.devices / size.agents)));
const perSecond = values.rate === 0 ? size.agents / pollSeconds : values.rate;
/** How long a part is away, and how long the others are watched from the kill on. */
const awayMs = 3000, watchedMs = Math.max(12_000, Math.min(25_000, seconds * 500));
const longestMs = 90_000;
const warmMs = Math.min(10_000, seconds * 500), drainMs = 60_000;
const networks = 200;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
const root = new URL("./", import.meta.url).pathname;

/** A program of this folder with JSON as its input; each line that it prints goes to `told`. */
function begin(
  file: string,
  { input, priority, told }: { input: unknown; priority: number; told: (line: string) => void },
) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-check", "--allow-all", root + file],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  if (priority !== 0) setPriority(child.pid, priority);
  const writer = child.stdin.getWriter(), encoder = new TextEncoder();
  const written = writer.write(encoder.encode(`${JSON.stringify(input)}\n`));
  const done = (async () => {
    let rest = "";
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + part).split("\n");
      rest = lines.pop()!;
      lines.forEach(told);
    }
  })();
  return {
    pid: child.pid,
    closeInput: () => written.then(() => writer.close()),
    ended: () => Promise.all([done, child.status]),
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await child.status;
    },
  };
}

interface Scene {
  fleet: Fleet;
  platform: OpenPlatform;
  server: PostgresServer;
  parts: Parts;
  folder: string;
  /** As many as the networks that agents and people are in. */
  addresses: string[];
}

/** Seen by agents, people and MQTT clients so far. */
interface Seen {
  sessions: Session[];
  visits: Visit[];
  /** Agents that have failed and try again, and people whose page has not come. */
  trying: Set<string>;
  waiting: Set<number>;
  /** Connected by MQTT now. */
  open: number;
  /** How this program, and those of agents and people, were. */
  own: Map<string, OwnState[]>;
}

const ofAgents = values.priority;

/** Notes how a program was. */
function noteOwn({ own }: Seen, program: string, state: OwnState): void {
  own.set(program, [...own.get(program) ?? [], state]);
}

/** Processor time and memory of each part while all are there. */
async function calmly(
  { parts, server, fleet }: Scene,
  { seen, pids: clients }: { seen: Seen; pids: Record<string, number> },
): Promise<Calm> {
  const url = server.url(fleet.database);
  const pids = [
    ...[...parts.processes, parts.haproxy, parts.mosquitto].map(({ name, pid }) => ({ name, pid: pid() })),
    ...Object.entries(clients).map(([name, pid]) => ({ name, pid })),
  ];
  const memory = (pid: number) =>
    Number(/VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]) / 1024;
  const cpuNow = () => [...pids.map(({ pid }) => usageOf(pid).cpuSeconds), postgresCpuSeconds(url)];
  const bytesNow = async () =>
    Number((await server.sql("SELECT pg_database_size(current_database()) AS bytes", fleet.database))[0]!.bytes);
  const from = Date.now(), before = cpuNow(), bytesBefore = await bytesNow();
  await sleep(seconds * 1000);
  const after = cpuNow(), until = Date.now(), bytes = await bytesNow() - bytesBefore;
  const cpu = [...pids.map(({ name }) => name), "PostgreSQL"].map((name, i) => ({
    name,
    share: (after[i]! - before[i]!) * 1000 / (until - from),
    megabytes: pids[i] === undefined ? NaN : memory(pids[i].pid),
  }));
  const isIn = (at: number) => at >= from && at < until;
  const sessions = seen.sessions.filter(({ dueAt }) => isIn(dueAt));
  return {
    seconds: (until - from) / 1000,
    fromMs: from,
    untilMs: until,
    cpu,
    bytesPerReading: bytes / (sessions.length * readingsOfPoll),
    sessions,
    visits: seen.visits.filter(({ dueAt }) => isIn(dueAt)),
  };
}

/** Kills the part, begins it again, and waits until its time is over and nobody waits for anything any more. */
async function killed(part: Part, seen: Seen): Promise<Kill> {
  const fromMs = Date.now(), openBefore = seen.open;
  console.log(`killing ${part.name} …`);
  await part.kill();
  if (!part.isBackByItself) await sleep(awayMs);
  await part.start();
  const startedMs = Date.now() - fromMs;
  let fewest = seen.open, mqttBackMs = 0;
  const isNormal = () => seen.trying.size === 0 && seen.waiting.size === 0 && seen.open >= openBefore;
  while (Date.now() < fromMs + watchedMs || (!isNormal() && Date.now() < fromMs + longestMs)) {
    fewest = Math.min(fewest, seen.open);
    if (seen.open < openBefore) mqttBackMs = Date.now() - fromMs;
    await sleep(200);
  }
  return { name: part.name, fromMs, untilMs: Date.now(), startedMs, mqttLost: openBefore - fewest, mqttBackMs };
}

interface Begun {
  scene: Scene;
  seen: Seen;
  tasks: PushedTasks;
  /** Of HAProxy's servers. */
  authorityPem: string;
}

/** All agents by MQTT; waits until they are connected. */
async function beginMqtt({ scene: { fleet, parts }, seen, tasks }: Begun) {
  const input = {
    port: parts.mosquitto.agentPort,
    ca: parts.mosquitto.authorityPem,
    keyPem: fleet.agents[0]!.identity.privateKeyPem,
    agents: fleet.agents.map(({ agentId, identity }) => ({ agentId, certificatePem: identity.chain })),
    stays: true,
  };
  console.log("connecting agents by MQTT …");
  const told = (line: string) => {
    const [what, first, second] = line.split(" ");
    if (what === "open") seen.open = Number(first);
    else if (what === "task") tasks.arrived(second!, first!);
    else if (what === "own") noteOwn(seen, "agents by MQTT", JSON.parse(first!));
  };
  const clients = begin("mqtt_clients.ts", { input, priority: ofAgents, told });
  await clients.closeInput();
  // What does not come to it is a missed goal, and the rest is measured.
  await until("all are connected", () => seen.open >= size.agents, 30_000 + size.agents * 20).catch(() => {});
  return clients;
}

/** The second line of its input ends it. */
function beginAgents({ scene: { fleet, parts, addresses, folder }, seen, tasks, authorityPem }: Begun) {
  const { agents, readings, printersOfAgent } = fleet;
  const input: AgentsInput = {
    addresses,
    port: parts.ports.agents,
    authorityPem,
    agents,
    readings,
    printersOfAgent,
    readingsOfPoll,
    perSecond,
    drainMs,
    file: sentFile(folder),
  };
  const told = (text: string) => {
    const line: AgentLine = JSON.parse(text);
    if ("task" in line) tasks.arrived(line.task, line.agentId);
    else if ("own" in line) noteOwn(seen, "agents", line.own);
    else if ("trying" in line) seen.trying.add(line.trying);
    else {
      seen.sessions.push(line.session);
      seen.trying.delete(line.session.agentId);
    }
  };
  return begin("design_agents.ts", { input, priority: ofAgents, told });
}

async function beginPeople({ scene: { fleet, parts, addresses }, seen, authorityPem }: Begun, cookies: string[]) {
  const customers = [...new Set(fleet.agents.map(({ customerId }) => customerId))];
  const input: UsersInput = {
    addresses,
    port: parts.ports.portal,
    authorityPem,
    users: cookies.map((cookie, i) => ({ cookie, customerId: customers[i % customers.length]! })),
    model: (fleet.readings[0]!.model ?? "").split(" ").at(-1)!,
    everySeconds,
  };
  const told = (text: string) => {
    const line: UserLine = JSON.parse(text);
    if ("own" in line) return noteOwn(seen, "people", line.own);
    seen.visits.push(line.visit);
    if (line.visit.status === 200) seen.waiting.delete(line.visit.user);
    else seen.waiting.add(line.visit.user);
  };
  const clients = begin("design_users.ts", { input, priority: 0, told });
  await clients.closeInput();
  return clients;
}

const sentFile = (folder: string) => `${folder}/sent.json`;

/** What agents sent and what came to them, beside the store. */
async function compared({ scene: { platform, folder }, tasks }: Begun, since: number) {
  const tasksNow = () =>
    platform.store.transaction((tx) =>
      tx.all<{ taskId: string; agentId: string; state: string }>(
        `SELECT task_id AS "taskId", agent_id AS "agentId", state FROM tasks WHERE created_at >= :since AND kind = 'ping'`,
        { since },
      ), { readOnly: true });
  const allEnded = async () => {
    const open = (await tasksNow()).filter(({ state }) => state !== "succeeded");
    for (const { taskId, agentId } of open) if (!tasks.came.has(taskId)) await tasks.pollOnce(agentId);
    return open.length === 0;
  };
  await until("all tasks have ended", allEnded, drainMs).catch(() => {});
  console.log("comparing …");
  const sent: SentReading[] = JSON.parse(await Deno.readTextFile(sentFile(folder)));
  return {
    readings: compareStore(sent, await storedReadings(platform.store, since)),
    tasks: { ...compareTasks(await tasksNow(), tasks.came), refused: tasks.refused() },
  };
}

/** The load, all of its kills, and what came of it. */
async function measured(scene: Scene, cookies: string[]): Promise<Run> {
  const { fleet, platform, server, parts } = scene;
  const authorityPem = pemOf(platform.serverAuthority.certificate), beganAt = Date.now();
  const seen: Seen = { sessions: [], visits: [], trying: new Set(), waiting: new Set(), open: 0, own: new Map() };
  using _own = watchSelf((own) => noteOwn(seen, "this program", own));
  const at = { address: scene.addresses[0]!, port: parts.ports.agents, authorityPem };
  const tasks = pushTasks({ agents: fleet.agents, platform, at, reportMs: drainMs * 2 });
  const begun = { scene, seen, tasks, authorityPem };
  await using mqtt = await beginMqtt(begun);
  await using agents = beginAgents(begun);
  await using users = await beginPeople(begun, cookies);
  await until("all programs have begun", () => seen.own.size === 4, 60_000);
  await sleep(warmMs);
  const pids = { "agents": agents.pid, "agents by MQTT": mqtt.pid, "people": users.pid, "this program": Deno.pid };
  console.log(`${perSecond.toFixed(1)} agents a second and ${people} people for ${seconds} s …`);
  const calm = await calmly(scene, { seen, pids });
  // What began until now ends before the first part is killed.
  await sleep(longMs);
  const kills: Kill[] = [];
  const all = [
    ...parts.processes,
    parts.haproxy,
    parts.mosquitto,
    backendPart(server, fleet.database),
    serverPart(server),
  ];
  for (const part of all.filter(({ name }) => name.includes(values.kill))) kills.push(await killed(part, seen));
  console.log("waiting until all is acknowledged …");
  await users[Symbol.asyncDispose]();
  await tasks.end();
  await agents.closeInput();
  await agents.ended();
  const openAtEnd = seen.open;
  return {
    size: { ...size, people },
    fleet,
    perSecond,
    calm,
    kills: kills.map((kill) => ({ ...kill, ...noticed(kill, seen.sessions, seen.visits) })),
    ...await compared(begun, beganAt),
    openAtEnd,
    failures: seen.sessions.flatMap(({ failures }) => failures.map(({ why }) => why)),
    bad: seen.visits.filter(({ status }) => status !== 200),
    said: parts.processes.map(({ said }) => said()),
    own: seen.own,
    descriptors: descriptorLimit(),
  };
}

async function run(folder: string, addresses: string[]): Promise<void> {
  const fleet = await fleetIn(folder, size);
  if (values.prepare) return;
  await using server = await startDurable(`${folder}/pg`);
  // The fleet may be of an earlier version.
  await migrateDatabase(server, fleet.database);
  const databaseUrl = server.url(fleet.database);
  await using platform = await openPlatform({
    dataDirectory: `${folder}/platform`,
    database: parseDatabaseUrl(databaseUrl),
    clock: systemClock,
    log() {},
  });
  await using parts = await startParts({ folder, databaseUrl, platform });
  console.log(`signing ${people} people in …`);
  const cookies = await signedInPeople(platform, people, fleet.runs);
  printRun(await measured({ fleet, platform, server, parts, folder, addresses }, cookies));
}

/* One address of each network: without the rights for it, all are one source, of which the platform admits less. */
async function inOwnNetwork(): Promise<void> {
  const addresses = Array.from({ length: networks }, (_, i) => `10.78.${i}.1`);
  const add =
    `ip link set lo up; i=0; while [ $i -lt ${networks} ]; do ip addr add 10.78.$i.1/32 dev lo; i=$((i+1)); done`;
  if (values["inside-own-namespace"]) return await inFolder(addresses);
  if (Deno.uid() !== 0) {
    console.log("not root: all agents and people have one address, of which the platform admits less");
    return await inFolder(["127.0.0.1"]);
  }
  const again = [Deno.execPath(), "run", "--no-prompt", "--allow-all", import.meta.filename!, ...Deno.args];
  const { code } = await new Deno.Command("unshare", {
    args: ["-n", "sh", "-ec", `${add}; exec "$@"`, "sh", ...again, "--inside-own-namespace"],
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  Deno.exitCode = code;
}

async function inFolder(addresses: string[]): Promise<void> {
  if (values.data !== "") {
    await Deno.mkdir(values.data, { recursive: true });
    return await run(await Deno.realPath(values.data), addresses);
  }
  const folder = await Deno.makeTempDir({ prefix: "design-" });
  await Deno.chmod(folder, 0o755);
  try {
    await run(folder, addresses);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

try {
  await raiseDescriptorLimit();
  await inOwnNetwork();
} catch (error) {
  const why = error instanceof SuppressedError ? error.suppressed : error;
  console.error(`error: ${messageOf(why)}`);
  Deno.exitCode = 1;
}
