/** Net-SNMP's agent as a printer with views, users and contexts, and its counts of what was refused. */
import { startPeer, toolOutput } from "../started_peer.ts";
import { maybeProgram } from "../peers.ts";

export const authKey = "right-auth-key", privKey = "right-priv-key";

const printer = [
  // A sentence of a maker that is known: the device is a printer also where its MIB is hidden.
  "sysDescr HP ETHERNET MULTI-ENVIRONMENT,ROM none,JETDIRECT,JD153,EEPROM JSI24090012,CIDATE 09/10/2019",
  "sysObjectID .1.3.6.1.4.1.99999.1",
  'override 1.3.6.1.2.1.43.5.1.1.16.1 octet_str "Example Laser 9000"',
  'override 1.3.6.1.2.1.43.5.1.1.17.1 octet_str "SN1234567"',
  "override 1.3.6.1.2.1.43.10.2.1.4.1.1 counter 64299",
  "override 1.3.6.1.2.1.43.11.1.1.4.1.1 integer 3",
  "override 1.3.6.1.2.1.43.11.1.1.5.1.1 integer 3",
  'override 1.3.6.1.2.1.43.11.1.1.6.1.1 octet_str "Black Toner"',
  "override 1.3.6.1.2.1.43.11.1.1.8.1.1 integer 5000",
  "override 1.3.6.1.2.1.43.11.1.1.9.1.1 integer 2500",
];
const views = [
  "view all included .1",
  "view limited included .1.3.6.1.2.1.1",
  "view host included .1.3.6.1.2.1.1",
  "view host included .1.3.6.1.2.1.25",
  "view general included .1.3.6.1.2.1.1",
  "view general included .1.3.6.1.2.1.43.5",
  "view standard included .1.3.6.1.2.1",
  "view nothing included .1.3.6.1.99",
];

/** What an agent counts: snmpInBadCommunityNames and usmStats, as authenticationFailure traps and lock-outs do. */
export interface Refusals {
  badCommunities: number;
  unknownUsers: number;
  wrongDigests: number;
}

export interface SnmpdPrinter extends AsyncDisposable {
  /** ADDRESS:PORT. */
  target: string;
  port: number;
  refusals(): Promise<Refusals>;
}

/** `lines` of snmpd.conf follow those of a printer and of the views `all`, `limited`, `host`, `general`, `standard`, `nothing`. */
export async function startSnmpdPrinter(lines: string[], at: { port?: number } = {}): Promise<SnmpdPrinter> {
  const address = "127.0.0.1";
  let port = 0;
  const agent = await startPeer("snmpd", "NET-SNMP version", async (folder, freePort) => {
    port = at.port ?? freePort;
    const all = [...printer, ...views, "rocommunity for-the-test default -V all", ...lines, ""];
    await Deno.writeTextFile(`${folder}/own.conf`, all.join("\n"));
    return ["-f", "-Lo", "-C", "-c", `${folder}/own.conf`, `udp:${address}:${port}`];
  });
  const target = `${address}:${port}`;
  let isRunning = true;
  return {
    target,
    port,
    async refusals() {
      const oids = ["1.3.6.1.2.1.11.4.0", "1.3.6.1.6.3.15.1.1.3.0", "1.3.6.1.6.3.15.1.1.5.0"];
      const args = ["-v2c", "-c", "for-the-test", "-Oqv", "-t", "5", target, ...oids];
      const counts = (await toolOutput(maybeProgram("snmpget")!, args)).trim().split("\n").map(Number);
      const [badCommunities = NaN, unknownUsers = NaN, wrongDigests = NaN] = counts;
      return { badCommunities, unknownUsers, wrongDigests };
    },
    async [Symbol.asyncDispose]() {
      if (isRunning) await agent[Symbol.asyncDispose]();
      isRunning = false;
    },
  };
}

/** snmpd.conf of a user with both keys. */
export function createUser(name: string): string {
  return `createUser ${name} SHA-256 ${authKey} AES-128 ${privKey}`;
}
