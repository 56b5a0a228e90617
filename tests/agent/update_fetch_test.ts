/** The file of an update over real gRPC: taken at the agent's pace, resumed, and cut at any place. */
import assert from "node:assert/strict";
import { status as Status } from "@grpc/grpc-js";
import { systemClock } from "../../common/core/clock.ts";
import { RejectedError } from "../../common/core/errors.ts";
import { createGrpcAgentApi, type GrpcOptions } from "../../src/link/grpc_agent_api.ts";
import { TransportError } from "../../src/link/transport_error.ts";
import { FetchUpdateRequest } from "../../proto/gen/opendca/v1/update.ts";
import { startTcpProxy } from "../fixtures/tcp_proxy.ts";
import { startTestPlatform, type TestPlatform, type TestPlatformHandlers } from "../fixtures/test_platform.ts";

const partBytes = 64 * 1024;

function part(index: number): Uint8Array {
  return new Uint8Array(partBytes).fill(index);
}

interface Fetched {
  platform: TestPlatform;
  received: Uint8Array[];
  /** One call, which goes on after what was received. */
  fetch(): Promise<boolean>;
  /** Called with each part before it is taken. */
  onPart: () => Promise<void> | void;
}

function optionsOf({ port, authority }: TestPlatform): GrpcOptions {
  return {
    endpoints: [{ host: "localhost", port }],
    trust: { ca: { pem: authority.pem }, pins: [] },
    proxy: null,
    clock: systemClock,
  };
}

async function withFetch(
  handlers: TestPlatformHandlers,
  body: (scene: Fetched) => Promise<void>,
  options: Partial<GrpcOptions> = {},
): Promise<void> {
  await using platform = await startTestPlatform(handlers);
  using api = createGrpcAgentApi({ ...optionsOf(platform), ...options });
  const scene: Fetched = {
    platform,
    received: [],
    onPart: () => {},
    fetch: () =>
      api.fetchUpdate({
        request: () =>
          FetchUpdateRequest.fromPartial({
            sha256: "ab".repeat(32),
            offset: BigInt(scene.received.reduce((sum, { length }) => sum + length, 0)),
          }),
        async take(data) {
          await scene.onPart();
          scene.received.push(data);
        },
      }),
  };
  await body(scene);
}

Deno.test("the parts come whole, in order, and from the offset on", async () => {
  const fetchUpdate = ({ offset }: FetchUpdateRequest) => [0, 1, 2, 3].slice(Number(offset) / partBytes).map(part);
  await withFetch({ fetchUpdate }, async ({ fetch, received, platform }) => {
    assert.equal(await fetch(), true);
    assert.deepEqual(received.map(([first]) => first), [0, 1, 2, 3]);
    received.length = 2;
    assert.equal(await fetch(), true);
    assert.deepEqual(received.map(([first]) => first), [0, 1, 2, 3]);
    assert.deepEqual(platform.calls.fetchUpdate.map(({ offset }) => Number(offset)), [0, 2 * partBytes]);
  });
});

Deno.test("an agent receives no faster than it takes the parts", async () => {
  const fetchUpdate = () => Array.from({ length: 300 }, () => part(0));
  await using platform = await startTestPlatform({ fetchUpdate });
  await using proxy = await startTcpProxy(platform.port);
  let wire = 0;
  proxy.handle = ({ client, server }) => {
    client.pipe(server);
    server.on("data", ({ length }) => wire += length).pipe(client);
  };
  using api = createGrpcAgentApi({ ...optionsOf(platform), endpoints: [{ host: "localhost", port: proxy.port }] });
  const begun = Promise.withResolvers<void>(), gate = Promise.withResolvers<void>();
  const fetching = api.fetchUpdate({
    request: () => FetchUpdateRequest.fromPartial({}),
    take: () => (begun.resolve(), gate.promise),
  }).catch(() => {});
  await begun.promise;
  // As long as sockets and windows fill.
  for (let before = -1; before !== wire;) {
    before = wire;
    await systemClock.sleep(300);
  }
  assert.ok(wire < 8_000_000, `${wire} bytes came to an agent that takes none`);
  platform.cut();
  gate.resolve();
  await fetching;
});

Deno.test("a cut connection is resumed by the next call, where the file was cut", async () => {
  const fetchUpdate = ({ offset }: FetchUpdateRequest, calls: number) => {
    const rest = [0, 1, 2, 3].slice(Number(offset) / partBytes).map(part);
    return calls === 1 ? [rest[0]!, "never" as const] : rest;
  };
  await withFetch({ fetchUpdate }, async (scene) => {
    const first = scene.fetch();
    first.catch(() => {});
    while (scene.received.length === 0) await systemClock.sleep(10);
    scene.platform.cut();
    await assert.rejects(first, TransportError);
    assert.equal(await scene.fetch(), true);
    assert.deepEqual(scene.received.map(([at]) => at), [0, 1, 2, 3]);
  });
});

Deno.test("a call ends after its time: with what came, or as a failure if nothing did", async () => {
  const fetchUpdate = (_: FetchUpdateRequest, calls: number) =>
    calls === 1 ? [part(0), "never" as const] : ["never" as const];
  await withFetch({ fetchUpdate }, async ({ fetch, received }) => {
    assert.equal(await fetch(), false);
    assert.equal(received.length, 1);
    await assert.rejects(fetch(), TransportError);
  }, { downloadTimeoutMs: 1500 });
});

Deno.test("a file that is not offered is told apart from a platform that fails", async () => {
  const codes = [Status.NOT_FOUND, Status.INTERNAL];
  await withFetch({ fetchUpdate: (_, calls) => [{ code: codes[calls - 1]! }] }, async ({ fetch }) => {
    await assert.rejects(fetch(), (error) => error instanceof RejectedError && /no longer offers/.test(error.message));
    await assert.rejects(fetch(), TransportError);
  });
});

Deno.test("what the taker throws ends the call, and is thrown", async () => {
  await withFetch({ fetchUpdate: () => [part(0), part(1), "never"] }, async (scene) => {
    scene.onPart = () => Promise.reject(new RangeError("enough"));
    await assert.rejects(scene.fetch(), /^RangeError: enough$/);
  });
});
