/**
 * Runs within a network namespace of its own, behind a firewall that forgets flows (tests/faults/forgotten_flow_test.ts): calls a
 * platform, waits until the firewall has forgotten the connection, calls again, and prints what came of it.
 */
import { PollRequest, PollResponse } from "../../proto/gen/opendca/v1/agent_service.ts";
import { systemClock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import { createGrpcAgentApi } from "../../src/link/grpc_agent_api.ts";
import { createTestAuthority } from "../fixtures/test_authority.ts";
import { startTestPlatform } from "../fixtures/test_platform.ts";

export interface ForgottenFlowScene {
  keepAliveMs: number;
  silentMs: number;
}

export interface ForgottenFlowFindings {
  /** "called", or the message of the fault. */
  calls: string[];
  /** That the platform has accepted in all. */
  connections: number;
}

const port = 9443;

async function explore({ keepAliveMs, silentMs }: ForgottenFlowScene): Promise<ForgottenFlowFindings> {
  const authority = await createTestAuthority();
  await using platform = await startTestPlatform({ poll: () => PollResponse.fromPartial({}) }, { authority, port });
  using api = createGrpcAgentApi({
    endpoints: [{ host: "localhost", port }],
    trust: { ca: { pem: authority.pem }, pins: [] },
    proxy: null,
    clock: systemClock,
    keepAliveMs,
  });
  const call = () => api.poll(PollRequest.fromPartial({})).then(() => "called", messageOf);
  const calls = [await call()];
  await new Promise((resolve) => setTimeout(resolve, silentMs));
  calls.push(await call());
  return { calls, connections: platform.connections };
}

if (import.meta.main) {
  console.log(JSON.stringify(await explore(JSON.parse(Deno.args[0]!))));
}
