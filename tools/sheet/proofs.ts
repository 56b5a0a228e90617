/** Tests that prove more than one sentence. */
import type { Break, Proof } from "./sentence.ts";

export const proof = (file: string, ...tests: string[]): Proof[] => tests.map((test) => ({ file, test }));
export const [contract] = proof(
  "tests/e2e/network_contract_test.ts",
  "the agent sends to nobody but whom it may, and listens nowhere",
) as [Proof];
export const [scanSockets] = proof(
  "tests/e2e/promises_test.ts",
  "a running scan listens on no TCP port and has only client sockets (P1, P7)",
) as [Proof];
export const oldTls = proof("tests/platform/tls_test.ts", "the server refuses TLS of openssl *");
export const weakPeers = proof("tests/agent/openssl_peers_test.ts", "opendca doctor names a platform with *");
export const wayOut = proof(
  "tests/faults/transport_faults_test.ts",
  "createGrpcAgentApi() turns to the next endpoint and stays there",
);
export const paces = proof(
  "src/link/poller_test.ts",
  "paceMs() is *",
  "withJitter() stays within a tenth",
);
export const mqttForms = proof(
  "src/config/mqtt_endpoint_test.ts",
  "parseMqttEndpoint() reads *",
  "parseMqttEndpoint() refuses *",
);
export const mqttLinks = proof("tests/agent/mqtt_link_test.ts", "a link connects to the platform's broker over *");
export const rootDomain = proof(
  "src/config/endpoint_test.ts",
  "isUnderRootDomain() is *",
  "isUnderRootDomain() holds nothing *",
);
export const allVersions = proof(
  "tests/scan/scan_test.ts",
  "scan reads a printer that speaks only SNMPv1",
  "scan reads a printer of an unknown maker from the standard MIB",
  "scan reads a printer that speaks only SNMPv3 after wrong credentials of every sort",
  "scan takes the host name as it was targeted",
);
export const ranges = [
  ...proof("src/config/policy_test.ts", "maySend() is *"),
  ...proof("src/targets/address_space_test.ts", "netPermissions() hold a worker inside *"),
  ...proof("tests/scan/scan_test.ts", "scan never sends to an excluded address"),
];
export const webAccessPorts = proof(
  "tests/agent/web_access_test.ts",
  "an agent refuses *, says so in its ledger, and dials nobody",
  "an agent has three sessions at a time, also when four are ordered at once, and port 9100 only by approval",
);
export const webAccessOutside = proof(
  "tests/e2e/web_access_test.ts",
  "the page of a printer comes through the agent, which listens nowhere, shows the session, and ends it when told",
);
export const pings = [
  ...proof(
    "tests/agent/ping_test.ts",
    "opendca ping sends real ICMP, by the system's program and not by one that PATH puts in front",
    "a scanner thread can run no program, not even the one that the process may run",
  ),
  ...proof("src/host/ping_test.ts", "ping() runs nothing for *"),
];
export const lock = [
  ...proof(
    "tests/faults/activation_kill_test.ts",
    "activate() killed at each step of an attempt that is *",
    "activate() killed while the platform judges, five times, is locked",
  ),
  ...proof(
    "tests/platform/activation_test.ts",
    "Activate locks a key after five rejected codes, the right one included*",
  ),
];
export const noTcp = proof("tests/scan/scan_test.ts", "scan opens no TCP connection to a printer");

export const weakness = weakPeers[0]!;
export const spool = [
  ...proof(
    "tests/faults/away_test.ts",
    "opendca run keeps what it reads while the platform is away for 3 days, dials in moderation, then sends it once",
  ),
  ...proof(
    "tests/faults/spool_model_test.ts",
    "openSpool() keeps what was appended and sends it under one sequence, whatever happens",
  ),
  ...proof(
    "tests/e2e/agent_platform_test.ts",
    "opendca run loses and doubles nothing when it is killed 5 times and the platform once",
  ),
  ...proof(
    "tests/platform/upload_test.ts",
    "Upload of the same batch again changes nothing and answers the same*",
    "Upload counts each epoch by itself, and a record once over all of them*",
  ),
];
export const secondFactor = proof(
  "tests/platform/sign_in_test.ts",
  "the password alone opens nothing*",
  "a code counts once, for one of two processes, and a recovery code as well*",
);
export const permissionTable = proof(
  "tests/platform/portal_test.ts",
  "each route is open to those roles of a * that have its permission, and to nobody else",
  "whoever may see one site sees this site alone, whatever the address asks for",
);
export const signInLimits = proof(
  "tests/platform/sign_in_test.ts",
  "five failed attempts in a row deactivate a user, its sessions too, and the right password then fails*",
  "five attempts at once are not more than five, nor fewer*",
  "a user is deactivated after * days without sign-in, where the dealer has chosen so*",
);
export const tenants = [
  ...proof(
    "tests/platform/tenant_test.ts",
    "ids of another customer are as good as unknown, in every function of the store*",
    "a query without the customer is refused",
    "every table names its customer, but those that belong to nobody",
  ),
  ...proof("tests/platform/tenant_wire_test.ts", "an agent reaches nothing of another customer over the wire"),
];
export const auditChain = proof(
  "platform/audit/audit_log_test.ts",
  "auditVerdict() after *",
  "the audit log can only be added to",
);
export const endpointForms = proof(
  "src/config/endpoint_test.ts",
  "parseEndpoint() reads *",
  "parseEndpoint() refuses *",
);
export const defaults = proof(
  "src/config/read_config_test.ts",
  "parseAgentConfig() needs the platform alone and has a default for all else",
);
export const compiledContract = proof(
  "tests/agent/permissions_test.ts",
  "no task permits the whole environment, all of the system or all programs, but those for developers",
);
export const listens: Break = {
  en: "The agent listens on a port.",
  de: "Der Agent öffnet einen Port.",
  file: "src/compose.ts",
  from: "  const stores = await openStores(run);",
  to: "  Deno.listen({ port: 0 });\n  const stores = await openStores(run);",
  caughtBy: contract,
};
export const singleSignOn = [
  ...proof(
    "tests/e2e/windows_sign_in_test.ts",
    "whoever has signed in to Windows is signed in to the portal, and stays it as long as the domain says so",
    "nobody else can say who has signed in",
  ),
  ...proof("tests/platform/oidc_test.ts", "a person signs in at the provider, and has the roles of the groups there*"),
  ...proof(
    "tests/platform/saml_test.ts",
    "a person signs in by SAML; each answer counts once, for its request and in its browser*",
  ),
  ...proof(
    "tests/platform/sso_test.ts",
    "a session ends within five minutes after its provider says no, and keeps up with the groups*",
  ),
];
export const trustCentre = proof(
  "tests/platform/trust_test.ts",
  "a server of another region than the database says does not start*",
  "a document behind the agreement opens by its signature, and closes with the next version*",
  "the evidence of a signature is verified by the audit log; a change of any field is found*",
  "an export has every row of a customer and no secret, and an erasure leaves none of them*",
  "everything about a person is exported without secrets, and erased but for the audit log*",
);
export const passkeys = proof(
  "tests/platform/passkey_test.ts",
  "a passkey signs in alone as both factors, is named in the log, and its use is noted*",
  "a question is answered once, in time, by the browser that asked, for its purpose*",
);
