import assert from "node:assert/strict";
import { Metadata, type ServerInterceptingCallInterface, type ServerMethodDefinition, status } from "@grpc/grpc-js";
import { until } from "../../../tests/fixtures/until.ts";
import type { Platform } from "../../agents/platform.ts";
import { admission } from "./admission.ts";
import { ConnectionGate, defaultGateLimits } from "../connections/connection_gate.ts";

for (const isLost of [false, true]) {
  Deno.test(`admission() tells of a handler that throws${isLost ? ", also when nobody can be answered" : ""}`, async () => {
    const logged: string[] = [], codes: number[] = [];
    const platform = { log: (event: string) => logged.push(event) } as unknown as Platform;
    const intercept = admission(platform, new ConnectionGate(defaultGateLimits, () => 0));
    let begin = (_: Metadata) => {};
    const call = {
      start: (listener: { onReceiveMetadata(metadata: Metadata): void }) => {
        begin = (metadata) => listener.onReceiveMetadata(metadata);
      },
      sendStatus({ code }: { code: number }) {
        codes.push(code);
        if (isLost) throw new Error("the stream is gone");
      },
      getPeer: () => "127.0.0.1:1",
    } as unknown as ServerInterceptingCallInterface;
    const method = { path: "/opendca.v1.AgentService/Activate" } as ServerMethodDefinition<unknown, unknown>;
    intercept(method, call).start({
      onReceiveMetadata() {
        throw new Error("a defect");
      },
      onReceiveMessage() {},
      onReceiveHalfClose() {},
      onCancel() {},
    });
    begin(new Metadata());
    await until("it is told", () => logged.length === (isLost ? 2 : 1) && codes.length === 1);
    assert.deepEqual(codes, [status.INTERNAL]);
    assert(logged.every((event) => event === "callFailed"));
  });
}
