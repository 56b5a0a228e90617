/** Debian's squid between an agent's sessions and the SSH gateway. */
import assert from "node:assert/strict";
import { Secret } from "../../common/core/secret.ts";
import type { Proxy } from "../../common/host/proxy.ts";
import { peerTest } from "../fixtures/peers.ts";
import { type Squid, squidPrograms, startSquid } from "../fixtures/squid_peer.ts";
import { tunnelOf } from "../fixtures/ssh_sessions.ts";
import { until } from "../fixtures/until.ts";
import { get, isOpen, page, startScene } from "../fixtures/web_access_scene.ts";

function proxyOf({ port }: Squid, password: string | null): Proxy {
  const user = password === null ? null : "agent";
  return { host: "127.0.0.1", port, user, password: password === null ? null : new Secret(password), noProxy: [] };
}

peerTest(
  "a whole session goes through squid by one CONNECT with a password, and the printer is reached without it",
  squidPrograms,
  async () => {
    await using squid = await startSquid({ users: { agent: "secret" } });
    await using scene = await startScene({ proxy: proxyOf(squid, "secret") });
    const order = await scene.order(), { sessionId } = order;
    const run = scene.run(order);
    await isOpen(scene, sessionId);
    const tunnel = await tunnelOf(scene.bench, sessionId);
    const answers = await Promise.all([1, 2, 3].map(async (n) => await get(await tunnel.open(), `/${n}`)));
    for (const answer of answers) assert.ok(answer.endsWith(page));
    assert.equal(scene.connections(), 3);
    assert.equal(scene.access.kill(sessionId), 1);
    assert.equal((await run).end, "the administrator ended it");
    assert.equal(await tunnel.closed, "the agent closed the connection");
    await until("squid has written it", () => squid.requests().length > 0);
    const { port } = order.gateways[0]!;
    assert.deepEqual(squid.requests(), [`CONNECT localhost:${port} 200 agent`]);
  },
);

for (
  const [what, password] of [["asks for a password", null], ["refuses a wrong one", "wrong"]] as const
) {
  peerTest(`a squid that ${what} is named, and the session fails without another try`, squidPrograms, async () => {
    await using squid = await startSquid({ users: { agent: "secret" } });
    await using scene = await startScene({ proxy: proxyOf(squid, password) });
    await assert.rejects(
      scene.run(await scene.order()),
      new RegExp(`Cannot reach the gateway localhost:\\d+: .* 407 `),
    );
    assert.equal(scene.connections(), 0);
    assert.deepEqual(scene.access.sessions(), []);
  });
}

peerTest("a squid that goes away in the middle ends the session", squidPrograms, async () => {
  await using squid = await startSquid();
  await using scene = await startScene({ proxy: proxyOf(squid, null) });
  const order = await scene.order(), { sessionId } = order;
  const run = scene.run(order);
  await isOpen(scene, sessionId);
  await squid[Symbol.asyncDispose]();
  assert.equal((await run).end, "the gateway closed the connection");
  await until("it is gone", () => scene.access.sessions().length === 0);
});
