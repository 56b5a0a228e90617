/** Keys and certificates, which are files in the data directory whatever the database. */
import assert from "node:assert/strict";
import { openPlatform, serve } from "../../platform/compose.ts";
import { pemOf } from "../../platform/keys/authority.ts";
import { issueAgentCertificate, parseCsr } from "../../platform/agents/agent_certificate.ts";
import { maybeProgram, peerTest } from "../fixtures/peers.ts";
import { newKeyAndCsr, pemOfDer } from "../fixtures/platform_fixture.ts";

const clock = { now: () => new Date(), monotonicMs: () => 0 };
const quiet = { clock, log() {} };

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function openssl(...args: string[]): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(maybeProgram("openssl")!, { args }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

peerTest(
  "openssl verifies an agent's certificate for clients and for nothing else",
  ["openssl"],
  () =>
    withFolder(async (folder) => {
      await using platform = await openPlatform({ dataDirectory: `${folder}/data`, ...quiet });
      const csr = await parseCsr((await newKeyAndCsr()).csr);
      const { der } = await issueAgentCertificate(platform.agentAuthority, { agentId: "agt-1", csr, now: new Date() });
      const file = `${folder}/agent.pem`;
      await Deno.writeTextFile(file, pemOfDer(der));
      const authority = `${folder}/data/agent-authority.pem`;
      const check = (purpose: string, ca = authority) =>
        openssl("verify", "-x509_strict", "-purpose", purpose, "-CAfile", ca, file);
      assert.match(await check("sslclient"), /agent\.pem: OK/);
      assert.match(await check("sslserver"), /unsu(pported|itable) certificate purpose/i);
      assert.match(await check("sslclient", `${folder}/data/server-authority.pem`), /unable to get local issuer/);
      const text = await openssl("x509", "-in", file, "-noout", "-text");
      for (const line of [/ecdsa-with-SHA256/, /prime256v1/, /CA:FALSE/, /URI:urn:opendca:agent:agt-1/]) {
        assert.match(text, line);
      }
    }),
);

peerTest("openssl verifies the server's certificate for its names", ["openssl"], () =>
  withFolder(async (folder) => {
    await using platform = await openPlatform({ dataDirectory: folder, ...quiet });
    await using _ = await serve(platform, { host: "127.0.0.1", port: 0, names: ["dca.example.com", "localhost"] });
    const check = (name: string) =>
      openssl(
        ...["verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", name],
        ...["-CAfile", `${folder}/server-authority.pem`, `${folder}/server.pem`],
      );
    assert.match(await check("dca.example.com"), /server\.pem: OK/);
    assert.match(await check("localhost"), /server\.pem: OK/);
    assert.match(await check("evil.example.com"), /mismatch/i);
  }));

Deno.test("openPlatform() finds its keys again, and files that only the owner reads", () =>
  withFolder(async (folder) => {
    const keysOf = async () => {
      await using platform = await openPlatform({ dataDirectory: `${folder}/data`, ...quiet });
      return [pemOf(platform.agentAuthority.certificate), platform.signingKey.keyId, platform.pepper.toHex()];
    };
    assert.deepEqual(await keysOf(), await keysOf());
    if (Deno.build.os === "windows") return;
    assert.equal(Deno.statSync(`${folder}/data`).mode! & 0o777, 0o700);
    for (const { name } of Deno.readDirSync(`${folder}/data`)) {
      assert.equal(Deno.statSync(`${folder}/data/${name}`).mode! & 0o077, 0, name);
    }
  }));

Deno.test("openPlatform() of two processes that come at once to a new folder makes one set of keys", () =>
  withFolder(async (folder) => {
    const opened = await Promise.all([1, 2, 3].map(() => openPlatform({ dataDirectory: folder, ...quiet })));
    const keys = opened.map(({ signingKey, pepper, agentAuthority, serverAuthority }) => [
      signingKey.keyId,
      pepper.toHex(),
      pemOf(agentAuthority.certificate),
      pemOf(serverAuthority.certificate),
    ]);
    for (const platform of opened) await platform[Symbol.asyncDispose]();
    assert.deepEqual([keys[1], keys[2]], [keys[0], keys[0]]);
  }));

for (const name of ["agent-authority.key", "agent-authority.pem", "signing.key", "code-pepper.key"]) {
  Deno.test(`openPlatform() does not replace ${name} when it was lost`, () =>
    withFolder(async (folder) => {
      await (await openPlatform({ dataDirectory: folder, ...quiet }))[Symbol.asyncDispose]();
      await Deno.remove(`${folder}/${name}`);
      await assert.rejects(openPlatform({ dataDirectory: folder, ...quiet }), {
        name: "ConfigError",
        message: /is missing/,
      });
    }));
}

Deno.test("serve() makes a new server certificate when it is for other names", () =>
  withFolder(async (folder) => {
    await using platform = await openPlatform({ dataDirectory: folder, ...quiet });
    const served = async (names: string[]) => {
      await using _ = await serve(platform, { host: "127.0.0.1", port: 0, names });
      return await Deno.readTextFile(`${folder}/server.pem`);
    };
    const first = await served(["localhost"]);
    assert.equal(await served(["localhost"]), first);
    assert.notEqual(await served(["localhost", "dca.example.com"]), first);
  }));

Deno.test("serve() says that a port is taken", () =>
  withFolder(async (folder) => {
    await using platform = await openPlatform({ dataDirectory: folder, ...quiet });
    await using first = await serve(platform, { host: "127.0.0.1", port: 0, names: ["localhost"] });
    await assert.rejects(serve(platform, { host: "127.0.0.1", port: first.port, names: ["localhost"] }), {
      name: "UnavailableError",
      message: /^Cannot listen on 127\.0\.0\.1:\d+: listen EADDRINUSE: address already in use [\d.:]+$/,
    });
  }));
