/**
 * One agent within the test's process, with a clock of its own and otherwise real parts: scanner threads, simulated
 * printers, files, gRPC over TLS through a door, and a real platform that shares the clock.
 */
import assert from "node:assert/strict";
import { activationStore } from "../../src/activation/store_options.ts";
import { type Agent, startAgent } from "../../src/service/start_agent.ts";
import type { StatusFile } from "../../src/service/status_file.ts";
import { runCli } from "../../src/cli/run_cli.ts";
import { readAgentConfig } from "../../src/config/read_config.ts";
import { createGrpcAgentApi } from "../../src/link/grpc_agent_api.ts";
import type { ScannerWorker } from "../../src/scan/supervise_scan.ts";
import { type Simulator, startSimulator } from "../../simulator/simulator.ts";
import { type AgentRow, listAgents } from "../../platform/store/agents.ts";
import type { Tenant } from "../../platform/store/store.ts";
import { scenePrinter, totalAt } from "./agent_fixture.ts";
import { assertExactlyOnce, type StoredRecord, storedRecordsSql } from "../faults/exactly_once.ts";
import { type Door, openDoor } from "../fakes/door.ts";
import { SteppedClock } from "../fakes/stepped_clock.ts";
import { testHost } from "../fakes/test_host.ts";
import { type MovedClock, startTestPlatform, type TestPlatform } from "../platform/platform_fixture.ts";
import { port as printerPort } from "../scan/scan_fixture.ts";

export interface LogLine {
  time: string;
  level: string;
  event: string;
  [field: string]: unknown;
}

export interface Office extends AsyncDisposable {
  clock: SteppedClock;
  /** Of the platform alone; follows `clock` but for its jumps. */
  platformClock: MovedClock;
  platform: TestPlatform;
  tenant: Tenant;
  door: Door;
  simulator: Simulator;
  folder: string;
  agentId: string;
  /** Calls of the agent to the platform since the start, by name. */
  calls: Record<"poll" | "upload" | "renew", number>;
  /** Passes of the scanner since the start. */
  scans: number;
  /** What the agent logged, over all its starts. */
  log: LogLine[];
  /** Runs `opendca` with the agent's configuration; returns what it prints. */
  opendca(...args: string[]): Promise<string>;
  logged(event: string): LogLine[];
  /** Lets time pass for the agent and for the platform. */
  pass(ms: number, stepMs?: number): Promise<void>;
  startAgent(): Promise<Agent>;
  status(): Promise<StatusFile>;
  /** The agent as the platform knows it. */
  row(): AgentRow;
  stored(): StoredRecord[];
  /** The spool becomes empty, and the platform has each record that was spooled, and no other. Returns their number. */
  assertAllThere(): Promise<number>;
}

export interface OfficeOptions {
  /** Second octet of the printers, 127.x. */
  network: number;
  printers: number;
  /** Value of `schedule:` in agent.yaml. */
  schedule: string;
  /** PEM of further authorities that the agent trusts. */
  alsoTrusts?: string;
  /** Of a call, by the real clock. */
  callTimeoutMs?: number;
  /** Further lines of agent.yaml. */
  more?: string;
  /** Of Deno, as the agent believes; the real one unless told. */
  runtimeVersion?: string;
}

export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

/** Sets all of it up and activates the agent, which is not started yet. */
export async function openOffice(options: OfficeOptions): Promise<Office> {
  const { network, printers, schedule, callTimeoutMs = 5000 } = options;
  await using built = new AsyncDisposableStack();
  const clock = new SteppedClock();
  let behindMs = 0;
  const platformClock: MovedClock = {
    now: () => new Date(clock.now().getTime() - behindMs),
    monotonicMs: () => clock.monotonicMs(),
    advance: (ms) => void (behindMs -= ms),
  };
  const jump = clock.jump.bind(clock);
  clock.jump = (ms) => {
    jump(ms);
    behindMs += ms;
  };
  const platform = built.use(await startTestPlatform({ clock: platformClock }));
  const door = built.use(await openDoor(Number(platform.target.split(":")[1])));
  const devices = [...Array(printers).keys()].flatMap((i) => scenePrinter(`127.${network}.0.${i + 1}`));
  const simulator = built.use(await startSimulator({ devices }));
  const folder = await Deno.makeTempDir();
  built.defer(() => Deno.remove(folder, { recursive: true }));
  const path = `${folder}/agent.yaml`;
  await Deno.writeTextFile(`${folder}/ca.pem`, platform.serverAuthority + (options.alsoTrusts ?? ""));
  await Deno.writeTextFile(
    path,
    `platform: { rootDomain: localhost, endpoints: ["localhost:${door.port}"], ca: ${folder}/ca.pem }
stateDirectory: ${folder}/state
sites: [{ name: office, ranges: [127.${network}.0.0/28], port: ${printerPort}, rate: 0 }]
schedule: ${schedule}
limits: { timeout: 100ms, retries: 0, workers: 1 }
log: { level: debug, format: json }
${options.more ?? ""}`,
  );
  const env = { OPENDCA_GUARD_DIRECTORY: `${folder}/guard`, OPENDCA_CONFIG: path };
  const customer = platform.customer("Acme");
  const { tenant } = customer;
  const activating = testHost({ env });
  assert.equal(await runCli(["activate", platform.code(customer)], activating), 0, activating.err);
  const config = await readAgentConfig(path, activating);
  const calls: Office["calls"] = { poll: 0, upload: 0, renew: 0 };
  const log: LogLine[] = [];
  let readings = 0;

  /** A machine whose clock stands while a thread, a file or a call is at work. */
  function machine() {
    const host = testHost({ env });
    const agentMachine = host.agentMachine();
    return {
      ...host,
      ...agentMachine,
      clock,
      uptimeMs: () => clock.monotonicMs(),
      facts: { ...agentMachine.facts, runtimeVersion: options.runtimeVersion ?? agentMachine.facts.runtimeVersion },
      stdout: {
        isTerminal: false,
        write(text: string) {
          log.push(...text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line)));
          return Promise.resolve();
        },
      },
      readTextFile: (path: string) => clock.during(host.readTextFile(path)),
      replaceTextFile: (path: string, text: string) => clock.during(agentMachine.replaceTextFile(path, text)),
      createWorker(permissions: string[], ofThese?: number) {
        const end = clock.begin();
        const worker = host.createWorker(permissions, ofThese);
        office.scans++;
        // A thread has the machine's clock, which is not the one of this test; no two readings are of one time.
        const stamped: ScannerWorker = {
          ...worker,
          post: (message) => worker.post(message),
          terminate() {
            worker.terminate();
            end();
          },
        };
        worker.onCrash = (message) => stamped.onCrash(message);
        worker.onMessage = (message) => {
          for (const reading of message.type === "results" ? message.results.flatMap((it) => it.readings) : []) {
            reading.observedAt = new Date(clock.now().getTime() + readings++).toISOString();
          }
          stamped.onMessage(message);
        };
        return stamped;
      },
    };
  }

  const connect: typeof createGrpcAgentApi = (grpcOptions) => {
    const api = createGrpcAgentApi({ ...grpcOptions, connectTimeoutMs: 5000, callTimeoutMs });
    const counted = (name: keyof typeof calls) => {
      const call = api[name].bind(api) as (request: never, signal?: AbortSignal) => Promise<never>;
      return (request: never, signal?: AbortSignal) => {
        calls[name]++;
        return clock.during(call(request, signal));
      };
    };
    return Object.assign(api, { poll: counted("poll"), upload: counted("upload"), renew: counted("renew") });
  };

  const running = new Set<Agent>();
  const office: Office = {
    clock,
    platformClock,
    platform,
    tenant,
    door,
    simulator,
    folder,
    agentId: listAgents(tenant)[0]!.agent_id,
    calls,
    scans: 0,
    log,
    async opendca(...args) {
      const host = testHost({ env });
      assert.equal(await runCli(args, host), 0, host.err);
      return host.out;
    },
    logged: (event) => log.filter((line) => line.event === event),
    pass: (ms, stepMs) => clock.advance(ms, stepMs),
    async startAgent() {
      const agent = await startAgent({
        config,
        store: await activationStore(config.stateDirectory, (name) => (env as Record<string, string>)[name]),
        machine: machine(),
        version: "0.1.0",
        random: () => 0.5,
        connect,
      });
      running.add(agent);
      await clock.settle();
      return {
        ended: agent.ended,
        async [Symbol.asyncDispose]() {
          if (running.delete(agent)) await agent[Symbol.asyncDispose]();
        },
      };
    },
    status: async () => JSON.parse(await Deno.readTextFile(`${folder}/state/status.json`)),
    row: () => listAgents(tenant)[0]!,
    stored: () => tenant.all<StoredRecord>(`${storedRecordsSql} WHERE customer_id = :customer`),
    async assertAllThere() {
      // What was read in this minute waits for others.
      const depth = async () => (await office.status()).spool.depth;
      for (let minutes = 0; minutes < 30 && await depth() > 0; minutes++) await office.pass(minute, 20_000);
      assert.equal(await depth(), 0, "the spool is not emptied");
      const ids = office.logged("recordsSpooled").flatMap((line) => line.ids as string[]);
      const stored = office.stored();
      const others = assertExactlyOnce(stored, ids, totalAt);
      assert.equal(others, 0, "records are there that nobody spooled");
      assert.deepEqual(office.logged("readingsLost"), []);
      return stored.length;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
  built.defer(async () => {
    for (const agent of running) await agent[Symbol.asyncDispose]();
  });
  const stack = built.move();
  return office;
}
