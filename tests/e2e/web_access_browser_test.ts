/** Web access in Chromium: a login form, a WebSocket, and a hostile printer's page that tries to get out. */
import assert from "node:assert/strict";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { createLink, createWebSessions } from "../../platform/access/web_sessions.ts";
import { startWebAccess } from "../../platform/edge/http/start_web_access.ts";
import { createServerCertificate } from "../../platform/keys/server_certificate.ts";
import { startSimulator } from "../../simulator/simulator.ts";
import { freePort } from "../fixtures/free_port.ts";
import { peerTest } from "../fixtures/peers.ts";
import { sshdPrograms, startSshdScene } from "../fixtures/sshd_scene.ts";
import { until } from "../fixtures/until.ts";
import { isOpen } from "../fixtures/web_access_scene.ts";
import {
  simulatedPrinter,
  startWebAccessFixture,
  type TestSession,
  type WebAccessFixture,
} from "../platform/web_access_fixture.ts";

interface Browser extends AsyncDisposable {
  /** A page that loads this address; `at` is where a session's names lead. */
  open(url: string): Promise<Page>;
}

interface Page {
  /** The value of an expression, awaited. */
  evaluate(expression: string): Promise<unknown>;
  goTo(url: string): Promise<void>;
}

/** Chromium by its DevTools protocol; every name ends at loopback, and the gateway's certificate is accepted. */
async function startBrowser(): Promise<Browser> {
  const profile = await Deno.makeTempDir({ prefix: "opendca-browser-" });
  const child = new Deno.Command("chromium", {
    args: [
      ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0"],
      ...[
        "--ignore-certificate-errors",
        "--disable-popup-blocking",
        "--host-resolver-rules=MAP * 127.0.0.1",
        `--user-data-dir=${profile}`,
      ],
      "about:blank",
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const file = `${profile}/DevToolsActivePort`;
  await until("the browser listens", () => Deno.readTextFile(file).then((text) => text.includes("\n"), () => false));
  const [port, path] = (await Deno.readTextFile(file)).trim().split("\n");
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
  await new Promise((resolve, reject) => [socket.onopen, socket.onerror] = [resolve, reject]);
  const waiting = new Map<number, (answer: Record<string, unknown>) => void>();
  socket.onmessage = ({ data }) => {
    const { id, result = {}, error } = JSON.parse(data);
    waiting.get(id)?.(error === undefined ? result : { error });
    waiting.delete(id);
  };
  let last = 0;
  // deno-lint-ignore no-explicit-any
  const call = (method: string, params: object = {}, sessionId?: string): Promise<any> =>
    new Promise((resolve) => {
      const id = ++last;
      waiting.set(id, resolve);
      socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
    });
  return {
    async open(url) {
      const { targetId } = await call("Target.createTarget", { url: "about:blank" });
      const { sessionId } = await call("Target.attachToTarget", { targetId, flatten: true });
      const page: Page = {
        async evaluate(expression) {
          const options = { expression, awaitPromise: true, returnByValue: true };
          return (await call("Runtime.evaluate", options, sessionId)).result?.value;
        },
        async goTo(to) {
          await call("Page.navigate", { url: to }, sessionId);
        },
      };
      await page.goTo(url);
      return page;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => socket.onclose = resolve);
      socket.close();
      child.kill("SIGKILL");
      await Promise.all([closed, child.status]);
      // Processes of the browser that are ending still write into it.
      await until(
        "the browser's profile is removed",
        () => Deno.remove(profile, { recursive: true }).then(() => true, () => false),
      );
    },
  };
}

function linkOf(web: WebAccessFixture, session: TestSession): string {
  return `https://${web.host(session)}/.opendca/start?token=${session.token}`;
}

async function untilShows(page: Page, text: string): Promise<void> {
  await until(
    `the page shows "${text}"`,
    async () => String(await page.evaluate("document.documentElement?.innerText")).includes(text),
    60_000,
  );
}

peerTest(
  "in a browser, a link leads to the printer's page, its login form and its WebSocket work",
  ["chromium"],
  async () => {
    await using web = await startWebAccessFixture();
    const session = web.add(web.printer);
    await using browser = await startBrowser();
    const page = await browser.open(linkOf(web, session));
    await untilShows(page, "SERIAL7");
    const own = `https://${web.host(session)}`;
    assert.equal(await page.evaluate("location.href"), `${own}/`);
    await page.goTo(`${own}/login`);
    await untilShows(page, "Log in");
    await page.evaluate(`
    document.querySelector("[name=user]").value = "admin";
    document.querySelector("[name=password]").value = "demo-password";
    document.querySelector("button").click()`);
    await untilShows(page, "Logged in as admin");
    assert.equal(await page.evaluate("location.href"), `${own}/settings`);
    // Neither our cookie nor the printer's can be read by scripts.
    assert.equal(await page.evaluate("document.cookie"), "");
    await page.goTo(`${own}/web-socket`);
    await untilShows(page, "came back: a text");
    await page.goTo(`${own}/links`);
    await until("the script of the page ran", async () => await page.evaluate("window.printer") === `${own}/supplies`);
    assert.equal(await page.evaluate("document.getElementById('logo').naturalWidth"), 1);
    await page.evaluate("document.getElementById('absolute').click()");
    await untilShows(page, "Black Toner");
    await page.goTo(`${own}/odd/to-another-printer`);
    await untilShows(page, "The printer sends you elsewhere");
  },
);

/** A printer whose page is an attacker's. */
async function hostilePrinter(): Promise<AsyncDisposable & { port: number; requests: string[] }> {
  const requests: string[] = [];
  const server = http.createServer((request, response) => {
    requests.push(`${request.url}`);
    response.setHeader("Content-Type", request.url === "/worker.js" ? "text/javascript" : "text/html");
    response.end("<p>hostile page</p>");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

peerTest(
  "in a browser, a hostile printer's page gets neither to other sessions nor to other networks",
  ["chromium"],
  async () => {
    await using web = await startWebAccessFixture();
    await using hostile = await hostilePrinter();
    const victim = web.add(web.printer), attacker = web.add({ address: "127.0.0.1", port: hostile.port });
    await using browser = await startBrowser();
    // The user has both sessions, and is logged in at the victim's gateway.
    const first = await browser.open(linkOf(web, victim));
    await untilShows(first, "SERIAL7");
    const page = await browser.open(linkOf(web, attacker));
    await untilShows(page, "hostile page");
    const before = web.simulator.webRequests("printer").length;
    const target = `https://${web.host(victim)}`, inside = `http://127.0.0.1:${web.printer.port}`;
    const attempt = (code: string) =>
      page.evaluate(
        `(async () => { try { return await (async () => { ${code} })() } catch (error) { return "failed: " + error.name } })()`,
      );
    const failed = /^failed/;
    for (
      const [what, url, options] of [
        ["a request with cookies to another session", `${target}/logout`, `{ credentials: "include" }`],
        ["a request without CORS", `${target}/logout`, `{ credentials: "include", mode: "no-cors" }`],
        [
          "a form's request without CORS",
          `${target}/login`,
          `{ method: "POST", body: "a=b", credentials: "include", mode: "no-cors" }`,
        ],
        ["a request into the gateway's network", `${inside}/`, `{ mode: "no-cors" }`],
        ["a request to any host", "https://evil.example/", `{ mode: "no-cors" }`],
      ] as const
    ) {
      assert.match(
        String(await attempt(`await fetch(${JSON.stringify(url)}, ${options}); return "got through"`)),
        failed,
        what,
      );
    }
    const image =
      `return await new Promise((resolve) => { const image = new Image(); image.onload = () => resolve("got through"); image.onerror = () => resolve("failed"); image.src = ${
        JSON.stringify(`${target}/logo.png`)
      } })`;
    assert.match(String(await attempt(image)), failed);
    const socket = (url: string) =>
      `return await new Promise((resolve) => { const socket = new WebSocket(${
        JSON.stringify(url)
      }); socket.onopen = () => resolve("got through"); socket.onerror = () => resolve("failed") })`;
    assert.match(String(await attempt(socket(`${target.replace("https", "wss")}/socket`))), failed);
    assert.match(String(await attempt(socket(`ws://127.0.0.1:${web.printer.port}/socket`))), failed);
    // A frame of the other session shows nothing of it.
    const frame = `const frame = document.body.appendChild(document.createElement("iframe")); frame.src = ${
      JSON.stringify(`${target}/`)
    }; await new Promise((resolve) => setTimeout(resolve, 300)); return String(frame.contentDocument?.body?.innerText)`;
    assert.doesNotMatch(String(await attempt(frame)), /SERIAL7/);
    // A window of the other session: no handle on it, and it is not the printer's page.
    const opened = `const other = window.open(${
      JSON.stringify(`${target}/logout`)
    }); await new Promise((resolve) => setTimeout(resolve, 300)); try { return String(other.document.body.innerText) } catch (error) { return "failed: " + error.name }`;
    assert.doesNotMatch(String(await attempt(opened)), /SERIAL7/);
    // A form that is sent to it.
    await page.evaluate(
      `document.body.innerHTML = '<form method=post action="${target}/login"><input name=user value=admin></form>'; document.forms[0].submit()`,
    );
    // Our cookie can be neither read, nor replaced for the other session, nor by a worker served beyond the session.
    assert.equal(await page.evaluate("document.cookie"), "");
    await page.evaluate(`document.cookie = "__Host-opendca=forged; Domain=access.test.localhost; Path=/; Secure"`);
    assert.match(
      String(await attempt(`await navigator.serviceWorker.register("/worker.js"); return "got through"`)),
      failed,
    );
    assert.deepEqual(hostile.requests.filter((path) => path === "/worker.js"), []);
    assert.equal(web.simulator.webRequests("printer").length, before);
    await first.goTo(`${target}/supplies`);
    await untilShows(first, "Black Toner");
    const { headers } = web.simulator.webRequests("printer").at(-1)!;
    assert.ok(!JSON.stringify(headers).includes("opendca"));
    assert.ok(hostile.requests.length > 0);
  },
);

peerTest(
  "in a browser, a link leads to the printer's page through OpenSSH's sshd",
  ["chromium", ...sshdPrograms],
  async () => {
    await using stack = new AsyncDisposableStack();
    const simulator = stack.use(await startSimulator({ devices: [simulatedPrinter], web: { port: 0 } }));
    const printer = Number(new URL(simulator.endpoints[0]!.web!).port),
      address = new URL(simulator.endpoints[0]!.web!).hostname;
    const port = freePort(), domain = "access.test.localhost";
    const { scene } = stack.use(
      await startSshdScene({
        gatewayOptions: { web: `${domain}:${port}` },
        onConnection(socket) {
          const to = net.connect(printer, address);
          to.on("error", () => socket.destroy());
          socket.on("error", () => to.destroy()).pipe(to).pipe(socket);
        },
      }),
    );
    const { bench } = scene, { platform } = bench.bench.platform;
    const certificate = await createServerCertificate(platform.serverAuthority, {
      names: [`*.${domain}`],
      now: new Date(),
    });
    const sessions = stack.use(createWebSessions(platform)), { tunnels } = bench.gateway;
    const at = { host: "127.0.0.1", port, domain, certificate, sessions, tunnels, log: platform.log };
    stack.use(await startWebAccess({ ...at, now: () => platform.clock.now() }));
    const order = await scene.order(), run = scene.run(order), { sessionId } = order;
    await isOpen(scene, sessionId);
    const { link } = await createLink(platform, bench.by, { sessionId });
    {
      await using browser = await startBrowser();
      const page = await browser.open(link);
      await untilShows(page, "SERIAL7");
      const own = new URL(link).origin;
      await page.goTo(`${own}/web-socket`);
      await untilShows(page, "came back: a text");
      await page.goTo(`${own}/login`);
      await untilShows(page, "Log in");
    }
    scene.access.kill();
    assert.match((await run).end, /the administrator ended it/);
  },
);
