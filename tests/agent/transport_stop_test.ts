/** The walk to an endpoint ends with its signal, so that the agent stops at once while it finds out what is wrong. */
import assert from "node:assert/strict";
import { systemClock } from "../../common/core/clock.ts";
import { probeEndpoint } from "../../src/link/probe_endpoint.ts";

Deno.test("probeEndpoint() ends with its signal although the endpoint is silent", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using connections = new DisposableStack();
  const stop = new AbortController();
  const accepting = (async () => {
    const connection = connections.use(await listener.accept());
    await connection.read(new Uint8Array(1)); // The handshake has begun.
    stop.abort(new Error("The agent is stopping"));
  })();
  const options = { trust: { ca: null, pins: [] }, proxy: null, clock: systemClock, stepTimeoutMs: 10_000 };
  const endpoint = { host: "localhost", port: listener.addr.port };
  const report = await probeEndpoint(endpoint, { ...options, signal: stop.signal });
  await accepting;
  assert.deepEqual([report.failed, report.error?.message], ["tls", "The agent is stopping"]);
  assert.equal((await probeEndpoint(endpoint, { ...options, signal: stop.signal })).failed, "dns");
});
