/**
 * Runs within network and mount namespaces of its own (tests/faults/names_and_routes_test.ts): starts a platform where one is
 * wanted, walks to the endpoints as the doctor and calls them as the agent, and prints what both found.
 */
import { PollRequest, PollResponse } from "../../proto/gen/opendca/v1/agent_service.ts";
import { systemClock } from "../../common/core/clock.ts";
import { createGrpcAgentApi } from "../../src/link/grpc_agent_api.ts";
import { TransportError } from "../../src/link/transport_error.ts";
import { authority, failures, machine } from "../fixtures/doctor_fixture.ts";
import { startTestPlatform } from "../fixtures/test_platform.ts";

export interface NamespaceScene {
  hosts: string[];
  /** Of ::1 or 127.0.0.1, where the platform listens; none without it. */
  address?: string;
  /** A name server that takes questions on 127.0.0.9 and says nothing. */
  silentNameServer?: boolean;
}

export interface NamespaceFindings {
  failures: string[];
  warnings: string[];
  code: number;
  message: string;
  /** "called HOST:PORT", or the name of the fault. */
  call: string;
}

const port = 9443;

async function explore({ hosts, address, silentNameServer }: NamespaceScene): Promise<NamespaceFindings> {
  await using stack = new AsyncDisposableStack();
  if (silentNameServer === true) {
    const silent = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.9", port: 53 });
    stack.defer(() => silent.close());
  }
  if (address !== undefined) {
    const poll = () => PollResponse.fromPartial({});
    stack.use(await startTestPlatform({ poll }, { authority, address, names: hosts, port }));
  }
  const here = stack.use(await machine());
  const endpoints = hosts.map((host) => `"${host}:${port}"`).join(", ");
  await here.configure(`platform: { rootDomain: test, endpoints: [${endpoints}], ca: "${here.folder}/ca.pem" }\n`);
  const found = await here.doctor();
  const warnings = found.faults.filter(({ severity }) => severity === "warning").map((it) => `${it.step} ${it.name}`);
  return {
    failures: failures(found),
    warnings: warnings.filter((name) => name !== "credentials not-activated"),
    code: found.code,
    message: found.faults[0]!.message,
    call: await call(hosts),
  };
}

async function call(hosts: readonly string[]): Promise<string> {
  using api = createGrpcAgentApi({
    endpoints: hosts.map((host) => ({ host, port })),
    trust: { ca: { pem: authority.pem }, pins: [] },
    proxy: null,
    clock: systemClock,
    connectTimeoutMs: 3000,
  });
  try {
    await api.poll(PollRequest.fromPartial({}));
    return `called ${api.lastEndpoint}`;
  } catch (error) {
    if (error instanceof TransportError) return error.fault.name;
    throw error;
  }
}

if (import.meta.main) console.log(JSON.stringify(await explore(JSON.parse(Deno.args[0]!))));
