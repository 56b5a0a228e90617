/** Sign-in by a directory that is not Active Directory: Debian's OpenLDAP. */
import assert from "node:assert/strict";
import { Client } from "ldapts";
import { UnavailableError } from "../../common/core/errors.ts";
import { withDirectory } from "../../platform/sso/ldap.ts";
import type { DirectoryConfig } from "../../platform/sso/ldap_settings.ts";
import project from "../../deno.json" with { type: "json" };
import { taskGrants } from "../../demo/task_grants.ts";
import { peerTest } from "../fixtures/peers.ts";
import { type Entry, runProgram } from "../fixtures/start_program.ts";
import { type Peer, startPeer } from "../fixtures/started_peer.ts";
import { createTestAuthority } from "../fixtures/test_authority.ts";
import { until } from "../fixtures/until.ts";
import { compiledTest } from "./compiled_file.ts";

const base = "dc=example,dc=test", manager = `cn=manager,${base}`, password = "Correct-Horse-7";

interface OpenLdap extends Peer {
  config: DirectoryConfig;
  as<T>(work: (client: Client) => Promise<T>): Promise<T>;
}

async function startOpenLdap(): Promise<OpenLdap> {
  const authority = await createTestAuthority(), certificate = await authority.issue();
  let url = "";
  const peer = await startPeer("slapd", "slapd starting", async (folder, port) => {
    url = `ldaps://localhost:${port}`;
    await Deno.mkdir(`${folder}/data`);
    await Deno.writeTextFile(`${folder}/ca.pem`, authority.pem);
    await Deno.writeTextFile(`${folder}/server.pem`, certificate.certificatePem);
    await Deno.writeTextFile(`${folder}/server.key`, certificate.keyPem);
    const lines = [
      ...["core", "cosine", "inetorgperson"].map((name) => `include /etc/ldap/schema/${name}.schema`),
      "modulepath /usr/lib/ldap",
      "moduleload back_mdb",
      `TLSCACertificateFile ${folder}/ca.pem`,
      `TLSCertificateFile ${folder}/server.pem`,
      `TLSCertificateKeyFile ${folder}/server.key`,
      "database mdb",
      `suffix ${base}`,
      `rootdn ${manager}`,
      `rootpw ${password}`,
      `directory ${folder}/data`,
      "maxsize 10485760",
    ];
    await Deno.writeTextFile(`${folder}/slapd.conf`, lines.join("\n") + "\n");
    return ["-d", "256", "-h", `ldaps://127.0.0.1:${port}`, "-f", `${folder}/slapd.conf`];
  });
  const config = { servers: [url], caPem: authority.pem, base, account: manager, password };
  const as: OpenLdap["as"] = async (work) => {
    const client = new Client({ url, tlsOptions: { ca: authority.pem }, timeout: 30_000 });
    try {
      await client.bind(manager, password);
      return await work(client);
    } finally {
      await client.unbind();
    }
  };
  await until(
    "OpenLDAP accepts connections",
    () => Deno.connect({ port: peer.port }).then((it) => it.close()).then(() => true, () => false),
  );
  return { ...peer, config, as };
}

const eva = `uid=eva,${base}`, group = (name: string) => `cn=${name},${base}`;

async function fill(client: Client): Promise<void> {
  await client.add(base, { objectClass: ["dcObject", "organization"], dc: "example", o: "Example" });
  for (const [uid, mail] of [["eva", "eva@example.com"], ["max", "both@example.com"], ["mia", "both@example.com"]]) {
    await client.add(`uid=${uid},${base}`, {
      objectClass: "inetOrgPerson",
      uid: uid!,
      cn: `Person ${uid}`,
      sn: "Person",
      mail: mail!,
      userPassword: password,
    });
  }
  const groups: [name: string, members: string[]][] = [
    ["staff", [eva]],
    // Each in the other.
    ["field", [group("staff"), group("technicians")]],
    ["technicians", [group("field")]],
    ["others", [`uid=max,${base}`]],
  ];
  for (const [name, member] of groups) await client.add(group(name), { objectClass: "groupOfNames", cn: name, member });
}

peerTest(
  "bySignIn() finds people and nested groups of OpenLDAP, also where groups are in each other",
  ["slapd"],
  async () => {
    await using peer = await startOpenLdap();
    await peer.as(fill);
    const signIn = (typed: string, secret = password) =>
      withDirectory(peer.config, new Date(), (directory) => directory.bySignIn(typed, secret));
    for (const typed of ["eva", "eva@example.com"]) {
      const answer = await signIn(typed);
      assert.equal(answer.kind, "person", typed);
      const { person } = answer as Extract<typeof answer, { kind: "person" }>;
      assert.match(person.id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      assert.deepEqual([person.account, person.email, person.name], ["eva", "eva@example.com", "Person eva"]);
      assert.deepEqual(person.groups.map(({ dn }) => dn).sort(), ["field", "staff", "technicians"].map(group));
      assert.deepEqual(person.groups.map(({ account }) => account), [undefined, undefined, undefined]);
    }
    const refused: [typed: string, secret: string, reason: string][] = [
      ["eva", "wrong", "wrongPassword"],
      ["eva", "", "wrongPassword"],
      ["both@example.com", password, "ambiguous"],
      ["nobody", password, "unknown"],
      ["*", password, "unknown"],
      ["EXAMPLE\\eva", password, "unknown"],
    ];
    for (const [typed, secret, reason] of refused) {
      const answer = await signIn(typed, secret);
      assert.equal(answer.kind === "refused" && answer.reason, reason, typed);
    }
    await withDirectory(peer.config, new Date(), async (directory) => {
      const found = await directory.byAccount("eva");
      const { id } = (found as Extract<typeof found, { kind: "person" }>).person;
      assert.deepEqual(await directory.byId(id), found);
      await peer.as((client) => client.del(eva));
      assert.deepEqual(await directory.byId(id), { kind: "refused", reason: "unknown" });
      assert.equal((await directory.byId("*")).kind, "refused");
    });
  },
);

peerTest(
  "a name is asked for to the letter, referrals are followed nowhere, and many answers are none",
  ["slapd"],
  async () => {
    await using peer = await startOpenLdap();
    using elsewhere = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    let calls = 0;
    void (async () => {
      for await (const connection of elsewhere) {
        calls++;
        connection.close();
      }
    })().catch(() => {});
    const names = ["*", "a*b", "(x)", "b\\5cc", "d&|!=", "e)(uid=*"], away = `cn=away,${base}`;
    await peer.as(async (client) => {
      await fill(client);
      const person = (cn: string, more: Record<string, string>) =>
        client.add(`cn=${cn},${base}`, { objectClass: "inetOrgPerson", cn, sn: cn, userPassword: password, ...more });
      for (const [i, uid] of names.entries()) await person(`odd${i}`, { uid });
      for (let i = 0; i < 25; i++) await person(`many${i}`, { uid: `many${i}`, mail: "all@example.com" });
      const ref = `ldap://127.0.0.1:${(elsewhere.addr as Deno.NetAddr).port}/${away}`;
      await client.add(away, { objectClass: ["referral", "extensibleObject"], cn: "away", ref });
    });
    const signIn = (typed: string, config = peer.config) =>
      withDirectory(config, new Date(), (directory) => directory.bySignIn(typed, password));
    for (const name of names.filter((name) => !name.includes("\\"))) {
      const answer = await signIn(name);
      assert.equal(answer.kind === "person" && answer.person.account, name);
    }
    for (const name of names) {
      const answer = await withDirectory(peer.config, new Date(), (directory) => directory.byAccount(name));
      assert.equal(answer.kind === "person" && answer.person.account, name);
    }
    for (const name of ["a*", "*b", "(uid=*)", "many*", "\\2a"]) {
      const answer = await signIn(name);
      assert.equal(answer.kind === "refused" && answer.reason !== "ambiguous", true, name);
    }
    // The directory stops at twenty, which is no end that counts.
    assert.deepEqual(await signIn("all@example.com"), { kind: "refused", reason: "ambiguous" });
    assert.equal((await signIn("eva")).kind, "person");
    await assert.rejects(signIn("eva", { ...peer.config, base: away }), UnavailableError);
    assert.equal(calls, 0);
  },
);

compiledTest("the compiled platform asks a directory, and may read the system's authorities", async (compile) => {
  const file = await compile("platform/main.ts", [
    ...["--exclude-unused-npm", "--include", "workers/password_hasher.ts"],
    ...taskGrants(project.tasks.platform),
  ]) as Entry;
  await using peer = await startOpenLdap();
  await peer.as(fill);
  const folder = await Deno.makeTempDir();
  try {
    const env = { OPENDCA_PLATFORM_DATA: `${folder}/data` };
    const run = (...args: string[]) => runProgram(file, args, env);
    await Deno.writeTextFile(`${folder}/ca.pem`, peer.config.caPem!);
    await run("customer", "create", "Acme");
    const settings = [
      `servers=${peer.config.servers[0]}`,
      `base=${base}`,
      `account=${manager}`,
      `password=${password}`,
    ];
    await run("sign-in", "add", "ldap", "Example", "--setting", ...settings);
    await run("sign-in", "roles", "Example", group("technicians"), "technician");
    assert.match(
      (await run("sign-in", "check", "Example", "eva")).err,
      /Cannot reach the directory: .*(certificate|Issuer)/,
    );
    await run("sign-in", "set", "Example", "--setting", `ca=@${folder}/ca.pem`);
    const checked = await run("sign-in", "check", "Example", "eva");
    assert.match(checked.out, /roles +technician\n$/, checked.err);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}, ["slapd"]);
