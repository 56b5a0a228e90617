/** The last step of the demo: the page of a simulated printer, through the agent's tunnel. */
import { get } from "node:https";
import { UnavailableError } from "../common/core/errors.ts";
import type { DemoScreen } from "./demo_screen.ts";
import type { Run } from "./demo_story.ts";

const openMs = 120_000;

/** Opens a session, looks at the page as a browser would, and prints a link for a real one. */
export async function showWebPage(
  { platform, opendca, screen, ca, address, webPort, signal }: {
    platform: Run;
    opendca: Run;
    screen: DemoScreen;
    /** The authority of the platform's certificates, PEM. */
    ca: string;
    address: string;
    webPort: number;
    signal: AbortSignal;
  },
): Promise<void> {
  const open = ["access", "open", address, "--port", String(webPort)];
  await screen.command(`opendca-platform ${open.join(" ")}`);
  const { sessionId, link }: { sessionId: string; link: string } = JSON.parse(await platform("--json", ...open));
  await screen.print(`${sessionId}\n${link}\n`);
  await untilOpen(sessionId, { platform, signal });
  const started = await visit(link, { ca });
  const home = new URL("/", link).href;
  const page = await visit(home, { ca, cookie: started.cookie });
  const title = /<title>(.*?)<\/title>/.exec(page.body)?.[1] ?? "";
  await screen.say(`The agent has opened the tunnel. The page's title is "${title}".\n`);
  await screen.command(`opendca-platform access log ${sessionId}`);
  await screen.print(await requestLog(sessionId, { platform, signal }));
  await screen.say("");
  await screen.command("opendca ledger | grep session");
  const ledger = (await opendca("ledger")).split("\n").filter((line) => line.includes("session"));
  await screen.print(`${ledger.join("\n")}\n\n`);
  await screen.say("In a browser on this machine, which has to accept the certificate, once and for ten minutes:\n");
  await screen.command(`opendca-platform access link ${sessionId}`);
  await screen.print(await platform("access", "link", sessionId));
}

async function untilOpen(
  sessionId: string,
  { platform, signal }: { platform: Run; signal: AbortSignal },
): Promise<void> {
  for (const endMs = performance.now() + openMs;;) {
    signal.throwIfAborted();
    const { state, reason } = JSON.parse(await platform("--json", "access", "show", sessionId));
    if (state === "open") return;
    if (state !== "waiting" || performance.now() > endMs) {
      throw new UnavailableError(`Cannot show the printer's page as the session is ${state}: ${reason ?? "too late"}`);
    }
  }
}

/** As a browser does it: every name below `localhost` is this machine. */
function visit(
  address: string,
  { ca, cookie }: { ca: string; cookie?: string | undefined },
): Promise<{ body: string; cookie: string | undefined }> {
  const { hostname: servername, host, port, pathname, search } = new URL(address);
  return new Promise((resolve, reject) => {
    const headers = { Host: host, Connection: "close", ...(cookie === undefined ? {} : { Cookie: cookie }) };
    get({ host: "127.0.0.1", port, servername, ca, path: pathname + search, headers, agent: false }, (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (part: string) => body += part).on("error", reject);
      answer.on("end", () => resolve({ body, cookie: answer.headers["set-cookie"]?.[0]?.split(";")[0] }));
    }).on("error", reject);
  });
}

/** The gateway writes requests into the store half a second later. */
async function requestLog(
  sessionId: string,
  { platform, signal }: { platform: Run; signal: AbortSignal },
): Promise<string> {
  let log = await platform("access", "log", sessionId);
  for (let looks = 0; looks < 50 && !/GET +\/ /.test(log); looks++) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    signal.throwIfAborted();
    log = await platform("access", "log", sessionId);
  }
  return log;
}
