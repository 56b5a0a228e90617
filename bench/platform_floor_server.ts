/**
 * A server that does nothing: mutual TLS, and gRPC with an empty answer. Started by platform_floor.ts with the folder of a
 * platform as argument, as a process of its own, since its processor time counts.
 */
import { Buffer } from "node:buffer";
import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { systemClock } from "../common/core/clock.ts";
import { openPlatform } from "../platform/compose.ts";
import { pemOf } from "../platform/keys/authority.ts";
import { createServerCertificate } from "../platform/keys/server_certificate.ts";
import { type AgentServiceServer, AgentServiceService, PollResponse } from "../proto/gen/opendca/v1/agent_service.ts";

const platform = await openPlatform({ dataDirectory: Deno.args[0]!, clock: systemClock, log: () => {} });
const { certificatePem: cert, privateKeyPem: key } = await createServerCertificate(platform.serverAuthority, {
  names: ["localhost"],
  now: new Date(),
});
const ca = pemOf(platform.agentAuthority.certificate), authorityPem = pemOf(platform.serverAuthority.certificate);
await platform[Symbol.asyncDispose]();

const tls = createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: true }, (socket) => {
  socket.on("error", () => {});
  socket.end("x");
});
await new Promise<void>((resolve) => tls.listen(0, "127.0.0.1", resolve));

const grpc = new Server();
const poll: AgentServiceServer["poll"] = (_, answer) => answer(null, PollResponse.create());
grpc.addService(AgentServiceService, { poll } as AgentServiceServer);
const pair = { cert_chain: Buffer.from(cert), private_key: Buffer.from(key) };
const credentials = ServerCredentials.createSsl(Buffer.from(ca), [pair], true);
const port = await new Promise<number>((resolve, reject) =>
  grpc.bindAsync("127.0.0.1:0", credentials, (error, port) => error ? reject(error) : resolve(port))
);
console.log(JSON.stringify({ tlsPort: (tls.address() as AddressInfo).port, grpcPort: port, authorityPem }));
