/**
 * Runs within namespaces of its own (network_contract_test.ts): platform, name server and printers here, the agent in a second
 * network namespace whose only way out is an interface to this one. A packet filter in the agent's namespace counts each
 * packet that it may send, and keeps where to every other one was sent. strace keeps each call of listen().
 */
import assert from "node:assert/strict";
import { get as getHttps } from "node:https";
import type { Duplex } from "node:stream";
import { systemClock } from "../../common/core/clock.ts";
import { OpenWebAccess, Task } from "../../proto/gen/opendca/v1/task.ts";
import { openSession, type ShownSession, showSession } from "../../platform/access/manage_sessions.ts";
import type { Tunnels } from "../../platform/access/tunnels.ts";
import { createLink } from "../../platform/access/web_sessions.ts";
import { createCode } from "../../platform/agents/activation_codes.ts";
import type { OpenPlatform } from "../../platform/agents/platform.ts";
import { auditRows } from "../../platform/audit/audit_log.ts";
import type { TenantBy } from "../../platform/audit/use_case.ts";
import { openPlatform, serve } from "../../platform/compose.ts";
import { createCustomer, createSite } from "../../platform/customers/customers.ts";
import { pemOf } from "../../platform/keys/authority.ts";
import { createTask, showTask, type TaskPayload } from "../../platform/tasks/manage_tasks.ts";
import { objectsOf } from "../../simulator/device.ts";
import { parseFleet } from "../../simulator/fleet_file.ts";
import { type Simulator, startSimulator } from "../../simulator/simulator.ts";
import {
  type Entry,
  type ProcessOutput,
  type RunningProgram,
  runProgram,
  startProgram,
} from "../fixtures/start_program.ts";
import { until } from "../fixtures/until.ts";

export interface ContractScene {
  agent: Entry;
}

const host = "platform.contract.test";
const here = "10.76.1.1", gate = "10.76.0.1", agentAddress = "10.76.0.2";
const printers = ["10.77.0.4", "10.77.0.5", "10.77.0.6", "10.77.0.7"];
const [first, second, third, swapped] = printers as [string, string, string, string];
const range = "10.77.0.0/28";
/** Answers as well, and may not be asked. */
const outside = "10.99.0.1";
const ports = { grpc: 8443, wss: 443, mqtts: 8883, ssh: 22, pages: 4443 };
const serialOid = "1.3.6.1.2.1.43.5.1.1.17.1";

/** Packets of which the system is the author are let through: neighbours of IPv6, and what answers a late datagram. */
const rules = `
table inet contract {
  set foreign { type ipv4_addr . inet_proto . inet_service; flags dynamic; counter; size 65535; }
  set pages { type ipv4_addr . inet_service; flags dynamic; counter; size 65535; }
  counter grpc { }
  counter mqtt { }
  counter ssh { }
  counter dns { }
  counter snmp { }
  counter pages { }
  counter ping { }
  counter others { }
  chain sent {
    type filter hook output priority 0;
    ip daddr ${here} udp dport 53 counter name dns accept
    ip daddr ${here} tcp dport ${ports.grpc} counter name grpc accept
    ip daddr ${here} tcp dport { ${ports.wss}, ${ports.mqtts} } counter name mqtt accept
    ip daddr ${here} tcp dport ${ports.ssh} counter name ssh accept
    ip daddr ${range} udp dport { 161, 1161 } counter name snmp accept
    ip daddr ${range} tcp dport 80 update @pages { ip daddr . tcp dport counter }
    ip daddr ${range} tcp dport 80 counter name pages accept
    ip daddr ${range} icmp type echo-request counter name ping accept
    icmp type destination-unreachable accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld-listener-report, mld2-listener-report } accept
    meta nfproto ipv4 meta l4proto { tcp, udp } update @foreign { ip daddr . meta l4proto . th dport counter }
    counter name others
  }
}
`;

async function run(command: readonly string[], input = ""): Promise<string> {
  const [program, ...args] = command;
  const child = new Deno.Command(program!, { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!success) throw new Error(`Cannot run ${command.join(" ")}: ${text(stderr)}`);
  return text(stdout);
}

interface Sent {
  /** Packets by what they are. */
  counts: Record<string, number>;
  /** "ADDRESS PROTOCOL PORT" of what may not be sent. */
  foreign: string[];
  /** "ADDRESS PORT" of web pages. */
  pages: string[];
}

interface Observer extends AsyncDisposable {
  /** Command line that runs a program there. */
  within: string[];
  /** The same, and each call of listen() is written down. */
  traced: string[];
  sent(): Promise<Sent>;
  /** Listening sockets that were seen so far, and calls that made one. */
  listened(): Promise<string[]>;
}

/** The agent's namespace with its filter. */
async function startObserver(folder: string): Promise<Observer> {
  const holder = new Deno.Command("unshare", { args: ["-n", "sleep", "infinity"], stdin: "null" }).spawn();
  const within = ["nsenter", "-t", `${holder.pid}`, "-n"], trace = `${folder}/listen.trace`;
  const own = await Deno.readLink("/proc/self/ns/net");
  await until("there is a second namespace", async () => await Deno.readLink(`/proc/${holder.pid}/ns/net`) !== own);
  await run(["ip", "link", "set", "lo", "up"]);
  await run(["ip", "link", "add", "near", "type", "veth", "peer", "name", "way", "netns", `${holder.pid}`]);
  await run(["ip", "address", "add", `${gate}/30`, "dev", "near"]);
  await run(["ip", "link", "set", "near", "up"]);
  for (const address of [here, outside, ...printers]) await run(["ip", "address", "add", `${address}/32`, "dev", "lo"]);
  await run([...within, "ip", "link", "set", "lo", "up"]);
  await run([...within, "ip", "address", "add", `${agentAddress}/30`, "dev", "way"]);
  await run([...within, "ip", "link", "set", "way", "up"]);
  await run([...within, "ip", "route", "add", "default", "via", gate]);
  await run([...within, "nft", "-f", "-"], rules);
  const seen = new Set<string>();
  let isOver = false;
  const looking = (async () => {
    while (!isOver) {
      const lines = await run([...within, "ss", "-Hltx"]);
      for (const line of lines.split("\n")) if (line !== "") seen.add(line);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  })();
  looking.catch(() => {});
  return {
    within,
    traced: [...within, "strace", "-D", "-f", "--seccomp-bpf", "-qq", "-e", "trace=listen", "-o", trace],
    async sent() {
      const { nftables } = JSON.parse(await run([...within, "nft", "-j", "list", "ruleset"]));
      const keysOf = (name: string): string[] =>
        // deno-lint-ignore no-explicit-any
        (nftables.find((each: any) => each.set?.name === name).set.elem ?? []).map((each: any) =>
          each.elem.val.concat.join(" ")
        ).sort();
      // deno-lint-ignore no-explicit-any
      const counters = nftables.flatMap((each: any) => each.counter === undefined ? [] : [each.counter]);
      return {
        // deno-lint-ignore no-explicit-any
        counts: Object.fromEntries(counters.map((each: any) => [each.name, each.packets])),
        foreign: keysOf("foreign"),
        pages: keysOf("pages"),
      };
    },
    async listened() {
      const calls = (await Deno.readTextFile(trace)).split("\n").filter((line) => line.includes("listen("));
      return [...seen, ...calls];
    },
    async [Symbol.asyncDispose]() {
      isOver = true;
      await looking;
      holder.kill("SIGKILL");
      await holder.status;
    },
  };
}

/** A name server that knows the platform alone, and is the only one that programs of these namespaces ask. */
async function startNameServer(folder: string): Promise<AsyncDisposable> {
  await Deno.writeTextFile(`${folder}/hosts`, "127.0.0.1 localhost\n");
  await Deno.writeTextFile(`${folder}/nsswitch.conf`, "hosts: files dns\n");
  await Deno.writeTextFile(`${folder}/resolv.conf`, `nameserver ${here}\n`);
  for (const name of ["hosts", "nsswitch.conf", "resolv.conf"]) {
    await run(["mount", "--bind", `${folder}/${name}`, `/etc/${name}`]);
  }
  const args = ["-d", "-C", "/dev/null", "--no-resolv", "--no-hosts", `--listen-address=${here}`, "--bind-interfaces"];
  const server = new Deno.Command("dnsmasq", {
    args: [...args, `--address=/${host}/${here}`, "--local=/#/"],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await until("the name server answers", () => Deno.resolveDns(host, "A").then(() => true, () => false));
  return {
    async [Symbol.asyncDispose]() {
      server.kill("SIGKILL");
      await server.status;
    },
  };
}

/** Printers with a page each, at addresses that are the agent's range. */
function startPrinters(): Promise<Simulator> {
  const devices = printers.flatMap((address, at) =>
    parseFleet(`printers:
  - { name: printer${at}, address: 127.0.0.1, port: 161, maker: Example, model: Laser 9000, serial: XCT1000${at} }
`).map((device) => ({ ...device, address }))
  );
  return startSimulator({ devices, web: { port: 80 } });
}

interface Contract {
  folder: string;
  observer: Observer;
  platform: OpenPlatform;
  tunnels: Tunnels;
  by: TenantBy;
  agentId: string;
  agent: RunningProgram;
  simulator: Simulator;
  opendca(...args: string[]): Promise<ProcessOutput>;
}

const agentYaml = (folder: string) =>
  `platform:
  rootDomain: contract.test
  endpoints: [${host}:${ports.grpc}]
  mqtt: ["wss://${host}:${ports.wss}", "mqtts://${host}:${ports.mqtts}"]
  ca: ${folder}/ca.pem
stateDirectory: ${folder}/state
sites: [{ name: office, ranges: [${range}], rate: 0 }]
limits: { timeout: 300ms, workers: 1 }
policy:
  features: { webAccess: true }
log: { level: debug, format: json }
`;

async function startContract({ agent: entry }: ContractScene, stack: AsyncDisposableStack): Promise<Contract> {
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const observer = stack.use(await startObserver(folder));
  stack.use(await startNameServer(folder));
  const simulator = stack.use(await startPrinters());
  const platform = stack.use(
    await openPlatform({ dataDirectory: `${folder}/platform`, clock: systemClock, log() {}, pollSeconds: 30 }),
  );
  const server = stack.use(
    await serve(platform, {
      host: here,
      port: ports.grpc,
      names: [host],
      mqtt: { wss: { host: here, port: ports.wss }, tls: { host: here, port: ports.mqtts } },
      ssh: { host: here, port: ports.ssh, hosts: [{ host, port: ports.ssh }] },
      web: { host: here, port: ports.pages, domain: "pages.contract.test" },
    }),
  );
  await Deno.writeTextFile(`${folder}/ca.pem`, pemOf(platform.serverAuthority.certificate));
  await Deno.writeTextFile(`${folder}/agent.yaml`, agentYaml(folder));
  const actor = { kind: "operator", name: "eva" } as const;
  const { customer_id: tenant } = await createCustomer(platform, { actor }, { name: "Acme" });
  const by: TenantBy = { actor, tenant };
  await createSite(platform, by, { name: "Berlin" });
  const { code } = await createCode(platform, by, { validMs: 3_600_000 });
  const env = { OPENDCA_GUARD_DIRECTORY: `${folder}/guard` };
  const opendca = (...args: string[]) =>
    runProgram(entry, [...args, "--config", `${folder}/agent.yaml`], env, observer.within);
  const activated = await opendca("activate", code);
  assert.equal(activated.code, 0, activated.err);
  const { agentId } = JSON.parse((await opendca("status", "--json")).out);
  const agent = stack.use(
    startProgram(entry, ["run", "--config", `${folder}/agent.yaml`], env, observer.traced),
  );
  await agent.line((line) => line.includes('"mqttConnected"'));
  return { folder, observer, platform, tunnels: server.tunnels!, by, agentId, agent, simulator, opendca };
}

/** What came of a task, as the platform knows it. */
async function outcomeOf(
  { platform, by, agentId }: Contract,
  payload: TaskPayload,
): Promise<{ taskId: string; state: string; message: string }> {
  const { taskId } = await createTask(platform, by, { agentId, payload, validMs: 600_000 });
  const shown = () => showTask(platform, by, { taskId });
  await until(
    `the task ${payload.$case} is over`,
    async () => ["succeeded", "failed", "refused", "expired"].includes((await shown()).state),
  );
  const { state, message } = await shown();
  return { taskId, state, message: message ?? "" };
}

async function openAt({ platform, by, tunnels }: Contract, device: string): Promise<ShownSession> {
  const wish = { device, port: 80, scheme: "http", lastsMs: 600_000 } as const;
  const { sessionId } = await openSession(platform, by, wish);
  await until(`the session to ${device} is open`, async () => {
    const { state, reason } = await showSession(platform, by, { sessionId });
    if (state !== "waiting" && state !== "open") throw new Error(`the session to ${device} is ${state}: ${reason}`);
    return tunnels.of(sessionId) !== undefined;
  });
  return await showSession(platform, by, { sessionId });
}

async function page(duplex: Duplex): Promise<string> {
  duplex.write("GET / HTTP/1.1\r\nHost: printer\r\nConnection: close\r\n\r\n");
  let text = "";
  for await (const chunk of duplex) text += chunk;
  return text;
}

/** As a browser at the platform's side, whose name server knows the names of sessions. */
function visit(address: string, { ca, cookie }: { ca: string; cookie?: string | undefined }) {
  const { hostname: servername, host, port, pathname, search } = new URL(address);
  return new Promise<{ body: string; status: number; cookie: string | undefined }>((resolve, reject) => {
    const headers = { Host: host, Connection: "close", ...(cookie === undefined ? {} : { Cookie: cookie }) };
    const path = pathname + search;
    getHttps({ host: here, port, servername, ca, path, headers, agent: false }, (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (part: string) => body += part).on("error", reject);
      answer.on("end", () => {
        resolve({ body, status: answer.statusCode!, cookie: answer.headers["set-cookie"]?.[0]?.split(";")[0] });
      });
    }).on("error", reject);
  });
}

/** Everything that the agent does, each with the packets that belong to it and no others. */
async function useEachFeature(contract: Contract): Promise<ShownSession> {
  const { observer, platform, by, opendca, tunnels } = contract;
  const scan = { site: "", targets: [], knownDevicesOnly: false };
  const scanned = await outcomeOf(contract, { $case: "scanNow", value: scan });
  assert.equal(scanned.state, "succeeded", scanned.message);
  await until(
    "the printers are known",
    () =>
      platform.store.transaction(async (tx) =>
        (await tx.tenant(by.tenant).all("SELECT 1 FROM devices WHERE customer_id = :customer")).length ===
          printers.length
      ),
  );
  const others: TaskPayload[] = [{ $case: "diagnostics", value: { logHours: 1 } }, {
    $case: "refreshConfig",
    value: {},
  }];
  for (const { state, message } of await Promise.all(others.map((payload) => outcomeOf(contract, payload)))) {
    assert.equal(state, "succeeded", message);
  }
  const doctor = await opendca("doctor");
  assert.ok(doctor.out.includes(host), doctor.out + doctor.err);
  const before = await observer.sent();
  for (const each of ["grpc", "mqtt", "dns", "snmp"]) assert.ok(before.counts[each]! > 0, `no packet of ${each}`);
  assert.deepEqual([before.counts.ping, before.counts.ssh, before.counts.pages], [0, 0, 0]);

  const pinged = await outcomeOf(contract, { $case: "ping", value: { target: first, count: 2 } });
  assert.equal(pinged.state, "succeeded", pinged.message);
  const afterPing = await observer.sent();
  assert.equal(afterPing.counts.ping, 2);
  assert.deepEqual([afterPing.counts.ssh, afterPing.counts.pages], [0, 0]);

  const session = await openAt(contract, first);
  assert.equal((await observer.sent()).counts.pages, 0, "the printer is dialled before anybody asks for its page");
  assert.match(await page(await tunnels.of(session.session_id)!.open()), /XCT10000/);
  const shown = await observer.sent();
  assert.deepEqual(shown.pages, [`${first} 80`]);
  assert.ok(shown.counts.ssh! > 0);
  assert.deepEqual(shown.foreign, []);
  return session;
}

/** The order of a session that is open, to forge others of. */
async function orderOf({ platform, by }: Contract, { task_id: taskId }: ShownSession): Promise<OpenWebAccess> {
  const { payload } = Task.decode((await showTask(platform, by, { taskId })).task);
  assert.ok(payload?.$case === "openWebAccess");
  return payload.value;
}

/** Orders that a platform in wrong hands could sign: each is refused, in the logs of both sides, and dials nobody. */
async function giveForbiddenOrders(contract: Contract, session: ShownSession): Promise<void> {
  const { observer, platform, by, agent, opendca, simulator, tunnels } = contract;
  const order = await orderOf(contract, session);
  const fourth = await orderOf(contract, await openAt(contract, swapped));
  await endSession(contract, fourth.sessionId);
  const sessions = async () => JSON.parse((await opendca("sessions", "--json")).out).sessions.length;
  await until("the agent has one session", async () => await sessions() === 1);
  const before = await observer.sent();
  simulator.setObjects(swapped, objectsOf({ [serialOid]: "STOLEN99" }));
  const web = (sessionId: string, change: Partial<OpenWebAccess>): TaskPayload => ({
    $case: "openWebAccess",
    value: { ...order, sessionId, ...change },
  });
  // Two of them at a time, as an order counts as a session while it is checked. A scan of the schedule may find the other device
  // before its order comes.
  const forbidden: [TaskPayload, RegExp][][] = [[
    [web("ses-outside", { address: outside }), new RegExp(`is not at ${outside}`)],
    [web("ses-port22", { port: 22 }), /does not have port 22/],
    [{ $case: "ping", value: { target: outside, count: 1 } }, /outside/],
    [{ $case: "scanNow", value: { site: "", targets: [`${outside}/31`], knownDevicesOnly: false } }, /outside/],
  ], [
    [
      web("ses-serial", { ...fourth, sessionId: "ses-serial" }),
      /another device (is at 10\.77\.0\.7.*STOLEN99|answers where)/,
    ],
    [web("ses-unknown", { deviceKey: "unknown", address: second }), /not in this agent's inventory/],
  ], [
    [web("ses-another", { address: second }), new RegExp(`is not at ${second}`)],
    [web("ses-gateway", { gateways: [{ host: outside, port: 22 }] }), /the gateway is outside/],
  ]];
  const refused: { taskId: string; session: string | undefined }[] = [];
  const expectRefusal = async (payload: TaskPayload, why: RegExp) => {
    const { taskId, state, message } = await outcomeOf(contract, payload);
    assert.match(message, why);
    assert.equal(state, "refused", message);
    refused.push({ taskId, session: payload.$case === "openWebAccess" ? payload.value.sessionId : undefined });
  };
  for (const orders of forbidden) await Promise.all(orders.map(([payload, why]) => expectRefusal(payload, why)));
  const open = [session, await openAt(contract, second), await openAt(contract, third)];
  await assert.rejects(openAt(contract, second), /has 3 already/, "the platform itself");
  await expectRefusal(web("ses-fourth", {}), /3 sessions are open or waiting/);
  const after = await observer.sent();
  assert.deepEqual(after.foreign, []);
  assert.deepEqual([after.pages, after.counts.pages], [before.pages, before.counts.pages], "a page was dialled");
  assert.equal(after.counts.ping, before.counts.ping);

  const ledger = (await opendca("ledger")).out;
  const audit = await platform.store.transaction((tx) => auditRows(tx, { limit: 1000, customerId: by.tenant }));
  for (const { taskId, session } of refused) {
    assert.ok(agent.lines.some((line) => line.includes(taskId) && line.includes("refused")), "the agent's log");
    assert.ok(audit.some(({ action, subject }) => action === "taskRefused" && subject === taskId), "the audit log");
    if (session !== undefined) assert.match(ledger, new RegExp(`Refused session ${session}`));
  }
  for (const { session_id } of open.slice(1)) await endSession(contract, session_id);
  assert.ok(tunnels.of(session.session_id) !== undefined);
}

async function endSession({ tunnels }: Contract, sessionId: string): Promise<void> {
  const tunnel = tunnels.of(sessionId)!;
  tunnel.close("done");
  await tunnel.closed;
}

/** A printer's redirect to another one is not followed, by the gateway or by the agent. */
async function followRedirect(contract: Contract, session: ShownSession): Promise<void> {
  const { observer, platform, by } = contract;
  const ca = pemOf(platform.serverAuthority.certificate);
  const { link } = await createLink(platform, by, { sessionId: session.session_id });
  const { cookie } = await visit(link, { ca });
  const own = await visit(new URL("/", link).href, { ca, cookie });
  assert.match(own.body, /XCT10000/);
  const away = await visit(new URL("/odd/to-another-printer", link).href, { ca, cookie });
  assert.match(away.body, /127\.77\.0\.99/, "the gateway says where it leads");
  assert.deepEqual((await observer.sent()).pages, [`${first} 80`]);
}

/** The observer is not blind: a program in the agent's place that dials and listens is seen. */
async function breakContract({ observer }: Contract): Promise<void> {
  const program = `Deno.listen({ port: 9999 });
    await Deno.connect({ hostname: "${second}", port: 22 }).catch(() => {});
    await Deno.connect({ hostname: "${outside}", port: 80 }).catch(() => {});
    setInterval(() => {}, 1000);`;
  const [command, ...args] = [...observer.traced, Deno.execPath(), "eval", program];
  const child = new Deno.Command(command!, { args, stdin: "null" }).spawn();
  try {
    await until("its dialling is seen", async () => (await observer.sent()).foreign.length === 2);
    assert.deepEqual((await observer.sent()).foreign, [`${second} tcp 22`, `${outside} tcp 80`]);
    await until("its listening is seen", async () => {
      const seen = (await observer.listened()).join("\n");
      return /LISTEN.*:9999/.test(seen) && seen.includes("listen(");
    });
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
}

async function keepContract(scene: ContractScene): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const contract = await startContract(scene, stack);
  const { observer, agent, opendca } = contract;
  const session = await useEachFeature(contract);
  await giveForbiddenOrders(contract, session);
  await followRedirect(contract, session);
  await endSession(contract, session.session_id);
  await until("there is no session", async () => (await opendca("sessions")).out === "there are no sessions\n");
  await agent.kill("SIGTERM");
  const { foreign, counts } = await observer.sent();
  assert.deepEqual(foreign, [], "packets to others");
  assert.equal(counts.others, 0);
  assert.deepEqual(await observer.listened(), []);
  await breakContract(contract);
  console.log(`the contract was kept: ${JSON.stringify(counts)}`);
}

if (import.meta.main) await keepContract(JSON.parse(Deno.args[0]!));
