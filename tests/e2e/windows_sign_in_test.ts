/** Windows authentication: Kerberos of a real domain, Apache as documented, and the portal behind it. */
import assert from "node:assert/strict";
import { request } from "node:https";
import { addProvider, setGroupRoles } from "../../platform/sso/manage_providers.ts";
import { recheckSessions } from "../../platform/sso/recheck.ts";
import { totpCode } from "../../platform/users/second_factor.ts";
import { maybeViewer } from "../../platform/users/sessions.ts";
import { apachePrograms, curl, type Curled, startApacheFront } from "../fixtures/apache_front.ts";
import { docBlock } from "../fixtures/doc_block.ts";
import { freePort } from "../fixtures/free_port.ts";
import {
  addUser,
  base,
  change,
  dnOf,
  domainTest,
  type Person,
  personPassword,
  realm,
  samba,
  type SambaDomain,
  serviceAccount,
  sharedDomain,
  technicians,
} from "../fixtures/samba_domain.ts";
import { toolOutput } from "../fixtures/started_peer.ts";
import { createTestAuthority } from "../fixtures/test_authority.ts";
import { base32 } from "../platform/base32.ts";
import { type PortalScene, portalScene } from "../platform/portal_scene.ts";
import { operator } from "../platform/users_fixture.ts";

const host = "portal.example.test";
const programs = [...apachePrograms, "curl", "kinit", "openssl"];

interface WindowsScene extends AsyncDisposable {
  scene: PortalScene;
  domain: SambaDomain;
  providerId: string;
  clientPem: string;
  /** With the tickets of whoever has signed in to the computer, and the cookies of its browser. */
  browser(person: Person | undefined): Promise<(path: string, args?: string[]) => Promise<Curled>>;
}

async function windowsScene(settings: Record<string, string> = {}): Promise<WindowsScene> {
  await using built = new AsyncDisposableStack();
  const domain = await sharedDomain();
  const folder = await Deno.makeTempDir();
  built.defer(() => Deno.remove(folder, { recursive: true }));
  await exportKeytab(domain, `${folder}/portal.keytab`);
  const document = await Deno.readTextFile(new URL("../../docs/sso.md", import.meta.url));
  await toolOutput("sh", ["-c", `cd ${folder} && ${docBlock(document, "umask 077")}`]);
  const front = await Deno.readTextFile(`${folder}/front.crt`), port = freePort();
  const origin = `https://${host}:${port}`;
  const scene = built.use(
    await portalScene({
      portal: {
        host: "127.0.0.1",
        port: 0,
        origin,
        front: { host: "127.0.0.1", port: 0, certificatePem: front, header: "X-Remote-User" },
      },
    }),
  );
  const { platform } = scene.platform;
  const { providerId } = await addProvider(platform, operator, {
    kind: "ldap",
    name: "Example",
    dealer: "Print Partner",
    settings: {
      servers: domain.url,
      base,
      account: serviceAccount.name,
      password: serviceAccount.password,
      ca: domain.authority.pem,
      realms: `${realm} EXAMPLE`,
      ...settings,
    },
  });
  await setGroupRoles(platform, operator, {
    provider: providerId,
    group: technicians,
    grants: [{ role: "technician" }],
  });
  const authority = await createTestAuthority(), certificate = await authority.issue({ names: [host] });
  const clientPem = await Deno.readTextFile(`${folder}/opendca-front.pem`);
  built.use(
    await startApacheFront({
      host,
      port,
      ...certificate,
      frontPort: scene.platform.portal!.frontPort!,
      authorityPem: scene.platform.serverAuthority,
      clientPem,
      keytab: `${folder}/portal.keytab`,
    }),
  );
  let computers = 0;
  const all = built.move();
  return {
    scene,
    domain,
    providerId,
    clientPem,
    async browser(person) {
      const computer = `${folder}/computer${computers++}`;
      const env = { KRB5_CONFIG: domain.krb5Config, KRB5CCNAME: `FILE:${computer}.tickets`, LC_ALL: "C.UTF-8" };
      if (person !== undefined) await kinit(person, env);
      const cookies = ["--cookie", `${computer}.cookies`, "--cookie-jar", `${computer}.cookies`];
      return (path, args = []) => curl(path, { host, port, caPem: authority.pem, env, args: [...cookies, ...args] });
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function kinit(person: Person, env: Record<string, string>): Promise<void> {
  const child = new Deno.Command("kinit", {
    args: [`${person}@${realm}`],
    env,
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(`${personPassword}\n`));
  await writer.close();
  const { success, stderr } = await child.output();
  if (!success) throw new Error(`kinit ${person}: ${new TextDecoder().decode(stderr)}`);
}

let keytab: Promise<string> | undefined;

/* The service has one account in the domain. */
async function exportKeytab(domain: SambaDomain, file: string): Promise<void> {
  keytab ??= (async () => {
    const spn = `HTTP/${host}`, exported = `${domain.folder}/portal.keytab`;
    await domain.as((client) =>
      addUser(client, {
        dn: `CN=OpenDCA portal,CN=Users,${base}`,
        account: "opendca-portal",
        name: "OpenDCA portal",
        password: "Portal-Account-7",
        spn,
      })
    );
    await samba(domain, "domain", "exportkeytab", exported, `--principal=${spn}`);
    return exported;
  })();
  await Deno.copyFile(await keytab, file);
}

const negotiate = ["--negotiate", "--user", ":"];

domainTest(
  "whoever has signed in to Windows is signed in to the portal, and stays it as long as the domain says so",
  async () => {
    await using windows = await windowsScene();
    const { scene, domain, providerId } = windows, browser = await windows.browser("jörg");
    const form = await browser(`/sign-in/with/${providerId}?next=/account`);
    const path = /href="(\/sign-in\/windows\/[^"]+)"/.exec(form.body)![1]!.replaceAll("&amp;", "&");
    assert.equal((await browser(path)).status, 401, "a browser that is told nothing shows how else to sign in");
    assert.match((await browser(path)).body, /href="\/sign-in"/);
    const done = await browser(path, negotiate);
    assert.deepEqual([done.status, new URL(done.location).pathname], [303, "/account"]);
    assert.match((await browser("/account")).body, /joerg@example\.com/);
    // What is dangerous needs the password: a ticket lasts for hours.
    const sources = await scene.platform.queries.all<{ source: string }>("SELECT source FROM user_sessions");
    assert.deepEqual(sources.map(({ source }) => source), ["127.0.0.1"]);
    await domain.as((it) => change(it, dnOf("jörg"), { userAccountControl: "66050" }));
    try {
      const again = await (await windows.browser("eva"))(path, negotiate);
      assert.equal(again.status, 303, "others go on");
      assert.equal((await browser(path, negotiate)).status, 401, "a ticket that is still good does not help");
    } finally {
      await domain.as((it) => change(it, dnOf("jörg"), { userAccountControl: "66048" }));
    }
  },
  programs,
);

domainTest("nobody else can say who has signed in", async () => {
  await using windows = await windowsScene();
  const { scene, providerId } = windows, path = `/sign-in/windows/${providerId}`;
  const lies = ["--header", "X-Remote-User: eva@EXAMPLE.TEST", "--header", "x-remote-user: EXAMPLE\\eva"];
  const nobody = await windows.browser(undefined);
  assert.equal((await nobody(path, lies)).status, 401);
  assert.equal((await nobody(path, [...negotiate, ...lies])).status, 401);
  for (const user of ["eva:wrong", `eva:${personPassword}`]) {
    assert.equal((await nobody(path, ["--basic", "--user", user, ...lies])).status, 401);
  }
  // In another group: what the person says of itself does not replace what Kerberos says.
  const nina = await windows.browser("nina");
  const said = await nina(path, [...negotiate, ...lies]);
  assert.equal(said.status, 403);
  assert.match(said.body, /none of your groups has a role/);
  assert.equal((await nina("/account")).status, 303);
  // At the portal itself.
  const visitor = scene.visitor();
  assert.equal((await visitor.get(path, { "x-remote-user": "eva@EXAMPLE.TEST" })).status, 404);
  assert.equal(visitor.cookies.size, 0);
}, programs);

domainTest("the portal takes one name of one realm from the proxy, and nothing else", async () => {
  await using windows = await windowsScene();
  const { scene, providerId, clientPem } = windows, path = `/sign-in/windows/${providerId}`;
  const ask = (values: string[], headers: Record<string, string> = {}) =>
    new Promise<number>((resolve, reject) => {
      const asked = request({
        host: "localhost",
        port: scene.platform.portal!.frontPort!,
        path,
        ca: scene.platform.serverAuthority,
        cert: clientPem,
        key: clientPem,
        agent: false,
        headers: { ...headers, "x-remote-user": values },
      }, (response) => {
        response.resume();
        resolve(response.statusCode!);
      });
      asked.on("error", reject);
      asked.end();
    });
  assert.equal(await ask(["eva@EXAMPLE.TEST"]), 303);
  assert.equal(await ask(["EXAMPLE\\eva"]), 303);
  assert.equal(await ask(["eva@EXAMPLE.TEST"], { "sec-fetch-site": "same-origin" }), 303);
  const forwarded = { "x-forwarded-for": "10.1.0.7, 2001:db8:1:2ff::5" };
  assert.equal(await ask(["eva@EXAMPLE.TEST"], forwarded), 303);
  assert.equal(await ask(["eva@EXAMPLE.TEST"], { "x-forwarded-for": "10.1.0.7, <script>" }), 303);
  const sources = await scene.platform.queries.all<{ source: string }>("SELECT DISTINCT source FROM user_sessions");
  assert.deepEqual(sources.map(({ source }) => source).sort(), ["127.0.0.1", "2001:db8:1:200::/56"]);
  const refused = [[], [""], ["eva"], ["eva@OTHER.TEST"], ["eva@EXAMPLE.TEST", "eva@EXAMPLE.TEST"], [
    "dora@EXAMPLE.TEST",
  ]];
  for (const values of refused) assert.equal(await ask(values), 401, values.join());
  const sessions = await scene.platform.queries.all("SELECT 1 FROM user_sessions");
  assert.equal(sessions.length, 5);
  assert.equal(await ask(["eva@EXAMPLE.TEST"], { "sec-fetch-site": "cross-site" }), 303);
  assert.equal((await scene.platform.queries.all("SELECT 1 FROM user_sessions")).length, 5, "to the sign-in page");
}, programs);

domainTest("a person signs in by the form, with the platform's second factor, and proves again who it is", async () => {
  await using windows = await windowsScene();
  const { scene, providerId } = windows, browser = scene.visitor(), path = `/sign-in/directory/${providerId}`;
  const form = (await browser.get(`/sign-in/with/${providerId}`)).body;
  assert.match(form, /name="password"/);
  assert.doesNotMatch(form, /sign-in\/windows/, "no proxy is in front here");
  const post = (name: string, password: string, to = path) =>
    browser.post(to, { name, password }, { origin: scene.origin });
  for (
    const [name, password] of [["eva", "wrong"], ["eva", ""], ["dora", personPassword], ["*", personPassword]] as const
  ) {
    const refused = await post(name, password);
    assert.equal(refused.status, 401);
    assert.match(refused.body, /wrong or deactivated|deactivated/i);
  }
  assert.equal((await post("eva", personPassword)).location, "/set-up");
  const typed = /<code>([A-Z2-7 ]+)<\/code>/.exec((await browser.get("/set-up")).body)![1]!;
  const code = totpCode(base32(typed.replaceAll(" ", "")), scene.platform.clock.now());
  await browser.post("/set-up", { code }, { origin: scene.origin });
  assert.match((await browser.get("/account")).body, /eva@example\.com/);
  // What is dangerous, a while later.
  scene.platform.clock.advance(4 * 60_000);
  await recheckSessions(scene.platform.platform);
  scene.platform.clock.advance(4 * 60_000);
  await recheckSessions(scene.platform.platform);
  scene.platform.clock.advance(4 * 60_000);
  await recheckSessions(scene.platform.platform);
  const confirm = `/confirm/directory/${providerId}`,
    asked = await browser.get(`/confirm/with/${providerId}?next=/account`);
  assert.match(asked.body, new RegExp(`action="${confirm}\\?next=`));
  const isConfirmed = async () =>
    (await maybeViewer(scene.platform.platform, browser.cookies.get("__Host-opendca-session")!))?.isConfirmed;
  assert.equal(await isConfirmed(), false);
  assert.equal((await post("eva", "wrong", confirm)).status, 401);
  assert.equal((await post("jörg", personPassword, confirm)).status, 401, "somebody else");
  assert.equal(await isConfirmed(), false);
  assert.equal((await post("eva", personPassword, `${confirm}?next=/account`)).location, "/account");
  assert.equal(await isConfirmed(), true);
}, programs);
