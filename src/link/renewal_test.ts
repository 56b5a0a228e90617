import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { RenewResponse } from "../../proto/gen/opendca/v1/agent_service.ts";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { createTestAuthority } from "../../tests/fixtures/test_authority.ts";
import { NotPermittedError, UnavailableError } from "../../common/core/errors.ts";
import { makeCertificateRequest } from "./client_key.ts";
import { identityFiles } from "./identity_files.ts";
import { renewalTime, renewCertificate } from "./renewal.ts";
import { denoDisk } from "../../common/host/disk.ts";

for (
  const { random, want } of [
    { random: 0, want: "2026-03-02T00:00:00.000Z" },
    { random: 1, want: "2026-03-06T12:00:00.000Z" },
  ]
) {
  Deno.test(`renewalTime() is two thirds of a life of 90 days, and ${random} of a twentieth more`, () => {
    const life = { notBefore: new Date("2026-01-01"), notAfter: new Date("2026-04-01") };
    assert.equal(renewalTime(life, random).toISOString(), want);
  });
}

const authority = await createTestAuthority();
const soon = new Date(Date.now() + 1000 * 86_400_000);

async function withFiles(body: (files: ReturnType<typeof identityFiles>) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const files = identityFiles(denoDisk, folder);
    const csr = await makeCertificateRequest(await files.key(), "installation");
    await files.write([await authority.sign(csr)], authority.der);
    await body(files);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("renewCertificate() puts a new certificate for the same key in place and hands it on", async () => {
  await withFiles(async (files) => {
    const before = await files.read();
    const handed: Date[] = [];
    await renewCertificate({
      files,
      installationId: "installation",
      api: {
        async renew({ csr }) {
          const leaf = await authority.sign(csr, { notAfter: soon });
          return RenewResponse.fromPartial({
            certificates: { chain: [Buffer.from(leaf)], agentAuthority: Buffer.from(authority.der) },
          });
        },
      },
      onRenewed: ({ facts }) => void handed.push(facts.notAfter),
    });
    const after = await files.read();
    assert.equal(after!.keyPem, before!.keyPem);
    assert.notEqual(after!.certificatePem, before!.certificatePem);
    assert.deepEqual(handed, [after!.facts.notAfter]);
  });
});

Deno.test("renewCertificate() keeps the old certificate when the answer is for another key, garbage or empty", async () => {
  await withFiles(async (files) => {
    const before = await files.read();
    const foreign = await authority.issue();
    for (const chain of [[Buffer.from(foreign.der)], [Buffer.from([1, 2, 3])], []]) {
      const api = { renew: () => Promise.resolve(RenewResponse.fromPartial({ certificates: { chain } })) };
      const renewed = renewCertificate({ files, installationId: "installation", api, onRenewed: () => assert.fail() });
      await assert.rejects(renewed, UnavailableError);
      assert.deepEqual(await files.read(), before);
    }
  });
});

Deno.test("renewCertificate() keeps the old certificate when the rest of the chain or the authority is garbage", async () => {
  await withFiles(async (files) => {
    const before = await files.read();
    const garbage = Buffer.from([1, 2, 3]), sound = Buffer.from(authority.der);
    for (const [rest, agentAuthority] of [[[garbage], sound], [[sound], garbage], [[], Buffer.alloc(0)]] as const) {
      const api = {
        async renew({ csr }: { csr: Buffer }) {
          const chain = [Buffer.from(await authority.sign(csr, { notAfter: soon })), ...rest];
          return RenewResponse.fromPartial({ certificates: { chain, agentAuthority } });
        },
      };
      const renewed = renewCertificate({ files, installationId: "installation", api, onRenewed: () => assert.fail() });
      await assert.rejects(renewed, UnavailableError);
      assert.deepEqual(await files.read(), before);
    }
  });
});

Deno.test("renewCertificate() takes a state that cannot be kept for no revocation", async () => {
  await withFiles(async (files) => {
    const api = {
      async renew({ csr }: { csr: Buffer }) {
        const chain = [Buffer.from(await authority.sign(csr, { notAfter: soon }))];
        return RenewResponse.fromPartial({ certificates: { chain, agentAuthority: Buffer.from(authority.der) } });
      },
    };
    const onRenewed = () => Promise.reject(new NotPermittedError("Cannot use the state directory"));
    await assert.rejects(renewCertificate({ files, installationId: "installation", api, onRenewed }), UnavailableError);
  });
});

Deno.test("startRenewal() ends when it is stopped before the time is known", async () => {
  const { startRenewal } = await import("./renewal.ts");
  const facts = { notBefore: new Date("2026-01-01"), notAfter: new Date("2026-01-04"), isForKey: true };
  const renewal = startRenewal({ keyPem: "", certificatePem: "", facts }, {
    files: { key: () => assert.fail(), read: () => assert.fail(), write: () => assert.fail() },
    api: { renew: () => assert.fail() },
    clock: new FakeClock("2029-01-01T00:00:00Z"),
    timeKnown: new Promise(() => {}),
    installationId: "installation",
    onRenewed: () => {},
    report: () => assert.fail(),
  });
  await renewal[Symbol.asyncDispose]();
});

Deno.test("startRenewal() renews when it is due, also after a clock that was set, and backs off", async () => {
  const { startRenewal } = await import("./renewal.ts");
  const clock = new FakeClock("2026-01-01T00:00:00Z");
  const asked: number[] = [];
  const facts = { notBefore: new Date("2026-01-01"), notAfter: new Date("2026-01-04"), isForKey: true };
  const files = {
    key: () => Promise.reject(new UnavailableError("disk")),
    read: () => Promise.reject(),
    write: () => Promise.reject(),
  };
  const timeKnown = Promise.withResolvers<void>();
  await using _renewal = startRenewal({ keyPem: "", certificatePem: "", facts }, {
    files,
    api: { renew: () => Promise.reject() },
    clock,
    timeKnown: timeKnown.promise,
    installationId: "installation",
    onRenewed: () => {},
    report: () => asked.push(clock.monotonicMs()),
    random: () => 0,
  });
  const day = 86_400_000;
  // By a clock that is years ahead each certificate is due.
  await clock.advance(day);
  timeKnown.resolve();
  await clock.advance(day - 1);
  assert.deepEqual(asked, []);
  await clock.advance(1);
  assert.deepEqual(asked, [2 * day]);
  await clock.advance(90_000);
  assert.deepEqual(asked, [2 * day, 2 * day + 30_000, 2 * day + 90_000]);
});
