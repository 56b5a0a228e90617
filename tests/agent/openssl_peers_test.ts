/** Promise P2 with OpenSSL's own server: old TLS and weak certificates are refused, and named. */
import assert from "node:assert/strict";
import { PollRequest } from "../../proto/gen/opendca/v1/agent_service.ts";
import { systemClock } from "../../common/core/clock.ts";
import { createGrpcAgentApi } from "../../src/link/grpc_agent_api.ts";
import { failures, machine } from "../fixtures/doctor_fixture.ts";
import { peerTest } from "../fixtures/peers.ts";
import { startPeer, toolOutput } from "../fixtures/started_peer.ts";

/** OpenSSL refuses these, too, unless it is told not to. */
const anything = ["-cipher", "ALL:@SECLEVEL=0"];

interface Weak {
  name: string;
  want: string;
  says: RegExp;
  /** Keys of the authority and the server, and the digest of the signature. */
  authority?: string;
  key?: string;
  digest?: string;
  /** Digest of the signature of an authority between the two. */
  intermediate?: string;
  server: string[];
  /** In `deno task test`; the others are among the slow tests. */
  isQuick?: true;
}

const cases: Weak[] = [
  {
    name: "TLS 1.1",
    isQuick: true,
    want: "tls tls-failed",
    says: /does not support TLS 1\.2 or newer/,
    server: ["-tls1_1", ...anything],
  },
  {
    name: "TLS 1.0",
    want: "tls tls-failed",
    says: /does not support TLS 1\.2 or newer/,
    server: ["-tls1", ...anything],
  },
  {
    name: "TLS 1.2 with ciphers of before",
    want: "tls tls-failed",
    says: /no cipher in common/,
    server: ["-tls1_2", "-cipher", "AES128-SHA"],
  },
  {
    name: "a handshake that is signed with SHA-1",
    want: "tls tls-failed",
    says: /HandshakeFailure/,
    server: ["-tls1_2", "-sigalgs", "RSA+SHA1", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0"],
  },
  {
    name: "an intermediate authority that is signed with SHA-1",
    want: "tls weak-certificate",
    says: /an authority "CN=Old Intermediate Authority" with a signature with SHA-1/,
    intermediate: "sha1",
    server: ["-cert_chain", "intermediate.pem", ...anything],
  },
  {
    name: "SHA-1",
    isQuick: true,
    want: "tls weak-certificate",
    says: /a signature with SHA-1/,
    digest: "sha1",
    server: anything,
  },
  { name: "MD5", want: "tls weak-certificate", says: /a signature with MD5/, digest: "md5", server: anything },
  {
    name: "an RSA key of 1024 bits",
    isQuick: true,
    want: "tls weak-certificate",
    says: /RSA key of 1024 bits/,
    key: "rsa:1024",
    server: anything,
  },
  {
    name: "an authority with an RSA key of 1024 bits",
    want: "tls weak-certificate",
    says: /a signature with an RSA key of 1024 bits/,
    authority: "rsa:1024",
    server: anything,
  },
];
for (const { name, want, says, server, authority = "rsa:2048", key = "rsa:2048", isQuick, ...digests } of cases) {
  const speed = isQuick ? "" : " (slow)";
  peerTest(`opendca doctor names a platform with ${name}: ${want}${speed}`, ["openssl"], async () => {
    let ca = "";
    await using peer = await startPeer("openssl", "ACCEPT", async (folder, port) => {
      await certify(folder, { authority, key, digest: "sha256", ...digests });
      ca = await Deno.readTextFile(`${folder}/ca.pem`);
      const files = ["-cert", `${folder}/server.pem`, "-key", `${folder}/server.key`];
      // With -www it does not read its standard input, whose end would end every connection.
      return [
        "s_server",
        "-www",
        "-accept",
        `127.0.0.1:${port}`,
        "-alpn",
        "h2",
        ...files,
        ...server.map((arg) => arg === "intermediate.pem" ? `${folder}/${arg}` : arg),
      ];
    });
    await using here = await machine();
    await Deno.writeTextFile(`${here.folder}/weak.pem`, ca);
    await here.configure(
      `platform: { rootDomain: localhost, endpoints: ["localhost:${peer.port}"], ca: "${here.folder}/weak.pem" }\n`,
    );
    const found = await here.doctor();
    assert.deepEqual([failures(found), found.code], [[want], 69], found.text);
    assert.match(found.faults[0]!.message, says);
    using api = createGrpcAgentApi({
      endpoints: [{ host: "localhost", port: peer.port }],
      trust: { ca: { pem: ca }, pins: [] },
      proxy: null,
      clock: systemClock,
    });
    await assert.rejects(api.poll(PollRequest.fromPartial({})), { fault: faultFields(found.faults[0]!) });
  });
}

/** What a call says is what the doctor says. */
function faultFields({ name, message, advice }: { name: string; message: string; advice: string }) {
  return { name, message, advice };
}

const keys = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(keys, { recursive: true }));

/** Path of a key of a kind, such as "rsa:2048"; each name has its own, which is made once, as that takes long. */
async function keyOf(name: string, kind: string): Promise<string> {
  const path = `${keys}/${name} ${kind}.pem`;
  if (await Deno.stat(path).then(() => false, () => true)) {
    await toolOutput("openssl", ["genrsa", "-out", path, kind.slice("rsa:".length)]);
  }
  return path;
}

async function certify(
  folder: string,
  { authority, key, digest, intermediate }: { authority: string; key: string; digest: string; intermediate?: string },
) {
  const at = (name: string) => `${folder}/${name}`;
  const openssl = (...args: string[]) => toolOutput("openssl", args);
  const request = async (name: string, subject: string, kind: string) => {
    await Deno.copyFile(await keyOf(name, kind), at(`${name}.key`));
    await openssl("req", "-new", "-key", at(`${name}.key`), "-out", at("csr"), "-subj", subject);
  };
  const sign = async (name: string, by: string, extensions: string, how: string) => {
    await Deno.writeTextFile(at("extensions"), extensions);
    const signer = ["-CA", at(`${by}.pem`), "-CAkey", at(`${by}.key`), "-CAcreateserial", `-${how}`, "-days", "10"];
    await openssl("x509", "-req", "-in", at("csr"), ...signer, "-extfile", at("extensions"), "-out", at(`${name}.pem`));
  };
  await Deno.copyFile(await keyOf("ca", authority), at("ca.key"));
  const ca = ["-key", at("ca.key"), "-out", at("ca.pem"), "-subj", "/CN=Old Authority", "-days", "30"];
  await openssl("req", "-x509", "-sha256", ...ca);
  if (intermediate !== undefined) {
    await request("intermediate", "/CN=Old Intermediate Authority", authority);
    await sign("intermediate", "ca", "basicConstraints=critical,CA:TRUE\n", intermediate);
  }
  await request("server", "/CN=localhost", key);
  await sign("server", intermediate === undefined ? "ca" : "intermediate", "subjectAltName=DNS:localhost\n", digest);
}
