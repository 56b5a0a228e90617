/** Debian's sshd as docs/gateway-openssh.md has it ends what an agent keeps of a session that is closed. */
import assert from "node:assert/strict";
import type { Duplex } from "node:stream";
import { forwardKeyOf } from "../../common/protocol/forward_hello.ts";
import { closeSession } from "../../platform/access/manage_sessions.ts";
import { greetedChannels } from "../../src/access/greeted_channels.ts";
import { peerTest } from "../fixtures/peers.ts";
import { tunnelOf } from "../fixtures/ssh_sessions.ts";
import { answering, listens, privateKeyOf, sshdPrograms as programs, startSshdScene } from "../fixtures/sshd_scene.ts";
import { until } from "../fixtures/until.ts";

peerTest("sshd ends the connection of an agent that does not let go of a closed session", programs, async () => {
  await using at = await startSshdScene({
    change: (text) => text.replace("UnusedConnectionTimeout 20", "UnusedConnectionTimeout 2"),
  });
  const { scene } = at, { bench } = scene;
  const order = await scene.order(), key = forwardKeyOf(privateKeyOf(scene, order));
  const stubborn = await at.signIn(privateKeyOf(scene, order));
  const take = greetedChannels({ key, take: ({ reject }) => reject(), onEnd() {} });
  stubborn.on(
    "tcp connection",
    (_: unknown, accept: () => Duplex, reject: () => void) => take({ accept: () => answering(accept()), reject }),
  );
  let isGone = false;
  stubborn.once("close", () => isGone = true);
  assert.ok(await listens(stubborn, order.forwardPort));
  const tunnel = await tunnelOf(bench, order.sessionId);
  // Longer than the time-out: an open session is in use.
  await new Promise((resolve) => setTimeout(resolve, 3_500));
  assert.ok(!isGone);
  await closeSession(bench.bench.platform.platform, bench.by, { sessionId: order.sessionId, reason: "done" });
  assert.equal(await tunnel.closed, "done");
  await until("sshd has ended it", () => isGone);
});

peerTest(
  "sshd ends the connection of an agent that keeps its half of the channels of a closed session",
  programs,
  async () => {
    await using at = await startSshdScene({
      change: (text) =>
        text.replace("forwarded-tcpip=10m", "forwarded-tcpip=3").replace("ConnectionTimeout 20", "ConnectionTimeout 1")
          // sshd looks at the other timers when one of them wakes it.
          .replace("ClientAliveInterval 7", "ClientAliveInterval 1"),
      gatewayOptions: { sayEveryMs: 500 },
    });
    const { scene } = at, { bench } = scene;
    const order = await scene.order(), key = forwardKeyOf(privateKeyOf(scene, order));
    const altered = await at.signIn(privateKeyOf(scene, order));
    const kept: Duplex[] = [];
    const take = greetedChannels({ key, take: ({ accept }) => void accept(), onEnd() {} });
    altered.on("tcp connection", (_: unknown, accept: () => Duplex, reject: () => void) =>
      take({
        accept() {
          const channel = accept().on("error", () => {});
          kept.push(channel);
          return channel;
        },
        reject,
      }));
    let isGone = false;
    altered.once("close", () => isGone = true);
    assert.ok(await listens(altered, order.forwardPort));
    const tunnel = await tunnelOf(bench, order.sessionId);
    // Longer than the time-out: the platform says by the session's connection that it is there.
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    await tunnel.open();
    assert.equal(kept.length, 2);
    assert.ok(!isGone);
    await closeSession(bench.bench.platform.platform, bench.by, { sessionId: order.sessionId, reason: "done" });
    assert.equal(await tunnel.closed, "done");
    await until("sshd has ended it", () => isGone);
  },
);
