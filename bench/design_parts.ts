/** The programs of bench/design_load.ts that are killed and begun again, as a supervisor would. */
import { haproxyAddress, haproxyConfiguration } from "../tests/fixtures/haproxy.ts";
import { freePort } from "../tests/fixtures/free_port.ts";
import { startMosquitto } from "../tests/fixtures/mosquitto_peer.ts";
import { maybeProgram } from "../tests/fixtures/peers.ts";
import type { PostgresServer } from "../tests/fixtures/postgres_server.ts";
import { type RunningProgram, startProgram } from "../tests/fixtures/start_program.ts";
import { until } from "../tests/fixtures/until.ts";
import type { OpenPlatform } from "../platform/agents/platform.ts";

/** A program that can be killed and begun again at the same place. */
export interface Part {
  name: string;
  kill(): Promise<void>;
  /** Until it says that it is ready. */
  start(): Promise<void>;
  pid(): number;
  /** Nobody has to begin it again. */
  isBackByItself?: boolean;
}

export interface PlatformPart extends Part {
  /** What its processes logged. */
  said(): string;
}

export interface Parts extends AsyncDisposable {
  processes: PlatformPart[];
  haproxy: Part;
  mosquitto: Part & { agentPort: number; authorityPem: string };
  /** At HAProxy. */
  ports: { agents: number; portal: number };
}

export async function startParts(
  { folder, databaseUrl, platform }: { folder: string; databaseUrl: string; platform: OpenPlatform },
): Promise<Parts> {
  await using built = new AsyncDisposableStack();
  const broker = built.use(await startMosquitto(platform));
  await Deno.writeTextFile(`${folder}/broker-ca.pem`, broker.authority.pem);
  const ports = { agents: freePort(), portal: freePort() };
  const places = [1, 2].map((number) => ({ number, agents: freePort(), portal: freePort() }));
  const processes = places.map(({ number, agents, portal }) => {
    const options = ["--data", `${folder}/platform`, "serve", "--listen", `127.0.0.1:${agents}`];
    const pages = ["--portal-listen", `127.0.0.1:${portal}`, "--portal-url", `https://localhost:${ports.portal}`];
    const mqtt = ["--mqtt-broker", `mqtts://localhost:${broker.platformPort}`, "--mqtt-broker-ca"];
    const quotas = ["--agent-quota", "100000", "--customer-quota", "1000000"];
    const args = [...options, ...pages, ...mqtt, `${folder}/broker-ca.pem`, "--proxy-protocol", haproxyAddress];
    return platformPart(`platform process ${number}`, [...args, ...quotas], { OPENDCA_DATABASE: databaseUrl });
  });
  for (const each of processes) {
    built.defer(each.kill);
    await each.start();
  }
  const file = `${folder}/haproxy.cfg`;
  await Deno.writeTextFile(
    file,
    haproxyConfiguration(
      { platforms: places.map(({ agents }) => agents), portals: places.map(({ portal }) => portal) },
      { agents: `:${ports.agents}`, portal: `:${ports.portal}`, postgres: `127.0.0.1:${freePort()}` },
    ).replace("maxconn 20000", "maxconn 5000"), // Two descriptors each.
  );
  const haproxy = haproxyPart(file, ports.agents);
  built.defer(haproxy.kill);
  await haproxy.start();
  const mosquitto = {
    name: "Mosquitto",
    kill: broker.stop,
    start: broker.start,
    pid: broker.pid,
    agentPort: broker.agentPort,
    authorityPem: broker.authority.pem,
  };
  const all = built.move();
  return { processes, haproxy, mosquitto, ports, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

function platformPart(name: string, args: string[], env: Record<string, string>): PlatformPart {
  let program: RunningProgram | undefined, isKilled = false;
  const before: string[] = [];
  return {
    name,
    said: () => [...before, program?.err() ?? ""].join(""),
    pid: () => program!.pid,
    async kill() {
      isKilled = true;
      await program?.kill("SIGKILL");
      isKilled = false;
      if (program !== undefined) before.push(program.err());
      program = undefined;
    },
    async start() {
      const begun = program = startProgram("platform/main.ts", args, env);
      await program.line((line) => line.includes('"ready"'));
      void begun.status.then(({ code, signal }) => {
        if (program !== begun || isKilled) return;
        const last = begun.err().trimEnd().split("\n").slice(-20).join("\n");
        console.error(`${name} ended by itself (${signal ?? `exit code ${code}`}):\n${last}`);
      });
    },
  };
}

function haproxyPart(file: string, port: number): Part {
  let child: Deno.ChildProcess | undefined;
  return {
    name: "HAProxy",
    pid: () => child!.pid,
    async kill() {
      child?.kill("SIGKILL");
      await child?.status;
      child = undefined;
    },
    async start() {
      child = new Deno.Command(maybeProgram("haproxy")!, {
        args: ["-db", "-f", file],
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).spawn();
      const isOpen = () => Deno.connect({ port }).then((it) => it.close()).then(() => true, () => false);
      await until("HAProxy listens", isOpen);
    },
  };
}

/** One of the processes of PostgreSQL that serve the platform: the server ends all others, and recovers. */
export function backendPart(server: PostgresServer, database: string): Part {
  return {
    name: "PostgreSQL, one backend",
    pid: server.pid,
    async kill() {
      const busiest = `SELECT pid FROM pg_stat_activity WHERE datname = '${database}' AND usename = 'opendca'
        ORDER BY state = 'active' DESC, query_start DESC LIMIT 1`;
      const [row] = await server.sql(busiest);
      Deno.kill(Number(row!.pid), "SIGKILL");
    },
    isBackByItself: true,
    start: () => until("PostgreSQL answers", () => server.sql("SELECT 1").then(() => true, () => false)),
  };
}

export function serverPart(server: PostgresServer): Part {
  return {
    name: "PostgreSQL, the server",
    pid: server.pid,
    kill: () => server.stop("immediate"),
    start: server.start,
  };
}
