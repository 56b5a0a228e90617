/** Sign-in by a directory, against a real domain of Active Directory. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import net from "node:net";
import { UnavailableError } from "../../common/core/errors.ts";
import type { DirectoryPerson } from "../../platform/sso/directory_entry.ts";
import { type DirectoryAnswer, withDirectory } from "../../platform/sso/ldap.ts";
import type { DirectoryConfig } from "../../platform/sso/ldap_settings.ts";
import {
  base,
  change,
  changeMember,
  dnOf,
  domainTest,
  type Person,
  personPassword,
  serviceAccount,
  sharedDomain,
  south,
  technicians,
} from "../fixtures/samba_domain.ts";
import { tcpPeer } from "../fixtures/faulty_peers.ts";
import { createTestAuthority } from "../fixtures/test_authority.ts";
import { shortPatienceMs, until } from "../fixtures/until.ts";

async function configOf(changes: Partial<DirectoryConfig> = {}): Promise<DirectoryConfig> {
  const { url, authority } = await sharedDomain(), { name: account, password } = serviceAccount;
  return { servers: [url], caPem: authority.pem, base, account, password, ...changes };
}

async function signIn(typed: string, password = personPassword, changes: Partial<DirectoryConfig> = {}) {
  return await withDirectory(await configOf(changes), new Date(), (it) => it.bySignIn(typed, password));
}

function personOf(answer: DirectoryAnswer): DirectoryPerson {
  assert.equal(answer.kind, "person", JSON.stringify(answer));
  return (answer as { person: DirectoryPerson }).person;
}

function reasonOf(answer: DirectoryAnswer): string {
  return answer.kind === "refused" ? answer.reason : "signed in";
}

domainTest("bySignIn() finds a person by every name that Windows takes, with nested groups", async () => {
  for (const typed of ["eva", "EVA", "eva@example.test", "eva@example.com", "EXAMPLE\\eva", " eva "]) {
    const { id, name, email, account, groups } = personOf(await signIn(typed));
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
    assert.deepEqual([name, email, account], ["Eva Müller", "eva@example.com", "eva@example.test"]);
    const names = groups.map((group) => group.account!).sort();
    // "Users" holds "Domain Users", which is her primary group and has no list of members.
    assert.deepEqual(names, ["Domain Users", "OpenDCA Technicians", "Users", "field-staff", "technik-sued"]);
    assert.ok(groups.some(({ dn }) => dn === technicians));
    assert.ok(groups.some(({ dn }) => dn === south), "its name is escaped");
  }
});

domainTest("bySignIn() finds names with umlauts, and with what means something in filters", async () => {
  assert.equal(personOf(await signIn("jörg")).name, "Jörg Weiß");
  assert.equal(personOf(await signIn("jo\u0308rg")).name, "Jörg Weiß", "as some systems type it");
  assert.equal(personOf(await signIn("o'neil(x)")).name, 'Sean "O\'Neil", (x) * \\ #1');
  assert.ok(personOf(await signIn("o'neil(x)")).groups.some(({ dn }) => dn === technicians));
  // Active Directory compares without accents.
  assert.equal(reasonOf(await signIn("jorg")), "unknown");
});

domainTest("bySignIn() refuses, and says why to the log only", async () => {
  const cases: [typed: string, password: string, reason: string][] = [
    ["eva", "wrong", "wrongPassword"],
    ["eva", "", "wrongPassword"],
    ["eva", "\0", "wrongPassword"],
    ["eva", `${personPassword}\0`, "wrongPassword"],
    ["eva", "x".repeat(5000), "wrongPassword"],
    ["", personPassword, "wrongPassword"],
    ["nobody", personPassword, "unknown"],
    ["nobody", "", "wrongPassword"],
    ["dora", personPassword, "disabled"],
    ["max", personPassword, "mustChangePassword"],
    ["xaver", personPassword, "expired"],
    // Its account is no person's.
    ["DC1$", "", "wrongPassword"],
    ["DC1$", personPassword, "unknown"],
  ];
  for (const [typed, password, reason] of cases) assert.equal(reasonOf(await signIn(typed, password)), reason, typed);
});

domainTest("bySignIn() takes nothing of a name for a filter or for another entry", async () => {
  const names = [
    "*",
    "e*",
    "eva)(objectClass=*",
    "*)(sAMAccountName=eva",
    "eva)(|(mail=*",
    "\\65va",
    "eva\\2a",
    "eva\0",
    "eva\n",
    "(|(mail=*)(sAMAccountName=*))",
    "CN=Eva Müller,OU=People,DC=example,DC=test",
    "EXTERNAL",
    "PLAIN",
    "\ud800",
    "eva@example.test@example.test",
    "a\\b\\eva",
  ];
  for (const name of names) assert.notEqual(reasonOf(await signIn(name)), "signed in", name);
});

domainTest(
  "byId() and byAccount() follow a person who is renamed, leaves a group, is deactivated or deleted",
  async () => {
    const domain = await sharedDomain(), config = await configOf(), now = new Date();
    const ask = <T>(work: Parameters<typeof withDirectory<T>>[2]) => withDirectory(config, now, work);
    const { id } = personOf(await ask((it) => it.byAccount("Eva")));
    const inGroup = async () => personOf(await ask((it) => it.byId(id))).groups.some(({ dn }) => dn === technicians);
    assert.equal(await inGroup(), true);
    const nested = { group: technicians, member: south };
    await domain.as((client) => changeMember(client, { ...nested, operation: "delete" }));
    assert.equal(await inGroup(), false);
    await domain.as((client) => changeMember(client, { ...nested, operation: "add" }));
    assert.equal(await inGroup(), true);

    const { id: leaver } = personOf(await ask((it) => it.byAccount("nina"))), dn = dnOf("nina");
    await domain.as((client) => client.modifyDN(dn, "CN=Nina Newname"));
    const renamed = dn.replace("Nina None", "Nina Newname");
    assert.equal(personOf(await ask((it) => it.byId(leaver))).id, leaver);
    await domain.as((client) => change(client, renamed, { userAccountControl: "514" }));
    assert.deepEqual(await ask((it) => it.byId(leaver)), { kind: "refused", reason: "disabled", id: leaver });
    await domain.as((client) => client.del(renamed));
    assert.deepEqual(await ask((it) => it.byId(leaver)), { kind: "refused", reason: "unknown" });
    for (const wrong of ["", "*", "eva", `${leaver})(cn=*`]) {
      assert.deepEqual(await ask((it) => it.byId(wrong)), { kind: "refused", reason: "unknown" });
    }
    for (const wrong of ["*", "jorg", "eva@example.test", "eva@example.com", "DC1$", "Eva Müller"]) {
      assert.deepEqual(await ask((it) => it.byAccount(wrong)), { kind: "refused", reason: "unknown" });
    }
  },
);

domainTest("bySignIn() stops before a wrong password would lock the account in the directory", async () => {
  const domain = await sharedDomain(), config = await configOf();
  const attempt = async (who: Person, password: string, at = new Date()) =>
    reasonOf(await withDirectory(config, at, (it) => it.bySignIn(who, password)));
  // In steps of 100 ns: half an hour.
  const policy = { lockoutThreshold: "4", lockOutObservationWindow: "-18000000000", lockoutDuration: "-18000000000" };
  await domain.as((client) => change(client, base, policy));
  for (let tries = 0; tries < 3; tries++) assert.equal(await attempt("eva", "wrong"), "wrongPassword");
  assert.equal(await attempt("eva", "wrong"), "wouldLock");
  assert.equal(await attempt("eva", personPassword), "wouldLock");
  // It is not locked: whoever unlocks the screen of a computer still can.
  const elsewhere = { ...config, account: "eva@example.test", password: personPassword };
  await withDirectory(elsewhere, new Date(), () => Promise.resolve());
  assert.equal(await attempt("eva", personPassword), "signed in", "a right password elsewhere begins anew");
  for (let tries = 0; tries < 3; tries++) assert.equal(await attempt("jörg", "wrong"), "wrongPassword");
  assert.equal(await attempt("jörg", personPassword, new Date(Date.now() + 31 * 60_000)), "signed in");
  await domain.as((client) => change(client, base, { ...policy, lockoutThreshold: "0" }));
});

domainTest("withDirectory() needs a server that it can trust", async () => {
  const { address, url } = await sharedDomain();
  const elsewhere = (await createTestAuthority("Example Root CA")).pem, closedPort = `ldaps://${address}:1`;
  await using silent = await tcpPeer(() => {});
  // The same server by an address that its certificate does not have.
  await using otherName = await tcpPeer((socket) => {
    const server = net.connect(636, address);
    server.on("error", () => {});
    socket.pipe(server).pipe(socket);
  });
  const away = `ldaps://127.0.0.1:${silent.port}`, unnamed = `ldaps://127.0.0.1:${otherName.port}`;
  const cases: [name: string, changes: Partial<DirectoryConfig>, message: RegExp | undefined][] = [
    ["the certificate of another authority", { caPem: elsewhere }, /ldaps:.*certificate|UnknownIssuer|BadSignature/i],
    ["the system's authorities", { caPem: null }, /ldaps:.*certificate|UnknownIssuer/i],
    ["another authority by StartTLS", { servers: [`ldap://${address}`], caPem: elsewhere }, /certificate|Issuer/i],
    ["a name that is not in the certificate", { servers: [unnamed] }, /127\.0\.0\.1.*(NotValidForName|altnames)/i],
    ["no server that is there", { servers: ["ldaps://localhost:1", closedPort] }, /localhost:1: .*; .*:1: /],
    ["the wrong password of the platform", { password: "wrong" }, /sign in to the directory.*wrongPassword/],
    ["a base that is not there", { base: "DC=example,DC=com" }, /Cannot ask the directory/],
    ["StartTLS", { servers: [`ldap://${address}`] }, undefined],
    ["a first server that is away", { servers: [closedPort, url] }, undefined],
    ["a first server that says nothing", { servers: [away, url] }, undefined],
    ["a silent server", { servers: [away] }, /127\.0\.0\.1.*No answer within/],
  ];
  await Promise.all(cases.map(async ([name, changes, message]) => {
    const outcome = signIn("eva", personPassword, changes);
    if (message === undefined) return void personOf(await outcome);
    await assert.rejects(outcome, (error) => {
      assert.ok(error instanceof UnavailableError, `${name}: ${error}`);
      assert.match(error.message, message, name);
      assert.doesNotMatch(error.message, new RegExp(`${personPassword}|${serviceAccount.password}`));
      return true;
    });
  }));
});

Deno.test("withDirectory() says nothing in plain text where StartTLS does not come about", async () => {
  let said = Buffer.alloc(0), connections = 0;
  await using peer = await tcpPeer((socket) => {
    connections++;
    let isAnswered = false;
    socket.on("data", (bytes: Buffer) => {
      said = Buffer.concat([said, bytes]);
      // TLS follows, and finds nobody.
      if (isAnswered) return void socket.destroy();
      isAnswered = true;
      // An ExtendedResponse: success (RFC 4511, 4.12).
      const { 4: id = 0 } = bytes;
      socket.write(Buffer.from([0x30, 12, 2, 1, id, 0x78, 7, 10, 1, 0, 4, 0, 4, 0]));
    });
  });
  const { pem: caPem } = await createTestAuthority(), { name: account, password } = serviceAccount;
  const config = { servers: [`ldap://localhost:${peer.port}`], caPem, base, account, password };
  await assert.rejects(withDirectory(config, new Date(), () => Promise.resolve()), UnavailableError);
  assert.equal(connections, 1);
  assert.ok(said.includes("1.3.6.1.4.1.1466.20037"));
  assert.ok(!said.includes(password) && !said.includes(account));
});

domainTest(
  "withDirectory() does not connect again without TLS after the directory has closed the connection",
  async () => {
    const { address } = await sharedDomain(), accepted: net.Socket[] = [];
    await using peer = await tcpPeer((socket) => {
      accepted.push(socket);
      const server = net.connect(389, address);
      server.on("error", () => {});
      socket.pipe(server).pipe(socket);
    });
    const config = await configOf({ servers: [`ldap://localhost:${peer.port}`] });
    const asked = withDirectory(config, new Date(), async (directory) => {
      assert.equal((await directory.byAccount("eva")).kind, "person");
      accepted[0]!.destroy();
      await until("the connection is closed", async () => {
        const again = await directory.byAccount("eva").catch((error: Error) => error);
        return again instanceof Error && !/Socket error|closed before/.test(again.message);
      }, shortPatienceMs);
      return await directory.byAccount("eva");
    });
    await assert.rejects(asked, /The directory closed the connection/);
    assert.equal(accepted.length, 1);
  },
);
