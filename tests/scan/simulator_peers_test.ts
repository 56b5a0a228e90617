/** The simulator beside Debian's tools and agents, so that what passes against it passes against what others wrote. */
import assert from "node:assert/strict";
import {
  type CommunityMessage,
  decodeMessage,
  encodeCommunityMessage,
  encodeScopedPdu,
  encodeV3Message,
  MsgFlag,
  type Pdu,
  PduType,
  type SnmpMessage,
} from "../../src/snmp/message.ts";
import { isUnder } from "../../src/snmp/oid.ts";
import { Tag, type Varbind } from "../../src/snmp/value.ts";
import { objectsOf } from "../../simulator/device.ts";
import { startSimulator } from "../../simulator/simulator.ts";
import { parseSnmprec } from "../../src/recording/snmprec.ts";
import { authProtocols, privProtocols } from "../../simulator/usm_user.ts";
import { maybeProgram, peerTest } from "../fixtures/peers.ts";
import { type Peer, startPeer } from "../fixtures/started_peer.ts";

const upTime = "1.3.6.1.2.1.1.3.0";

const octets = (text: string) => ({ tag: Tag.octetString, value: new TextEncoder().encode(text) });

const objects = objectsOf({
  "1.3.6.1.2.1.1.1.0": octets("An invented printer"),
  "1.3.6.1.2.1.1.2.0": { tag: Tag.oid, value: "1.3.6.1.4.1.32473.4294967295.128.127" },
  [upTime]: { tag: Tag.timeTicks, value: 4294967295 },
  "1.3.6.1.2.1.1.5.0": octets(""),
  "1.3.6.1.2.1.4.20.1.1.127": { tag: Tag.ipAddress, value: Uint8Array.of(127, 0, 255, 1) },
  "1.3.6.1.2.1.31.1.1.1.6.1": { tag: Tag.counter64, value: 18446744073709551615n },
  "1.3.6.1.2.1.43.10.2.1.4.1.1": { tag: Tag.counter32, value: 4294967295 },
  "1.3.6.1.2.1.43.11.1.1.9.1.1": -3,
  "1.3.6.1.2.1.43.11.1.1.9.1.2": 2147483647,
  "1.3.6.1.2.1.43.11.1.1.9.1.10": -2147483648,
  "1.3.6.1.4.1.32473.1": { tag: Tag.gauge32, value: 128 },
  "1.3.6.1.4.1.32473.2": { tag: Tag.octetString, value: Uint8Array.from({ length: 256 }, (_, i) => i) },
  "1.3.6.1.4.1.32473.3": { tag: Tag.opaque, value: Uint8Array.of(1, 2, 3) },
  "1.3.6.1.4.1.32473.4": { tag: Tag.null, value: null },
  // More than one message of 1,472 octets holds.
  ...Object.fromEntries(Array.from({ length: 90 }, (_, i) => [`1.3.6.1.4.1.32473.5.${i + 1}`, octets("x".repeat(i))])),
});

/** A binding as the tools print it with the options of `readWith`. */
function printed({ oid, tag, value }: Varbind): string {
  const hex = value instanceof Uint8Array
    ? Array.from(value, (octet) => `${octet.toString(16).padStart(2, "0").toUpperCase()} `).join("")
    : "";
  const shown = {
    [Tag.integer]: `INTEGER: ${value}`,
    [Tag.octetString]: hex === "" ? `""` : `Hex-STRING: ${hex}`,
    [Tag.null]: "NULL",
    [Tag.oid]: `OID: .${value}`,
    [Tag.ipAddress]: `IpAddress: ${value instanceof Uint8Array ? value.join(".") : value}`,
    [Tag.counter32]: `Counter32: ${value}`,
    [Tag.gauge32]: `Gauge32: ${value}`,
    [Tag.timeTicks]: `${value}`,
    [Tag.opaque]: `OPAQUE: ${hex}`,
    [Tag.counter64]: `Counter64: ${value}`,
  }[tag];
  return `.${oid} = ${shown}`;
}

const walkEnd = /= No more variables left|^End of MIB/;

/** Runs one of Net-SNMP's tools with numbers, hexadecimal strings and no MIB files; lines without the end of a walk. */
async function readWith(program: string, args: string[]): Promise<{ lines: string[]; errors: string; code: number }> {
  const plain = ["-m", "", "-On", "-Ox", "-Oe", "-Ot", "--hexOutputLength=0", "-r", "2", "-t", "2"];
  const folder = await Deno.makeTempDir();
  const command = new Deno.Command(maybeProgram(program)!, {
    args: [...plain, ...args],
    env: { HOME: folder, SNMPCONFPATH: folder, SNMP_PERSISTENT_DIR: folder },
  });
  const { stdout, stderr, code } = await command.output();
  await Deno.remove(folder, { recursive: true });
  const lines = new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "" && !walkEnd.test(line));
  const errors = new TextDecoder().decode(stderr).split("\n").filter((line) => !/^Created directory/.test(line));
  return { lines, errors: errors.join("\n"), code };
}

function target({ address, port }: { address: string; port: number }): string {
  return `udp:${address}:${port}`;
}

for (
  const { program, version, seen } of [
    { program: "snmpwalk", version: "1", seen: ({ tag }: Varbind) => tag !== Tag.counter64 },
    { program: "snmpwalk", version: "2c", seen: () => true },
    { program: "snmpbulkwalk", version: "2c", seen: () => true },
  ]
) {
  peerTest(`startSimulator() gives ${program} -v${version} what it was told`, [program], async () => {
    await using simulator = await startSimulator({ devices: [{ objects }] });
    const { lines, errors } = await readWith(program, [
      `-v${version}`,
      "-c",
      "public",
      target(simulator.endpoints[0]!),
      "1.3",
    ]);
    assert.equal(errors, "");
    assert.deepEqual(lines, objects.filter(seen).map(printed));
  });
}

peerTest("startSimulator() gives snmpget what it was told in one request", ["snmpget"], async () => {
  await using simulator = await startSimulator({ devices: [{ objects }] });
  const names = objects.slice(0, 12);
  const args = ["-v2c", "-c", "public", target(simulator.endpoints[0]!), ...names.map(({ oid }) => oid)];
  assert.deepEqual((await readWith("snmpget", args)).lines, names.map(printed));
  assert.equal(simulator.packetsReceived, 1);
});

const authKey = "authentication-key", privKey = "privacy-key";
const toolAuth = {
  md5: "MD5",
  sha1: "SHA",
  sha224: "SHA-224",
  sha256: "SHA-256",
  sha384: "SHA-384",
  sha512: "SHA-512",
};
const toolPriv = {
  des: "DES",
  aes128: "AES",
  aes192b: "AES-192",
  aes256b: "AES-256",
  aes192r: "AES-192-C",
  aes256r: "AES-256-C",
};
const users = [
  { name: "open" },
  ...authProtocols.flatMap((auth) => [
    { name: auth, auth, authKey },
    ...privProtocols.map((priv) => ({ name: `${auth}-${priv}`, auth, authKey, priv, privKey })),
  ]),
];

/** Boots and time that are not 0, as the initialisation vector of AES is made of them; sysUpTime would count on. */
const v3Device = {
  objects: objects.filter(({ oid }) => oid !== upTime),
  users,
  engineBoots: 7,
  upTimeSeconds: 100_000,
};

peerTest("startSimulator() gives snmpbulkwalk -v3 without security what it was told", ["snmpbulkwalk"], async () => {
  await using simulator = await startSimulator({ devices: [v3Device] });
  const args = ["-v3", "-l", "noAuthNoPriv", "-u", "open", target(simulator.endpoints[0]!), "1.3"];
  assert.deepEqual((await readWith("snmpbulkwalk", args)).lines, v3Device.objects.map(printed));
});

for (const auth of authProtocols) {
  const speed = auth === "sha256" ? "" : " (slow)";
  peerTest(
    `startSimulator() gives snmpbulkwalk -v3 with ${auth} what it was told${speed}`,
    ["snmpbulkwalk"],
    async () => {
      await using simulator = await startSimulator({ devices: [v3Device] });
      const server = target(simulator.endpoints[0]!);
      const signed = ["-v3", "-a", toolAuth[auth], "-A", authKey];
      const args = [...signed, "-l", "authNoPriv", "-u", auth, server, "1.3"];
      assert.deepEqual((await readWith("snmpbulkwalk", args)).lines, v3Device.objects.map(printed), "authNoPriv");
      for (const priv of privProtocols) {
        const encrypted = [...signed, "-l", "authPriv", "-u", `${auth}-${priv}`, "-x", toolPriv[priv], "-X", privKey];
        const { lines, errors } = await readWith("snmpbulkwalk", [...encrypted, server, "1.3"]);
        assert.deepEqual(lines, v3Device.objects.map(printed), `${priv}: ${errors}`);
      }
    },
  );
}

const system = "1.3.6.1.2.1.1";
/** What is asked of Debian's agent and of ours; names without a leading digit 1 stand below the system group. */
const requests: { name: string; version?: 0 | 1; type?: number; fields?: [number, number]; oids: string[] }[] = [
  { name: "Get", oids: [".1.0", ".2.0", ".5.0"] },
  { name: "Get of nothing", oids: [] },
  { name: "Get of another instance of a scalar", oids: [".1.0", ".1.1"] },
  { name: "Get of a scalar without instance", oids: [".1"] },
  { name: "Get of a subtree and of a missing one", oids: ["", ".99", "1.4"].map((oid) => oid || system) },
  { name: "Get of a missing row", oids: [".9.1.3.99"] },
  { name: "Get of a missing object", oids: [".99.0", "1.3.6.1.2.1.43.5.1.1.17.1", "1.3.6.1.4.1.32473.1.0"] },
  { name: "v1 Get", version: 0, oids: [".1.0", ".2.0"] },
  // With several missing snmpd names the last of them, where RFC 1157 leaves it open.
  { name: "v1 Get with a missing object", version: 0, oids: [".1.0", ".99.0", ".5.0"] },
  { name: "GetNext", type: PduType.getNext, oids: ["1.3", ".1", ".1.0", ".4"] },
  { name: "GetNext past the end", type: PduType.getNext, oids: [".1.0", "1.3.6.1.2.1.43", "1.4"] },
  { name: "v1 GetNext", version: 0, type: PduType.getNext, oids: [".1", ".4"] },
  { name: "v1 GetNext past the end", version: 0, type: PduType.getNext, oids: [".1", "1.3.6.1.2.1.43"] },
  { name: "GetBulk", type: PduType.getBulk, fields: [0, 5], oids: [".4"] },
  { name: "GetBulk with a non-repeater", type: PduType.getBulk, fields: [1, 3], oids: [".4", ".5", ".9.1.2"] },
  { name: "GetBulk with non-repeaters only", type: PduType.getBulk, fields: [9, 3], oids: [".4", ".5"] },
  { name: "GetBulk of no repetitions", type: PduType.getBulk, fields: [1, 0], oids: [".4", ".5"] },
  { name: "GetBulk with negative non-repeaters", type: PduType.getBulk, fields: [-1, 2], oids: [".4", ".5"] },
  { name: "GetBulk past the end", type: PduType.getBulk, fields: [0, 3], oids: ["1.3.6.1.2.1.43"] },
  { name: "GetBulk over the end", type: PduType.getBulk, fields: [0, 200], oids: [".9"] },
  { name: "GetBulk of two columns, one past the end", type: PduType.getBulk, fields: [0, 4], oids: [".4", "1.4"] },
  { name: "v1 Set", version: 0, type: PduType.set, oids: [".5.0"] },
  { name: "v2c Set", type: PduType.set, oids: [".5.0"] },
];

peerTest("startSimulator() answers as Debian's snmpd does for the same objects", ["snmpd"], async () => {
  await using agent = await startSnmpd(["rocommunity public default .1.3.6.1.2.1.1"]);
  const objects = await walkByHand(agent);
  assert.ok(objects.length > 20, `${objects.length} objects of snmpd`);
  await using simulator = await startSimulator({ devices: [{ objects, maxMessageSize: 65507 }] });
  for (const { name, version = 1, type = PduType.get, fields: [errorStatus, errorIndex] = [0, 0], oids } of requests) {
    const varbinds = oids.map((oid) => ({
      oid: oid.startsWith(".") ? system + oid : oid,
      ...(type === PduType.set ? octets("new") : { tag: Tag.null, value: null }),
    }));
    const pdu = { type, requestId: 7, errorStatus, errorIndex, varbinds };
    const [theirs, ours] = await Promise.all(
      [agent, simulator.endpoints[0]!].map((peer) => exchange(peer, pdu, version)),
    );
    assert.deepEqual(ours, theirs, name);
  }
});

const goodUser = ["-u", "sha256-aes128", "-l", "authPriv", "-a", "SHA-256", "-A", authKey, "-x", "AES", "-X", privKey];
// Not here: an unknown context, for which RFC 3413 section 3.2 asks for a report and snmpd stays silent; a wrong context
// engine, for which RFC 3412 section 7.2 asks for a report and snmpd answers.
const refused: { name: string; args: string[] }[] = [
  { name: "an unknown user", args: ["-u", "nobody", ...goodUser.slice(2)] },
  { name: "a wrong authentication key", args: goodUser.with(7, "not-the-password") },
  { name: "a wrong authentication protocol", args: goodUser.with(5, "SHA-512") },
  { name: "a level that the user has no keys for", args: ["-u", "sha256", ...goodUser.slice(2)] },
  { name: "a level below what the user must use", args: goodUser.with(3, "authNoPriv") },
  { name: "a wrong privacy key", args: [...goodUser.with(11, "not-the-password"), "-r", "0", "-t", "0.3"] },
  { name: "nothing wrong", args: goodUser },
];

peerTest("startSimulator() refuses a v3 request in the words of Debian's snmpd", ["snmpd", "snmpget"], async () => {
  await using agent = await startSnmpd([
    "sysDescr same",
    `createUser sha256-aes128 SHA-256 ${authKey} AES ${privKey}`,
    `createUser sha256 SHA-256 ${authKey}`,
    "rouser sha256-aes128 priv",
    "rouser sha256 auth",
  ]);
  const objects = objectsOf({ "1.3.6.1.2.1.1.1.0": "same" });
  await using simulator = await startSimulator({ devices: [{ objects, users }] });
  for (const { name, args } of refused) {
    const answers = [agent, simulator.endpoints[0]!].map(async (peer) => {
      const { lines, errors, code } = await readWith("snmpget", ["-v3", ...args, target(peer), "1.3.6.1.2.1.1.1.0"]);
      return { lines, errors: errors.replaceAll(target(peer), "PEER"), code };
    });
    const [theirs, ours] = await Promise.all(answers);
    assert.deepEqual(ours, theirs, name);
  }
});

/** Requests without user that an agent answers with a report. */
const discoveries: { name: string; engineId: string; userName: string; pdu: Partial<Pdu>; msgFlags?: number }[] = [
  { name: "engine discovery", engineId: "", userName: "", pdu: {} },
  {
    name: "another engine",
    engineId: "8000000001020304",
    userName: "sha256",
    pdu: { varbinds: objectsOf({ "1.3": 1 }) },
  },
  { name: "discovery without the reportable flag", engineId: "", userName: "", pdu: {}, msgFlags: 0 },
  { name: "a response", engineId: "", userName: "", pdu: { type: PduType.response }, msgFlags: 0 },
];

peerTest("startSimulator() reports its engine as Debian's snmpd does", ["snmpd"], async () => {
  await using agent = await startSnmpd([
    "rocommunity public",
    `createUser sha256 SHA-256 ${authKey}`,
    "rouser sha256 auth",
  ]);
  await using simulator = await startSimulator({ devices: [{ objects, users }] });
  for (const { name, engineId, userName, pdu, msgFlags = MsgFlag.reportable } of discoveries) {
    const scopedPdu = encodeScopedPdu({
      contextEngineId: Uint8Array.fromHex(engineId),
      contextName: new Uint8Array(),
      pdu: { type: PduType.get, requestId: 5, errorStatus: 0, errorIndex: 0, varbinds: [], ...pdu },
    });
    const { packet } = encodeV3Message({
      msgId: 6,
      msgMaxSize: 65507,
      msgFlags,
      securityModel: 3,
      engineId: Uint8Array.fromHex(engineId),
      engineBoots: 0,
      engineTime: 0,
      userName: new TextEncoder().encode(userName),
      authParameters: new Uint8Array(),
      privParameters: new Uint8Array(),
    }, scopedPdu);
    const [theirs, ours] = await Promise.all(
      [agent, simulator.endpoints[0]!].map(async (peer) => {
        // The second request is always answered, so that silence to the first is seen without waiting.
        const probe = encodeCommunityMessage({ version: 1, community: publicCommunity, pdu: emptyGet });
        const report = await firstAnswer(peer, [packet, probe]);
        if (report.version !== 3) return "silence";
        const { msgId, msgFlags, securityModel, userName, scopedPdu: scoped } = report;
        assert.deepEqual(scoped?.contextEngineId, report.engineId);
        const { type, requestId, errorStatus, varbinds } = scoped!.pdu;
        const counters = varbinds.map(({ oid, tag }) => ({ oid, tag }));
        return { msgId, msgFlags, securityModel, userName, type, requestId, errorStatus, counters };
      }),
    );
    assert.deepEqual(ours, theirs, name);
  }
});

const recording = `1.3.6.1.2.1.1.1.0|4|Bars | and | bars, UTF-8 \u00e9, and spaces   
1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.32473.2
1.3.6.1.2.1.1.3.0|67|123456
1.3.6.1.2.1.1.5.0|4|
1.3.6.1.2.1.4.20.1.1.127|64|127.0.0.1
1.3.6.1.2.1.31.1.1.1.6.1|70|18446744073709551615
1.3.6.1.2.1.43.10.2.1.4.1.1|65|4294967295
1.3.6.1.2.1.43.11.1.1.9.1.2|2|-3
1.3.6.1.2.1.43.11.1.1.9.1.10|2|2147483647
1.3.6.1.4.1.32473.1|66|7
1.3.6.1.4.1.32473.2|4x|00ff0a0d7c20
1.3.6.1.4.1.32473.3|68x|9f780442f60000
1.3.6.1.4.1.32473.4|64x|0a0000ff
`;

for (const [program, version] of [["snmpwalk", "1"], ["snmpwalk", "2c"], ["snmpbulkwalk", "2c"]] as const) {
  peerTest(
    `parseSnmprec() gives ${program} -v${version} the walk that snmpsimd gives${
      program === "snmpwalk" ? " (slow)" : ""
    }`,
    [program, "snmpsimd"],
    async () => {
      await using peer = await startSnmpsim(recording);
      const { objects, malformedLines } = parseSnmprec(recording);
      assert.equal(malformedLines, 0);
      await using simulator = await startSimulator({ devices: [{ objects }] });
      const [theirs, ours] = await Promise.all(
        [peer, simulator.endpoints[0]!].map((agent) =>
          readWith(program, [`-v${version}`, "-c", "public", target(agent), "1.3"])
        ),
      );
      assert.ok(theirs!.lines.length >= 12, theirs!.errors);
      assert.deepEqual(ours, theirs);
    },
  );
}

const publicCommunity = new TextEncoder().encode("public");
const emptyGet: Pdu = { type: PduType.get, requestId: 1, errorStatus: 0, errorIndex: 0, varbinds: [] };

/** Sends packets to one agent and gives the first answer. */
async function firstAnswer(peer: { address: string; port: number }, packets: Uint8Array[]): Promise<SnmpMessage> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  try {
    for (const packet of packets) {
      await socket.send(packet, { transport: "udp", hostname: peer.address, port: peer.port });
    }
    const [answer] = await socket.receive(new Uint8Array(65536));
    return decodeMessage(answer);
  } finally {
    socket.close();
  }
}

/** Asks one agent and gives the answer's PDU without what changes from one moment to the next. */
async function exchange(peer: { address: string; port: number }, pdu: Pdu, version: 0 | 1 = 1): Promise<Pdu> {
  const answer = await firstAnswer(peer, [encodeCommunityMessage({ version, community: publicCommunity, pdu })]);
  const { pdu: got } = answer as CommunityMessage;
  return { ...got, varbinds: got.varbinds.map((v) => v.oid === upTime && v.value !== null ? { ...v, value: 0 } : v) };
}

async function walkByHand(peer: { address: string; port: number }): Promise<Varbind[]> {
  const objects: Varbind[] = [];
  for (let oid = system;;) {
    const varbinds = [{ oid, tag: Tag.null, value: null }];
    const pdu = { type: PduType.getNext, requestId: 1, errorStatus: 0, errorIndex: 0, varbinds };
    const next = (await exchange(peer, pdu)).varbinds[0]!;
    if (next.tag === Tag.endOfMibView || !isUnder(next.oid, system)) return objects;
    objects.push(next);
    oid = next.oid;
  }
}

function startSnmpd(lines: string[]): Promise<Peer> {
  return startPeer("snmpd", "NET-SNMP version", async (folder, port) => {
    await Deno.writeTextFile(`${folder}/snmpd.conf`, lines.join("\n") + "\n");
    return ["-f", "-Lo", "-C", "-c", `${folder}/snmpd.conf`, `udp:127.0.0.1:${port}`];
  });
}

function startSnmpsim(text: string): Promise<Peer> {
  return startPeer("snmpsimd", "Listening at", async (folder, port) => {
    await Deno.mkdir(`${folder}/data`);
    await Deno.writeTextFile(`${folder}/data/public.snmprec`, text);
    return [
      "--v3-engine-id=auto",
      `--data-dir=${folder}/data`,
      `--cache-dir=${folder}/cache`,
      `--agent-udpv4-endpoint=127.0.0.1:${port}`,
      // It refuses to run as root without them.
      ...(Deno.uid() === 0 ? ["--process-user=nobody", "--process-group=nogroup"] : []),
    ];
  });
}
