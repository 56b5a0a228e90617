/** Sessions of people whom a directory vouches for: roles, counted attempts, and what ends a session. */
import assert from "node:assert/strict";
import { addProvider, changeProvider, setGroupRoles } from "../../platform/sso/manage_providers.ts";
import { maybeActiveProvider, type Provider } from "../../platform/sso/providers.ts";
import { recheckSessions } from "../../platform/sso/recheck.ts";
import {
  type DirectoryVouch,
  lookUpAccount,
  vouchByPassword,
  vouchByRemoteUser,
} from "../../platform/sso/sign_in_by_directory.ts";
import { signInByProvider } from "../../platform/sso/sign_in_by_provider.ts";
import { maybeViewer } from "../../platform/users/sessions.ts";
import { client, operator, type UsersScene, usersScene } from "../platform/users_fixture.ts";
import { secretOf } from "../platform/sso_scene.ts";
import {
  base,
  change,
  changeMember,
  dnOf,
  domainTest,
  personPassword,
  type SambaDomain,
  serviceAccount,
  sharedDomain,
  south,
  technicians,
} from "../fixtures/samba_domain.ts";

interface DirectoryScene extends UsersScene {
  domain: SambaDomain;
  provider(): Promise<Provider>;
  vouch(typed: string, password?: string, source?: string): Promise<DirectoryVouch>;
  /** The secret of a session. */
  signIn_(typed: string): Promise<string>;
  viewer(secret: string): ReturnType<typeof maybeViewer>;
}

async function directoryScene(groups: Record<string, "technician" | "viewer"> = { [technicians]: "technician" }) {
  const scene = await usersScene(), domain = await sharedDomain(), { platform } = scene;
  const { providerId, needsFactor } = await addProvider(platform, operator, {
    kind: "ldap",
    name: "Example",
    dealer: "Print Partner",
    settings: {
      servers: domain.url,
      base,
      account: serviceAccount.name,
      password: serviceAccount.password,
      ca: domain.authority.pem,
      realms: "EXAMPLE.TEST EXAMPLE",
    },
  });
  assert.equal(needsFactor, true, "a password alone does not do, unless an administrator says so");
  for (const [group, role] of Object.entries(groups)) {
    await setGroupRoles(platform, operator, { provider: providerId, group, grants: [{ role }] });
  }
  const provider = async () => (await maybeActiveProvider(platform, providerId))!;
  const vouch = async (typed: string, password = personPassword, source = client.source) =>
    await vouchByPassword(platform, await provider(), { typed, password, ...client, source });
  return Object.assign(scene, {
    domain,
    provider,
    vouch,
    async signIn_(typed: string) {
      const said = await vouch(typed);
      if (said.kind !== "person") throw new Error(JSON.stringify(said));
      const of = { ...await provider(), needsFactor: false };
      return secretOf(await signInByProvider(platform, { provider: of, identity: said.identity, ...client }));
    },
    viewer: (secret: string) => maybeViewer(platform, secret),
  }) satisfies DirectoryScene;
}

const minute = 60_000;

domainTest("a nested group gives its role, by the name of its entry or its short one, in any case", async () => {
  const names = [technicians, technicians.toLowerCase(), "opendca technicians", south, "field-STAFF"];
  for (const group of names) {
    await using scene = await directoryScene({ [group]: "technician" });
    const viewer = await scene.viewer(await scene.signIn_("eva"));
    assert.deepEqual(viewer?.grants.map(({ role }) => role), ["technician"], group);
    assert.deepEqual([viewer?.email, viewer?.name], ["eva@example.com", "Eva Müller"]);
  }
});

domainTest("whoever is in no group with a role gets no session, and is no user", async () => {
  await using scene = await directoryScene();
  const said = await scene.vouch("nina");
  assert.equal(said.kind, "person");
  const { identity } = said as Extract<DirectoryVouch, { kind: "person" }>;
  const refused = await signInByProvider(scene.platform, { provider: await scene.provider(), identity, ...client });
  assert.equal(refused.kind, "noRole");
  assert.deepEqual(await scene.queries.all("SELECT 1 FROM users"), []);
});

domainTest("who is deactivated in the directory, or leaves the group, is out within five minutes", async () => {
  await using scene = await directoryScene();
  const { domain, platform, clock } = scene;
  const nested = { group: technicians, member: south };
  const ends: [name: string, typed: string, end: () => Promise<void>, undo: () => Promise<void>][] = [
    [
      "deactivated",
      "jörg",
      () => domain.as((it) => change(it, dnOf("jörg"), { userAccountControl: "66050" })),
      () => domain.as((it) => change(it, dnOf("jörg"), { userAccountControl: "66048" })),
    ],
    [
      "out of the group",
      "eva",
      () => domain.as((it) => changeMember(it, { ...nested, operation: "delete" })),
      () => domain.as((it) => changeMember(it, { ...nested, operation: "add" })),
    ],
  ];
  for (const [name, typed, end, undo] of ends) {
    const secret = await scene.signIn_(typed);
    clock.advance(4 * minute);
    await recheckSessions(platform);
    clock.advance(4 * minute);
    assert.ok(await scene.viewer(secret), `${typed} is still there`);
    await end();
    try {
      await recheckSessions(platform);
      assert.equal(await scene.viewer(secret), undefined, name);
    } finally {
      await undo();
    }
  }
});

domainTest("a directory that is away keeps sessions for a quarter of an hour, and lets nobody in", async () => {
  await using scene = await directoryScene();
  const { domain, platform, clock } = scene, secret = await scene.signIn_("eva");
  await domain.stop();
  try {
    assert.equal((await scene.vouch("eva")).kind, "away");
    for (let at = 0; at < 14; at++) {
      clock.advance(minute);
      await recheckSessions(platform);
      assert.ok(await scene.viewer(secret), `after ${at + 1} minutes`);
    }
    clock.advance(2 * minute);
    await recheckSessions(platform);
    assert.equal(await scene.viewer(secret), undefined);
  } finally {
    await domain.start();
  }
  clock.advance(minute);
  await recheckSessions(platform);
  assert.ok(await scene.viewer(secret), "once it is back");
});

domainTest("the fifth wrong password deactivates the user here, and the directory is not asked any more", async () => {
  await using scene = await directoryScene();
  const secret = await scene.signIn_("eva");
  for (let tries = 0; tries < 4; tries++) assert.equal((await scene.vouch("eva", "wrong")).kind, "refused");
  assert.ok(await scene.viewer(secret));
  // At the same time, and by many sources: the fifth is the last that reaches the directory.
  const many = await Promise.all(
    Array.from({ length: 8 }, (_, from) => scene.vouch("eva", "wrong", `192.0.2.${from}`)),
  );
  const said = many.map((one) => one.kind === "refused" ? one.message.split(":")[0] : one.kind).sort();
  assert.deepEqual(said, [...Array(7).fill("notTried"), "wrongPassword"]);
  assert.equal(await scene.viewer(secret), undefined);
  assert.equal((await scene.vouch("eva")).kind, "refused");
  const users = await scene.queries.all("SELECT state, state_reason FROM users");
  assert.deepEqual(users.map((row) => ({ ...row as object })), [{
    state: "deactivated",
    state_reason: "failedAttempts",
  }]);
});

domainTest("who is no user yet has five passwords in a quarter of an hour", async () => {
  await using scene = await directoryScene();
  for (let tries = 0; tries < 5; tries++) await scene.vouch("jörg", "wrong", `192.0.2.${tries}`);
  assert.match((await scene.vouch("jörg") as { message: string }).message, /notTried/);
  assert.equal((await scene.vouch("eva")).kind, "person", "others do not wait");
  scene.clock.advance(16 * minute);
  assert.equal((await scene.vouch("jörg")).kind, "person");
});

domainTest("a source that fails again and again waits", async () => {
  await using scene = await directoryScene();
  for (let tries = 0; tries < 30; tries++) await scene.vouch(`nobody${tries}`, tries % 2 === 0 ? "wrong" : "");
  assert.equal((await scene.vouch("eva")).kind, "wait");
  assert.equal((await scene.vouch("eva", personPassword, "192.0.2.99")).kind, "person");
});

domainTest("vouchByRemoteUser() asks the directory about a name of one of its realms, and of no other", async () => {
  await using scene = await directoryScene();
  const of = async (...values: string[]) => await vouchByRemoteUser(scene.platform, await scene.provider(), values);
  const joerg = new TextEncoder().encode("jörg@EXAMPLE.TEST").reduce(
    (text, byte) => text + String.fromCharCode(byte),
    "",
  );
  for (const said of ["eva@EXAMPLE.TEST", "EXAMPLE\\eva", "EVA@example.test", joerg]) {
    const vouch = await of(said);
    assert.equal(vouch.kind, "person", said);
    assert.equal((vouch as { identity: { authenticatedAt?: number } }).identity.authenticatedAt, undefined);
  }
  const refused = [
    ["eva@OTHER.TEST"],
    ["OTHER\\eva"],
    ["eva"],
    ["eva@EXAMPLE.TEST", "eva@EXAMPLE.TEST"],
    [],
    ["dora@EXAMPLE.TEST"],
    ["xaver@EXAMPLE.TEST"],
    ["nobody@EXAMPLE.TEST"],
    ["jorg@EXAMPLE.TEST"],
    ["*@EXAMPLE.TEST"],
    ["DC1$@EXAMPLE.TEST"],
    ["krbtgt/EXAMPLE.TEST@EXAMPLE.TEST"],
  ];
  for (const values of refused) assert.equal((await of(...values)).kind, "refused", values.join());
});

domainTest(
  "lookUpAccount() says what an account would get, and what the directory says where it is wrong",
  async () => {
    await using scene = await directoryScene();
    const of = (account: string) => lookUpAccount(scene.platform, operator, { provider: "Example", account });
    const eva = await of("eva");
    assert.deepEqual(eva.grants.map(({ role }) => role), ["technician"]);
    assert.equal(eva.identity?.name, "Eva Müller");
    assert.deepEqual((await of("nina")).grants, []);
    assert.equal((await of("dora")).reason, "disabled");
    assert.equal((await of("nobody")).reason, "unknown");
    await changeProvider(scene.platform, operator, { provider: "Example", settings: { password: "wrong" } });
    await assert.rejects(of("eva"), /Cannot sign in to the directory at ldaps:\/\/.* as "opendca@example\.test"/);
  },
);
