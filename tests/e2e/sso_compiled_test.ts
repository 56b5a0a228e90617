/** The compiled platform has the libraries of single sign-on, may run them, and loads them when somebody signs in by them. */
import assert from "node:assert/strict";
import { request } from "node:https";
import { inflateRawSync } from "node:zlib";
import { Buffer } from "node:buffer";
import project from "../../deno.json" with { type: "json" };
import { taskGrants } from "../../demo/task_grants.ts";
import { freePort } from "../fixtures/free_port.ts";
import { startOidcPeer } from "../fixtures/oidc_peer.ts";
import { createSamlPeer } from "../fixtures/saml_peer.ts";
import { type Entry, runProgram, startProgram } from "../fixtures/start_program.ts";
import { compiledTest } from "./compiled_file.ts";

/** Resident memory of a process, in MB. */
function memoryOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]) / 1024;
}

interface Answer {
  status: number;
  location: string;
  cookies: string[];
  body: string;
}

function browse(port: number, path: string, { form, cookies = [] }: { form?: string; cookies?: string[] } = {}) {
  return new Promise<Answer>((resolve, reject) => {
    const asked = request({
      host: "localhost",
      port,
      path,
      method: form === undefined ? "GET" : "POST",
      rejectUnauthorized: false,
      agent: false,
      headers: {
        cookie: cookies.join("; "),
        ...(form === undefined ? {} : {
          origin: "https://idp.example.com",
          "content-type": "application/x-www-form-urlencoded",
          "content-length": String(Buffer.byteLength(form)),
        }),
      },
    }, (answer) => {
      const parts: Uint8Array[] = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () =>
        resolve({
          status: answer.statusCode!,
          location: answer.headers.location ?? "",
          cookies: (answer.headers["set-cookie"] ?? []).map((text) => text.split(";")[0]!),
          body: Buffer.concat(parts).toString(),
        }));
    });
    asked.on("error", reject);
    asked.end(form);
  });
}

/** Of the SAML request that an address leads to a provider with. */
function requestIdOf(address: string): string {
  const message = inflateRawSync(Buffer.from(new URL(address).searchParams.get("SAMLRequest")!, "base64"));
  return / ID="([^"]+)"/.exec(message.toString())![1]!;
}

compiledTest("the compiled platform signs people in by OpenID Connect and SAML", async (compile) => {
  const file = await compile("platform/main.ts", [
    ...["--exclude-unused-npm", "--include", "workers/password_hasher.ts"],
    ...taskGrants(project.tasks.platform),
  ]) as Entry;
  const folder = await Deno.makeTempDir(), portalPort = freePort(), peerPort = freePort();
  try {
    const env = { OPENDCA_PLATFORM_DATA: `${folder}/data` };
    const run = async (...args: string[]) => {
      const ran = await runProgram(file, args, env);
      assert.equal(ran.code, 0, ran.err);
      return ran.out;
    };
    await run("customer", "create", "Acme");
    // With fonts that are embedded, and libraries that are loaded when they are needed.
    const [statement] = /(?<=statement )\d+/.exec(await run("billing", "make", "--period", "2026-01"))!;
    for (const [kind, begins] of [["pdf", "%PDF-"], ["xlsx", "PK"]]) {
      await run("billing", "export", statement, "--as", kind!, "--output", `${folder}/statement.${kind}`);
      assert.equal((await Deno.readTextFile(`${folder}/statement.${kind}`)).slice(0, begins!.length), begins);
    }
    const saml = await createSamlPeer();
    await Deno.writeTextFile(`${folder}/signing.pem`, saml.certificatePem);
    const add = async (kind: string, name: string, ...settings: string[]) =>
      JSON.parse(await run("sign-in", "add", kind, name, "--json", "--setting", ...settings)).providerId;
    const samlId = await add(
      ...["saml", "By SAML"] as const,
      `idp-issuer=${saml.issuer}`,
      `sign-in-address=${saml.settings["sign-in-address"]}`,
      `certificate=@${folder}/signing.pem`,
    );
    const oidcId = await add(
      ...["oidc", "By OIDC"] as const,
      `issuer=https://localhost:${peerPort}`,
      "client-id=portal",
      "client-secret=a secret of the portal",
      "scopes=openid profile email groups",
    );
    for (const id of [samlId, oidcId]) await run("sign-in", "roles", id, "techs", "technician");
    const origin = `https://localhost:${portalPort}`;
    await using peer = await startOidcPeer({ redirectOf: [`${origin}/sign-in/oidc/${oidcId}`], port: peerPort });
    await Deno.writeTextFile(`${folder}/ca.pem`, peer.authority.pem);
    await run("sign-in", "set", oidcId, "--setting", `ca=@${folder}/ca.pem`);
    peer.people.set("max-1", { email: "max@example.com", name: "Max", groups: ["techs"] });
    peer.next = { subject: "max-1" };
    await using server = startProgram(file, [
      "serve",
      ...["--listen", "127.0.0.1:0", "--portal-listen", `127.0.0.1:${portalPort}`],
    ], env);
    await server.line((line) => line.includes('"ready":true'));
    assert.match((await browse(portalPort, "/sign-in")).body, /Sign in with By OIDC/);
    const before = memoryOf(server.pid);

    const led = await browse(portalPort, `/sign-in/with/${oidcId}`);
    assert.equal(led.status, 302, server.err());
    const back = new URL(await peer.follow(led.location));
    const done = await browse(portalPort, back.pathname + back.search, { cookies: led.cookies });
    assert.equal(done.location, "/", server.err());
    const withOidc = memoryOf(server.pid);

    const root = `${origin}/sign-in/saml/${samlId}`;
    assert.match((await browse(portalPort, `/sign-in/saml/${samlId}/metadata`)).body, /EntityDescriptor/, server.err());
    const away = await browse(portalPort, `/sign-in/with/${samlId}`);
    const requestId = requestIdOf(away.location);
    const response = saml.response({ audience: `${root}/metadata`, recipient: root, requestId });
    const consumed = await browse(portalPort, `/sign-in/saml/${samlId}`, {
      form: String(new URLSearchParams({ SAMLResponse: response })),
    });
    assert.equal(consumed.status, 303, server.err());
    const entered = await browse(portalPort, consumed.location, { cookies: away.cookies });
    assert.equal(entered.location, "/", server.err());
    const account = await browse(portalPort, "/account", { cookies: entered.cookies });
    assert.match(account.body, /mia@partner\.example/);
    console.log(
      `memory: ${before.toFixed(0)} MB at the sign-in page, ${withOidc.toFixed(0)} MB after OpenID Connect, ` +
        `${memoryOf(server.pid).toFixed(0)} MB after SAML`,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
