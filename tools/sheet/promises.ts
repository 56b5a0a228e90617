/** What the agent promises to the network that it is in, and the platform to whoever trusts it with data. */
import {
  allVersions,
  auditChain,
  contract,
  listens,
  lock,
  mqttForms,
  mqttLinks,
  noTcp,
  oldTls,
  paces,
  permissionTable,
  pings,
  proof,
  ranges,
  rootDomain,
  scanSockets,
  secondFactor,
  signInLimits,
  singleSignOn,
  spool,
  tenants,
  trustCentre,
  wayOut,
  weakPeers,
  webAccessPorts,
} from "./proofs.ts";
import type { Sentence } from "./sentence.ts";

const verification = proof(
  "common/release/verify_file_test.ts",
  "verifyFile() refuses *",
  "verifyOwnFile() refuses a release without its manifest, with another's, and an altered file",
);
const updates = proof("tests/agent/update_attacks_test.ts", "*: the agent", "*: root");
const ceiling = [
  ...proof(
    "src/config/platform_config_test.ts",
    "applyPlatformConfig() never lets anything outside the policy result, whatever the document says",
    "applyPlatformConfig() cuts * down to the policy and says so",
  ),
  ...proof(
    "tests/e2e/agent_platform_test.ts",
    "opendca run does every kind of task, and refuses what the policy refuses",
  ),
];
const ledger = [
  ...proof("src/store/ledger_test.ts", "verify() names the first entry that is broken by *"),
  ...proof(
    "tests/agent/preview_upload_test.ts",
    "scan --preview-upload shows what the platform then stores, before the first upload and after it",
    "scan --preview-upload shows nothing that the policy masks, in text or JSON",
  ),
  ...proof("tests/agent/upload_bytes_test.ts", "a batch is sent as the bytes that the ledger has hashed, each time"),
];
const netLists = proof("src/targets/address_space_test.ts", "netPermissions() hold a worker inside *");

export const promises: Sentence[] = [
  {
    id: "P1",
    en: "The cloud cannot call the agent: nothing listens, no port is opened.",
    de: "Die Cloud kann den Agenten nicht anrufen: Nichts wartet auf Verbindungen, kein Port wird geöffnet.",
    proofs: [contract, scanSockets],
    breaks: [listens],
  },
  {
    id: "P2",
    en:
      "The agent starts every connection: gRPC over HTTP/2 polling (every 5 minutes with jitter unless the platform says " +
      "otherwise), MQTT, SSH; all encrypted.",
    de:
      "Der Agent beginnt jede Verbindung: gRPC-Abfragen über HTTP/2 (alle 5 Minuten, leicht gestreut, wenn die Plattform " +
      "nichts anderes sagt), MQTT, SSH; alle verschlüsselt.",
    proofs: [contract, ...paces, ...oldTls, ...weakPeers],
    breaks: [
      {
        en: "The pace of polls that is configured counts for nothing.",
        de: "Der eingestellte Takt der Abfragen zählt nicht.",
        file: "src/link/poller.ts",
        from: "nextPollSeconds > 0 ? nextPollSeconds * 1000 : configuredMs;",
        to: "nextPollSeconds > 0 ? nextPollSeconds * 1000 : minPaceMs;",
        caughtBy: paces[0]!,
      },
    ],
  },
  {
    id: "P3",
    en:
      "MQTT over WSS on port 443 by default, or MQTT over TLS on 8883 by configuration, to several host names under one " +
      "root domain, tried in order.",
    de:
      "MQTT über WSS an Port 443, oder nach Einstellung über TLS an 8883, zu mehreren Namen einer Stammdomain, der Reihe " +
      "nach versucht.",
    proofs: [...mqttForms, ...mqttLinks, ...rootDomain, ...wayOut],
    breaks: [
      {
        en: "MQTT over TLS uses another port than 8883.",
        de: "MQTT über TLS nutzt einen anderen Port als 8883.",
        file: "src/config/mqtt_endpoint.ts",
        from: "{ wss: 443, mqtts: 8883 }",
        to: "{ wss: 443, mqtts: 1883 }",
        caughtBy: mqttForms[0]!,
      },
    ],
  },
  {
    id: "P4",
    en:
      "SNMP v1, v2c and v3; printers by IP range, CIDR or host name; UDP port 161 only, and only inside the configured " +
      "ranges.",
    de:
      "SNMP v1, v2c und v3; Drucker nach IP-Bereich, CIDR oder Hostname; nur UDP-Port 161, und nur in den eingestellten " +
      "Bereichen.",
    proofs: [...allVersions, ...ranges, contract],
    breaks: [
      {
        en: "Threads that scan may send to every port of a printer.",
        de: "Threads, die suchen, dürfen an jeden Port eines Druckers senden.",
        file: "src/targets/address_space.ts",
        from: "for (const cidr of cidrs) blocks.push(formatEndpoint(cidr, port));",
        to: "for (const cidr of cidrs) blocks.push(cidr);",
        caughtBy: netLists[0]!,
      },
    ],
  },
  {
    id: "P5",
    en:
      "Device Web Access goes over SSH (port 22) and reaches printers only on 80, 443, 8000 or ports the administrator " +
      "configured; 9100 and 631 on request.",
    de:
      "Der Web-Zugriff geht über SSH (Port 22) und erreicht Drucker nur an 80, 443, 8000 oder Ports, die der Administrator " +
      "eingestellt hat; 9100 und 631 auf Verlangen.",
    proofs: webAccessPorts,
    breaks: [
      {
        en: "Port 9100 needs no approval.",
        de: "Port 9100 braucht keine Zustimmung.",
        file: "src/access/session.ts",
        from: "needsApproval: policy.webAccess.approval || isRaw,",
        to: "needsApproval: policy.webAccess.approval,",
        caughtBy: webAccessPorts[1]!,
      },
    ],
  },
  {
    id: "P6",
    en: "ICMP only for troubleshooting, on command.",
    de: "ICMP nur zur Fehlersuche, auf Befehl.",
    proofs: [...pings, contract],
    breaks: [
      {
        en: "What is no address is given to ping, too.",
        de: "Auch was keine Adresse ist, bekommt ping.",
        file: "src/host/ping.ts",
        from: "if (ip !== undefined && (!isZoned",
        to: "if (text !== '' || ip !== undefined && (!isZoned",
        caughtBy: pings[2]!,
      },
    ],
  },
  {
    id: "P7",
    en:
      "No other port and no other protocol. Discovery never opens 9100, 515, 631 or any TCP port: scanners that do make " +
      "printers print.",
    de:
      "Kein anderer Port und kein anderes Protokoll. Die Suche öffnet nie 9100, 515, 631 oder einen anderen TCP-Port: " +
      "Programme, die das tun, lassen Drucker drucken.",
    proofs: [...noTcp, scanSockets, contract],
    breaks: [listens],
  },
  {
    id: "P8",
    en: "The executable locks itself after 5 bad activation attempts.",
    de: "Das Programm sperrt sich nach 5 falschen Aktivierungsversuchen.",
    proofs: lock,
    breaks: [
      {
        en: "An agent that was killed in an attempt has not made it.",
        de: "Ein Versuch, in dem der Agent beendet wird, zählt nicht.",
        file: "src/activation/activate.ts",
        from: "held.save(beginAttempt(held.state, { attemptId, codeDigest, platform: key, unlockKeys }));",
        to: "",
        caughtBy: lock[1]!,
      },
    ],
  },
  {
    id: "P9",
    en: "The executable is signed, and refuses to run or update when the signature does not match.",
    de: "Das Programm ist signiert und startet oder aktualisiert nicht, wenn die Signatur nicht passt.",
    proofs: [...verification, ...updates],
    breaks: [
      {
        en: "A file counts as signed if its size is right.",
        de: "Eine Datei gilt als signiert, wenn ihre Größe stimmt.",
        file: "common/release/verify_file.ts",
        from: "sha256 === digest.sha256 && size === digest.size",
        to: "sha256 !== '' && size === digest.size",
        caughtBy: verification[0]!,
      },
    ],
  },
  {
    id: "P10",
    en: "No reading is lost while the platform is away, and none is counted twice.",
    de: "Keine Ablesung geht verloren, während die Plattform fort ist, und keine zählt doppelt.",
    proofs: spool,
    breaks: [
      {
        en: "A record that comes again counts again.",
        de: "Ein Eintrag, der noch einmal kommt, zählt noch einmal.",
        file: "platform/devices/upload.ts",
        from: "return records.filter(({ record: { recordId } }) => known.size < known.add(recordId).size);",
        to: "return known.size < 0 ? [] : records;",
        caughtBy: spool[4]!,
      },
    ],
  },
  {
    id: "P11",
    en: "The administrator has the last word: a local policy is a ceiling. The platform can narrow it, never widen it.",
    de:
      "Der Administrator hat das letzte Wort: Eine lokale Richtlinie ist die Obergrenze. Die Plattform kann sie enger " +
      "machen, nie weiter.",
    proofs: ceiling,
    breaks: [
      {
        en: "The platform's ranges are taken as they are.",
        de: "Die Bereiche der Plattform gelten, wie sie sind.",
        file: "src/config/platform_sites.ts",
        from: "const allowed = intersectRanges([spec.range], policy.ranges);",
        to: "const allowed = intersectRanges([spec.range], [spec.range]);",
        caughtBy: ceiling[0]!,
      },
    ],
  },
  {
    id: "P12",
    en: "The administrator can see everything that left.",
    de: "Der Administrator kann alles sehen, was hinausging.",
    proofs: ledger,
    breaks: [
      {
        en: "A ledger whose entries were changed holds together.",
        de: "Ein Register mit geänderten Einträgen gilt als heil.",
        file: "src/store/ledger.ts",
        from:
          'if (hashOfEntry(entry) !== entry.hash) return broken(entry.number, "its hash is not that of its content");',
        to: "",
        caughtBy: ledger[0]!,
      },
    ],
  },
  {
    id: "P13",
    en:
      "The platform: two-factor login, single sign-on for Active Directory users, fine-grained permissions, users locked " +
      "after 5 failed logins and deactivated after 90/180 days without one, tenant isolation, audit log, GDPR export and " +
      "erasure.",
    de:
      "Die Plattform: Zwei-Faktor-Anmeldung, Single Sign-on für Benutzer von Active Directory, fein abgestufte Rechte, " +
      "Sperre nach 5 Fehlversuchen und Deaktivierung nach 90/180 Tagen ohne Anmeldung, getrennte Mandanten, " +
      "Prüfprotokoll, Auskunft und Löschung nach DSGVO.",
    proofs: [
      ...secondFactor,
      ...singleSignOn,
      ...permissionTable,
      ...signInLimits,
      ...tenants,
      ...auditChain,
      ...trustCentre.slice(3),
    ],
    breaks: [
      {
        en: "Queries need not name the customer.",
        de: "Abfragen müssen den Kunden nicht nennen.",
        file: "platform/store/store.ts",
        from: "if (!/:customer\\b/.test(sql)) throw",
        to: "if (false) throw",
        caughtBy: tenants[1]!,
      },
    ],
  },
];
