/** A platform in a process of its own, and an agent's configuration that was activated with it, for real. */
import { type AgentScene, startScene } from "../tests/fixtures/agent_fixture.ts";
import type { RunningProgram } from "../tests/fixtures/start_program.ts";

export interface Service extends AgentScene {
  platform: RunningProgram;
  stateDirectory: string;
}

/** `settings`: the lines of agent.yaml behind platform and state directory. */
export async function startService(settings: string): Promise<Service> {
  await using built = new AsyncDisposableStack();
  const scene = built.use(await startScene({ network: 79, printers: 0, settings }));
  // The default, which the scene has shorter.
  const platform = built.use(await scene.startPlatform("--poll-seconds", "5m"));
  const stack = built.move();
  return Object.assign(scene, {
    platform,
    stateDirectory: `${scene.folder}/state`,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  });
}
