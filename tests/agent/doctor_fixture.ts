/** A machine of a test on which `opendca doctor` runs, and a platform that it reports to. */
import assert from "node:assert/strict";
import { holdState, lockState } from "../../src/activation/state_store.ts";
import { activationStore } from "../../src/activation/store_options.ts";
import { maxAttempts, revokeState } from "../../src/activation/activation_state.ts";
import { runCli } from "../../src/cli/run_cli.ts";
import { systemClock } from "../../common/core/clock.ts";
import { goodCode, judging, tryCode } from "../fixtures/activation_fixture.ts";
import { createTestAuthority } from "../fixtures/test_authority.ts";
import { testHost } from "../fixtures/test_host.ts";
import { startTestPlatform, type TestPlatform, type TestPlatformHandlers } from "../fixtures/test_platform.ts";

export const authority = await createTestAuthority();

/** A time so many hours from now. */
export const fromNow = (hours: number) => new Date(Date.now() + hours * 3_600_000);

/** Steps from a name to the platform, in order. */
export const chain = ["dns", "tcp", "proxy", "tls", "http2", "grpc"];

/** What `--json` printed. */
export interface Diagnosis {
  code: number;
  text: string;
  steps: { name: string; subject: string | null; status: string; detail: string }[];
  faults: { step: string; name: string; severity: string; message: string; advice: string }[];
}

/** A machine with a configuration and a state directory of its own. */
export class Machine implements AsyncDisposable {
  readonly env: Record<string, string>;
  constructor(readonly folder: string) {
    this.env = { OPENDCA_GUARD_DIRECTORY: `${folder}/guard` };
  }
  get state(): string {
    return `${this.folder}/state`;
  }
  async configure(yaml: string): Promise<void> {
    await Deno.writeTextFile(`${this.folder}/ca.pem`, authority.pem);
    await Deno.writeTextFile(`${this.folder}/agent.yaml`, `stateDirectory: ${this.state}\n${yaml}`);
  }
  platformAt(port: number, more = "", host = "localhost"): Promise<void> {
    const platform = `{ rootDomain: ${host}, endpoints: ["${host}:${port}"], ca: "${this.folder}/ca.pem" }`;
    return this.configure(`platform: ${platform}\n${more}`);
  }
  async doctor(args: string[] = [], shift = 0): Promise<Diagnosis> {
    const host = testHost({ env: this.env });
    host.clock = { ...systemClock, now: () => new Date(Date.now() + shift) };
    const code = await runCli(["doctor", "--config", `${this.folder}/agent.yaml`, "--json", ...args], host);
    assert.equal(host.err, "");
    const { steps, faults, exitCode } = JSON.parse(host.out);
    assert.equal(exitCode, code);
    return { code, text: host.out, steps, faults };
  }
  store() {
    return activationStore(this.state, (name) => this.env[name]);
  }
  async activate(platform: TestPlatform): Promise<void> {
    await tryCode(goodCode, await this.store(), platform);
  }
  async change(to: "locked" | "revoked"): Promise<void> {
    const store = await this.store();
    using _lock = lockState(store);
    const held = holdState(store);
    held.save(to === "locked" ? { ...held.state, attempts: maxAttempts } : revokeState(held.state));
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** In a folder of its own. */
export const machine = async () => new Machine(await Deno.makeTempDir());

/** "STEP NAME" of each failure. */
export function failures({ faults }: Diagnosis): string[] {
  return faults.filter(({ severity }) => severity === "failed").map(({ step, name }) => `${step} ${name}`);
}

/** A machine that is activated at a platform; `handlers` are in addition. */
export async function withPlatform(
  body: (here: Machine, platform: TestPlatform) => Promise<void>,
  handlers: TestPlatformHandlers = {},
): Promise<void> {
  await using platform = await startTestPlatform({
    activate: judging(authority),
    upload: () => ({ code: 3, reason: "invalid-request" }),
    ...handlers,
  }, { authority });
  await using here = await machine();
  await here.platformAt(platform.port);
  await here.activate(platform);
  await body(here, platform);
}
