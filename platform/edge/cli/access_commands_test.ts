import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { slowInPostgres } from "../../../tests/fixtures/each_database.ts";
import { now, withPlatform } from "../../../tests/platform/commands.ts";
import { type SessionState, sessionStates } from "../../access/manage_sessions.ts";
import { addSession } from "../../access/sessions.ts";
import { addAgent } from "../../agents/agents.ts";
import { addSite } from "../../customers/customers.ts";
import { addTask } from "../../tasks/tasks.ts";

const hourMs = 3_600_000;

slowInPostgres(
  "access says what is missing: a device, a session, --raw for a port that prints",
  () =>
    withPlatform(async (run) => {
      await run("customer", "create", "Acme");
      assert.equal(
        (await run("access", "list")).stdout,
        "no sessions yet: opendca-platform access open DEVICE asks for one\n",
      );
      assert.deepEqual(JSON.parse((await run("access", "list", "--json")).stdout), []);
      for (
        const [args, pattern] of [
          [["open", "10.1.0.7"], /^error: Cannot find the device "10\.1\.0\.7"\nhint: /],
          [
            ["open", "10.1.0.7", "--port", "9100"],
            /Cannot open port 9100 as a web page, as it prints what it gets\nhint: add --raw/,
          ],
          [["open", "10.1.0.7", "--port", "0"], /--port as a number from 1 to 65535/],
          [["open", "10.1.0.7", "--raw", "--https"], /Cannot use --https and --raw together/],
          [["open", "10.1.0.7", "--for", "31m"], /--for as a time from 1m to 30m/],
          [["show", "ses-1"], /Cannot find the session "ses-1"/],
          [["close", "ses-1"], /Cannot find the session "ses-1"/],
          [["link", "ses-1"], /Cannot find the session "ses-1"/],
          [["log", "ses-1"], /Cannot find the session "ses-1"/],
          [["legacy-tls", "10.1.0.7", "--allow"], /Cannot find the device "10\.1\.0\.7"/],
          [["legacy-tls", "10.1.0.7", "--allow", "--refuse"], /Cannot use --allow and --refuse together/],
        ] as [string[], RegExp][]
      ) {
        const { code, stderr } = await run("access", ...args);
        assert.equal(code, 64);
        assert.match(stderr, pattern);
      }
    }),
);

/* A public key, and what is none. */
const sshdKeys = {
  "sshd.pub": `ssh-ed25519 ${"AAAAC3NzaC1lZDI1NTE5AAAAI".padEnd(68, "A")} root@gateway\n`,
  "sshd.key": "-----BEGIN OPENSSH PRIVATE KEY-----\n",
};

slowInPostgres(
  "serve tells where its gateway listens, and refuses hosts that agents could not reach it at",
  () =>
    withPlatform(async (run, { folder }) => {
      const listen = ["serve", "--listen", "127.0.0.1:0"];
      const { stdout } = await run(...listen, "--host-name", "dca.example.com", "--ssh-listen", "127.0.0.1:0");
      assert.ok(JSON.parse(stdout).sshPort > 0);
      assert.match(Deno.readTextFileSync(`${folder}/ssh-host.key`), /^-----BEGIN OPENSSH PRIVATE KEY-----/);
      const sshd = ["--host-name", "a.example.com", "--sshd-keys", "127.0.0.1:0", "--sshd-host-key", "sshd.pub"];
      const asked = await run(...listen, ...sshd);
      assert.ok(JSON.parse(asked.stdout).sshdKeysPort > 0);
      for (
        const [args, pattern] of [
          [sshd.slice(0, 4), /one of --sshd-keys and --sshd-host-key without the other/],
          [[...sshd, "--ssh-listen", "127.0.0.1:0"], /--sshd-keys with --ssh-listen/],
          [[...sshd, "--sshd-keys", "0.0.0.0:8022"], /--sshd-keys as an address of loopback: .*"0\.0\.0\.0:8022"/],
          [[...sshd, "--sshd-host-key", "sshd.key"], /"sshd.key" as a public key of SSH/],
          [[...sshd, "--sshd-user", "a b"], /--sshd-user as a user name: current value is "a b"/],
          [[...sshd, "--sshd-ports", "22-80"], /--sshd-ports as FIRST-LAST of 1024 to 65535: current value is "22-80"/],
          [[...sshd, "--sshd-ports", "3000-2000"], /--sshd-ports as FIRST-LAST/],
          [["--host-name", "10.1.0.1", ...sshd.slice(2)], /Cannot use --sshd-keys as there is no name/],
          [["--ssh-host", "a.example.com"], /--ssh-host without --ssh-listen/],
          [["--ssh-listen", "22"], /--ssh-listen as HOST:PORT: current value is "22"\nhint: such as 0\.0\.0\.0:22/],
          [["--ssh-listen", "127.0.0.1:0", "--ssh-host", "a b"], /--ssh-host as a host name: current value is "a b"/],
          [["--ssh-listen", "127.0.0.1:0", "--ssh-host", "a.example.com:0"], /--ssh-host as a host name/],
          [["--ssh-listen", "127.0.0.1:0", "--host-name", "10.1.0.1"], /there is no name that agents reach it at/],
        ] as [string[], RegExp][]
      ) {
        const { code, stderr } = await run(...listen, ...args);
        assert.equal(code, args.includes("sshd.key") ? 78 : 64);
        assert.match(stderr, pattern);
      }
    }, sshdKeys),
);

slowInPostgres(
  "serve tells where it shows pages of printers, and what it needs for that",
  () =>
    withPlatform(async (run, { folder }) => {
      const listen = ["serve", "--listen", "127.0.0.1:0"];
      const ssh = ["--host-name", "dca.example.com", "--ssh-listen", "127.0.0.1:0"];
      const access = ["--access-listen", "127.0.0.1:0", "--access-domain", "access.example.com"];
      const { stdout } = await run(...listen, ...ssh, ...access);
      const missing = await run(...listen, ...ssh, ...access, "--legacy-tls-helper", `${folder}/socat`);
      assert.equal(missing.code, 78);
      assert.match(
        missing.stderr,
        /Cannot run "[^"]*\/socat" for --legacy-tls-helper: .*\nhint: install the package socat/,
      );
      assert.ok(JSON.parse(stdout).accessPort > 0);
      assert.match(Deno.readTextFileSync(`${folder}/access.pem`), /^-----BEGIN CERTIFICATE-----/);
      for (
        const [args, pattern] of [
          [access, /Cannot show pages of printers without --ssh-listen\nhint: such as --access-listen/],
          [[...ssh, "--access-listen", "127.0.0.1:0"], /without --access-domain/],
          [[...ssh, "--access-domain", "access.example.com"], /without --access-listen/],
          [[...ssh, "--access-listen", "443", ...access.slice(2)], /--access-listen as HOST:PORT/],
          [
            [...ssh, ...access, "--access-domain", "10.1.0.1"],
            /--access-domain as a domain: current value is "10.1.0.1"/,
          ],
          [[...ssh, ...access, "--access-domain", "*.example.com"], /--access-domain as a domain/],
          [[...ssh, ...access, "--access-domain", "localhost"], /--access-domain as a domain/],
          [[...ssh, ...access, "--access-key", "a.key"], /one of --access-certificate and --access-key/],
          [[...ssh, "--access-key", "a.key"], /without --access-listen/],
          [[...ssh, "--legacy-tls-helper", "socat"], /without --access-listen/],
          [[...ssh, ...access, "--legacy-tls-helper", "sh"], /--legacy-tls-helper as a program: current value is "sh"/],
        ] as [string[], RegExp][]
      ) {
        const { code, stderr } = await run(...listen, ...args);
        assert.equal(code, 64, args.join(" "));
        assert.match(stderr, pattern);
      }
    }),
);

interface ListedJson {
  sessionId: string;
  state: SessionState;
  agentId: string;
}

slowInPostgres(
  "access list is of an agent, of a state as it is shown, and of the last time",
  () =>
    withPlatform(async (run, { openStore }) => {
      await run("customer", "create", "Acme");
      const agents = await (async () => {
        await using store = await openStore();
        return await store.transaction(async (tx) => {
          const [customer] = await tx.all<{ customer_id: string }>("SELECT customer_id FROM customers");
          const tenant = tx.tenant(customer!.customer_id), at = new Date(now.getTime() - 10 * hourMs);
          const { site_id: siteId } = await addSite(tenant, { name: "Office", at });
          const made: string[] = [];
          for (const hostname of ["a", "b"]) {
            const agentId = await addAgent(tenant, { siteId, installationId: hostname, hostname, version: "1", at });
            made.push(agentId);
          }
          let number = 0;
          for (const taskState of [null, "waiting", "running", "refused", "failed", "cancelled", "succeeded"]) {
            for (const state of ["waiting", "open", "closed"]) {
              for (const endsInMs of [-1, 0, 1]) {
                const id = String(number++).padStart(4, "0"), agent_id = made[number % 2]!;
                const none = Buffer.alloc(0), task_id = taskState === null ? "none" : `task-${id}`;
                const signed = { task: none, signature: none, keyId: "" };
                const task = { taskId: task_id, agentId: agent_id, kind: "openWebAccess", signed, at, expiresAt: at };
                if (taskState !== null) await addTask(tenant, task);
                await tx.run("UPDATE tasks SET state = :state WHERE task_id = :task_id", {
                  state: taskState ?? "",
                  task_id,
                });
                await addSession(tenant, {
                  session_id: `ses-${id}`,
                  label: id,
                  agent_id,
                  device_id: "dev-1",
                  task_id,
                  address: "10.1.0.7",
                  port: 80,
                  scheme: "http",
                  openedBy: "operator:eva",
                  keyDigest: none,
                  at: new Date(now.getTime() - number * 60_000),
                  endsAt: new Date(now.getTime() + endsInMs),
                });
                await tx.run("UPDATE access_sessions SET state = :state WHERE label = :id", { state, id });
              }
            }
          }
          return made;
        });
      })();
      const list = async (...args: string[]): Promise<ListedJson[]> =>
        JSON.parse((await run("access", "list", "--json", ...args)).stdout);
      const ids = (sessions: ListedJson[]) => sessions.map(({ sessionId }) => sessionId);
      const all = await list();
      assert.equal(all.length, 63);
      for (const state of sessionStates) {
        const wanted = all.filter((session) => session.state === state);
        assert.ok(wanted.length > 0, state);
        assert.deepEqual(ids(await list("--state", state)), ids(wanted), state);
        const ofAgent = wanted.filter(({ agentId }) => agentId === agents[1]);
        assert.deepEqual(
          ids(await list("--state", state, "--agent", agents[1]!, "--limit", "2")),
          ids(ofAgent).slice(0, 2),
        );
      }
      assert.deepEqual(ids(await list("--since", "30m")), ids(all).slice(0, 30));
      assert.match((await run("access", "list", "--since", "1m", "--state", "open")).stdout, /^no such sessions\n$/);
      for (
        const [args, pattern] of [
          [["--agent", "agt-0"], /Cannot find the agent "agt-0"/],
          [["--state", "lost"], /--state <state>.*allowed choices are waiting, open, closed, refused, expired/s],
          [["--since", "yesterday"], /--since as a time from 1m to 365d/],
        ] as [string[], RegExp][]
      ) {
        const { code, stderr } = await run("access", "list", ...args);
        assert.equal(code, 64, stderr);
        assert.match(stderr, pattern);
      }
    }),
);
