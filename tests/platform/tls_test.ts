/** Who is let in. What a handshake or the transport refuses never comes to the store, and is tried on SQLite alone. */
import assert from "node:assert/strict";
import http2 from "node:http2";
import { Buffer } from "node:buffer";
import { credentials, Metadata, status } from "@grpc/grpc-js";
import * as x509 from "../../platform/keys/x509.ts";
import {
  algorithm,
  createAuthority,
  issueCertificate,
  loadAuthority,
  pemOf,
  privateKeyPem,
  validityFrom,
} from "../../platform/keys/authority.ts";
import { markRevoked } from "../../platform/agents/agents.ts";
import { latestCertificate } from "../../platform/agents/certificates.ts";
import { AgentServiceClient, PollRequest } from "../../proto/gen/opendca/v1/agent_service.ts";
import {
  activate,
  activatedAgent,
  call,
  type ClientIdentity,
  connect,
  newKeyAndCsr,
  pollOf,
  reasonOf,
  startTestPlatform,
  type TestPlatform,
} from "../fixtures/platform_fixture.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { maybeProgram, peerTest } from "../fixtures/peers.ts";
import { batchOf, readingOf, recordOf } from "../fixtures/platform_uploads.ts";
import { until } from "../fixtures/until.ts";

async function identityBy(
  platform: TestPlatform,
  options: { authority: "own" | "foreign" | "server"; commonName: string; expired?: boolean },
): Promise<ClientIdentity> {
  const now = new Date();
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const { agentAuthority, serverAuthority } = platform.platform;
  const authority = options.authority === "own" ? agentAuthority : options.authority === "server"
    ? serverAuthority
    // The same name as the real one, and another key.
    : await loadAuthority(await createAuthority("OpenDCA agent authority", validityFrom(now, 1)));
  const certificate = await issueCertificate(authority, {
    commonName: options.commonName,
    publicKey: keys.publicKey,
    usage: "client",
    names: [{ type: "url", value: `urn:opendca:agent:${options.commonName}` }],
    notBefore: new Date(now.getTime() - 2 * 3_600_000),
    notAfter: new Date(now.getTime() + (options.expired ? -3_600_000 : 3_600_000)),
  });
  return { privateKeyPem: await privateKeyPem(keys.privateKey), chain: pemOf(certificate) };
}

slowInPostgres("calls other than Activate are refused without a certificate of a known agent", async (t) => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  const commonName = agent.agentId;
  const cases = [
    { name: "no certificate", identity: undefined },
    {
      name: "an authority of the same name",
      identity: await identityBy(platform, { authority: "foreign", commonName }),
    },
    { name: "the server's authority", identity: await identityBy(platform, { authority: "server", commonName }) },
    { name: "our authority, never issued", identity: await identityBy(platform, { authority: "own", commonName }) },
    {
      name: "our authority, expired",
      identity: await identityBy(platform, { authority: "own", commonName, expired: true }),
    },
  ];
  const batch = batchOf(agent, { sequence: 1, records: [recordOf(readingOf())] });
  for (const { name, identity } of cases) {
    await t.step(name, async () => {
      using client = connect(platform, identity);
      const { csr } = await newKeyAndCsr();
      assert.deepEqual(
        [
          await reasonOf(call(client, { method: client.poll, request: pollOf(agent) })),
          await reasonOf(call(client, { method: client.upload, request: batch })),
          await reasonOf(call(client, { method: client.renew, request: { csr } })),
        ],
        ["certificate-required", "certificate-required", "certificate-required"],
      );
    });
  }
});

slowInPostgres("a certificate is worth nothing without its private key", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  const { privateKeyPem } = await newKeyAndCsr();
  // The library refuses the pair, or the server the handshake; either way nobody is let in.
  const outcome = await (async () => {
    try {
      using client = connect(platform, { ...agent.identity, privateKeyPem });
      return await reasonOf(call(client, { method: client.poll, request: pollOf(agent) }));
    } catch (error) {
      return String(error);
    }
  })();
  assert.notEqual(outcome, "answered");
});

Deno.test("an agent that trusts another authority does not talk to the platform", async () => {
  await using platform = await startTestPlatform();
  const other = await createAuthority("OpenDCA server authority", validityFrom(new Date(), 1));
  const fooled = { ...platform, serverAuthority: other.certificatePem };
  assert.match(await reasonOf(activate(fooled, { code: "" })), /^status 14/);
});

for (const version of ["-tls1", "-tls1_1"]) {
  peerTest(`the server refuses TLS of openssl ${version}`, ["openssl"], async () => {
    await using platform = await startTestPlatform();
    const connect = async (version: string) => {
      const { stdout } = await new Deno.Command(maybeProgram("openssl")!, {
        // SECLEVEL=0 lets the client itself speak the old versions.
        args: [
          "s_client",
          "-connect",
          platform.target,
          "-servername",
          "localhost",
          version,
          "-cipher",
          "ALL@SECLEVEL=0",
        ],
        stdin: "null",
      }).output();
      return new TextDecoder().decode(stdout);
    };
    assert.match(await connect("-tls1_2"), /Cipher is ECDHE/);
    assert.match(await connect(version), /Cipher is \(NONE\)/);
  });
}

slowInPostgres("a message of more than 4 MB is refused and the next call is answered", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  using client = connect(platform, agent.identity);
  const huge = { ...batchOf(agent, { sequence: 1, records: [] }), payload: Buffer.alloc(5 * 1024 * 1024) };
  const error = await call(client, { method: client.upload, request: huge }).catch((error) => error);
  assert.equal(error.code, status.RESOURCE_EXHAUSTED);
  assert.equal(await reasonOf(call(client, { method: client.poll, request: pollOf(agent) })), "answered");
});

slowInPostgres("garbage instead of a message is refused and the next call is answered", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  const roots = Buffer.from(platform.serverAuthority);
  const { privateKeyPem: key, chain } = agent.identity;
  const client = new AgentServiceClient(
    platform.target,
    credentials.createSsl(roots, Buffer.from(key), Buffer.from(chain)),
  );
  const answer = Promise.withResolvers<number | undefined>();
  client.makeUnaryRequest(
    "/opendca.v1.AgentService/Poll",
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => bytes,
    // A length-delimited field that is longer than the message.
    Buffer.from([0x0a, 0xff, 0xff, 0x7f]),
    new Metadata(),
    { deadline: Date.now() + 20_000 },
    (error) => answer.resolve(error?.code),
  );
  assert.equal(await answer.promise, status.INTERNAL);
  assert.equal(await reasonOf(call(client, { method: client.poll, request: pollOf(agent) })), "answered");
  client.close();
});

Deno.test("a call whose message never comes is ended", async () => {
  await using platform = await startTestPlatform({ callTimeoutMs: 50 });
  const session = http2.connect(`https://${platform.target}`, { ca: platform.serverAuthority });
  const request = session.request({
    ":method": "POST",
    ":path": "/opendca.v1.AgentService/Activate",
    "content-type": "application/grpc",
    te: "trailers",
  });
  // The first bytes of a message that says that it has a hundred.
  request.write(Buffer.from([0, 0, 0, 0, 100, 1, 2, 3]));
  const ended = Promise.withResolvers<unknown>();
  request.on("response", (headers) => headers["grpc-status"] !== undefined && ended.resolve(headers["grpc-status"]));
  request.on("trailers", (trailers) => ended.resolve(trailers["grpc-status"]));
  request.on("error", () => ended.resolve("reset"));
  request.on("close", () => ended.resolve("closed"));
  request.resume();
  assert.equal(await ended.promise, String(status.DEADLINE_EXCEEDED));
  request.close();
  const closed = Promise.withResolvers<void>();
  session.close(() => closed.resolve());
  await closed.promise;
});

slowInPostgres("a call whose message comes late is refused if its agent was revoked meanwhile", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  const { privateKeyPem: key, chain: cert } = agent.identity;
  const session = http2.connect(`https://${platform.target}`, { ca: platform.serverAuthority, key, cert });
  const request = session.request({
    ":method": "POST",
    ":path": "/opendca.v1.AgentService/Poll",
    "content-type": "application/grpc",
    te: "trailers",
  });
  const message = PollRequest.encode(pollOf(agent)).finish();
  const length = Buffer.alloc(5);
  length.writeUInt32BE(message.length, 1);
  // All but its last byte: the call is admitted.
  request.write(Buffer.concat([length, message.subarray(0, -1)]));
  const ended = Promise.withResolvers<unknown>();
  request.on("response", (headers) => headers["opendca-reason"] && ended.resolve(headers["opendca-reason"]));
  request.on("trailers", (trailers) => ended.resolve(trailers["opendca-reason"]));
  request.on("error", ended.reject);
  request.resume();
  await until(
    "the call is admitted",
    async () => (await latestCertificate(agent.tenant, agent.agentId))!.first_used_at !== null,
  );
  await markRevoked(agent.tenant, { agentId: agent.agentId, reason: "lost", at: new Date() });
  platform.clock.advance(1001);
  request.end(message.subarray(-1));
  assert.equal(await ended.promise, "agent-revoked");
  const closed = Promise.withResolvers<void>();
  session.close(() => closed.resolve());
  await closed.promise;
});

Deno.test("bytes that are no TLS, and HTTP/2 that is no gRPC, do no harm", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  const port = Number(platform.target.split(":")[1]);
  for (const bytes of ["GET / HTTP/1.1\r\n\r\n", "\u0016\u0003\u0001\u0000\u0000", "\0".repeat(70_000)]) {
    using socket = await Deno.connect({ hostname: "127.0.0.1", port });
    // The server may hang up while this is being written.
    await socket.write(new TextEncoder().encode(bytes)).catch(() => {});
    await socket.closeWrite().catch(() => {});
    while (await socket.read(new Uint8Array(1000)).catch(() => null) !== null);
  }
  const session = http2.connect(`https://${platform.target}`, { ca: platform.serverAuthority });
  const answered = Promise.withResolvers<number>();
  let received = 0;
  const request = session.request({ ":path": "/etc/passwd", ":method": "GET" });
  request.on("data", (bytes) => received += bytes.length);
  request.on("close", () => answered.resolve(received));
  request.on("error", () => answered.resolve(received));
  request.end();
  assert.equal(await answered.promise, 0);
  const closed = Promise.withResolvers<void>();
  session.close(() => closed.resolve());
  await closed.promise;
  using client = connect(platform, agent.identity);
  assert.equal(await reasonOf(call(client, { method: client.poll, request: pollOf(agent) })), "answered");
});

slowInPostgres("the agent authority signs no server, and its certificates name the agent", async () => {
  await using platform = await startTestPlatform();
  const { identity, agentId } = await activatedAgent(platform, await platform.customer("Acme"));
  const certificate = new x509.X509Certificate(identity.chain);
  assert.equal(certificate.subject, `CN=${agentId}`, "not what the request asked for");
  assert.deepEqual([...certificate.getExtension(x509.ExtendedKeyUsageExtension)!.usages], [
    x509.ExtendedKeyUsage.clientAuth,
  ]);
});
