/** The one way to a peer, with and without Debian's squid and TLS: what comes through, and what is left open when it does not. */
import assert from "node:assert/strict";
import net, { type Socket } from "node:net";
import tls from "node:tls";
import { Secret } from "../../common/core/secret.ts";
import { dial, type DialOptions, type DialStep } from "../../common/host/dial.ts";
import type { Proxy } from "../../common/host/proxy.ts";
import { secureContextOf, type TrustConfig } from "../../common/host/trust.ts";
import { peerTest } from "../fixtures/peers.ts";
import { createTestAuthority } from "../fixtures/test_authority.ts";
import { type Squid, squidOutgoing, squidPrograms, startSquid } from "../fixtures/squid_peer.ts";

const authority = await createTestAuthority();
const { keyPem, certificatePem } = await authority.issue({ names: ["localhost", "peer.test"] });
const trust: TrustConfig = { ca: { pem: authority.pem }, pins: [] };

interface EchoServer extends AsyncDisposable {
  port: number;
  /** Addresses that connected. */
  peers: string[];
  /** Resolves when every connection so far has ended. */
  ended(): Promise<unknown>;
}

/** Gives back what it gets; over TLS with `protocols`, which may be none. */
async function startEcho(
  { protocols, address = "127.0.0.1" }: { protocols?: string[]; address?: string } = {},
): Promise<EchoServer> {
  const peers: string[] = [], ends: Promise<void>[] = [];
  const sockets = new Set<Socket>();
  function take(socket: Socket): void {
    peers.push(socket.remoteAddress ?? "");
    sockets.add(socket);
    ends.push(new Promise((resolve) => socket.once("close", () => resolve())));
    socket.on("error", () => {});
    socket.on("data", (bytes) => socket.write(bytes));
  }
  const server = protocols === undefined
    ? net.createServer(take)
    : tls.createServer({ key: keyPem, cert: certificatePem, ALPNProtocols: protocols }, take);
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  return {
    port: (server.address() as { port: number }).port,
    peers,
    ended: () => Promise.all(ends),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function secured(protocol: string | null, trusted = trust): DialOptions["tls"] {
  return { trust: trusted, context: secureContextOf(trusted, undefined), protocol };
}

function proxyOf(squid: Pick<Squid, "port" | "address">, user?: string, password = ""): Proxy {
  const host = squid.address.replace(/^\[(.*)\]$/, "$1");
  return { host, port: squid.port, user: user ?? null, password: new Secret(password), noProxy: [] };
}

async function echo(socket: Socket, text: string): Promise<string> {
  const answer = new Promise<string>((resolve, reject) => {
    socket.once("data", (bytes) => resolve(bytes.toString()));
    socket.once("close", () => reject(new Error("It was closed")));
  });
  socket.write(text);
  return await answer;
}

const stepTimeoutMs = 20_000;

for (
  const { name, protocols, options } of [
    { name: "TCP alone, as SSH wants it", protocols: undefined, options: { tls: null } },
    { name: "TLS with HTTP/2, as gRPC wants it", protocols: ["h2"], options: { tls: secured("h2") } },
    { name: "TLS with any protocol, as MQTT wants it", protocols: [], options: { tls: secured(null) } },
  ]
) {
  const echoOf = () => startEcho(protocols === undefined ? {} : { protocols });

  Deno.test(`dial() opens ${name}`, async () => {
    await using server = await echoOf();
    const socket = await dial({ host: "localhost", port: server.port }, {
      proxy: undefined,
      stepTimeoutMs,
      ...options,
    });
    assert.equal(await echo(socket, "hello"), "hello");
    socket.destroy();
    await server.ended();
  });

  peerTest(`dial() opens ${name} through squid with a password`, squidPrograms, async () => {
    await using server = await echoOf();
    await using squid = await startSquid({ users: { agent: "pass:word" }, names: ["peer.test"] });
    const steps: DialStep[] = [];
    const socket = await dial({ host: "peer.test", port: server.port }, {
      proxy: proxyOf(squid, "agent", "pass:word"),
      stepTimeoutMs,
      observe(step, action) {
        steps.push(step);
        return action();
      },
      ...options,
    });
    assert.equal(await echo(socket, "hello"), "hello");
    socket.destroy();
    await server.ended();
    assert.deepEqual(steps, ["dns", "tcp", "proxy", ...(options.tls === null ? [] : ["tls"])]);
    assert.deepEqual(server.peers, [squidOutgoing]);
  });

  peerTest(`dial() tells what squid answers instead of ${name}`, squidPrograms, async () => {
    await using server = await echoOf();
    await using squid = await startSquid({ users: { agent: "pass:word" }, names: ["peer.test"] });
    const seen: number[] = [];
    const dialed = dial({ host: "peer.test", port: server.port }, {
      proxy: proxyOf(squid, "agent", "wrong"),
      stepTimeoutMs,
      onProxyAnswer: ({ status }) => seen.push(status),
      ...options,
    });
    await assert.rejects(dialed, /^Error: The proxy answers 407/);
    assert.deepEqual(seen, [407]);
    assert.deepEqual(server.peers, []);
  });
}

peerTest("dial() names an IPv6 address to squid in brackets", squidPrograms, async () => {
  await using server = await startEcho({ address: "::1" });
  await using squid = await startSquid();
  const socket = await dial({ host: "::1", port: server.port }, { proxy: proxyOf(squid), tls: null, stepTimeoutMs });
  assert.equal(await echo(socket, "hello"), "hello");
  socket.destroy();
  await server.ended();
  assert.equal(server.peers.length, 1);
});

for (const cut of [0, 1, 20, 40, 1000]) {
  Deno.test(`dial() loses nothing of a peer that speaks first, after ${cut} bytes of the proxy's answer and all at once`, async () => {
    const said = "HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\nSSH-2.0-OpenSSH_9.2\r\n";
    const server = net.createServer((socket) => {
      socket.on("error", () => {});
      socket.setNoDelay(true);
      socket.once("data", () => {
        socket.write(said.slice(0, cut));
        setTimeout(() => {
          socket.write(said.slice(cut));
          socket.write("second line\r\n");
        }, 5);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const proxy = proxyOf({ address: "127.0.0.1", port });
    const socket = await dial({ host: "peer.test", port: 22 }, { proxy, tls: null, stepTimeoutMs });
    // Whoever goes on with it may come late.
    await new Promise((resolve) => setTimeout(resolve, 20));
    let heard = "";
    await new Promise<void>((resolve) =>
      socket.on("data", (bytes) => {
        heard += bytes.toString();
        if (heard.endsWith("second line\r\n")) resolve();
      })
    );
    assert.equal(heard, "SSH-2.0-OpenSSH_9.2\r\nsecond line\r\n");
    socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
}

const stranger = await createTestAuthority("Somebody else");
const wrongKey = { ca: { pem: authority.pem }, pins: ["0".repeat(64)] };
for (
  const { name, host = "localhost", tls } of [
    { name: "an authority that is not trusted", tls: secured("h2", { ca: { pem: stranger.pem }, pins: [] }) },
    { name: "a key that is not pinned", tls: secured("h2", wrongKey) },
    { name: "another name", host: "127.0.0.1", tls: secured("h2") },
    { name: "another protocol", tls: secured("mqtt") },
  ]
) {
  Deno.test(`dial() refuses a peer with ${name}, and leaves nothing open`, async () => {
    await using server = await startEcho({ protocols: ["h2"] });
    await assert.rejects(dial({ host, port: server.port }, { proxy: undefined, tls, stepTimeoutMs }));
    await server.ended();
  });
}

Deno.test("dial() hands the peer to a judge although it is not believed", async () => {
  await using server = await startEcho({ protocols: ["h2"] });
  let subject: unknown;
  const tls = {
    ...secured("h2", { ca: { pem: stranger.pem }, pins: [] })!,
    judge: (socket: tls.TLSSocket) => subject = socket.getPeerCertificate().subjectaltname,
  };
  const socket = await dial({ host: "localhost", port: server.port }, { proxy: undefined, tls, stepTimeoutMs });
  assert.match(String(subject), /localhost/);
  socket.destroy();
  await server.ended();
});

for (const step of ["proxy", "tls"] as const) {
  for (const end of ["a deadline", "a signal"] as const) {
    Deno.test(`dial() ends by ${end} while the step ${step} is silent, and closes the connection`, async () => {
      const taken = Promise.withResolvers<Socket>();
      const server = net.createServer((socket) => {
        socket.on("error", () => {});
        socket.resume();
        taken.resolve(socket);
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as { port: number };
      const stop = new AbortController();
      const silent = { address: "127.0.0.1", port };
      const dialed = dial({ host: "localhost", port }, {
        proxy: step === "proxy" ? proxyOf(silent) : undefined,
        tls: secured("h2"),
        stepTimeoutMs: end === "a deadline" ? 300 : stepTimeoutMs,
        signal: stop.signal,
      });
      dialed.catch(() => {});
      const socket = await taken.promise;
      const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      if (end === "a signal") stop.abort(new Error("The agent is stopping"));
      await assert.rejects(dialed, end === "a signal" ? /The agent is stopping/ : { code: "ETIMEDOUT" });
      await closed;
      await new Promise((resolve) => server.close(resolve));
    });
  }
}
