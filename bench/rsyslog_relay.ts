/**
 * rsyslog as the peer of bench/uplink.ts: a queue on disk, emptied by RELP over mutual TLS into a file of another
 * rsyslog. It is what Debian has for "keep it until it was acknowledged". What it does not do: it numbers nothing, so that
 * a lost acknowledgement puts lines in twice; it acknowledges what it holds in memory; it knows no devices, looks at no
 * content, compresses nothing and answers no question afterwards.
 */
import { freePort } from "../tests/fixtures/free_port.ts";
import { createTestAuthority } from "../tests/fixtures/test_authority.ts";
import { until } from "../tests/fixtures/until.ts";
import { usageOf } from "./measure.ts";
import type { Relayed } from "./uplink.ts";
import { maybeConnectionBytes } from "./wire.ts";

/** Only this process waits for it, and nothing else listens in the benchmark. */
const port = freePort();

export async function relayWithRsyslog(lines: readonly string[], rsyslogd: string): Promise<Relayed> {
  await using built = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  built.defer(() => Deno.remove(folder, { recursive: true }));
  await writeFiles(folder, lines);

  function start(name: string): { pid: number; stop(): Promise<void> } & AsyncDisposable {
    const child = new Deno.Command(rsyslogd, {
      args: ["-n", "-f", `${folder}/${name}.conf`, "-i", `${folder}/${name}.pid`],
      stdin: "null",
      stdout: "null",
      // It complains that nobody answers yet.
      stderr: "null",
    }).spawn();
    let stopped: Promise<void> | undefined;
    const stop = () => stopped ??= (child.kill("SIGTERM"), child.status.then(() => {}));
    return { pid: child.pid, stop, [Symbol.asyncDispose]: stop };
  }

  const sizeOf = (path: string) => Deno.stat(path).then(({ size }) => size, () => 0);
  const queued = async () => {
    let bytes = 0;
    for await (const { name } of Deno.readDir(`${folder}/queue`)) bytes += await sizeOf(`${folder}/queue/${name}`);
    return bytes;
  };
  {
    await using filling = start("fill");
    let before = -1;
    // Nobody answers yet, so that all of it ends in the queue, which then grows no more.
    await until("rsyslog's queue is full", async () => {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const now = await queued();
      const still = now > 0 && now === before;
      before = now;
      return still;
    });
    await filling.stop();
  }
  const receiver = built.use(start("receive"));
  await until("rsyslog listens", () => Deno.connect({ port }).then((door) => (door.close(), true), () => false));
  const receiverBefore = usageOf(receiver.pid).cpuSeconds;
  const startMs = performance.now();
  const sender = built.use(start("send"));
  const bytes = lines.reduce((sum, line) => sum + new TextEncoder().encode(line).length + 1, 0);
  await until("rsyslog has sent everything", async () => await sizeOf(`${folder}/stored`) >= bytes, 300_000);
  const seconds = (performance.now() - startMs) / 1000;
  const senderUsage = usageOf(sender.pid), receiverUsage = usageOf(receiver.pid);
  const wireBytes = await maybeConnectionBytes(port);
  const stored = (await Deno.readTextFile(`${folder}/stored`)).trimEnd().split("\n");
  const distinct = new Set(stored.map((line) => line.trim()));
  return {
    seconds,
    sender: senderUsage,
    receiver: { ...receiverUsage, cpuSeconds: receiverUsage.cpuSeconds - receiverBefore },
    wireBytes,
    stored: distinct.size,
    duplicates: stored.length - distinct.size,
  };
}

/** Its keys, what is to be sent, and three configurations: to fill the queue, to send it, and to receive. */
async function writeFiles(folder: string, lines: readonly string[]): Promise<void> {
  await Deno.mkdir(`${folder}/queue`);
  await Deno.writeTextFile(`${folder}/lines`, lines.join("\n") + "\n");
  const authority = await createTestAuthority();
  await Deno.writeTextFile(`${folder}/ca.pem`, authority.pem);
  for (const name of ["sender", "receiver"]) {
    const { keyPem, certificatePem } = await authority.issue({ names: [name] });
    await Deno.writeTextFile(`${folder}/${name}.key`, keyPem);
    await Deno.writeTextFile(`${folder}/${name}.pem`, certificatePem);
  }

  function tls(own: string, other: string): string {
    return `tls="on" tls.authMode="name" tls.permittedPeer=["${other}"] tls.caCert="${folder}/ca.pem" ` +
      `tls.myCert="${folder}/${own}.pem" tls.myPrivKey="${folder}/${own}.key"`;
  }

  const queue = `queue.type="Disk" queue.spoolDirectory="${folder}/queue" queue.filename="lines" ` +
    `queue.maxDiskSpace="2g" queue.size="1000000" queue.saveOnShutdown="on" action.resumeRetryCount="-1" ` +
    `action.resumeInterval="1"`;
  const send = `action(type="omrelp" target="127.0.0.1" port="${port}" template="line" ${
    tls("sender", "receiver")
  } ${queue})`;
  const head = `global(workDirectory="${folder}" maxMessageSize="256k")
template(name="line" type="string" string="<13>1 - - - - - - %msg%\\n")
module(load="omrelp")
`;
  await Deno.writeTextFile(
    `${folder}/fill.conf`,
    `${head}module(load="imfile")
input(type="imfile" file="${folder}/lines" tag="bench" ruleset="out")
ruleset(name="out") { ${send} }
`,
  );
  await Deno.writeTextFile(
    `${folder}/send.conf`,
    `${head}ruleset(name="out") { ${send} }\nif $msg contains "{" then call out\n`,
  );
  await Deno.writeTextFile(
    `${folder}/receive.conf`,
    `global(workDirectory="${folder}" maxMessageSize="256k")
module(load="imrelp")
template(name="stored" type="string" string="%msg%\\n")
input(type="imrelp" port="${port}" maxDataSize="256k" ruleset="store" ${tls("receiver", "sender")})
ruleset(name="store") { action(type="omfile" file="${folder}/stored" template="stored") }
`,
  );
}
