import assert from "node:assert/strict";
import {
  type Grant,
  isPermitted,
  isRole,
  mayGive,
  type Permission,
  permissions,
  permittedSites,
  roles,
} from "./permissions.ts";

const dealerWide: Grant = { role: "technician" };
const ofAcme: Grant = { role: "technician", customerId: "cus-acme" };
const ofBerlin: Grant = { role: "technician", customerId: "cus-acme", siteId: "sit-berlin" };

const cases: { name: string; grant: Grant; place: { customerId?: string; siteId?: string }; want: boolean }[] = [
  { name: "a dealer's role at its customers", grant: dealerWide, place: { customerId: "cus-acme" }, want: true },
  { name: "a dealer's role at the dealer", grant: dealerWide, place: {}, want: true },
  { name: "a customer's role at this customer", grant: ofAcme, place: { customerId: "cus-acme" }, want: true },
  {
    name: "a customer's role at its sites",
    grant: ofAcme,
    place: { customerId: "cus-acme", siteId: "sit-x" },
    want: true,
  },
  { name: "a customer's role at another customer", grant: ofAcme, place: { customerId: "cus-other" }, want: false },
  { name: "a customer's role at the dealer", grant: ofAcme, place: {}, want: false },
  {
    name: "a site's role at this site",
    grant: ofBerlin,
    place: { customerId: "cus-acme", siteId: "sit-berlin" },
    want: true,
  },
  { name: "a site's role at the whole customer", grant: ofBerlin, place: { customerId: "cus-acme" }, want: false },
  {
    name: "a site's role at another site",
    grant: ofBerlin,
    place: { customerId: "cus-acme", siteId: "sit-bonn" },
    want: false,
  },
  {
    name: "a site's role at a site of another customer",
    grant: ofBerlin,
    place: { siteId: "sit-berlin" },
    want: false,
  },
];
for (const { name, grant, place, want } of cases) {
  Deno.test(`isPermitted() ${want ? "permits" : "refuses"} ${name}`, () => {
    assert.equal(isPermitted([grant], "runTasks", place), want);
  });
}

Deno.test("isPermitted() permits what a role has, and nothing else", () => {
  for (const role of Object.keys(roles)) {
    assert(isRole(role));
    const has: readonly Permission[] = roles[role];
    for (const permission of Object.keys(permissions) as Permission[]) {
      assert.equal(isPermitted([{ role }], permission, {}), has.includes(permission), `${role} ${permission}`);
    }
  }
});

Deno.test("isRole() refuses what objects have", () => {
  for (const text of ["", "toString", "__proto__", "Administrator"]) assert.equal(isRole(text), false);
});

Deno.test("permittedSites() is all for a wider role, else those of the roles with the permission", () => {
  const grants: Grant[] = [
    ofBerlin,
    { role: "viewer", customerId: "cus-acme", siteId: "sit-bonn" },
    { role: "technician", customerId: "cus-other", siteId: "sit-rome" },
  ];
  assert.deepEqual(permittedSites(grants, "runTasks", "cus-acme"), ["sit-berlin"]);
  assert.deepEqual(permittedSites(grants, "readFleet", "cus-acme"), ["sit-berlin", "sit-bonn"]);
  assert.deepEqual(permittedSites(grants, "readAudit", "cus-acme"), []);
  assert.equal(permittedSites([...grants, dealerWide], "runTasks", "cus-acme"), "all");
});

const administrator: Grant = { role: "administrator", customerId: "cus-acme" };
const given: { name: string; own: Grant[]; grant: Grant; want: boolean }[] = [
  { name: "their own role", own: [administrator], grant: administrator, want: true },
  {
    name: "a smaller place",
    own: [administrator],
    grant: { role: "viewer", customerId: "cus-acme", siteId: "sit-berlin" },
    want: true,
  },
  { name: "a wider place", own: [administrator], grant: { role: "viewer" }, want: false },
  { name: "another place", own: [administrator], grant: { role: "viewer", customerId: "cus-other" }, want: false },
  { name: "any role without manageUsers", own: [ofAcme], grant: ofAcme, want: false },
];
for (const { name, own, grant, want } of given) {
  Deno.test(`mayGive() ${want ? "permits" : "refuses"} ${name}`, () => assert.equal(mayGive(own, [grant]), want));
}
