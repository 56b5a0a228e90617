/** Roles that a dealer makes: what they permit, who may make them, and that nobody rises by them. */
import assert from "node:assert/strict";
import { inviteUser, setUserGrants } from "../../platform/users/manage_users.ts";
import { listOwnRoles, removeOwnRole, saveOwnRole } from "../../platform/users/own_roles.ts";
import { type Grant, mayGive } from "../../platform/users/permissions.ts";
import { listUsers } from "../../platform/users/users.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { portalScene } from "./portal_scene.ts";
import { operator, usersScene } from "./users_fixture.ts";

const dealer = "Print Partner";

slowInPostgres("a role is made, given for a site, changed at once for those who have it, and removed", async () => {
  await using scene = await portalScene();
  const admin = await scene.signedIn("eva@partner.example");
  await scene.devices(scene.acme, scene.berlin, [readingOf()]);
  const made = await admin.post("/roles", { name: "Help <b>", permission: "readFleet" });
  assert.equal(made.location, "/roles");
  assert.match((await admin.get("/roles")).body, /Help &lt;b&gt;/);
  const [role] = await listOwnRoles(scene.platform.platform, operator, { dealer });
  const invited = { email: "max@partner.example", name: "Max", role: role!.roleId, customer: scene.acme };
  assert.match((await admin.post("/users", invited)).body, /\/link\//);
  assert.match((await admin.get("/users")).body, /Help &lt;b&gt;: Acme/);
  const user = await scene.signedIn("ann@partner.example", {
    grants: [{ role: "help <B>", customerId: "Acme", siteId: "Berlin" }],
  });
  const root = `/customers/${scene.acme}`;
  assert.equal((await user.get(`${root}/devices`)).status, 200);
  assert.equal((await user.get(`${root}/codes`)).status, 404);
  assert.equal((await user.get(`/customers/${scene.other}/devices`)).status, 404);
  assert.equal((await user.get("/roles")).status, 404);

  const path = `/roles/${role!.roleId}`;
  const changed = await admin.post(path, { name: "Codes", permission: "manageAgents" });
  assert.equal(changed.location, "/roles");
  assert.equal((await user.get(`${root}/devices`)).status, 404);
  assert.equal((await user.get(`${root}/codes`)).status, 200);

  assert.equal((await admin.post(`${path}/remove`, { replacement: "" })).status, 422, "it is used");
  assert.equal((await admin.post(`${path}/remove`, { replacement: "viewer" })).location, "/roles");
  assert.equal((await user.get(`${root}/devices`)).status, 200);
  assert.equal((await user.get(`${root}/codes`)).status, 404);
  assert.equal((await admin.get(path)).status, 404);
  assert.match((await admin.get("/audit?of=users")).body, /roleRemoved/);
});

slowInPostgres("names and permissions that cannot be, roles of others, and customers' users are refused", async () => {
  await using scene = await portalScene();
  const admin = await scene.signedIn("eva@partner.example");
  const boss = await scene.signedIn("boss@foreign.example", { dealer: "Foreign" });
  assert.equal((await boss.post("/roles", { name: "Theirs", permission: "readFleet" })).location, "/roles");
  const [theirs] = await listOwnRoles(scene.platform.platform, operator, { dealer: "Foreign" });
  const refused: Record<string, string>[] = [
    { name: "Help", permission: "everything" },
    { name: "Help", permission: "toString" },
    { name: "Help" },
    { name: " ", permission: "readFleet" },
    { name: "Administrator", permission: "readFleet" },
    { name: "a:b", permission: "readFleet" },
    { name: "rol-000000000000", permission: "readFleet" },
  ];
  for (const fields of refused) {
    assert.equal((await admin.post("/roles", fields)).status, 422, JSON.stringify(fields));
  }
  assert.equal((await admin.post("/roles", { name: "Help", permission: "readFleet" })).location, "/roles");
  assert.equal((await admin.post("/roles", { name: "HELP", permission: "readFleet" })).status, 422);
  const path = `/roles/${theirs!.roleId}`;
  assert.equal((await admin.get(path)).status, 404);
  assert.equal((await admin.post(path, { name: "Mine", permission: "readFleet" })).status, 404);
  assert.equal((await admin.post(`${path}/remove`)).status, 404);
  const invited = { email: "max@partner.example", name: "Max", role: theirs!.roleId, customer: "" };
  assert.equal((await admin.post("/users", invited)).status, 422);
  const ofAcme = await scene.signedIn("ann@acme.example", { customer: "Acme" });
  for (const each of ["/roles", path]) assert.equal((await ofAcme.get(each)).status, 404);
  assert.equal((await ofAcme.post("/roles", { name: "Own", permission: "readFleet" })).status, 404);
  assert.deepEqual(
    (await listOwnRoles(scene.platform.platform, operator, { dealer })).map(({ name }) => name),
    ["Help"],
  );
});

slowInPostgres("nobody gives more than they have, and changing a role raises nobody", async () => {
  await using scene = await usersScene();
  const { platform } = scene;
  const save = (role: Omit<Parameters<typeof saveOwnRole>[2], "dealer">) =>
    saveOwnRole(platform, operator, { ...role, dealer });
  const lead = await save({ name: "Lead", permissions: ["manageUsers", "readFleet"] });
  const strong = await save({ name: "Strong", permissions: ["manageUsers", "manageAgents"] });
  const grants: Grant[] = [{ role: lead.roleId, ownRole: lead }];
  await assert.rejects(save({ role: "Lead", permissions: ["manageUsers", "manageAgents"], grants }), /more than you/);
  await assert.rejects(save({ name: "New", permissions: ["runTasks"], grants }), /more than you have: runTasks/);
  await assert.rejects(
    save({ role: "Strong", permissions: ["readFleet"], grants }),
    /more than you have: manageAgents/,
  );
  const remove = (role: string, replacement: string) =>
    removeOwnRole(platform, operator, { role, replacement, grants, dealer });
  await assert.rejects(remove("Strong", "viewer"), /more than you/);
  await assert.rejects(remove("Lead", "administrator"), /more than you have/);
  await assert.rejects(remove("Lead", "Lead"), /by itself/);
  const ofAcme = grants.map((grant) => ({ ...grant, customerId: scene.acme }));
  await assert.rejects(save({ name: "New", permissions: ["readFleet"], grants: ofAcme }), /more than you/);
  assert.equal((await save({ name: "New", permissions: ["readFleet"], grants })).name, "New");

  assert.ok(mayGive(grants, [{ role: "viewer" }]));
  assert.ok(!mayGive(grants, [{ role: strong.roleId, ownRole: strong }]));
  assert.ok(!mayGive([{ role: "administrator" }], [{ role: strong.roleId }]), "what is not known is not given");
  assert.ok(!mayGive([{ role: "toString" }], [{ role: "viewer" }]));
});

slowInPostgres("a role that lets in the last who may manage users can neither lose that nor be removed", async () => {
  await using scene = await usersScene();
  const { platform } = scene;
  await saveOwnRole(platform, operator, { dealer, name: "Lead", permissions: ["manageUsers"] });
  await scene.user("eva@partner.example");
  await setUserGrants(platform, operator, { user: "eva@partner.example", grants: [{ role: "Lead" }] });
  const change = { dealer, role: "Lead", permissions: ["readFleet"] };
  await assert.rejects(saveOwnRole(platform, operator, change), /nobody would be left/);
  await assert.rejects(
    removeOwnRole(platform, operator, { dealer, role: "Lead", replacement: "viewer" }),
    /nobody would be left/,
  );
  await removeOwnRole(platform, operator, { dealer, role: "Lead", replacement: "administrator" });
  const [user] = await listUsers(platform, operator, { dealer });
  assert.deepEqual(user!.grants.map(({ role }) => role), ["administrator"]);
  const unknown = { dealer, email: "x@partner.example", name: "X", grants: [{ role: "Lead" }] };
  await assert.rejects(inviteUser(platform, operator, unknown), /Cannot use "Lead" as a role/);
});
