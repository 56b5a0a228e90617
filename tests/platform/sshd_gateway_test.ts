/** Sessions of web access through Debian's sshd as docs/gateway-openssh.md has it. */
import assert from "node:assert/strict";
import { closeSession, openSession, showSession } from "../../platform/access/manage_sessions.ts";
import type { SshGateway } from "../../platform/edge/ssh/ssh_gateway.ts";
import { startSshdGateway } from "../../platform/edge/ssh/sshd_gateway.ts";
import { UsageError } from "../../common/core/errors.ts";
import { freePort } from "../fixtures/free_port.ts";
import { peerTest } from "../fixtures/peers.ts";
import { createHostKeyFile, type Sshd, sshdUser, startSshd } from "../fixtures/sshd_peer.ts";
import { tunnelOf } from "../fixtures/ssh_sessions.ts";
import { until } from "../fixtures/until.ts";
import { get, isOpen, page, type Scene, type SceneOptions, startScene } from "../fixtures/web_access_scene.ts";

const programs = ["sshd", "ssh-keygen", "curl"];

interface SshdScene extends AsyncDisposable {
  scene: Scene;
  sshd: Sshd;
}

/** An agent's half, the platform's half, and sshd between them. */
async function startSshdScene(options: SceneOptions = {}): Promise<SshdScene> {
  await using stack = new AsyncDisposableStack();
  const hostKey = stack.use(await createHostKeyFile());
  const firstPort = freePort(), keysPort = freePort();
  const sshd = stack.use(await startSshd(hostKey, { keysPort }));
  const hosts = [{ host: "localhost", port: sshd.port }], user = sshdUser;
  const at = { host: "127.0.0.1", port: keysPort, user, firstPort, lastPort: firstPort + 50 };
  const gateway: SceneOptions["gateway"] = {
    startGateway: (platform): Promise<SshGateway> =>
      startSshdGateway(platform, { ...at, hosts, hostKey: hostKey.publicKey, lookMs: 50 }),
  };
  const scene = stack.use(await startScene({ gateway, gatewayPort: sshd.port, ...options }));
  const moved = stack.move();
  return { scene, sshd, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

peerTest("a session goes through OpenSSH's sshd to the device and back, until it is closed", programs, async () => {
  await using at = await startSshdScene();
  const { scene } = at, { bench } = scene;
  const order = await scene.order(), run = scene.run(order), { sessionId } = order;
  const tunnel = await tunnelOf(bench, sessionId);
  await isOpen(scene, sessionId);
  const answers = await Promise.all(["/a", "/b", "/c"].map(async (path) => await get(await tunnel.open(), path)));
  assert.ok(answers.every((answer, at) => answer.includes(page) && answer.includes(`x-path: /${"abc"[at]}`)));
  assert.equal(scene.connections(), 3);
  const { platform } = bench.bench.platform;
  assert.equal((await showSession(platform, bench.by, { sessionId })).state, "open");
  await closeSession(platform, bench.by, { sessionId, reason: "done" });
  assert.equal(await tunnel.closed, "done");
  assert.match((await run).end, /the gateway closed the session/);
  await until("it is written down", async () => {
    const { bytes_from_device: bytes } = await showSession(platform, bench.by, { sessionId });
    return bytes > 3 * page.length;
  });
});
