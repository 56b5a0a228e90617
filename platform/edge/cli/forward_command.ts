import type { Command } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import { createLink } from "../../access/web_sessions.ts";
import { findCustomer } from "../../customers/customers.ts";
import { type CommandContext, customerOption, type GlobalOptions, storeOptions } from "./command_context.ts";
import { jsonText } from "./json_text.ts";
import { parseListen, readAuthorities } from "./serve_command.ts";

interface ForwardFlags extends GlobalOptions {
  listen: string;
  connect?: string;
  ca?: string;
}

/** `forward`: runs until the session has ended, or it is stopped. */
export function addForwardCommand(program: Command, context: CommandContext): void {
  program.command("forward <session>")
    .description("a port of this machine that leads to the device of a session that was opened with --raw")
    .option(...customerOption)
    .option("--listen <host:port>", "where to listen; port 0 takes any that is free", "127.0.0.1:0")
    .option("--ca <file>", "authority of the gateway's certificate, PEM (default: the system's)")
    .option("--connect <host:port>", "where the gateway is, if its name does not lead there")
    .addHelpText(
      "after",
      `
The session: its id, if the platform's data directory or database can be reached; otherwise the link that access open
and access link print. A session belongs to the user who opened it, and ends by itself.`,
    )
    .action((session: string, _, command: Command) =>
      runForward(context, session, command.optsWithGlobals<ForwardFlags>())
    );
}

async function runForward({ host, actor }: CommandContext, session: string, flags: ForwardFlags): Promise<void> {
  const listen = parseListen("--listen", flags.listen, "127.0.0.1:9100");
  const connect = flags.connect === undefined ? undefined : parseListen("--connect", flags.connect, "10.0.0.2:443");
  let ca = flags.ca === undefined ? undefined : await readAuthorities(host, flags.ca);
  let link = session;
  if (!/^https?:/i.test(session)) {
    await using platform = await host.openPlatform({ ...storeOptions(host, flags), clock: host.clock, log() {} });
    const { customer_id: tenant } = await findCustomer(platform, { actor }, flags);
    ({ link } = await createLink(platform, { actor, tenant }, { sessionId: session }));
    // The certificate may be the operator's own, from an authority that the system knows.
    const { systemAuthorities } = await import("../../../common/host/trust.ts");
    ca ??= [platform.serverAuthority.certificate.toString("pem"), ...systemAuthorities()].join("\n");
  }
  const stop = new AbortController();
  const stopped = host.untilStopped().then(() => stop.abort(new UsageError("Cannot continue as it was stopped")));
  const { forwardSession } = await import("../http/forward_session.ts");
  const say = (text: string) => void host.stderr(`${text}\n`).catch(() => {});
  const reason = await forwardSession({
    link,
    ca,
    connect,
    listen,
    signal: stop.signal,
    say,
    onListening(port) {
      const address = `${listen.host}:${port}`;
      const isJson = flags.json === true || flags.format === "json";
      void host.stdout(isJson ? jsonText({ listening: address }) : `listening on ${address}\n`).catch(() => {});
    },
  });
  // The program ends after this, so the line must have been written.
  await host.stderr(`the session has ended: ${reason}\n`).catch(() => {});
  void stopped;
}
