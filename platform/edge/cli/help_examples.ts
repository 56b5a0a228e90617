/** Examples at the end of each command's help. A command without an example fails a test. */
import type { Command } from "commander";

const examples: Record<string, string[]> = {
  "serve": [
    "serve --host-name dca.example.com",
    "serve --listen 127.0.0.1:8443 --data ./platform",
    "serve --host-name dca.example.com --ssh-listen 0.0.0.0:22",
    "serve --ssh-listen 0.0.0.0:22 --access-listen 0.0.0.0:443 --access-domain access.example.com",
    "serve --host-name dca.example.com --portal-listen 0.0.0.0:443",
    "serve --tls-certificate dca.pem --tls-key dca.key --poll-seconds 10m",
  ],
  "status": ["status", "status --check"],
  "verify": ["verify", "verify opendca-platform-0.2.0-linux-x64 --keys trusted.keys"],
  "region show": ["region show"],
  "region move": ['region move eu-west-1 --reason "moved on 1 March"'],
  "document add": ['document add soc2-2026.pdf --title "SOC 2 Type 2 report 2026" --kind report --nda'],
  "document list": ["document list"],
  "document remove": ["document remove doc-7k4mq2zd9xta"],
  "agreement publish": [
    "agreement publish dpa 2026-1 dpa.txt",
    "agreement publish nda 2026-1 nda-de.txt --language de",
  ],
  "agreement list": ["agreement list"],
  "agreement evidence": ["agreement evidence agr-7k4mq2zd9xta --output signed.pdf"],
  "agreement verify": ["agreement verify agr-7k4mq2zd9xta.json"],
  "data export": ["data export --of-customer Acme acme.jsonl", "data export --user eva@example.com eva.jsonl"],
  "data erase": ['data erase --of-customer Acme --confirm Acme --reason "the contract ended"'],
  "dealer create": ['dealer create "Copy & Print"'],
  "dealer rename": ['dealer rename default "Copy & Print"'],
  "dealer close": ['dealer close "Copy & Print" --reason "sold" --revoke-agents'],
  "dealer reopen": ['dealer reopen "Copy & Print"'],
  "dealer list": ["dealer list"],
  "dealer sign-in": ["dealer sign-in", "dealer sign-in --inactive-days 180"],
  "user invite": [
    "user invite eva@example.com --name Eva --role administrator",
    "user invite max@acme.example --name Max --customer Acme --role viewer:Acme/Berlin",
  ],
  "user list": ["user list", "user list --customer Acme"],
  "user roles": ["user roles eva@example.com technician billing:Acme"],
  "user link": ["user link eva@example.com --provider Entra --subject 8f2c1d7e-eva"],
  "user unlink": ["user unlink eva@example.com"],
  "sign-in add": [
    "sign-in add ldap Example --setting servers=ldaps://dc1.example.com base=DC=example,DC=com account=opendca@example.com password=@password.txt ca=@ca.pem",
    "sign-in add oidc Entra --setting issuer=https://login.microsoftonline.com/TENANT-ID/v2.0 client-id=ID client-secret=@secret.txt --domain example.com",
    "sign-in add saml 'AD FS' --setting idp-issuer=http://fs.example.com/adfs/services/trust sign-in-address=https://fs.example.com/adfs/ls/ certificate=@signing.pem",
  ],
  "sign-in list": ["sign-in list"],
  "sign-in show": ["sign-in show Entra"],
  "sign-in set": ["sign-in set Entra --setting client-secret=@secret.txt", "sign-in set Entra --active no"],
  "sign-in roles": ["sign-in roles Entra 5b1d7e0c-technicians technician", "sign-in roles Entra Managers viewer:Acme"],
  "sign-in check": ["sign-in check Example eva", "sign-in check Example eva --json"],
  "sign-in remove": ["sign-in remove Entra"],
  "role list": ["role list"],
  "role create": ['role create "Help desk" readFleet runTasks openWebAccess'],
  "role change": ['role change "Help desk" readFleet runTasks'],
  "role remove": ['role remove "Help desk" --replacement viewer'],
  "user deactivate": ["user deactivate eva@example.com"],
  "user reactivate": ["user reactivate eva@example.com", "user reactivate eva@example.com --reset-second-factor"],
  "token create": [
    "token create 'Power BI' --user eva@example.com --permission readFleet readMeters --valid 365d",
    "token create tickets --user eva@example.com --permission runTasks --at Acme/Berlin",
  ],
  "webhook create": [
    "webhook create https://hooks.example.com/opendca --event alert.raised supply.low",
    "webhook create https://hooks.acme.example/dca --event agent.silent --customer Acme",
  ],
  "webhook list": ["webhook list"],
  "webhook test": ["webhook test hok-000000000000"],
  "webhook rotate": ["webhook rotate hok-000000000000"],
  "webhook deliveries": ["webhook deliveries hok-000000000000 --state dead"],
  "webhook resend": ["webhook resend hok-000000000000", "webhook resend hok-000000000000 msg-000000000000"],
  "webhook remove": ["webhook remove hok-000000000000"],
  "feed create": [
    "feed create glpi https://glpi.example.com/front/inventory.php --customer Acme",
    "feed create zabbix zabbixs://zabbix.example.com --setting host='opendca-{customer}'",
    "feed create mqtt mqtts://broker.example.com --setting user=dca password=@password.txt --customer Acme",
  ],
  "feed list": ["feed list"],
  "feed pause": ["feed pause fed-7k4mq2zd9xta"],
  "feed resume": ["feed resume fed-7k4mq2zd9xta"],
  "feed refresh": ["feed refresh fed-7k4mq2zd9xta"],
  "feed remove": ["feed remove fed-7k4mq2zd9xta"],
  "export glpi": ["export glpi --customer Acme --folder ./glpi"],
  "export zabbix-template": ["export zabbix-template > opendca.yaml"],
  "token list": ["token list", "token list --user eva@example.com"],
  "token revoke": ["token revoke tok-000000000000"],
  "customer create": ['customer create "Acme GmbH"', 'customer create "Acme GmbH" --dealer "Copy & Print"'],
  "customer rename": ['customer rename "Acme GmbH" "Acme SE"'],
  "customer close": ['customer close "Acme GmbH" --reason "contract ended" --revoke-agents'],
  "customer reopen": ['customer reopen "Acme GmbH"'],
  "customer quota": ['customer quota "Acme GmbH"', 'customer quota "Acme GmbH" --set 4096'],
  "customer list": ["customer list"],
  "site create": ["site create Berlin", 'site create Berlin --customer "Acme GmbH"'],
  "site rename": ["site rename Berlin Potsdam"],
  "site close": ['site close Berlin --reason "moved out" --revoke-agents'],
  "site reopen": ["site reopen Berlin"],
  "customer update": ['customer update "Acme GmbH" --hold', 'customer update "Acme GmbH" --default'],
  "site update": ["site update Berlin --pin 0.2.0"],
  "site list": ["site list --json"],
  "code create": ["code create", "code create --site Berlin --valid-days 36h"],
  "code list": ["code list"],
  "code withdraw": ["code withdraw cod-hhphe1b4e6pt"],
  "agent-file": [
    "agent-file 192.168.1.0/24 > agent.yaml",
    "agent-file 10.1.0.0/16 plotter.example.com --network Berlin --endpoint dca.example.com:443",
  ],
  "agent list": ["agent list", "agent list --silent"],
  "agent show": ["agent show agt-f77zkxcg8t51", "agent show agt-f77zkxcg8t51 --json | jq .effectiveConfig"],
  "agent ledger-heads": ["agent ledger-heads agt-f77zkxcg8t51"],
  "agent quota": [
    "agent quota agt-f77zkxcg8t51",
    "agent quota agt-f77zkxcg8t51 --set 1024",
    "agent quota agt-f77zkxcg8t51 --default",
  ],
  "agent revoke": ['agent revoke agt-f77zkxcg8t51 --reason "machine was stolen"'],
  "agent configure": ["agent configure agt-f77zkxcg8t51 --file config.json"],
  "agent update": ["agent update agt-f77zkxcg8t51", "agent update agt-f77zkxcg8t51 --pin 0.2.0"],
  "release add": ["release add ./opendca-0.2.0", "release add opendca-0.2.0.manifest --keys trusted.keys"],
  "release list": ["release list"],
  "release show": ["release show 0.2.0", "release show 0.2.0 --json | jq .troubles"],
  "release rollout": [
    "release rollout 0.2.0",
    'release rollout 0.2.0 --percent 100 --customer "Acme GmbH" --site Berlin',
  ],
  "release pause": ['release pause 0.2.0 --reason "readings are missing"'],
  "release resume": ["release resume 0.2.0"],
  "release withdraw": ['release withdraw 0.2.0 --reason "0.2.1 replaces it"'],
  "task scan": [
    "task scan agt-f77zkxcg8t51",
    "task scan agt-f77zkxcg8t51 --network office --known",
    "task scan agt-f77zkxcg8t51 --target 10.1.0.7 10.1.0.20-29",
  ],
  "task read": ["task read agt-f77zkxcg8t51 10.1.0.7 --wait"],
  "task refresh-config": ["task refresh-config agt-f77zkxcg8t51"],
  "task cancel": ["task cancel 6f9d2c1e-0b7a-4f0e-9a53-3d6a1f6f2b11"],
  "task ping": ["task ping agt-f77zkxcg8t51 10.1.0.7"],
  "task diagnostics": ["task diagnostics agt-f77zkxcg8t51 --log-hours 3d"],
  "task set-config": ["task set-config agt-f77zkxcg8t51 --file config.json"],
  "task list": ["task list --agent agt-f77zkxcg8t51", "task list --json | jq '.[0].result'"],
  "access open": ["access open dev-b2ee8dr2hnt4", "access open 10.1.0.7 --port 443 --for 10m"],
  "access list": ["access list", "access list --json | jq '.[0].reason'"],
  "access show": ["access show ses-7d3k0q9x2mvb"],
  "access link": ["access link ses-7d3k0q9x2mvb"],
  "access log": ["access log ses-7d3k0q9x2mvb", "access log ses-7d3k0q9x2mvb --format csv > requests.csv"],
  "forward": [
    "forward ses-7d3k0q9x2mvb",
    "forward 'https://h2v0….access.example.com/.opendca/start?token=…' --listen 127.0.0.1:9100",
  ],
  "access legacy-tls": ["access legacy-tls dev-b2ee8dr2hnt4 --allow"],
  "access close": ['access close ses-7d3k0q9x2mvb --reason "repaired"'],
  "unlock": ["unlock a9eba39a-daf4-40b2-b8db-c58d7b034ce3 --lock 1"],
  "unlock-key": ["unlock-key"],
  "device list": ["device list", "device list --site Berlin --silent 3d", "device list --wide | less -S"],
  "device show": ["device show dev-b2ee8dr2hnt4", "device show 10.1.0.7 --json | jq .supplies"],
  "device merge": ['device merge dev-b2ee8dr2hnt4 dev-80c2k1mvr3ht --reason "new main board"'],
  "device split": [
    "device split dev-b2ee8dr2hnt4 --serial CNB70002",
    'device split 10.1.0.7 --agent agt-f77zkxcg8t51 --network office --reason "print server"',
  ],
  "device undo": ['device undo chg-4m1x9p0c7tkz --reason "another machine"'],
  "device history": ["device history dev-b2ee8dr2hnt4"],
  "meter list": ["meter list dev-b2ee8dr2hnt4"],
  "meter history": ["meter history dev-b2ee8dr2hnt4 --name total --limit 30"],
  "billing meters": [
    "billing meters --period 2026-03",
    "billing meters --from 2026-03-01 --to 2026-03-15 --site Berlin",
  ],
  "billing make": ["billing make --period 2026-03", "billing make --period 2026-03 --supersede 3"],
  "billing list": ["billing list"],
  "billing show": ["billing show 3"],
  "billing export": ["billing export 3 --as csv", "billing export 3 --as pdf --output march.pdf"],
  "billing readings": ["billing readings --from 2026-01-01 --to 2026-12-31 --output year.csv"],
  "billing settings": [
    "billing settings",
    "billing settings --zone Europe/Berlin --meter total print.color --fields semicolon --decimals comma",
    "billing settings --mail-to accounts@example.com --mail-day 5 --mail-as pdf xlsx",
  ],
  "billing correct": [
    "billing correct 10.1.0.7 --meter total --from 2026-03-02 --to 2026-03-05 --pages 120 --reason 'new board'",
  ],
  "billing corrections": ["billing corrections"],
  "billing keys": ["billing keys --json"],
  "billing undo": ["billing undo cor-7k4mq2zd9xta --reason 'was right'"],
  "reading list": ["reading list", "reading list --low", "reading list --json | jq '.[].record.reading.serial'"],
  "supply list": [
    "supply list --low",
    "supply list --model LaserJet --format csv > supplies.csv",
    "supply list --low --forecast",
  ],
  "alert list": ["alert list", "alert list --severity critical --site Berlin", "alert list --ended --format csv"],
  "alert raised": ["alert raised", "alert raised --state open --severity critical"],
  "alert show": ["alert show alr-7k4mq2zd9xta"],
  "alert acknowledge": ['alert acknowledge alr-7k4mq2zd9xta --note "technician comes on Monday" --for 3d'],
  "alert release": ["alert release alr-7k4mq2zd9xta"],
  "meter export": [
    "meter export --from 2026-03-01 --to 2026-03-31 --name total",
    "meter export --from 2026-03-01 --to 2026-03-31 --format csv > march.csv",
  ],
  "audit list": ["audit list", 'audit list --customer "Acme GmbH" --limit 1000'],
  "audit verify": ["audit verify"],
  "backup": ["backup /backup/opendca-platform"],
  "database migrate": ["database migrate --database postgres://opendca_owner@localhost/opendca"],
  "database check": ["database check", "database check --database postgres://opendca@localhost/opendca"],
  "database copy": ["database copy --database postgres://opendca_owner@localhost/opendca"],
};

const exitCodes = `
Exit codes: 0 done, 64 wrong usage, 69 the port or the store is in use, or the
disk is full, 70 a bug, 78 bad configuration, or a changed audit log.
`;

/** Adds examples and exit codes to the help of the program and of all its commands. */
export function addHelpExamples(program: Command): void {
  program.addHelpText("afterAll", exitCodes);
  for (const [path, command] of leavesOf(program)) {
    const lines = (examples[path] ?? []).map((line) => `  ${program.name()} ${line}\n`);
    if (lines.length > 0) command.addHelpText("after", `\nExamples:\n${lines.join("").trimEnd()}`);
  }
}

function* leavesOf(command: Command, path = ""): Iterable<[path: string, leaf: Command]> {
  for (const child of command.commands) {
    const at = path === "" ? child.name() : `${path} ${child.name()}`;
    if (child.commands.length === 0) yield [at, child];
    else yield* leavesOf(child, at);
  }
}
