import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { makeActivationCode } from "../../common/core/activation_code.ts";
import { type ActivateResponse, ActivationRefusalReason } from "../../proto/gen/opendca/v1/agent_service.ts";
import * as x509 from "../../platform/keys/x509.ts";
import { algorithm } from "../../platform/keys/authority.ts";
import { codeRows, createCode, markWithdrawn, usesLeft, withdrawCode } from "../../platform/agents/activation_codes.ts";
import { agentRows } from "../../platform/agents/agents.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import {
  activate,
  activatedAgent,
  call,
  connect,
  guessAt,
  newKeyAndCsr,
  pollOf,
  reasonOf,
  startTestPlatform,
} from "../fixtures/platform_fixture.ts";

const spent = "The code is not valid: it may be wrong, expired or used";
const { REJECTED, INSTALLATION_LOCKED, MALFORMED_CODE, BAD_CSR } = ActivationRefusalReason;

function refusalOf({ outcome }: ActivateResponse) {
  assert.equal(outcome?.$case, "refusal");
  return outcome.value;
}

slowInPostgres("Activate gives a certificate that every other call takes", async () => {
  await using platform = await startTestPlatform();
  const customer = await platform.customer("Acme");
  const agent = await activatedAgent(platform, customer);
  using client = connect(platform, agent.identity);
  const { serverTime } = await call(client, { method: client.poll, request: pollOf(agent) });
  assert.ok(serverTime instanceof Date);
  assert.deepEqual(
    (await agentRows(customer.tenant)).map(({ agent_id, state, hostname }) => [agent_id, state, hostname]),
    [
      [agent.agentId, "active", "server-1"],
    ],
  );
  assert.deepEqual(Buffer.from(agent.signingPublicKey), Buffer.from(platform.platform.signingKey.publicKey));
});

slowInPostgres("Activate takes a code once", async () => {
  await using platform = await startTestPlatform();
  const code = await platform.code(await platform.customer("Acme"));
  assert.equal((await activate(platform, { code: code.toLowerCase() })).outcome?.$case, "activated");
  const refusal = refusalOf(await activate(platform, { code }));
  assert.deepEqual([refusal.reason, refusal.countsAsAttempt, refusal.attemptsLeft], [REJECTED, true, 4]);
});

slowInPostgres("Activate takes a code of several agents as often as it is for, also at one moment", async () => {
  await using platform = await startTestPlatform();
  const customer = await platform.customer("Acme"), { platform: base, clock } = platform;
  const by = { actor: { kind: "operator" as const, name: "test" }, tenant: customer.tenant.customerId };
  const { code, codeId } = await createCode(base, by, { site: customer.siteId, validMs: 3_600_000, uses: 3 });
  const lost = {
    code,
    installationId: crypto.randomUUID(),
    attemptId: crypto.randomUUID(),
    ...await newKeyAndCsr(),
  };
  const first = await activate(platform, lost);
  assert.equal(first.outcome?.$case, "activated");
  const left = async () => (await codeRows(customer.tenant)).map((row) => [row.state, usesLeft(row)]);
  assert.deepEqual(await left(), [["open", 2]]);
  // A lost answer that is asked for once more uses nothing up.
  assert.deepEqual((await activate(platform, lost)).outcome?.value, first.outcome?.value);
  assert.deepEqual(await left(), [["open", 2]]);
  const four = await Promise.all([1, 2, 3, 4].map(() => activate(platform, { code })));
  const refused = four.filter(({ outcome }) => outcome?.$case === "refusal");
  assert.equal(refused.length, 2);
  for (const one of refused) assert.deepEqual([refusalOf(one).reason, refusalOf(one).message], [REJECTED, spent]);
  assert.deepEqual(await left(), [["used", 0]]);
  assert.equal((await agentRows(customer.tenant)).length, 3);
  assert.deepEqual((await activate(platform, lost)).outcome?.value, first.outcome?.value, "also when it is used up");
  const audited = await platform.queries.all<{ detail: string }>(
    "SELECT detail FROM audit_log WHERE action = 'agentActivated' ORDER BY entry",
  );
  assert.deepEqual(audited.map(({ detail }) => JSON.parse(detail)).map(({ code, usesLeft }) => [code, usesLeft]), [
    [codeId, 2],
    [codeId, 1],
    [codeId, 0],
  ]);
  for (const uses of [0, 1001, 1.5, NaN]) {
    await assert.rejects(createCode(base, by, { validMs: 1000, uses }), /1 to 1000/);
  }
  const again = await createCode(base, by, { site: customer.siteId, validMs: 3_600_000, uses: 1000 });
  assert.equal((await activate(platform, { code: again.code })).outcome?.$case, "activated");
  await withdrawCode(base, by, { codeId: again.codeId });
  assert.equal(
    refusalOf(await activate(platform, { code: again.code })).reason,
    REJECTED,
    "withdrawing stops the rest",
  );
  assert.equal((await agentRows(customer.tenant)).length, 4);
  const late = await createCode(base, by, { site: customer.siteId, validMs: 3_600_000, uses: 2 });
  assert.equal((await activate(platform, { code: late.code })).outcome?.$case, "activated");
  clock.advance(3_600_001);
  assert.equal(
    refusalOf(await activate(platform, { code: late.code })).reason,
    REJECTED,
    "it ends by its time as well",
  );
});

slowInPostgres("Activate gives a lost answer again, to the same attempt, installation and key only", async () => {
  await using platform = await startTestPlatform();
  using client = connect(platform);
  const code = await platform.code(await platform.customer("Acme"));
  const attempt = {
    code,
    installationId: crypto.randomUUID(),
    attemptId: crypto.randomUUID(),
    ...await newKeyAndCsr(),
  };
  const first = await activate(platform, attempt, client);
  const again = await activate(platform, attempt, client);
  assert.equal(first.outcome?.$case, "activated");
  assert.equal(again.outcome?.$case, "activated");
  assert.deepEqual(again.outcome.value, first.outcome.value);
  for (
    const other of [
      { ...attempt, attemptId: crypto.randomUUID() },
      { ...attempt, installationId: crypto.randomUUID() },
      { ...attempt, csr: (await newKeyAndCsr()).csr },
    ]
  ) {
    assert.equal(refusalOf(await activate(platform, other, client)).reason, REJECTED);
  }
});

slowInPostgres("Activate burns a code after five wrong guesses at it", async () => {
  await using platform = await startTestPlatform();
  using client = connect(platform);
  const customer = await platform.customer("Acme");
  const code = await platform.code(customer);
  for (let guess = 1; guess <= 4; guess++) await activate(platform, { code: guessAt(code) }, client);
  assert.deepEqual((await codeRows(customer.tenant)).map(({ state, failed_attempts }) => [state, failed_attempts]), [[
    "open",
    4,
  ]]);
  await activate(platform, { code: guessAt(code) }, client);
  assert.deepEqual((await codeRows(customer.tenant)).map(({ state, failed_attempts }) => [state, failed_attempts]), [
    ["burned", 5],
  ]);
  assert.equal(refusalOf(await activate(platform, { code }, client)).reason, REJECTED);
});

slowInPostgres("Activate locks a key after five rejected codes, the right one included", async () => {
  await using platform = await startTestPlatform();
  using client = connect(platform);
  const code = await platform.code(await platform.customer("Acme"));
  const own = { installationId: crypto.randomUUID(), csr: (await newKeyAndCsr()).csr };
  const left: number[] = [];
  for (let attempt = 1; attempt <= 5; attempt++) {
    const wrong = makeActivationCode((bytes) => crypto.getRandomValues(bytes));
    left.push(refusalOf(await activate(platform, { code: wrong, ...own }, client)).attemptsLeft);
  }
  assert.deepEqual(left, [4, 3, 2, 1, 0]);
  const locked = refusalOf(await activate(platform, { code, ...own }, client));
  assert.deepEqual([locked.reason, locked.countsAsAttempt], [INSTALLATION_LOCKED, false]);
  assert.equal(
    (await activate(platform, { code }, client)).outcome?.$case,
    "activated",
    "another installation goes on",
  );
});

slowInPostgres("Activate: a stranger who names an installation does not lock it", async () => {
  await using platform = await startTestPlatform();
  using client = connect(platform);
  const code = await platform.code(await platform.customer("Acme"));
  const installationId = crypto.randomUUID();
  for (let attempt = 1; attempt <= 12; attempt++) {
    const wrong = makeActivationCode((bytes) => crypto.getRandomValues(bytes));
    await activate(platform, { code: wrong, installationId }, client);
  }
  assert.equal((await activate(platform, { code, installationId }, client)).outcome?.$case, "activated");
});

slowInPostgres(
  "Activate: codes with the same first four symbols are not burned by guesses at one another",
  async () => {
    await using platform = await startTestPlatform();
    using client = connect(platform);
    const customer = await platform.customer("Acme");
    const code = await platform.code(customer);
    for (let guess = 1; guess <= 6; guess++) await activate(platform, { code: guessAt(code, 4) }, client);
    assert.deepEqual((await codeRows(customer.tenant)).map(({ state, failed_attempts }) => [state, failed_attempts]), [
      ["open", 0],
    ]);
  },
);

slowInPostgres("Activate takes a code that was made with a locator of four symbols, and burns it", async () => {
  await using platform = await startTestPlatform();
  using client = connect(platform);
  const customer = await platform.customer("Acme");
  const [used, burned] = [await platform.code(customer), await platform.code(customer)];
  await customer.tenant.run(
    "UPDATE activation_codes SET locator = substr(locator, 1, 4) WHERE customer_id = :customer",
  );
  assert.equal((await activate(platform, { code: used }, client)).outcome?.$case, "activated");
  for (let guess = 1; guess <= 5; guess++) await activate(platform, { code: guessAt(burned, 4) }, client);
  assert.equal(refusalOf(await activate(platform, { code: burned }, client)).reason, REJECTED);
});

slowInPostgres("Activate does not count a typing error or a bad request", async () => {
  await using platform = await startTestPlatform();
  using client = connect(platform);
  const customer = await platform.customer("Acme");
  const code = await platform.code(customer);
  const installationId = crypto.randomUUID();
  const typo = code.slice(0, -1) + (code.endsWith("0") ? "1" : "0");
  const p384 = await newKeyAndCsr({ name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" });
  const { csr } = await newKeyAndCsr();
  const forged = Buffer.from(csr);
  forged[forged.length - 1]! ^= 1;
  for (
    const { attempt, reason } of [
      { attempt: { code: typo }, reason: MALFORMED_CODE },
      { attempt: { code: "" }, reason: MALFORMED_CODE },
      { attempt: { code, csr: Buffer.alloc(0) }, reason: BAD_CSR },
      { attempt: { code, csr: Buffer.alloc(5000) }, reason: BAD_CSR },
      { attempt: { code, csr: Buffer.from("not a request") }, reason: BAD_CSR },
      { attempt: { code, csr: p384.csr }, reason: BAD_CSR },
      { attempt: { code, csr: forged }, reason: BAD_CSR },
    ]
  ) {
    const refusal = refusalOf(await activate(platform, { ...attempt, installationId }, client));
    assert.deepEqual([refusal.reason, refusal.countsAsAttempt, refusal.attemptsLeft], [reason, false, 5]);
  }
  assert.equal((await activate(platform, { code, installationId }, client)).outcome?.$case, "activated");
});

slowInPostgres("Activate answers an expired and a withdrawn code as one that was never issued", async () => {
  await using platform = await startTestPlatform();
  const customer = await platform.customer("Acme");
  const withdrawn = await platform.code(customer);
  assert.ok(await markWithdrawn(customer.tenant, (await codeRows(customer.tenant))[0]!.code_id));
  const expired = await platform.code(customer);
  platform.clock.advance(86_400_000);
  const unknown = makeActivationCode((bytes) => crypto.getRandomValues(bytes));
  const answers = [];
  for (const code of [withdrawn, expired, unknown]) answers.push(refusalOf(await activate(platform, { code })));
  assert.deepEqual(answers[0], answers[2]);
  assert.deepEqual(answers[1], answers[2]);
});

slowInPostgres("Activate of ten installations at once with one code makes one agent", async () => {
  await using platform = await startTestPlatform();
  const customer = await platform.customer("Acme");
  const code = await platform.code(customer);
  const answers = await Promise.all(Array.from({ length: 10 }, () => activate(platform, { code })));
  const outcomes = answers.map(({ outcome }) => outcome?.$case === "refusal" ? REJECTED : outcome?.$case);
  assert.deepEqual(outcomes.toSorted(), [...Array(9).fill(REJECTED), "activated"]);
  assert.equal((await agentRows(customer.tenant)).length, 1);
  assert.deepEqual((await codeRows(customer.tenant)).map(({ state }) => state), ["used"]);
});

slowInPostgres("Activate of one attempt that is sent ten times at once makes one agent", async () => {
  await using platform = await startTestPlatform();
  const customer = await platform.customer("Acme");
  const { csr } = await newKeyAndCsr();
  const attempt = { installationId: crypto.randomUUID(), attemptId: crypto.randomUUID(), csr };
  const code = await platform.code(customer);
  const answers = await Promise.all(Array.from({ length: 10 }, () => activate(platform, { code, ...attempt })));
  const agentIds = answers.map(({ outcome }) => outcome?.$case === "activated" ? outcome.value.agentId : "");
  assert.deepEqual(agentIds, Array(10).fill((await agentRows(customer.tenant))[0]!.agent_id));
  assert.equal((await agentRows(customer.tenant)).length, 1);
});

slowInPostgres("Activate counts nothing twice: codes, installations and agents outlive a restart", async () => {
  await using platform = await startTestPlatform();
  using stranger = connect(platform);
  const customer = await platform.customer("Acme");
  const [code, other] = [await platform.code(customer), await platform.code(customer)];
  const own = { installationId: crypto.randomUUID(), csr: (await newKeyAndCsr()).csr };
  const wrong = () => makeActivationCode((bytes) => crypto.getRandomValues(bytes));
  for (let attempt = 1; attempt <= 4; attempt++) await activate(platform, { code: wrong(), ...own }, stranger);
  for (let guess = 1; guess <= 4; guess++) await activate(platform, { code: guessAt(code) }, stranger);
  const agent = await activatedAgent(platform, customer);
  {
    await using again = await platform.restarted();
    assert.equal(refusalOf(await activate(again, { code: wrong(), ...own })).attemptsLeft, 0);
    assert.equal(refusalOf(await activate(again, { code: other, ...own })).reason, INSTALLATION_LOCKED);
    await activate(again, { code: guessAt(code) });
    assert.equal(refusalOf(await activate(again, { code })).reason, REJECTED, "the fifth guess burned it");
    using client = connect(again, agent.identity);
    assert.equal(await reasonOf(call(client, { method: client.poll, request: pollOf(agent) })), "answered");
  }
});

slowInPostgres("Activate gives what the platform says, whatever the request asks to be", async () => {
  await using platform = await startTestPlatform();
  const customer = await platform.customer("Acme");
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: "CN=agt-000000000000, O=Somebody else",
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 5, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: "dns", value: "dca.example.com" }]),
    ],
  });
  const { outcome } = await activate(platform, {
    code: await platform.code(customer),
    csr: Buffer.from(request.rawData),
  });
  assert.equal(outcome?.$case, "activated");
  const certificate = new x509.X509Certificate(new Uint8Array(outcome.value.certificates!.chain[0]!));
  const { agentId } = outcome.value;
  assert.equal(certificate.subject, `CN=${agentId}`);
  assert.equal(certificate.getExtension(x509.BasicConstraintsExtension)?.ca, false);
  assert.equal(certificate.getExtension(x509.KeyUsagesExtension)?.usages, x509.KeyUsageFlags.digitalSignature);
  assert.deepEqual([...certificate.getExtension(x509.ExtendedKeyUsageExtension)!.usages], [
    x509.ExtendedKeyUsage.clientAuth,
  ]);
  const names = certificate.getExtension(x509.SubjectAlternativeNameExtension)!.names.items.map(({ value }) => value);
  assert.deepEqual(names, [`urn:opendca:agent:${agentId}`]);
});

slowInPostgres("Activate refuses keys of other kinds", async () => {
  await using platform = await startTestPlatform();
  using client = connect(platform);
  const code = await platform.code(await platform.customer("Acme"));
  const rsa = {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  for (const parameters of [rsa, { name: "Ed25519" }, { ...algorithm, hash: "SHA-1" }]) {
    const keys = await crypto.subtle.generateKey(parameters, true, ["sign", "verify"]) as CryptoKeyPair;
    const options = { name: "CN=x", keys, signingAlgorithm: parameters as never };
    const request = await x509.Pkcs10CertificateRequestGenerator.create(options);
    const answer = await activate(platform, { code, csr: Buffer.from(request.rawData) }, client);
    assert.equal(refusalOf(answer).reason, BAD_CSR, JSON.stringify(parameters));
  }
});

slowInPostgres("Activate slows down whoever asks too often", async () => {
  await using platform = await startTestPlatform();
  using client = connect(platform);
  const reasons = new Set<string>();
  for (let attempt = 0; attempt < 31; attempt++) reasons.add(await reasonOf(activate(platform, { code: "" }, client)));
  assert.deepEqual([...reasons], ["answered", "too-many-requests"]);
});

slowInPostgres("Activate refuses an installation id that is no UUID", async () => {
  await using platform = await startTestPlatform();
  assert.equal(await reasonOf(activate(platform, { code: "", installationId: "me" })), "invalid-request");
});
