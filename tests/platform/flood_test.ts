/**
 * Peers that hold on to the server without being anybody: they may cost little, and nobody else may notice them. Calls
 * that are refused before their message has come never reach the store: on SQLite alone.
 */
import assert from "node:assert/strict";
import http2 from "node:http2";
import { Buffer } from "node:buffer";
import { status } from "@grpc/grpc-js";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { activatedAgent, polled, startTestPlatform, type TestPlatform } from "../fixtures/platform_fixture.ts";
import { until } from "../fixtures/until.ts";

function portOf(platform: TestPlatform): number {
  return Number(platform.target.split(":")[1]);
}

function dial(platform: TestPlatform): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: "127.0.0.1", port: portOf(platform) });
}

async function untilClosed(connection: Deno.TcpConn): Promise<void> {
  while (await connection.read(new Uint8Array(100)).catch(() => null) !== null);
}

/** An HTTP/2 connection without a client certificate. */
function openSession(platform: TestPlatform): http2.ClientHttp2Session & AsyncDisposable {
  const session = http2.connect(`https://${platform.target}`, { ca: platform.serverAuthority });
  return Object.assign(session, {
    async [Symbol.asyncDispose]() {
      const closed = Promise.withResolvers<void>();
      session.on("close", () => closed.resolve());
      session.destroy();
      await closed.promise;
    },
  });
}

interface HeldCall {
  answer: Promise<{ status: unknown; reason: unknown }>;
}

/** Begins a message of four megabytes, and leaves it at that. */
function hold(session: http2.ClientHttp2Session, method: string): HeldCall {
  const request = session.request({
    ":method": "POST",
    ":path": `/opendca.v1.AgentService/${method}`,
    "content-type": "application/grpc",
    te: "trailers",
  });
  request.write(Buffer.from([0, 0, 0x3f, 0xff, 0xff, 1, 2, 3]));
  const { promise, resolve } = Promise.withResolvers<{ status: unknown; reason: unknown }>();
  const take = (headers: http2.IncomingHttpHeaders) => {
    if (headers["grpc-status"] !== undefined) {
      resolve({ status: Number(headers["grpc-status"]), reason: headers["opendca-reason"] });
    }
  };
  request.on("response", take);
  request.on("trailers", take);
  request.on("error", () => {});
  request.resume();
  return { answer: promise };
}

slowInPostgres("a connection without a handshake is closed, and agents go on meanwhile", async () => {
  await using platform = await startTestPlatform({ connections: { withoutCallMs: 2000 } });
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  const idle = await Promise.all(Array.from({ length: 200 }, () => dial(platform)));
  await until("an agent of the same address gets through", async () => await polled(platform, agent) === "answered");
  for (const connection of idle) {
    await untilClosed(connection);
    connection.close();
  }
});

slowInPostgres(
  "connections beyond the most are closed at once, and the next one is taken when others have gone",
  async () => {
    await using platform = await startTestPlatform({ connections: { anonymousOfSource: 3, sureMs: 60_000 } });
    const agent = await activatedAgent(platform, await platform.customer("Acme"));
    const held: Deno.TcpConn[] = [];
    await until("the activation's connection is gone, and three are held", async () => {
      for (const connection of held.splice(0)) connection.close();
      for (let i = 0; i < 3; i++) held.push(await dial(platform));
      const ended = held.map((connection) => untilClosed(connection).then(() => "ended"));
      return await Promise.race([...ended, new Promise((resolve) => setTimeout(resolve, 300))]) === undefined;
    });
    using more = await dial(platform);
    await untilClosed(more);
    for (const connection of held) connection.close();
    const poll = () => polled(platform, agent);
    await until("the server has noticed the ends", async () => await poll() === "answered");
  },
);

for (const method of ["Poll", "Upload", "Renew"]) {
  Deno.test(`${method} is refused without a certificate before its message has come`, async () => {
    await using platform = await startTestPlatform();
    await using session = openSession(platform);
    const answer = await hold(session, method).answer;
    assert.deepEqual(answer, { status: status.UNAUTHENTICATED, reason: "certificate-required" });
  });
}

slowInPostgres("one source may hold sixteen activations that do not go on", async () => {
  await using platform = await startTestPlatform();
  const customer = await platform.customer("Acme");
  {
    await using session = openSession(platform);
    for (let i = 0; i < 16; i++) hold(session, "Activate");
    const answer = await hold(session, "Activate").answer;
    assert.deepEqual(answer, { status: status.RESOURCE_EXHAUSTED, reason: "too-many-requests" });
  }
  const activate = () =>
    activatedAgent(platform, customer).then(
      () => "activated",
      (error) => String(error.metadata?.get("opendca-reason")[0]),
    );
  await until("the server has noticed the end", async () => await activate() === "activated");
});
