import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type Duplex, Readable } from "node:stream";
import { closeLostSessions } from "../../platform/access/gateway_sessions.ts";
import {
  closeSession,
  listSessions,
  openSession,
  type SessionWish,
  showSession,
} from "../../platform/access/manage_sessions.ts";
import { createWebSessions } from "../../platform/access/web_sessions.ts";
import { revokeAgent } from "../../platform/agents/manage_agents.ts";
import { RefusalReason, TaskResult, TaskState } from "../../proto/gen/opendca/v1/task.ts";
import { UsageError } from "../../common/core/errors.ts";
import { createPrivateKey, type SshClient } from "../../common/host/ssh2.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import {
  forward,
  type SessionBench,
  signIn,
  startSessionBench,
  tunnelOf,
  webAccess,
} from "../fixtures/ssh_sessions.ts";
import { peerTest } from "../fixtures/peers.ts";
import { until } from "../fixtures/until.ts";

/** Everything until the end. */
async function textOf(stream: Duplex): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += chunk;
  return text;
}

/** The device's end of a channel: one answer and its end. */
function answering(text: string): (channel: Duplex) => void {
  return (channel) => channel.once("data", (chunk) => channel.end(`${text} ${chunk}`));
}

async function actions({ bench, by }: SessionBench): Promise<string[]> {
  const entries = await bench.platform.queries.all<{ action: string; customer_id: string | null }>(
    "SELECT action, customer_id FROM audit_log ORDER BY entry",
    {},
  );
  return entries.filter(({ action, customer_id }) => customer_id === by.tenant && action.startsWith("access"))
    .map(({ action }) => action);
}

async function ended(client: SshClient): Promise<void> {
  client.end();
  await once(client, "close");
}

slowInPostgres(
  "a session goes from the operator to the device and back, and everybody can see what became of it",
  async () => {
    await using scene = await startSessionBench();
    const { bench, by } = scene, { platform } = bench.platform;
    const session = await scene.open();
    assert.equal(session.order.deviceKey, "device-1");
    assert.equal(session.order.address, "10.1.0.7");
    assert.equal(session.order.serial, "ABC12345");
    assert.deepEqual(session.order.gateways, [{ host: "gateway.example.com", port: scene.gateway.port }]);
    assert.ok(!session.order.sealedKey.includes("OPENSSH"));
    const { sessionId } = session;
    assert.equal((await showSession(platform, by, { sessionId })).state, "waiting");
    const client = await signIn(scene, session);
    await forward(client, answering("page"));
    const tunnel = await tunnelOf(scene, sessionId);
    assert.equal((await showSession(platform, by, { sessionId })).state, "open");
    const answers = await Promise.all([1, 2, 3].map(async (each) => {
      const channel = await tunnel.open();
      channel.write(`${each}`);
      return await textOf(channel);
    }));
    assert.deepEqual(answers, ["page 1", "page 2", "page 3"]);
    await closeSession(platform, by, { sessionId, reason: "done" });
    await once(client, "close");
    assert.equal(await tunnel.closed, "done");
    await until(
      "it is written down",
      async () => (await showSession(platform, by, { sessionId })).bytes_from_device > 0,
    );
    const shown = await showSession(platform, by, { sessionId });
    assert.deepEqual([shown.state, shown.reason], ["closed", "done"]);
    await assert.rejects(tunnel.open(), /The session has ended/);
    await assert.rejects(closeSession(platform, by, { sessionId, reason: "again" }), UsageError);
    assert.deepEqual(await actions(scene), [
      "accessSessionOpened",
      "accessSessionStarted",
      "accessSessionClosed",
      "accessSessionEnded",
    ]);
  },
);

slowInPostgres(
  "the key of a session works once, for this session, until it ends, and for one of two at the same moment",
  async () => {
    await using scene = await startSessionBench();
    const { bench, by } = scene;
    const session = await scene.open();
    const both = await Promise.allSettled([signIn(scene, session), signIn(scene, session)]);
    assert.deepEqual(both.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    const [client] = both.flatMap((each) => each.status === "fulfilled" ? [each.value] : []);
    await forward(client!, () => {});
    await assert.rejects(signIn(scene, session), "while it is open");
    await ended(client!);
    await assert.rejects(signIn(scene, session), "after it was closed");

    const other = await scene.open();
    await assert.rejects(signIn(scene, { ...other, privateKey: session.privateKey }), "the key of another session");
    await assert.rejects(signIn(scene, { ...session, privateKey: other.privateKey }), "another session's name");
    await assert.rejects(
      signIn(scene, { ...other, privateKey: createPrivateKey() }),
      "any key",
    );
    await assert.rejects(signIn(scene, { ...other, sessionId: "root" }), "no session");
    await closeSession(bench.platform.platform, by, { sessionId: other.sessionId, reason: "not needed" });
    await assert.rejects(signIn(scene, other), "a session that was closed before");

    const late = await scene.open({ lastsMs: 60_000 });
    bench.platform.clock.advance(60_001);
    await assert.rejects(signIn(scene, late), "a session that is over");
    const reasons = bench.platform.events.filter(({ event }) => event === "accessRefused").map(({ fields }) =>
      fields.reason
    );
    assert.deepEqual(
      new Set(reasons),
      new Set([
        "the key was used before",
        "the session is closed",
        "the key is not that of the session",
        "the session has expired",
      ]),
    );
  },
);

Deno.test("the gateway has a remote forward for each session, and nothing else that SSH has", async () => {
  await using scene = await startSessionBench();
  const session = await scene.open();
  const client = await signIn(scene, session);
  const any = client as unknown as Record<string, (...args: unknown[]) => void>;
  const failed = (method: string, ...args: unknown[]) =>
    new Promise<Error>((resolve, reject) =>
      any[method]!(...args, (error: Error | undefined) => error ? resolve(error) : reject(new Error(`${method} works`)))
    );
  await failed("shell");
  await failed("exec", "id");
  await failed("subsys", "sftp");
  await failed("sftp");
  await failed("forwardOut", "127.0.0.1", 1, "127.0.0.1", scene.gateway.port);
  await failed("openssh_forwardInStreamLocal", "/tmp/opendca-test.sock");
  await failed("openssh_forwardOutStreamLocal", "/run/postgresql/.s.PGSQL.5432");
  await forward(client, () => {});
  await failed("forwardIn", "127.0.0.1", 0);
  await failed("forwardIn", "0.0.0.0", 8080);
  await tunnelOf(scene, session.sessionId);
  await ended(client);
});

Deno.test("the gateway opens no port for a forward", async () => {
  await using scene = await startSessionBench();
  const listening = () =>
    new Set(
      new TextDecoder().decode(new Deno.Command("ss", { args: ["-Hltn"] }).outputSync().stdout).trim().split("\n")
        .map((line) => line.split(/\s+/)[3]!),
    );
  const before = listening();
  const session = await scene.open();
  const client = await signIn(scene, session);
  await forward(client, () => {});
  await tunnelOf(scene, session.sessionId);
  // Other tests listen as well, for a moment; a port of the forward would stay for as long as the client does.
  let added = listening().difference(before);
  await until("no port stays that was not there", () => (added = added.intersection(listening())).size === 0);
  await ended(client);
});

for (
  const [what, options, pattern] of [
    ["a password", ["-oPreferredAuthentications=password,keyboard-interactive"], /Permission denied \(publickey\)/],
    ["other ciphers", ["-oCiphers=aes128-ctr,chacha20-poly1305@openssh.com"], /no matching cipher/],
    ["old host keys", ["-oHostKeyAlgorithms=rsa-sha2-256,ecdsa-sha2-nistp256"], /no matching host key type/],
    ["any key, as OpenSSH's client sees it", [], /Permission denied/],
  ] as [string, string[], RegExp][]
) {
  peerTest(`the gateway refuses ${what}`, ["ssh"], async () => {
    await using scene = await startSessionBench();
    const { sessionId } = await scene.open();
    const folder = Deno.makeTempDirSync();
    const key = `${folder}/key`;
    Deno.writeTextFileSync(key, createPrivateKey(), { mode: 0o600 });
    const { stderr, success } = await new Deno.Command("ssh", {
      args: ["-F", "none", "-p", `${scene.gateway.port}`, "-i", key, "-oBatchMode=yes", "-oStrictHostKeyChecking=no"]
        .concat("-oUserKnownHostsFile=/dev/null", "-oIdentitiesOnly=yes", ...options, `${sessionId}@127.0.0.1`, "id"),
      stdin: "null",
    }).output();
    assert.ok(!success);
    assert.match(new TextDecoder().decode(stderr), pattern);
    Deno.removeSync(folder, { recursive: true });
  });
}

Deno.test("the gateway ends connections that do not sign in, or that ask for no forward, and keeps few of one source", async () => {
  const limits = { withoutCallMs: 1500, anonymousMs: 1500, anonymousOfSource: 3, sureMs: 100 };
  await using scene = await startSessionBench({ connections: limits, forwardWithinMs: 300 });
  const session = await scene.open();
  const client = await signIn(scene, session);
  await once(client, "close");
  await until(
    "it is written down",
    async () =>
      (await showSession(scene.bench.platform.platform, scene.by, session)).reason === "the agent asked for no forward",
  );
  const silent = await Promise.all(Array.from({ length: 6 }, () => scene.dial()));
  for (const socket of silent) socket.resume();
  await Promise.all(silent.map((socket) => socket.closed || once(socket, "close")));
  const talking = await scene.dial();
  talking.resume().write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  if (!talking.closed) await once(talking, "close");
});

Deno.test("a session ends when its time is over, when its agent ends it, and when its agent is revoked", async () => {
  await using scene = await startSessionBench();
  const { bench, by } = scene, { platform, clock } = bench.platform;
  async function opened(lastsMs = 600_000) {
    const session = await scene.open({ lastsMs });
    const client = await signIn(scene, session);
    await forward(client, () => {});
    return { client, tunnel: await tunnelOf(scene, session.sessionId), session };
  }
  const first = await opened(60_000), second = await opened(), third = await opened();
  clock.advance(60_001);
  assert.equal(await first.tunnel.closed, "its time was over");
  second.client.end();
  assert.equal(await second.tunnel.closed, "the agent closed the connection");
  await revokeAgent(platform, by, { agentId: third.session.agentId, reason: "test" });
  assert.equal(await third.tunnel.closed, "the agent is revoked");
});

Deno.test("a gateway that stops ends its sessions, and says so", async () => {
  await using scene = await startSessionBench();
  const { by, gateway } = scene, { platform } = scene.bench.platform;
  const session = await scene.open(), waiting = await scene.open();
  const client = await signIn(scene, session);
  await forward(client, () => {});
  const tunnel = await tunnelOf(scene, session.sessionId);
  await gateway[Symbol.asyncDispose]();
  assert.equal(await tunnel.closed, "the gateway stopped");
  assert.equal((await showSession(platform, by, session)).reason, "the gateway stopped");
  assert.equal((await showSession(platform, by, waiting)).state, "waiting");
  await assert.rejects(
    openSession(platform, by, { device: "10.1.0.7", port: 80, scheme: "http", lastsMs: 60_000 }),
    /no gateway is running/,
  );
});

slowInPostgres("what a gateway left behind that was killed is closed by the next one", async () => {
  await using scene = await startSessionBench();
  const { bench, by } = scene, { platform, clock } = bench.platform;
  const session = await scene.open();
  const client = await signIn(scene, session);
  await forward(client, () => {});
  await tunnelOf(scene, session.sessionId);
  await platform.store.transaction((tx) => tx.run("DELETE FROM access_gateways", {}));
  await closeLostSessions(platform);
  const shown = await showSession(platform, by, session);
  assert.deepEqual([shown.state, shown.reason], ["closed", "the gateway ended"]);
  clock.advance(0);
  await once(client, "close");
});

slowInPostgres("openSession() says why there can be none", async () => {
  await using scene = await startSessionBench();
  const { bench, by, agent } = scene, { platform, clock } = bench.platform;
  const wish = { device: "10.1.0.7", port: 80, scheme: "http", lastsMs: 600_000 } as const;
  const refused = (pattern: RegExp, more: Partial<SessionWish> = {}) =>
    assert.rejects(openSession(platform, by, { ...wish, ...more }), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, pattern);
      return true;
    });
  await refused(/Cannot find the device "10\.1\.0\.8"/, { device: "10.1.0.8" });
  await refused(/to port 22 as the agent agt-\w+ allows others only: current value is "80, 443, 8000, 9100"/, {
    port: 22,
  });
  await scene.poll({ webAccess: { ...webAccess, allowed: false } });
  await refused(/the administrator of the agent agt-\w+ has not allowed web access/);
  await scene.poll({ webAccess: undefined });
  await refused(/the agent agt-\w+ has no web access: current value of its version is "0\.9\.0"/);
  await scene.poll({ webAccess });
  await platform.store.transaction((tx) => tx.run("UPDATE access_gateways SET seen_at = 0", {}));
  await refused(/no gateway is running/);
  await platform.store.transaction((tx) =>
    tx.run("UPDATE access_gateways SET seen_at = :at", { at: clock.now().getTime() })
  );
  for (let count = 0; count < 3; count++) await openSession(platform, by, wish);
  await refused(/has 3 already/);
  assert.equal((await listSessions(platform, by)).length, 3);
  clock.advance(24 * 3_600_000);
  await refused(/is silent: did not report for/);
  assert.deepEqual(new Set((await listSessions(platform, by)).map(({ state }) => state)), new Set(["expired"]));
  await scene.poll();
  await revokeAgent(platform, by, { agentId: agent.agentId, reason: "test" });
  await refused(/its agent agt-\w+ is revoked/);
});

slowInPostgres("a session that its agent refuses shows why, and makes room for another", async () => {
  await using scene = await startSessionBench();
  const { bench, by } = scene, { platform } = bench.platform;
  for (let count = 0; count < 4; count++) {
    const { taskId, sessionId } = await scene.open();
    const result = { taskId, state: TaskState.REFUSED, refusal: RefusalReason.POLICY, message: "Cannot do it" };
    await scene.poll({}, { taskResults: [TaskResult.fromPartial(result)] });
    const { state, reason } = await showSession(platform, by, { sessionId });
    assert.deepEqual([state, reason], ["refused", "Cannot do it"]);
  }
});

slowInPostgres("a session waits for approval where its agent says so, and nowhere else", async () => {
  await using bench = await startSessionBench();
  const { platform } = bench.bench.platform, { by } = bench;
  const { sessionId, taskId } = await bench.open();
  const shown = async () => {
    const { state, step, reason } = await showSession(platform, by, { sessionId });
    return [state, step, reason];
  };
  await using sessions = createWebSessions(platform);
  const { label } = (await platform.store.transaction((tx) =>
    tx.get<{ label: string }>(
      "SELECT label FROM access_sessions WHERE session_id = :id",
      { id: sessionId },
    )
  ))!;
  const isWaiting = async () => (await sessions.find(label))!.waitsForApproval;
  assert.deepEqual([await shown(), await isWaiting()], [["waiting", undefined, null], false]);
  const tell = (step: string) =>
    bench.poll({}, { taskResults: [TaskResult.create({ taskId, state: TaskState.RUNNING, progress: { step } })] });
  await tell("waiting");
  assert.deepEqual([await shown(), await isWaiting()], [["waiting", "waiting", null], true]);
  await tell("opening");
  assert.deepEqual([await shown(), await isWaiting()], [["waiting", "opening", null], false]);
  // Agents before this release do not tell.
  await tell("");
  assert.deepEqual(await shown(), ["waiting", undefined, null]);
});

slowInPostgres("one customer neither sees nor closes the session of another", async () => {
  await using scene = await startSessionBench();
  const { platform } = scene.bench.platform;
  const { sessionId } = await scene.open();
  const { tenant } = await scene.bench.platform.customer("Other");
  const other = { ...scene.by, tenant: tenant.customerId };
  assert.deepEqual(await listSessions(platform, other), []);
  await assert.rejects(showSession(platform, other, { sessionId }), /Cannot find the session/);
  await assert.rejects(closeSession(platform, other, { sessionId, reason: "x" }), /Cannot find the session/);
  const wish = { device: "10.1.0.7", port: 80, scheme: "http", lastsMs: 600_000 } as const;
  await assert.rejects(openSession(platform, other, wish), /Cannot find the device/);
});

Deno.test("slow readers on either side of a session hold a few megabytes in memory, and lose nothing (slow)", async () => {
  await using scene = await startSessionBench();
  const session = await scene.open();
  const client = await signIn(scene, session);
  const size = 24 * 1024 * 1024;
  let given = 0;
  const device: Duplex[] = [];
  await forward(client, (channel) => {
    device.push(channel);
    Readable.from(async function* () {
      for (; given < size; given += 65_536) yield Buffer.alloc(65_536);
    }()).pipe(channel);
  });
  const tunnel = await tunnelOf(scene, session.sessionId);
  const channel = await tunnel.open();
  const readable = once(channel, "readable");
  await readable;
  let before = -1;
  await until("nothing more goes in", () => {
    const stands = given === before;
    before = given;
    return stands;
  });
  assert.ok(given < 8 * 1024 * 1024, `${given} bytes were taken from the device, and nobody read them`);
  let received = 0;
  for await (const chunk of channel) received += chunk.length;
  assert.equal(received, size);
  // And the other way.
  const up = await tunnel.open();
  let sent = 0;
  Readable.from(async function* () {
    for (; sent < size; sent += 65_536) yield Buffer.alloc(65_536);
  }()).pipe(up);
  before = -1;
  await until("nothing more goes out", () => {
    const stands = sent === before && sent > 0;
    before = sent;
    return stands;
  });
  assert.ok(sent < 8 * 1024 * 1024, `${sent} bytes were taken from the page, and the device reads none`);
  await ended(client);
});

slowInPostgres("closing a session that waits takes its task back, also from an agent that has it already", async () => {
  await using scene = await startSessionBench();
  const { bench, by } = scene, { platform } = bench.platform;
  const wish = { device: "10.1.0.7", port: 80, scheme: "http", lastsMs: 600_000 } as const;
  const early = await openSession(platform, by, wish);
  await closeSession(platform, by, { sessionId: early.sessionId, reason: "too early" });
  assert.deepEqual(await scene.poll(), []);
  const taken = await scene.open();
  await closeSession(platform, by, { sessionId: taken.sessionId, reason: "done" });
  const tasks = await scene.agent.tenant.all<{ kind: string; state: string }>(
    "SELECT kind, state FROM tasks WHERE customer_id = :customer ORDER BY kind, created_at",
  );
  assert.deepEqual(tasks.map(({ kind, state }) => `${kind} ${state}`), [
    "cancelTask waiting",
    "openWebAccess cancelled",
    "openWebAccess cancelled",
  ]);
  for (const { sessionId } of [early, taken]) {
    assert.equal((await showSession(platform, by, { sessionId })).state, "closed");
  }
});
