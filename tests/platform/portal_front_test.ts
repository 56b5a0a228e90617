/** The listener for a proxy in front of the portal: nobody gets a connection without the proxy's certificate. */
import assert from "node:assert/strict";
import { request } from "node:https";
import { createTestAuthority } from "../fixtures/test_authority.ts";
import { toolOutput } from "../fixtures/started_peer.ts";
import { peerTest } from "../fixtures/peers.ts";
import { type PortalScene, portalScene } from "./portal_scene.ts";

export interface ClientFiles {
  certificatePem: string;
  keyPem: string;
}

/** As docs/sso.md makes it. */
async function selfSigned(name = "portal-front"): Promise<ClientFiles> {
  const folder = await Deno.makeTempDir();
  try {
    const files = { certificatePem: `${folder}/cert.pem`, keyPem: `${folder}/key.pem` };
    await toolOutput("openssl", [
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj".split(" "),
      `/CN=${name}`,
      ..."-addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=clientAuth".split(" "),
      "-keyout",
      files.keyPem,
      "-out",
      files.certificatePem,
    ]);
    return {
      certificatePem: await Deno.readTextFile(files.certificatePem),
      keyPem: await Deno.readTextFile(files.keyPem),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function sceneWith(certificatePem: string): Promise<PortalScene> {
  return await portalScene({
    portal: {
      host: "127.0.0.1",
      port: 0,
      front: { host: "127.0.0.1", port: 0, certificatePem, header: "X-Remote-User" },
    },
  });
}

/** The status, or what the connection ended with. */
function ask(
  scene: PortalScene,
  client: ClientFiles | undefined,
  port = scene.platform.portal!.frontPort!,
  path = "/sign-in",
) {
  const { certificatePem: cert, keyPem: key } = client ?? {};
  return new Promise<number | string>((resolve) => {
    const asked = request({
      host: "localhost",
      port,
      path,
      ca: scene.platform.serverAuthority,
      cert,
      key,
      agent: false,
    }, (response) => {
      response.resume();
      response.on("error", () => {});
      resolve(response.statusCode!);
    });
    asked.on("error", (error) => resolve(error.message));
    asked.end();
  });
}

peerTest("the proxy's own certificate opens the listener, and no other", ["openssl"], async () => {
  const own = await selfSigned(), copy = await selfSigned();
  await using scene = await sceneWith(own.certificatePem);
  assert.equal(await ask(scene, own), 200);
  assert.equal(await ask(scene, own, undefined, "/api/v1/openapi.json"), 200, "programs call there too");
  assert.equal(typeof await ask(scene, undefined), "string");
  assert.equal(typeof await ask(scene, copy), "string", "the same names, another key");
  assert.equal(typeof await ask(scene, { ...own, keyPem: copy.keyPem }), "string");
  assert.equal(await ask(scene, undefined, scene.platform.portal!.port), 200, "the other listener asks for none");
});

peerTest("an authority of the proxy's own opens the listener for what it has issued", ["openssl"], async () => {
  const authority = await createTestAuthority(), namesake = await createTestAuthority();
  await using scene = await sceneWith(authority.pem);
  assert.equal(await ask(scene, await authority.issue({ names: ["front"] })), 200);
  const hour = 3_600_000;
  const old = { notBefore: new Date(Date.now() - 3 * hour), notAfter: new Date(Date.now() - 2 * hour) };
  const others = [await namesake.issue(), await authority.issue(old), await selfSigned()];
  for (const other of others) assert.equal(typeof await ask(scene, other), "string");
});
