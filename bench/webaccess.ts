/**
 * `deno task bench:webaccess`: Device Web Access from the task to the page, small requests, large transfers, twenty sessions
 * at once and slow readers, through a real gateway and real agents on loopback; `ssh -R` of OpenSSH in the same run.
 */
import http from "node:http";
import https from "node:https";
import { programOptions } from "../tools/program_options.ts";
import { createGoals } from "./goals.ts";
import { alignColumns, usageOf } from "./measure.ts";
import { maybePeer } from "./programs.ts";
import { maybeSshForward } from "./ssh_forward.ts";
import { agents, type OpenedPage, startWebScene, type WebScene } from "./webaccess_scene.ts";

programOptions("deno task bench:webaccess", {});

const smallRequests = 500;
const rounds = 3;
const megabyte = 1024 * 1024;
const transferBytes = 128 * megabyte;
const sessionsAtOnce = 20;
const requestsOfEach = 10;
const slowReaders = 3;
const slowSeconds = 10;
const slowBytes = 1024 * megabyte;

interface Page {
  origin: string;
  cookie: string;
}

interface Answer {
  status: number;
  body: string;
  cookie: string | undefined;
}

interface Asked {
  url: string;
  cookie?: string;
  ca?: string;
  agent?: http.Agent | https.Agent;
}

/** As a browser does it: every name below `localhost` is this machine. */
function ask({ url, cookie, ca, agent }: Asked): Promise<Answer> {
  const { protocol, hostname, host, port, pathname, search } = new URL(url);
  const isSecure = protocol === "https:";
  return new Promise((resolve, reject) => {
    const options = {
      host: isSecure ? "127.0.0.1" : hostname,
      port,
      path: pathname + search,
      headers: { Host: host, ...(cookie === undefined ? {} : { Cookie: cookie }) },
      agent: agent ?? false,
      ...(isSecure ? { servername: hostname, ca } : {}),
    };
    (isSecure ? https : http).get(options, (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("error", reject).on("data", (part: string) => body += part);
      const cookies = answer.headers["set-cookie"];
      answer.on(
        "end",
        () => resolve({ status: answer.statusCode ?? 0, body, cookie: cookies?.[0]?.split(";")[0] }),
      );
    }).on("error", reject);
  });
}

function quantile(values: readonly number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? Infinity;
}

/** The link, and then the page, as a browser goes on to it. */
async function visit({ origin, token }: OpenedPage, ca: string): Promise<Page & Answer> {
  const agent = new https.Agent({ keepAlive: true });
  const { cookie } = await ask({ url: `${origin}/.opendca/start?token=${token}`, ca, agent });
  if (cookie === undefined) throw new Error("the link gave no cookie");
  const page = await ask({ url: `${origin}/`, cookie, ca, agent });
  agent.destroy();
  return { ...page, origin, cookie };
}

/** Sessions with the page of each agent's first printer, one after the other. */
async function timePages(scene: WebScene): Promise<{ pages: Page[]; tookMs: number[] }> {
  const pages: Page[] = [], tookMs: number[] = [];
  for (let agent = 0; agent < agents; agent++) {
    const beganMs = performance.now();
    const page = await visit(await scene.open(agent, 0, scene.ports.page), scene.ca.pem);
    tookMs.push(performance.now() - beganMs);
    if (page.status !== 200) throw new Error(`the page has status ${page.status}`);
    pages.push(page);
  }
  return { pages, tookMs };
}

/** Small requests on one connection that is kept. */
async function timeSmall(asked: Omit<Asked, "agent">): Promise<number[]> {
  const options = { keepAlive: true, maxSockets: 1 };
  const agent = asked.url.startsWith("https") ? new https.Agent(options) : new http.Agent(options);
  const tookMs: number[] = [];
  for (let i = -20; i < smallRequests; i++) {
    const beganMs = performance.now();
    const { status } = await ask({ ...asked, agent });
    if (status !== 200) throw new Error(`a small request was answered with ${status}`);
    if (i >= 0) tookMs.push(performance.now() - beganMs);
  }
  agent.destroy();
  return tookMs;
}

/** Small requests through OpenSSH's sshd in place of our gateway. */
async function timeSshd(): Promise<number[]> {
  await using scene = await startWebScene({ agents: 1, sshd: true });
  const file = await visit(await scene.open(0, 1, scene.ports.file), scene.ca.pem);
  return await timeSmall({ url: `${file.origin}/`, cookie: file.cookie, ca: scene.ca.pem });
}

/** curl's arguments for an address, and whose page it is. */
function curlArguments(page: { origin: string; cookie?: string }, ca: string): string[] {
  const { hostname, port } = new URL(page.origin);
  const own = page.cookie === undefined ? [] : [
    ...["--cacert", ca, "--resolve", `${hostname}:${port}:127.0.0.1`, "-H", `Cookie: ${page.cookie}`],
    ...["-H", "Sec-Fetch-Site: same-origin", "-H", `Origin: ${page.origin}`],
  ];
  return ["-s", "--http1.1", "-H", "Expect:", "-o", "/dev/null", ...own];
}

/** Megabytes (of 10⁶ bytes, as the goal has them) a second. */
async function timeTransfer(
  page: { origin: string; cookie?: string },
  { ca, upload }: { ca: string; upload?: string },
): Promise<number> {
  const what = upload === undefined ? [`${page.origin}/large?${transferBytes}`] : ["-T", upload, `${page.origin}/up`];
  const shown = "%{http_code} %{size_download} %{size_upload} %{time_total}";
  const args = [...curlArguments(page, ca), "-w", shown, ...what];
  const { stdout } = await new Deno.Command("curl", { args }).output();
  const [status, down, up, seconds] = new TextDecoder().decode(stdout).split(" ").map(Number);
  const bytes = upload === undefined ? down : up;
  if (status !== 200 || bytes !== transferBytes) {
    throw new Error(`a transfer ended with ${status} after ${bytes} bytes`);
  }
  return bytes / 1e6 / seconds!;
}

interface Speeds {
  down: number[];
  up: number[];
}

async function timeTransfers(scene: WebScene, page: Page): Promise<Map<string, Speeds>> {
  const upload = `${scene.folder}/upload`;
  await Deno.writeFile(upload, new Uint8Array(transferBytes));
  const direct = `http://${scene.address(0, 1)}:${scene.ports.file}`;
  await using forward = await maybeSshForward(scene.folder, { host: scene.address(0, 1), port: scene.ports.file });
  const ways: [string, { origin: string; cookie?: string }][] = [["direct", { origin: direct }], ["OpenDCA", page]];
  if (forward !== undefined) ways.push(["ssh -R", { origin: `http://127.0.0.1:${forward.port}` }]);
  const speeds = new Map<string, Speeds>(ways.map(([name]) => [name, { down: [], up: [] }]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, way] of ways) {
      speeds.get(name)!.down.push(await timeTransfer(way, { ca: scene.ca.path }));
      speeds.get(name)!.up.push(await timeTransfer(way, { ca: scene.ca.path, upload }));
    }
  }
  return speeds;
}

function sshConnections(port: number): number {
  const args = ["-Htn", "state", "established", "sport", "=", `:${port}`];
  const { stdout } = new Deno.Command("ss", { args }).outputSync();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "").length;
}

/** Opens what is missing of twenty sessions, and asks all of them at the same time. */
async function askAll(scene: WebScene, open: Page[]): Promise<{ connections: number; served: number; ms: number }> {
  const free: [agent: number, printer: number][] = [];
  for (let printer = 1; printer < 3; printer++) {
    for (let agent = 0; agent < agents; agent++) free.push([agent, printer]);
  }
  // That of the first agent's second printer is open.
  const places = free.filter(([agent, printer]) => agent > 0 || printer > 1).slice(0, sessionsAtOnce - open.length);
  const more = await Promise.all(
    places.map(async ([agent, printer]) =>
      await visit(await scene.open(agent, printer, scene.ports.page), scene.ca.pem)
    ),
  );
  const beganMs = performance.now();
  const all = [...open, ...more].map(async ({ origin, cookie }) => {
    for (let i = 0; i < requestsOfEach; i++) {
      const { status, body } = await ask({ url: `${origin}/`, cookie, ca: scene.ca.pem });
      if (status !== 200 || !body.includes("<title>")) throw new Error(`a page has status ${status}`);
    }
  });
  const served = (await Promise.allSettled(all)).filter(({ status }) => status === "fulfilled").length;
  return { connections: sshConnections(scene.ports.ssh), served, ms: performance.now() - beganMs };
}

function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]) / 1024;
}

interface SlowRun {
  /** How much more memory they had at most. */
  agentMb: number;
  platformMb: number;
  /** What the device had sent, or taken. */
  deviceMb: number;
}

/** Readers of 500 kB a second on the browsers' side, or on the device's, while the other side sends as fast as it can. */
async function readSlowly(scene: WebScene, page: Page, side: "browser" | "device"): Promise<SlowRun> {
  const what = side === "browser"
    ? ["--limit-rate", "500k", `${page.origin}/large?${slowBytes}`]
    : ["-T", `${scene.folder}/slow`, `${page.origin}/slow`];
  const counts = async (): Promise<{ sent: number; received: number }> =>
    JSON.parse((await ask({ url: `http://${scene.address(0, 1)}:${scene.ports.file}/counts` })).body);
  const pids = [scene.agents[0]!.pid, scene.platform.pid];
  const before = pids.map(residentMb), sentBefore = await counts();
  const args = [...curlArguments(page, scene.ca.path), ...what];
  const clients = [...Array(slowReaders)].map(() => new Deno.Command("curl", { args, stdout: "null" }).spawn());
  const most = [...before];
  for (let i = 0; i < slowSeconds * 4; i++) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    pids.forEach((pid, at) => most[at] = Math.max(most[at]!, residentMb(pid)));
  }
  const after = await counts();
  for (const client of clients) client.kill("SIGKILL");
  await Promise.all(clients.map(({ status }) => status));
  const [agentMb, platformMb] = most.map((mb, at) => mb - before[at]!);
  const bytes = side === "browser" ? after.sent - sentBefore.sent : after.received - sentBefore.received;
  return { agentMb: agentMb!, platformMb: platformMb!, deviceMb: bytes / megabyte };
}

const goals = createGoals();
const beganMs = performance.now();
console.log(
  `load average ${Deno.loadavg().map((load) => load.toFixed(1)).join(", ")}; ${navigator.hardwareConcurrency} cores`,
);
const missing = [["curl", "curl"], ["ss", "iproute2"]].filter(([program, name]) =>
  maybePeer(program!, name!) === undefined
);
if (missing.length > 0) throw new Error("Cannot measure without them");
const throughSshd = Deno.uid() === 0 && maybePeer("sshd", "openssh-server") !== undefined
  ? await timeSshd()
  : undefined;
await using scene = await startWebScene();
console.log(`platform and ${agents} agents run after ${((performance.now() - beganMs) / 1000).toFixed(0)} s`);

const { pages, tookMs } = await timePages(scene);
console.log(`task created to the page: ${tookMs.map((ms) => ms.toFixed(0)).join(", ")} ms`);
goals.atMost("task created to the page, slowest", Math.max(...tookMs) / 1000, 3, " s");
goals.atMost("task created to the page, median", quantile(tookMs, 0.5) / 1000, 1, " s");

const file = await visit(await scene.open(0, 1, scene.ports.file), scene.ca.pem);
const direct = await timeSmall({ url: `http://${scene.address(0, 1)}:${scene.ports.file}/` });
const through = await timeSmall({ url: `${file.origin}/`, cookie: file.cookie, ca: scene.ca.pem });
const times = [["direct", direct], ["OpenDCA", through], ["OpenSSH's sshd", throughSshd ?? []]] as const;
const smallTable = times.map(([name, of]) => [name, ...[0.5, 0.99].map((q) => quantile(of, q).toFixed(2))]);
console.log(`\n${alignColumns([["small request", "median ms", "p99 ms"], ...smallTable])}\n`);
for (const [name, q] of [["median", 0.5], ["p99", 0.99]] as const) {
  goals.atMost(`added to a small request, ${name}`, quantile(through, q) - quantile(direct, q), 10, " ms");
}
if (throughSshd === undefined) console.log("sshd was not measured, as it needs root");
else {
  const added = quantile(throughSshd, 0.5) - quantile(direct, 0.5);
  goals.atMost("added to a small request through sshd, median", added, 60, " ms");
}

const cpuOf = () => [scene.agents[0]!, scene.platform].map(({ pid }) => usageOf(pid).cpuSeconds);
const cpuBefore = cpuOf();
const speeds = await timeTransfers(scene, file);
const cpuPer100Mb = cpuOf().map((cpu, at) => (cpu - cpuBefore[at]!) / (2 * rounds * transferBytes / 1e8));
const median = (name: string, way: keyof Speeds) => quantile(speeds.get(name)?.[way] ?? [], 0.5);
const speedTable = [...speeds].map(([name, { down, up }]) => [
  name,
  ...[down, up].flatMap((of) => [quantile(of, 0.5).toFixed(0), of.map((each) => each.toFixed(0)).join(" ")]),
]);
console.log(`${alignColumns([["one tunnel", "down MB/s", "rounds", "up MB/s", "rounds"], ...speedTable])}\n`);
const [ofAgent, ofPlatform] = cpuPer100Mb.map((seconds) => seconds.toFixed(2));
console.log(`processor time for 100 MB: agent ${ofAgent} s, platform ${ofPlatform} s`);
goals.atLeast("one tunnel, down", median("OpenDCA", "down"), 40, " MB/s");
goals.atLeast("one tunnel, up", median("OpenDCA", "up"), 40, " MB/s");
for (const way of ["down", "up"] as const) {
  const ratio = median("OpenDCA", way) / median("ssh -R", way);
  console.log(`${way}: ${speeds.has("ssh -R") ? `${ratio.toFixed(2)} × that of ssh -R` : "ssh -R was not measured"}`);
}

await (await Deno.open(`${scene.folder}/slow`, { create: true, write: true })).truncate(slowBytes);
for (const side of ["browser", "device"] as const) {
  const { agentMb, platformMb, deviceMb } = await readSlowly(scene, file, side);
  const passed = side === "browser" ? "the device had sent" : "the device had read";
  console.log(
    `${slowReaders} slow readers on the ${side}'s side, ${slowSeconds} s: ${passed} ${deviceMb.toFixed(0)} MB; ` +
      `agent ${agentMb.toFixed(0)} MB more, platform ${platformMb.toFixed(0)} MB more`,
  );
  goals.atMost(`slow readers on the ${side}'s side, agent's growth`, agentMb, 50, " MB");
  goals.atMost(`slow readers on the ${side}'s side, platform's growth`, platformMb, 50, " MB");
}

const atOnce = await askAll(scene, [...pages, file]);
console.log(
  `${sessionsAtOnce} sessions at once: ${sessionsAtOnce * requestsOfEach} pages, each on a connection of its own, ` +
    `in ${(atOnce.ms / 1000).toFixed(1)} s\n`,
);
goals.all("sessions with a connection of their own", atOnce.connections, sessionsAtOnce);
goals.all("sessions that were served at once", atOnce.served, sessionsAtOnce);
goals.print();
console.log(
  `load average at the end ${Deno.loadavg()[0]!.toFixed(1)}; ${
    ((performance.now() - beganMs) / 1000).toFixed(0)
  } s in all`,
);
