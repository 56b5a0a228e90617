/** What sessions cost a server of this runtime that does nothing: the floor of bench/platform.ts. */
import { once } from "node:events";
import { connect } from "node:tls";
import { systemClock } from "../common/core/clock.ts";
import { openPlatform } from "../platform/compose.ts";
import { usageOf } from "./measure.ts";
import { type BenchAgent, clientOf, makeAgents, poll } from "./platform_agents.ts";

export interface Floor {
  perSecond: number;
  /** Processor time of the server. */
  cpuMs: number;
}

const atOnce = 8;

/** Mutual TLS handshakes, gRPC sessions with one empty call, and empty calls on open connections. */
export async function measureFloor(): Promise<{ handshake: Floor; session: Floor; call: Floor }> {
  const folder = await Deno.makeTempDir();
  const [agent] = await (async () => {
    await using platform = await openPlatform({ dataDirectory: folder, clock: systemClock, log: () => {} });
    return await makeAgents(platform, 1);
  })() as [BenchAgent];
  const server = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-all", new URL("platform_floor_server.ts", import.meta.url).pathname, folder],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  try {
    const reader = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { tlsPort, grpcPort, authorityPem } = JSON.parse((await reader.read()).value!);
    const { privateKeyPem: key, chain: cert } = agent.identity;
    const grpc = { target: `localhost:${grpcPort}`, port: grpcPort, authorityPem };
    const floor = async (count: number, work: () => Promise<unknown>): Promise<Floor> => {
      // The first ones are compiled.
      for (let i = 0; i < 50; i++) await work();
      const cpuBefore = usageOf(server.pid).cpuSeconds, begin = performance.now();
      let left = count;
      await Promise.all(Array.from({ length: atOnce }, async () => {
        while (left-- > 0) await work();
      }));
      const elapsed = (performance.now() - begin) / 1000;
      return { perSecond: count / elapsed, cpuMs: (usageOf(server.pid).cpuSeconds - cpuBefore) * 1000 / count };
    };
    const handshake = await floor(400, async () => {
      const socket = connect({
        host: "127.0.0.1",
        port: tlsPort,
        servername: "localhost",
        ca: authorityPem,
        key,
        cert,
      });
      await once(socket.resume(), "close");
    });
    const session = await floor(300, async () => {
      using client = clientOf(grpc, agent.identity);
      await poll(client, agent);
    });
    using client = clientOf(grpc, agent.identity);
    const call = await floor(4000, () => poll(client, agent));
    return { handshake, session, call };
  } finally {
    server.kill("SIGTERM");
    await server.status;
    await Deno.remove(folder, { recursive: true });
  }
}
