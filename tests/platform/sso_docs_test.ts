/** The commands of docs/sso.md, as they stand there, one section after the other, on a platform with one dealer. */
import assert from "node:assert/strict";
import { setPortalOrigin } from "../../platform/users/manage_users.ts";
import { quickRsaKeys } from "../fixtures/rsa_keys.ts";
import { createSamlPeer } from "../fixtures/saml_peer.ts";
import { createTestAuthority } from "../fixtures/test_authority.ts";
import { withPlatform } from "./commands.ts";

/** Words as a shell makes them, without what it does with `>` and what follows. */
function words(command: string): string[] {
  const found = command.replaceAll(/\\\n/g, " ").replace(/\s>\S+$/, "")
    .matchAll(/((?:'[^']*'|[^\s'])+)/g);
  return [...found].map(([, word]) => word!.replaceAll("'", ""));
}

async function commandsOf(heading: string): Promise<string[][]> {
  const document = await Deno.readTextFile(new URL("../../docs/sso.md", import.meta.url));
  const section = document.split(/\n(?=## )/).find((one) => one.startsWith(`## ${heading}`))!;
  const blocks = [...section.matchAll(/```\n([\s\S]*?)\n *```/g)].map(([, text]) => text!);
  const lines = blocks.flatMap((block) => block.replaceAll(/\\\n\s*/g, " ").split("\n"));
  const inline = [...section.replaceAll(/```[\s\S]*?```/g, "").matchAll(/`([^`]+)`/g)].map(([, text]) => text!);
  return [...inline, ...lines].map((text) => text.trim()).filter((text) =>
    /^opendca-platform (sign-in|user) /.test(text)
  )
    .map((text) => words(text).slice(1));
}

const authority = await createTestAuthority(), peer = await createSamlPeer();
const files = {
  "secret.txt": "very secret\n",
  "password.txt": "very secret\n",
  "authority.pem": authority.pem,
  "ca.pem": authority.pem,
  "signing.pem": peer.certificatePem,
};

for (
  const [heading, settings, first] of [
    ["OpenID Connect with Entra ID", 4, /^redirect URI +https:\/\/portal\.example\/sign-in\/oidc\/idp-/m],
    ["OpenID Connect with Keycloak", 3, /^redirect URI +https:/m],
    ["SAML with AD FS or Entra ID", 7, /^assertion consumer service +https:[\s\S]*^metadata +https:/m],
    ["An LDAP directory", 3, /^servers +ldaps:\/\/dc1\.example\.com ldaps:\/\/dc2\.example\.com$/m],
  ] as [string, number, RegExp][]
) {
  Deno.test(`the commands of docs/sso.md work as they stand there: ${heading}`, async () => {
    using _keys = quickRsaKeys();
    await withPlatform(async (run, { openStore }) => {
      await run("customer", "create", "Acme");
      {
        await using store = await openStore();
        await setPortalOrigin({ store }, "https://portal.example");
      }
      const commands = await commandsOf(heading);
      // Such as the first one and `roles`; what asks a directory has none here.
      assert(commands.length >= settings, JSON.stringify(commands));
      // As a newcomer does: what adds the provider, then what the text names.
      commands.sort((one, other) => Number(other[1] === "add") - Number(one[1] === "add"));
      for (const [at, command] of commands.entries()) {
        if (command[1] === "check") continue;
        const { code, stdout, stderr } = await run(...command);
        assert.deepEqual([code, stderr.replace(/^next: .*\n/, "")], [0, ""], command.join(" "));
        if (at === 0) assert.match(stdout, first);
      }
    }, files);
  });
}

Deno.test("the settings of Windows authentication in docs/sso.md are settings of the directory", async () => {
  await withPlatform(async (run) => {
    await run("customer", "create", "Acme");
    for (const command of (await commandsOf("An LDAP directory")).filter(([, what]) => what === "add")) {
      await run(...command);
    }
    const commands = await commandsOf("Windows authentication");
    assert.equal(commands.length, 1);
    for (const command of commands) assert.deepEqual((await run(...command)).stderr, "");
    assert.match((await run("sign-in", "show", "Example")).stdout, /^realms +EXAMPLE\.COM EXAMPLE$/m);
  }, files);
});
