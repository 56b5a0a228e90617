/**
 * Strangers who hold connections by the hundred: agents get through from elsewhere, and from behind the same address.
 * What a stranger does never comes to the store: on PostgreSQL only what asks it who an agent is.
 */
import assert from "node:assert/strict";
import net from "node:net";
import tls from "node:tls";
import { Buffer } from "node:buffer";
import { fileURLToPath } from "node:url";
import { eachDatabase } from "../fixtures/each_database.ts";
import { maybeProgram } from "../fixtures/peers.ts";
import {
  activatedAgent,
  call,
  connect,
  polled,
  pollOf,
  reasonOf,
  startTestPlatform,
  type TestAgent,
  type TestPlatform,
} from "../fixtures/platform_fixture.ts";
import { until } from "../fixtures/until.ts";

const limits = { anonymousOfSource: 40, mostConnections: 300, mostAnonymous: 120, sureMs: 700, withoutCallMs: 2500 };

interface Held extends Disposable {
  /** Resolves when the server has ended it. */
  closed: Promise<void>;
}

/** A TCP connection from an address of the loopback network. */
function dial(platform: TestPlatform, localAddress: string): { socket: net.Socket } & Held {
  const socket = net.connect({ host: "127.0.0.1", port: Number(platform.target.split(":")[1]), localAddress });
  return { socket, ...held(socket) };
}

function held(socket: net.Socket): Held {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on("error", () => {});
  socket.on("close", () => resolve());
  socket.resume();
  return { closed: promise, [Symbol.dispose]: () => void socket.destroy() };
}

function secure(platform: TestPlatform, localAddress: string): { socket: tls.TLSSocket } & Held {
  const { socket: plain } = dial(platform, localAddress);
  const socket = tls.connect({
    socket: plain,
    servername: "localhost",
    ca: platform.serverAuthority,
    ALPNProtocols: ["h2"],
  });
  return { socket, ...held(socket) };
}

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
// HEADERS without END_HEADERS: what continues it never comes.
const halfHeaders = Buffer.from([0, 0, 1, 1, 0, 0, 0, 0, 1, 0x83]);

/** What a stranger does with a connection, and then no more. */
const outside: Record<string, (platform: TestPlatform, address: string) => Held> = {
  "TCP without a byte": dial,
  "the beginning of a handshake": (platform, address) => {
    const held = dial(platform, address);
    held.socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0]));
    return held;
  },
  "a handshake of one byte at a time": (platform, address) => {
    const held = dial(platform, address);
    const timer = setInterval(() => held.socket.write(Buffer.from([0x16])), 100);
    void held.closed.then(() => clearInterval(timer));
    return held;
  },
  "TLS without a byte": secure,
  "a preface": (platform, address) => {
    const held = secure(platform, address);
    held.socket.write(preface);
    return held;
  },
  "a preface, and settings again and again": (platform, address) => {
    const held = secure(platform, address);
    held.socket.write(Buffer.concat([preface, settings]));
    const timer = setInterval(() => held.socket.write(settings), 100);
    void held.closed.then(() => clearInterval(timer));
    return held;
  },
  "half of a call's headers": (platform, address) => {
    const held = secure(platform, address);
    held.socket.write(Buffer.concat([preface, settings, halfHeaders]));
    return held;
  },
};

/** A new connection of an agent, which may have to be begun again, as agents do. */
async function untilPolled(platform: TestPlatform, agent: TestAgent): Promise<void> {
  await until("the agent polls", async () => await polled(platform, agent) === "answered");
}

for (const [name, hold] of Object.entries(outside)) {
  Deno.test(`${name}: ended after seconds, and agents get through meanwhile`, async () => {
    await using platform = await startTestPlatform({ connections: limits });
    const agent = await activatedAgent(platform, await platform.customer("Acme"));
    using client = connect(platform, agent.identity);
    const poll = () => reasonOf(call(client, { method: client.poll, request: pollOf(agent) }));
    assert.equal(await poll(), "answered");
    // One that shares the agents' address, and others.
    const all = ["127.0.0.1", "127.0.0.66", "127.0.0.67"].flatMap((address) =>
      Array.from({ length: 60 }, () => hold(platform, address))
    );
    await untilPolled(platform, agent);
    assert.equal(await poll(), "answered", "the connection that an agent had is left alone");
    await Promise.all(all.map(({ closed }) => closed));
    for (const each of all) each[Symbol.dispose]();
    await untilPolled(platform, agent);
  });
}

Deno.test("an agent gets through beside a stranger of the same address who never stops dialing", async () => {
  await using platform = await startTestPlatform({ connections: limits });
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  const open = new Set<Held>();
  const dialing = setInterval(() => {
    for (let i = 0; i < 4; i++) {
      const one = dial(platform, "127.0.0.1");
      open.add(one);
      void one.closed.then(() => open.delete(one));
    }
  }, 20);
  await until("the source is full", () => open.size >= limits.anonymousOfSource / 2);
  for (let i = 0; i < 3; i++) await untilPolled(platform, agent);
  clearInterval(dialing);
  for (const each of open) each[Symbol.dispose]();
});

eachDatabase("three thousand connections of a hundred sources leave the room of agents", async () => {
  await using platform = await startTestPlatform({ connections: limits });
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  const all: Held[] = [];
  for (let round = 0; round < 30; round++) {
    for (let i = 0; i < 100; i++) all.push(dial(platform, `127.0.1.${i + 1}`));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await untilPolled(platform, agent);
  for (const each of all) each[Symbol.dispose]();
});

eachDatabase("a certificate that is not known reserves no room", async () => {
  await using platform = await startTestPlatform({ connections: { ...limits, withoutCallMs: 1000 } });
  const customer = await platform.customer("Acme");
  let agent: TestAgent | undefined;
  // On a busy machine, its connection may not be in time either.
  await until("the agent is activated", async () => {
    agent = await activatedAgent(platform, customer).catch(() => undefined);
    return agent !== undefined;
  });
  await customer.tenant.run("UPDATE agents SET state = 'revoked' WHERE customer_id = :customer");
  const { privateKeyPem: key, chain: cert } = agent!.identity;
  const socket = tls.connect({
    host: "127.0.0.1",
    port: Number(platform.target.split(":")[1]),
    servername: "localhost",
    ca: platform.serverAuthority,
    ALPNProtocols: ["h2"],
    key,
    cert,
  });
  using connection = held(socket);
  socket.write(Buffer.concat([preface, settings]));
  await connection.closed;
});

Deno.test({
  name: "accepting goes on after the process had no descriptor left",
  ignore: Deno.build.os !== "linux" || maybeProgram("prlimit") === undefined,
  async fn() {
    const script = fileURLToPath(new URL("accepting_child.ts", import.meta.url));
    const child = new Deno.Command(maybeProgram("prlimit")!, {
      args: ["--nofile=400:400", Deno.execPath(), "run", "--no-prompt", "--allow-net", "--allow-read", script],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    try {
      const reader = child.stdout.getReader();
      const port = Number(new TextDecoder().decode((await reader.read()).value));
      reader.releaseLock();
      // The runtime itself opens a few more things after the start.
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const all = Array.from({ length: 700 }, () => {
        const socket = net.connect({ host: "127.0.0.1", port });
        return { socket, ...held(socket) };
      });
      const open = () => [...Deno.readDirSync(`/proc/${child.pid}/fd`)].length;
      await until("it has no descriptor left", () => open() >= 399);
      // It tries to accept one more.
      await new Promise((resolve) => setTimeout(resolve, 500));
      for (const each of all) each[Symbol.dispose]();
      await until("one is taken again", async () => {
        const { promise, resolve } = Promise.withResolvers<boolean>();
        const socket = net.connect({ host: "127.0.0.1", port });
        using _ = held(socket);
        socket.once("data", () => resolve(true));
        const timer = setTimeout(() => resolve(false), 500);
        const isTaken = await promise;
        clearTimeout(timer);
        return isTaken;
      });
    } finally {
      const stderr = new Response(child.stderr).text();
      child.kill("SIGKILL");
      await child.status;
      // Not by luck: the listener had ended.
      assert.match(await stderr, /listeningAnew/);
    }
  },
});
