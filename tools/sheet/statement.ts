/** The statement about security that an installation signs. */
import {
  allVersions,
  compiledContract,
  contract,
  defaults,
  endpointForms,
  listens,
  lock,
  mqttForms,
  mqttLinks,
  noTcp,
  oldTls,
  paces,
  passkeys,
  permissionTable,
  pings,
  proof,
  ranges,
  rootDomain,
  scanSockets,
  secondFactor,
  signInLimits,
  singleSignOn,
  trustCentre,
  wayOut,
  weakness,
  weakPeers,
  webAccessOutside,
  webAccessPorts,
} from "./proofs.ts";
import type { Sentence } from "./sentence.ts";

export const statement: Sentence[] = [
  {
    id: "S1",
    en: "Servers are located in the EU.",
    de: "Die Server stehen in der EU.",
    proofs: [trustCentre[0]!],
    brings: {
      en:
        "Where the servers stand: the operator. The installation states its region, shows it, and refuses a database that " +
        "says otherwise.",
      de:
        "Wo die Server stehen: der Betreiber. Die Installation nennt ihre Region, zeigt sie und lehnt eine Datenbank ab, " +
        "die etwas anderes sagt.",
    },
    breaks: [
      {
        en: "A server starts in any region.",
        de: "Ein Server startet in jeder Region.",
        file: "platform/trust/region.ts",
        from: "if (region !== undefined && known !== undefined && known !== region) {",
        to: "if (region !== undefined && known !== undefined && known === '') {",
        caughtBy: trustCentre[0]!,
      },
    ],
  },
  {
    id: "S2",
    en: "The vendor is independent of makers of hardware.",
    de: "Der Anbieter ist unabhängig von Herstellern.",
    proofs: [
      ...proof("tests/scan/scan_test.ts", "scan reads a printer of an unknown maker from the standard MIB"),
      ...proof("src/printers/profiles/all_test.ts", "allProfiles have names of their own", "profile * is well formed"),
    ],
    brings: {
      en:
        "That no maker has a share in the vendor: the vendor. In the product, what is known of each maker is open data " +
        "(`src/printers/profiles`), and printers of no maker that it knows are read as well.",
      de:
        "Dass kein Hersteller am Anbieter beteiligt ist: der Anbieter. Im Produkt ist, was es von Herstellern weiß, offen " +
        "(`src/printers/profiles`), und auch Drucker unbekannter Hersteller werden gelesen.",
    },
    breaks: [],
  },
  {
    id: "S3",
    en: "The agent and platform are assessed for security again and again by independent parties.",
    de: "Agent und Plattform werden immer wieder von Unabhängigen auf Sicherheit geprüft.",
    proofs: [],
    brings: {
      en:
        "The assessments: the operator. The product brings what an assessor needs: threat model, this sheet, a list of all " +
        "parts (SBOM), and a test installation by one command (`deno task demo --keep`).",
      de:
        "Die Prüfungen: der Betreiber. Das Produkt bringt, was ein Prüfer braucht: Bedrohungsmodell, dieses Blatt, eine " +
        "Liste aller Teile (SBOM) und eine Testinstallation mit einem Befehl (`deno task demo --keep`).",
    },
    breaks: [],
  },
  {
    id: "S4",
    en: "ISO/IEC 27001, SOC 2 Type 2, CSA STAR Level 2.",
    de: "ISO/IEC 27001, SOC 2 Typ 2, CSA STAR Level 2.",
    proofs: [],
    brings: {
      en: "The certificates: the operator.",
      de: "Die Zertifikate: der Betreiber.",
    },
    breaks: [],
  },
  {
    id: "S5",
    en: "The SOC 2 report is available to dealers in the portal after they have signed an NDA.",
    de: "Der SOC-2-Bericht steht Händlern im Portal zur Verfügung, nachdem sie eine Vertraulichkeitsvereinbarung " +
      "unterschrieben haben.",
    proofs: [
      trustCentre[1]!,
      ...proof(
        "tests/platform/trust_pages_test.ts",
        "a dealer signs the agreement on its page, and reads the document behind it; a customer's viewer does not",
      ),
    ],
    brings: { en: "The report: the operator.", de: "Den Bericht: der Betreiber." },
    breaks: [
      {
        en: "Documents are shown without the agreement.",
        de: "Dokumente werden ohne die Vereinbarung gezeigt.",
        file: "platform/trust/documents.ts",
        from: 'row.needs_nda === 1 && !await hasSigned(tx, "nda", party)',
        to: 'row.needs_nda === 2 && !await hasSigned(tx, "nda", party)',
        caughtBy: trustCentre[1]!,
      },
    ],
  },
  {
    id: "S6",
    en: "GDPR; the data processing agreement is concluded by automated electronic signature.",
    de: "DSGVO; der Vertrag zur Auftragsverarbeitung wird durch automatisierte elektronische Unterschrift geschlossen.",
    proofs: trustCentre.slice(2),
    brings: { en: "The text of the agreement: the operator.", de: "Den Text des Vertrags: der Betreiber." },
    breaks: [
      {
        en: "Evidence with another text is taken for what was signed.",
        de: "Ein Nachweis mit anderem Text gilt als das, was unterschrieben wurde.",
        file: "platform/trust/agreements.ts",
        from: "if (JSON.parse(entry.detail).evidence !== digest)",
        to: "if (JSON.parse(entry.detail).evidence === undefined)",
        caughtBy: trustCentre[2]!,
      },
    ],
  },
  {
    id: "S7",
    en:
      "To exchange data and to learn of tasks, the software uses HTTP/2 gRPC polling calls (as a rule every 5 minutes) and " +
      "an MQTT connection to a server that is reached by several domain names below one root domain. MQTT uses WSS (port " +
      "443) by default and can be configured as standard MQTT (port 8883).",
    de:
      "Um Daten auszutauschen und von Aufträgen zu erfahren, nutzt die Software gRPC-Abfragen über HTTP/2 (in der Regel " +
      "alle 5 Minuten) und eine MQTT-Verbindung zu einem Server, der unter mehreren Namen einer Stammdomain erreichbar ist. " +
      "MQTT nutzt WSS (Port 443) und kann auf übliches MQTT (Port 8883) umgestellt werden.",
    proofs: [...paces, ...mqttForms, ...mqttLinks, ...rootDomain, ...wayOut],
    breaks: [
      {
        en: "MQTT by WSS uses another port than 443.",
        de: "MQTT über WSS nutzt einen anderen Port als 443.",
        file: "src/config/mqtt_endpoint.ts",
        from: "{ wss: 443, mqtts: 8883 }",
        to: "{ wss: 8443, mqtts: 8883 }",
        caughtBy: mqttForms[0]!,
      },
      {
        en: "A host counts as one below the root domain if its name merely ends like it.",
        de: "Ein Name gilt als Teil der Stammdomain, wenn er nur so endet.",
        file: "src/config/endpoint.ts",
        from: "name!.endsWith(`.${root}`)",
        to: "name!.endsWith(root!)",
        caughtBy: rootDomain[0]!,
      },
    ],
  },
  {
    id: "S8",
    en: "SNMP v1, v2 and v3 are supported, and device discovery by host names.",
    de: "SNMP v1, v2 und v3 werden unterstützt, ebenso das Finden von Geräten über Hostnamen.",
    proofs: [
      ...allVersions,
      ...proof(
        "src/targets/parse_targets_test.ts",
        "parseTargets() leaves out the names that have no address, and says why",
      ),
      ...proof(
        "tests/scan/scan_config_test.ts",
        "scan --config: a host name of a site, and one of policy.hosts, are asked whatever their address is",
      ),
    ],
    breaks: [
      {
        en: "Messages of SNMPv1 are not read.",
        de: "Nachrichten von SNMPv1 werden nicht gelesen.",
        file: "src/snmp/message.ts",
        from: "if (version === 0 || version === 1) {",
        to: "if (version === 1) {",
        caughtBy: allVersions[0]!,
      },
    ],
  },
  {
    id: "S9",
    en: "All web services are protected by TLS 1.2 or newer with RSA/ECDSA and SHA-256 or better.",
    de: "Alle Webdienste sind durch TLS 1.2 oder neuer mit RSA/ECDSA und SHA-256 oder besser geschützt.",
    proofs: [
      ...oldTls,
      ...weakPeers,
      ...proof(
        "tests/platform/tls_test.ts",
        "calls other than Activate are refused without a certificate of a known agent*",
      ),
    ],
    breaks: [
      {
        en: "The agent takes certificates that are signed with SHA-1.",
        de: "Der Agent nimmt Zertifikate, die mit SHA-1 unterschrieben sind.",
        file: "src/link/probe_endpoint.ts",
        from: 'if (hash?.name === "SHA-1")',
        to: 'if (hash?.name === "none")',
        caughtBy: weakness,
      },
    ],
  },
  {
    id: "S10",
    en:
      "Two-factor authentication; single sign-on for Active Directory users (portal access by Windows authentication); " +
      "fine-grained user permissions.",
    de: "Zwei-Faktor-Anmeldung; Single Sign-on für Benutzer von Active Directory (Zugang zum Portal durch " +
      "Windows-Authentifizierung); fein abgestufte Benutzerrechte.",
    proofs: [...secondFactor, ...passkeys, ...singleSignOn, ...permissionTable],
    breaks: [
      {
        en: "A dealer's users need no second factor.",
        de: "Die Benutzer eines Händlers brauchen keinen zweiten Faktor.",
        file: "platform/users/sign_in.ts",
        from: "return dealer.second_factor === 1;",
        to: "return dealer.second_factor === 2;",
        caughtBy: secondFactor[0]!,
      },
      {
        en: "Sessions go on although the provider says no.",
        de: "Sitzungen gehen weiter, obwohl der Anbieter nein sagt.",
        file: "platform/sso/recheck.ts",
        from: 'if (said.kind === "gone") return await endSession(platform, session, said.reason, { isGone: true });',
        to: "",
        caughtBy: singleSignOn[4]!,
      },
    ],
  },
  {
    id: "S11",
    en: "A user is deactivated after 5 failed attempts, or when there was no sign-in within 90/180 days.",
    de: "Ein Benutzer wird nach 5 Fehlversuchen deaktiviert, oder wenn er sich 90/180 Tage nicht angemeldet hat.",
    proofs: signInLimits,
    breaks: [
      {
        en: "A user has six attempts.",
        de: "Ein Benutzer hat sechs Versuche.",
        file: "platform/users/failed_attempts.ts",
        from: "mostFailedAttempts = 5;",
        to: "mostFailedAttempts = 6;",
        caughtBy: signInLimits[0]!,
      },
      {
        en: "Users stay active a day longer than the dealer has chosen.",
        de: "Benutzer bleiben einen Tag länger aktiv, als der Händler gewählt hat.",
        file: "platform/users/inactivity.ts",
        from: "AND coalesce(u.signed_in_at, 0) < :now - d.inactive_days * :day`",
        to: "AND coalesce(u.signed_in_at, 0) < :now - (d.inactive_days + 1) * :day`",
        caughtBy: signInLimits[2]!,
      },
    ],
  },
  {
    id: "S12",
    en: "The agent's executable is deactivated after 5 failed attempts.",
    de: "Das Programm des Agenten wird nach 5 Fehlversuchen deaktiviert.",
    proofs: lock,
    breaks: [
      {
        en: "An agent has six attempts.",
        de: "Ein Agent hat sechs Versuche.",
        file: "src/activation/activation_state.ts",
        from: "export const maxAttempts = 5;",
        to: "export const maxAttempts = 6;",
        caughtBy: lock[1]!,
      },
    ],
  },
  {
    id: "S13",
    en: "The cloud cannot call the agent: no port and no service of the customer's network is exposed to the internet.",
    de:
      "Die Cloud kann den Agenten nicht anrufen: Kein Port und kein Dienst des Kundennetzes ist aus dem Internet erreichbar.",
    proofs: [contract, scanSockets, ...webAccessOutside],
    breaks: [listens],
  },
  {
    id: "S14",
    en:
      "It is always the agent that starts the communication, by gRPC and MQTT to a TCP endpoint (port 443), and the " +
      "communication is encrypted with a TLS certificate.",
    de:
      "Immer beginnt der Agent die Kommunikation, durch gRPC und MQTT zu einem TCP-Endpunkt (Port 443), und sie ist durch " +
      "ein TLS-Zertifikat verschlüsselt.",
    proofs: [contract, ...oldTls, ...endpointForms, ...mqttForms],
    breaks: [
      {
        en: "A platform without a port is reached at another one than 443.",
        de: "Eine Plattform ohne Port wird an einem anderen als 443 erreicht.",
        file: "src/config/endpoint.ts",
        from: "port === undefined ? 443 : parsePort(port)",
        to: "port === undefined ? 80 : parsePort(port)",
        caughtBy: endpointForms[0]!,
      },
    ],
  },
  {
    id: "S15",
    en: "Port 22 is needed for Device Web Access by the SSH protocol.",
    de: "Port 22 wird für den Web-Zugriff auf Geräte über das SSH-Protokoll gebraucht.",
    proofs: [...defaults, ...webAccessPorts, ...webAccessOutside],
    breaks: [
      {
        en: "Another port than 22 is permitted where nothing is configured.",
        de: "Ohne Konfiguration ist ein anderer Port als 22 erlaubt.",
        file: "src/config/read_config.ts",
        from: 'ports.read("sshGateway", listField(portField), [22])',
        to: 'ports.read("sshGateway", listField(portField), [2222])',
        caughtBy: defaults[0]!,
      },
    ],
  },
  {
    id: "S16",
    en:
      "The agent uses SNMP on port 161 to read printers' MIBs, only within the configured IP ranges. Device Web Access " +
      "connects to printers by HTTP on 80, 443, 8000 or other ports that were configured. Ports 9100 and 631 can be used " +
      "for access to the printer as well.",
    de: "Der Agent liest die MIBs der Drucker durch SNMP über Port 161, nur in den eingestellten IP-Bereichen. Der " +
      "Web-Zugriff verbindet sich mit Druckern durch HTTP über 80, 443, 8000 oder andere eingestellte Ports. Auch die Ports " +
      "9100 und 631 können für den Zugriff auf den Drucker genutzt werden.",
    proofs: [...ranges, ...defaults, ...webAccessPorts],
    breaks: [
      {
        en: "SNMP goes to any port.",
        de: "SNMP geht an jeden Port.",
        file: "src/config/policy.ts",
        from: "if (ip === undefined || !policy.ports.snmp.includes(port)) return false;",
        to: "if (ip === undefined) return false;",
        caughtBy: ranges[0]!,
      },
      {
        en: "Web access goes to any port.",
        de: "Der Web-Zugriff geht an jeden Port.",
        file: "src/access/session.ts",
        from: "if (!policy.ports.webAccess.includes(port)) throw",
        to: "if (false) throw",
        caughtBy: webAccessPorts[0]!,
      },
    ],
  },
  {
    id: "S17",
    en: "The agent can send ICMP packets as well; this is used for troubleshooting.",
    de: "Der Agent kann auch ICMP-Pakete senden; das dient der Fehlersuche.",
    proofs: [...pings, contract],
    breaks: [
      {
        en: "The system's ping is not what is run.",
        de: "Es wird nicht das ping des Systems ausgeführt.",
        file: "src/host/ping.ts",
        from: 'export const pingPrograms = ["/usr/bin/ping", "/bin/ping",',
        to: 'export const pingPrograms = ["ping", "/usr/bin/ping", "/bin/ping",',
        caughtBy: pings[0]!,
      },
    ],
  },
  {
    id: "S18",
    en: "There is no other port and no other protocol.",
    de: "Es gibt keinen anderen Port und kein anderes Protokoll.",
    proofs: [contract, scanSockets, ...noTcp, ...compiledContract],
    breaks: [listens],
  },
];
