import assert from "node:assert/strict";
import { tryParseCidr } from "../../common/core/ip_range.ts";
import { Secret } from "../../common/core/secret.ts";
import {
  type Credential,
  type CredentialPlan,
  credentialsFor,
  defaultPlan,
  planFromWire,
  planToWire,
} from "./credential.ts";

function community(name: string): Credential {
  return { kind: "community", name, versions: ["2c"], community: new Secret(`secret of ${name}`) };
}

const user: Credential = {
  kind: "usm",
  name: "user",
  user: "monitor",
  level: "authPriv",
  auth: { protocol: "sha256", key: new Secret("secret of auth") },
  priv: { protocol: "aes128", key: new Secret("secret of priv") },
  context: "",
};

const plan: CredentialPlan = {
  rules: [
    { ranges: [tryParseCidr("10.1.2.0/24")!, tryParseCidr("fd00::/64")!], credentials: [user, community("narrow")] },
    { ranges: [tryParseCidr("10.1.0.0/16")!], credentials: [community("wide")] },
    { ranges: null, credentials: [community("default")] },
  ],
};

const lookups: [address: string, want: string[]][] = [
  ["10.1.2.0", ["user", "narrow"]],
  ["10.1.2.255", ["user", "narrow"]],
  ["10.1.3.0", ["wide"]],
  ["10.2.0.0", ["default"]],
  ["fd00::1", ["user", "narrow"]],
  ["fd00:0:0:1::1", ["default"]],
  ["::ffff:10.1.3.1", ["wide"]],
  ["printer", []],
];
for (const [address, want] of lookups) {
  Deno.test(`credentialsFor() shows ${address} the first rule that holds it`, () => {
    assert.deepEqual(credentialsFor(plan, address).map((credential) => credential.name), want);
  });
}

Deno.test("credentialsFor() shows nothing where no rule holds the address", () => {
  assert.deepEqual(credentialsFor({ rules: plan.rules.slice(0, 2) }, "10.9.9.9"), []);
});

Deno.test("defaultPlan() tries each community with 2c and then 1, everywhere", () => {
  const found = credentialsFor(defaultPlan(["public", "second"]), "192.0.2.1");
  assert.deepEqual(
    found.map((credential) =>
      credential.kind === "community" && [credential.community.reveal(), ...credential.versions]
    ),
    [["public", "2c", "1"], ["second", "2c", "1"]],
  );
  assert.equal(new Set(found.map((credential) => credential.name)).size, 2);
});

Deno.test("planFromWire() gives back what planToWire() opened, through a structured clone", () => {
  const back = planFromWire(structuredClone(planToWire(plan)));
  assert.deepEqual(planToWire(back), planToWire(plan));
  const [first] = credentialsFor(back, "10.1.2.3");
  assert.ok(first?.kind === "usm" && first.priv?.key instanceof Secret);
  assert.equal(first.priv.key.reveal(), "secret of priv");
});

Deno.test("planToWire() leaves the plan closed", () => {
  planToWire(plan);
  for (
    const text of [
      JSON.stringify(plan, (_, value) => typeof value === "bigint" ? `${value}` : value),
      Deno.inspect(plan, { depth: 9 }),
    ]
  ) {
    assert.ok(!text.includes("secret of"), text);
  }
});
