/** Mails to users: invitations, new passwords, warnings; with a mail server that is away, refuses, or dies in between. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { SMTPServer } from "smtp-server";
import { noteFailed, queueMail, takeMail, type TakenMail, tryMs } from "../../platform/mail/mail_queue.ts";
import { startMailer } from "../../platform/mail/start_mailer.ts";
import { warnInactive } from "../../platform/users/inactivity.ts";
import { inviteUser, requestPassword, setPortalOrigin } from "../../platform/users/manage_users.ts";
import { linkHolder, signInByPassword, usePasswordLink } from "../../platform/users/sign_in.ts";
import { setMail } from "../../platform/users/user_mails.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { createTestAuthority } from "../fixtures/test_authority.ts";
import { until } from "../fixtures/until.ts";
import { client, operator, password, type UsersScene, usersScene } from "./users_fixture.ts";

const eva = "eva@partner.example", origin = "https://portal.example.com", from = "dca@partner.example";

interface MailServer extends AsyncDisposable {
  port: number;
  ca: string;
  received: { to: string[]; text: string; isEncrypted: boolean }[];
  /** The next mails are answered with this code. */
  refuse?: number | undefined;
}

async function startMailServer(): Promise<MailServer> {
  const authority = await createTestAuthority();
  const { keyPem, certificatePem } = await authority.issue({ names: ["localhost"] });
  const received: MailServer["received"] = [];
  const server = new SMTPServer({
    key: keyPem,
    cert: certificatePem,
    authOptional: true,
    // deno-lint-ignore no-explicit-any
    onData(stream: any, session: any, done: (error?: Error) => void) {
      let text = "";
      stream.on("data", (part: Uint8Array) => text += new TextDecoder().decode(part));
      stream.on("end", () => {
        if (mail.refuse !== undefined) return done(Object.assign(new Error("not now"), { responseCode: mail.refuse }));
        received.push({
          to: session.envelope.rcptTo.map(({ address }: { address: string }) => address),
          text,
          isEncrypted: session.secure,
        });
        done();
      });
    },
  });
  server.on("error", () => {});
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  const mail: MailServer = {
    port: (server.server.address() as AddressInfo).port,
    ca: authority.pem,
    received,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return mail;
}

async function withMail(scene: UsersScene): Promise<void> {
  await setPortalOrigin(scene.platform, origin);
  await scene.platform.store.transaction((tx) => setMail(tx, from));
}

function mailerOf({ platform }: UsersScene, { port, ca }: Pick<MailServer, "port" | "ca">) {
  return startMailer(platform, { host: "localhost", port, isImplicit: false, from, ca });
}

/** Of quoted-printable text. */
const plain = (text: string) =>
  new TextDecoder().decode(
    Uint8Array.from(
      text.replace(/=\r?\n/g, "").replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16))),
      (letter) => letter.charCodeAt(0),
    ),
  );

slowInPostgres("an invitation is sent in the user's language, encrypted, with a link that works", async () => {
  await using scene = await usersScene();
  await using server = await startMailServer();
  await withMail(scene);
  await using _ = mailerOf(scene, server);
  await inviteUser(scene.platform, operator, {
    email: eva,
    name: "Eva Müller",
    language: "de",
    dealer: "Print Partner",
    grants: [{ role: "viewer" }],
  });
  await until("the mail is there", () => server.received.length === 1);
  const [{ to, text, isEncrypted }] = server.received as [MailServer["received"][0]];
  assert.deepEqual([to, isEncrypted], [[eva], true]);
  assert.match(text, /^Auto-Submitted: auto-generated/m);
  assert.match(plain(text), /Guten Tag Eva Müller/);
  const [, token] = new RegExp(`${origin}/link/([\\w-]{43})`).exec(plain(text))!;
  assert.equal((await linkHolder(scene.platform, token!))?.email, eva);
  const row = async () => ({ ...await scene.queries.get<{ state: string }>("SELECT state, body FROM mails") });
  // The server has it before the platform knows.
  await until("it is told that it was sent", async () => (await row()).state === "sent");
  assert.deepEqual(await row(), { state: "sent", body: null });
});

slowInPostgres("a mail waits for a server that is away, and what waits is sealed", async () => {
  await using scene = await usersScene();
  using console = quietConsole();
  await withMail(scene);
  const away = { port: 9, ca: (await createTestAuthority()).pem };
  {
    await using _ = mailerOf(scene, away);
    const { token } = await inviteUser(scene.platform, operator, {
      email: eva,
      name: "Eva",
      dealer: "Print Partner",
      grants: [{ role: "viewer" }],
    });
    await until(
      "it was tried",
      async () => (await scene.queries.get("SELECT 1 FROM mails WHERE failure IS NOT NULL")) !== undefined,
    );
    const { body } = (await scene.queries.get<{ body: Uint8Array }>("SELECT body FROM mails"))!;
    assert(!new TextDecoder().decode(body).includes(token));
  }
  await using server = await startMailServer();
  scene.clock.advance(60_000);
  await using _ = mailerOf(scene, server);
  await until("the mail is there", () => server.received.length === 1);
  // Libraries are not to write to the console: `log()` has what failed.
  assert.deepEqual(console.said, []);
});

/** What is written to the console until the end of the test. */
function quietConsole(): Disposable & { said: unknown[] } {
  const { warn, error, log } = console, said: unknown[] = [];
  console.warn = console.error = console.log = (...words) => void said.push(...words);
  return { said, [Symbol.dispose]: () => void Object.assign(console, { warn, error, log }) };
}

slowInPostgres(
  "a mail that the server never takes is given up; one that it does not take now is tried again",
  async () => {
    await using scene = await usersScene();
    await using server = await startMailServer();
    const { store, pepper } = scene.platform;
    const mail = { recipient: eva, subject: "Test", text: "Test\n" };
    const states = () =>
      scene.queries.all<{ state: string; tries: number }>("SELECT state, tries FROM mails ORDER BY created_at");
    server.refuse = 451;
    await using _ = mailerOf(scene, server);
    await store.transaction((tx) => queueMail(tx, { mail, pepper, at: scene.clock.now() }));
    await until(
      "it was refused",
      async () => (await scene.queries.get("SELECT 1 FROM mails WHERE failure IS NOT NULL")) !== undefined,
    );
    assert.deepEqual((await states()).map(({ state, tries }) => [state, tries]), [["waiting", 1]]);
    server.refuse = 550;
    scene.clock.advance(60_000);
    await store.transaction((tx) => queueMail(tx, { mail, pepper, at: scene.clock.now() }));
    await until("both are given up", async () => (await states()).every(({ state }) => state === "failed"));
    assert.equal(server.received.length, 0);
  },
);

slowInPostgres(
  "of two processes, one takes a mail; if it dies, the other one takes it later; after three days it is given up",
  async () => {
    await using scene = await usersScene();
    const { store, pepper } = scene.platform, { clock } = scene;
    const mail = { recipient: eva, subject: "Test", text: "Test\n" };
    await store.transaction((tx) => queueMail(tx, { mail, pepper, at: clock.now() }));
    const take = () => takeMail(store, { pepper, at: clock.now() });
    const both = await Promise.all([take(), take()]);
    assert.equal(both.filter((taken) => taken !== undefined).length, 1);
    clock.advance(tryMs);
    const failed = (taken: TakenMail) =>
      noteFailed(store, { mail: taken, failure: "away", isFinal: false, at: clock.now() });
    let taken = (await take())!;
    assert.deepEqual([taken.text, taken.tries], ["Test\n", 2]);
    const first = clock.now().getTime();
    // What the two processes took at first was one try.
    taken = { ...taken, tries: 1 };
    while (!await failed(taken)) {
      assert.equal(await take(), undefined);
      const { next } = (await scene.queries.get<{ next: number }>("SELECT next_at AS next FROM mails"))!;
      clock.advance(next - clock.now().getTime());
      taken = { ...(await take())!, tries: taken.tries + 1 };
    }
    assert.equal(clock.now().getTime() - first, 3 * 86_400_000);
    assert.equal(taken.tries, 10);
    assert.equal(await take(), undefined);
  },
);

slowInPostgres(
  "a new password: a link for active users alone, at most every five minutes; the answer tells nothing",
  async () => {
    await using scene = await usersScene();
    const { platform, clock, queries } = scene;
    await withMail(scene);
    await scene.user("max@partner.example");
    await scene.user(eva);
    await queries.run("DELETE FROM mails");
    const ask = (email: string) => requestPassword(platform, { email, source: client.source });
    const queued = async () => (await queries.all("SELECT 1 FROM mails")).length;
    await ask("nobody@partner.example");
    assert.equal(await queued(), 0);
    await ask(eva.toUpperCase());
    await ask(eva);
    assert.equal(await queued(), 1);
    const { text } = (await takeMail(platform.store, { pepper: platform.pepper, at: clock.now() }))!;
    const [, token] = /\/link\/([\w-]{43})/.exec(text)!;
    // The password counts only when the link was used, and the second factor is still asked for.
    assert.equal((await signInByPassword(platform, { email: eva, password, ...client })).kind, "secondFactor");
    const fresh = "orbit walnut teapot nine";
    assert.equal((await usePasswordLink(platform, { token: token!, password: fresh, ...client })).kind, "secondFactor");
    assert.equal((await signInByPassword(platform, { email: eva, password, ...client })).kind, "refused");
    clock.advance(5 * 60_000);
    for (let i = 0; i < 5; i++) await signInByPassword(platform, { email: eva, password, ...client });
    const before = await queued();
    await ask(eva);
    assert.equal(await queued(), before);
  },
);

slowInPostgres("users are warned two weeks and three days before they are deactivated, once each", async () => {
  await using scene = await usersScene();
  const { platform, clock } = scene, day = 86_400_000;
  await withMail(scene);
  await scene.user(eva);
  const warnedOn: number[] = [];
  for (let days = 1; days < 90; days++) {
    clock.advance(day);
    if (await warnInactive(platform) > 0) warnedOn.push(days);
    assert.equal(await warnInactive(platform), 0);
  }
  assert.deepEqual(warnedOn, [76, 87]);
});

slowInPostgres(
  "a mail with HTML has both forms, says how it is ended, and is known as one if it comes twice",
  async () => {
    await using scene = await usersScene();
    await using server = await startMailServer();
    await withMail(scene);
    const { store, pepper, clock } = scene.platform;
    const unsubscribe = `${origin}/notification-stop/rcp-1/x`;
    const id = await store.transaction((tx) =>
      queueMail(tx, {
        mail: {
          recipient: eva,
          subject: "Rule (1)",
          text: "Jam",
          html: "<p>Jam</p>",
          unsubscribe,
        },
        pepper,
        at: clock.now(),
      })
    );
    {
      await using _ = mailerOf(scene, server);
      await until("the mail is there", () => server.received.length === 1);
      await until(
        "it is noted",
        async () => (await scene.queries.get("SELECT 1 FROM mails WHERE state = 'sent'")) !== undefined,
      );
    }
    const text = server.received[0]!.text.replace(/\r\n[ \t]+/g, " ");
    assert.match(text, new RegExp(`^List-Unsubscribe: <${unsubscribe.replaceAll(".", "\\.")}>`, "m"));
    assert.match(text, /^List-Unsubscribe-Post: List-Unsubscribe=One-Click/m);
    assert.match(text, new RegExp(`^Message-ID: <${id}@partner\\.example>`, "m"));
    assert.match(text, /Content-Type: text\/plain[\s\S]*Jam[\s\S]*Content-Type: text\/html[\s\S]*<p>Jam<\/p>/);
  },
);
