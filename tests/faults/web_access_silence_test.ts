/** Connections between agent and gateway that are there and carry nothing any more, as behind a firewall that forgot them. */
import assert from "node:assert/strict";
import type { ProxiedConnection, TcpProxy } from "../fixtures/tcp_proxy.ts";
import { startTcpProxy } from "../fixtures/tcp_proxy.ts";
import { tunnelOf } from "../fixtures/ssh_sessions.ts";
import { isOpen, startScene } from "../fixtures/web_access_scene.ts";

Deno.test("a connection that goes silent is given up within half a minute, by the gateway and by the agent", async () => {
  const held: ProxiedConnection[] = [];
  let proxy: TcpProxy | undefined;
  await using scene = await startScene({
    async through(port) {
      proxy = await startTcpProxy(port);
      proxy.handle = (connection) => {
        connection.linked = false;
        held.push(connection);
        connection.client.pipe(connection.server);
        connection.server.pipe(connection.client);
      };
      return proxy;
    },
  });
  const order = await scene.order();
  const run = scene.run(order);
  const tunnel = await tunnelOf(scene.bench, order.sessionId);
  await isOpen(scene, order.sessionId);
  const beganMs = performance.now();
  for (const { client, server } of held) {
    client.unpipe(server);
    server.unpipe(client);
    client.resume();
    server.resume();
  }
  assert.equal(await tunnel.closed, "the agent stopped answering");
  const gatewayMs = performance.now() - beganMs;
  assert.equal((await run).end, "the gateway stopped answering");
  // Busy machines take longer for everything; what is measured here is a timer of 21 seconds.
  assert.ok(gatewayMs < 30_000, `${gatewayMs} ms`);
});
