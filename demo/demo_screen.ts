import type { Host } from "../src/cli/host.ts";
import type { ScreenOptions } from "../src/cli/screen.ts";

/** What the demo prints, all of it on standard output, so that it stays in order in a pipe. */
export interface DemoScreen {
  readonly options: ScreenOptions;
  heading(text: string): Promise<void>;
  /** A sentence between the commands. */
  say(text: string): Promise<void>;
  /** A command as a reader would type it. */
  command(text: string): Promise<void>;
  /** What a command printed. */
  print(text: string): Promise<void>;
  /** Replaces the line before on a terminal; nothing elsewhere. An empty text removes it. */
  passing(text: string): Promise<void>;
}

export function demoScreen({ stdout, stderr }: Host, options: ScreenOptions): DemoScreen {
  const styled = (code: number, text: string) => options.color ? `\x1b[${code}m${text}\x1b[0m` : text;
  return {
    options,
    heading: (text) => stdout.write(`\n${styled(1, text)}\n\n`),
    say: (text) => stdout.write(`${text}\n`),
    command: (text) => stdout.write(`${styled(36, `$ ${text}`)}\n`),
    print: (text) => stdout.write(text),
    passing: (text) => stderr.isTerminal ? stderr.write(`\r\x1b[2K${text}`) : Promise.resolve(),
  };
}
