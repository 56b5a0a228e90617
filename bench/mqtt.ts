/**
 * `deno task bench:mqtt [--agents N]`: from a task's command to the agent by MQTT, and all agents connected at once and
 * woken, on the platform's own broker and on Debian's Mosquitto, each as a program of its own. What does not come is given
 * up after a while, and is a missed goal: it always ends.
 */
import { algorithm, issueCertificate, pemOf, privateKeyPem, validityFrom } from "../platform/keys/authority.ts";
import { fingerprintOf } from "../platform/agents/agent_certificate.ts";
import { addCertificate } from "../platform/agents/certificates.ts";
import { configDocument, keepAgentConfig } from "../platform/agents/agent_configs.ts";
import { addAgent } from "../platform/agents/agents.ts";
import { addSite } from "../platform/customers/customers.ts";
import { openPlatform } from "../platform/compose.ts";
import { createTask } from "../platform/tasks/manage_tasks.ts";
import { PlatformConfig } from "../proto/gen/opendca/v1/config.ts";
import { systemClock as clock } from "../common/core/clock.ts";
import { startMosquitto } from "../tests/fixtures/mosquitto_peer.ts";
import { addTestCustomer, looseQueries } from "../tests/fixtures/loose_queries.ts";
import { freePort } from "../tests/fixtures/free_port.ts";
import { maybeProgram } from "../tests/fixtures/peers.ts";
import { until } from "../tests/fixtures/until.ts";
import { type RunningProgram, startProgram } from "../tests/fixtures/start_program.ts";
import { programOptions } from "../tools/program_options.ts";
import { createGoals } from "./goals.ts";

const { values: { agents: wanted } } = programOptions("deno task bench:mqtt [--agents N]", { agents: 1000 });
const tasks = 100;
const commands = 10;
/** Longest waits: for a task, for a wake-up of all, and for a connection of all. */
const limitMs = { task: 3000, wake: 60_000, connect: 60_000 + wanted * 20 };
/** So many tasks that did not come one after the other, and no more are tried. */
const mostLost = 5;
const goals = createGoals();
const folder = await Deno.makeTempDir();
const platform = await openPlatform({ dataDirectory: folder, clock, log() {} });
const now = () => performance.timeOrigin + performance.now();

const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
const keyPem = await privateKeyPem(keys.privateKey);
const queries = looseQueries(platform.store);
const { customer_id: tenantId } = await addTestCustomer(queries, { name: "Acme", at: clock.now() });
const { site_id: siteId } = await addSite(queries.tenant(tenantId), { name: "Berlin", at: clock.now() });
console.log(`making ${wanted} agents`);
const agents = await platform.store.transaction(async (tx) => {
  const made: { agentId: string; certificatePem: string }[] = [];
  for (let i = 0; i < wanted; i++) {
    const tenant = tx.tenant(tenantId), at = clock.now();
    const agentId = await addAgent(tenant, {
      siteId,
      installationId: crypto.randomUUID(),
      hostname: "",
      version: "",
      at,
    });
    const issued = await issueCertificate(platform.agentAuthority, {
      commonName: agentId,
      publicKey: keys.publicKey,
      usage: "client",
      names: [{ type: "url", value: `urn:opendca:agent:${agentId}` }],
      ...validityFrom(at, 90),
    });
    const der = new Uint8Array(issued.rawData);
    const certificate = {
      serial: issued.serialNumber,
      fingerprint: fingerprintOf(der),
      der,
      issuedAt: at,
      notAfter: issued.notAfter,
    };
    await addCertificate(tenant, { agentId, certificate });
    made.push({ agentId, certificatePem: pemOf(issued) });
  }
  return made;
});

function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]) / 1024;
}

function quantile(values: readonly number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? Infinity;
}

/** Agents as a program, and when each of their messages came. */
async function startAgents(port: number, ca: string) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-all", new URL("mqtt_clients.ts", import.meta.url).pathname],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify({ port, ca, keyPem, agents })));
  await writer.close();
  const connected = Promise.withResolvers<{ count: number; ms: number }>();
  let got = new Map<string, number>();
  let onGot = () => {};
  (async () => {
    let rest = "";
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + part).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const [what, name, ms] = line.split(" ");
        if (what === "connected") connected.resolve({ count: Number(name), ms: Number(ms) });
        else if (!got.has(name!)) got.set(name!, Number(ms));
      }
      onGot();
    }
    connected.resolve({ count: 0, ms: 0 });
  })().catch(() => connected.resolve({ count: 0, ms: 0 }));
  return {
    connected: connected.promise,
    /** When each agent got its first message from now on, once `isAll` or after a time. */
    next(isAll: (got: ReadonlyMap<string, number>) => boolean, withinMs: number): Promise<Map<string, number>> {
      got = new Map();
      return new Promise((resolve) => {
        const timer = setTimeout(() => resolve(got), withinMs);
        onGot = () => {
          if (!isAll(got)) return;
          clearTimeout(timer);
          resolve(got);
        };
      });
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

async function measure(name: string, { pid, port, ca }: { pid: number; port: number; ca: string }): Promise<void> {
  const before = residentMb(pid);
  await using clients = await startAgents(port, ca);
  const timer = new AbortController();
  const late = clock.sleep(limitMs.connect, timer.signal).then(() => ({ count: 0, ms: limitMs.connect }));
  late.catch(() => {}); // They were in time.
  const { count, ms } = await Promise.race([clients.connected, late]);
  timer.abort();
  console.log(`${name}: ${count} agents connected in ${(ms / 1000).toFixed(1)} s, ${(count / ms * 1000).toFixed(0)}/s`);
  goals.all(`${name}: agents connected`, count, wanted);
  const after = residentMb(pid);
  console.log(`${name}: ${before.toFixed(0)} MB before, ${after.toFixed(0)} MB with them`);
  goals.atMost(`${name}: memory per agent`, (after - before) * 1024 / count, 150, " kB");
  await measureTasks(name, clients);
  await measureCommands(name, clients);
  await measureWakes(name, clients);
  console.log(`${name}: ${residentMb(pid).toFixed(0)} MB after all of it`);
}

type Clients = Awaited<ReturnType<typeof startAgents>>;

async function measureTasks(name: string, clients: Clients): Promise<void> {
  const took: number[] = [];
  for (let i = 0, lost = 0; i < tasks && lost < mostLost; i++) {
    const agentId = agents[Math.floor(i / tasks * agents.length)]!.agentId;
    // Else each would come right after the server has looked into the SQLite file, and wait for its next look.
    await clock.sleep(Math.random() * 200);
    const next = clients.next((got) => got.has(agentId), limitMs.task);
    const beganMs = now();
    await createTask(platform, { actor: "platform", tenant: tenantId }, {
      agentId,
      payload: { $case: "ping", value: { target: "10.1.0.7", count: 1 } },
      validMs: 60_000,
    });
    const at = (await next).get(agentId);
    lost = at === undefined ? lost + 1 : 0;
    took.push(at === undefined ? Infinity : at - beganMs);
  }
  goals.all(`${name}: tasks that came`, took.filter(Number.isFinite).length, tasks);
  goals.atMost(`${name}: task created to handler, median`, quantile(took, 0.5), 100, " ms");
  goals.atMost(`${name}: task created to handler, p99`, quantile(took, 0.99), 500, " ms");
}

/** From the start of the command's process, its own start-up included. */
async function measureCommands(name: string, clients: Clients): Promise<void> {
  const took: number[] = [];
  for (let i = 0; i < commands; i++) {
    const agentId = agents[Math.floor(i / commands * agents.length)]!.agentId;
    const next = clients.next((got) => got.has(agentId), limitMs.task);
    const beganMs = now();
    const options = ["run", "--no-prompt", "--allow-all", "platform/main.ts", "--data", folder];
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: [...options, "task", "ping", agentId, "10.1.0.7"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).output();
    const at = success ? (await next).get(agentId) : undefined;
    took.push(at === undefined ? Infinity : at - beganMs);
  }
  goals.atMost(`${name}: start of the command to handler, median`, quantile(took, 0.5), 500, " ms");
}

/** By a configuration for each, as a command of another process makes it. */
async function measureWakes(name: string, clients: Clients): Promise<void> {
  const all = clients.next((got) => got.size >= agents.length, limitMs.wake);
  const beganMs = now();
  const document = configDocument(PlatformConfig.create({ pollIntervalSeconds: 60 }));
  await platform.store.transaction(async (tx) => {
    const tenant = tx.tenant(tenantId), at = clock.now();
    for (const { agentId } of agents) await keepAgentConfig(tenant, { agentId, document, at });
  });
  console.log(`${name}: configurations written in ${(now() - beganMs).toFixed(0)} ms`);
  const woken = [...(await all).values()].map((at) => at - beganMs);
  goals.all(`${name}: agents woken`, woken.length, wanted);
  goals.atMost(`${name}: all woken within`, quantile(woken, 1) / 1000, 30, " s");
}

function serve(...more: string[]): RunningProgram {
  const args = ["--data", folder, "serve", "--listen", `127.0.0.1:${freePort()}`, ...more];
  return startProgram("platform/main.ts", args, {});
}

try {
  const serverCa = pemOf(platform.serverAuthority.certificate);
  {
    const port = freePort();
    await using program = serve("--mqtt-listen", `127.0.0.1:${port}`);
    await program.line((line) => line.includes('"ready"'));
    await measure("own broker", { pid: program.pid, port, ca: serverCa });
  }
  if (maybeProgram("mosquitto") === undefined) console.log("Mosquitto is not installed");
  else {
    await using mosquitto = await startMosquitto(platform);
    await Deno.writeTextFile(`${folder}/broker-ca.pem`, mosquitto.authority.pem);
    const url = `mqtts://localhost:${mosquitto.platformPort}`;
    await using program = serve("--mqtt-broker", url, "--mqtt-broker-ca", `${folder}/broker-ca.pem`);
    // Its first try may be too early.
    const isConnected = () => program.err().includes('"mqttBrokerConnected"');
    await until("the platform is connected to Mosquitto", isConnected, 30_000).catch(() => {});
    goals.all("Mosquitto: platforms connected", isConnected() ? 1 : 0, 1);
    await measure("Mosquitto", { pid: mosquitto.pid(), port: mosquitto.agentPort, ca: mosquitto.authority.pem });
  }
} finally {
  await platform[Symbol.asyncDispose]();
  await Deno.remove(folder, { recursive: true });
}
goals.print();
