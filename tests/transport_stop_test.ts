/** A call that is stopped ends at once, also while it finds out what is wrong on the way. */
import assert from "node:assert/strict";
import { PollRequest } from "../proto/gen/opendca/v1/agent_service.ts";
import { systemClock } from "../src/core/clock.ts";
import { createGrpcAgentApi } from "../src/transport/grpc_agent_api.ts";

Deno.test("createGrpcAgentApi() ends with its signal while it walks to an endpoint that is silent", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using connections = new DisposableStack();
  const stop = new AbortController();
  const accepting = (async () => {
    // The connection of the call is cut, the one of the walk is left without an answer.
    (await listener.accept()).close();
    connections.use(await listener.accept());
    stop.abort(new Error("The agent is stopping"));
  })();
  using api = createGrpcAgentApi({
    endpoints: [{ host: "localhost", port: listener.addr.port }],
    trust: { ca: null, pins: [] },
    proxy: null,
    clock: systemClock,
  });
  await assert.rejects(api.poll(PollRequest.fromPartial({}), stop.signal), /The agent is stopping/);
  await accepting;
});
